//! Why `verify` gave no verdict.

use std::path::{Path, PathBuf};

use cityseal_chain::Digest;
use cityseal_cli::files::OutputError;
use cityseal_cli::{CliError, Explain};
use cityseal_engine::VerifyRequestError;
use cityseal_input::InputError;
use cityseal_input::part::{JoinError, PartFileError, RulesDiffer};
use cityseal_input::receipts::NoReceipt;

use super::super::key::KeyCommandError;
use super::super::network::NetworkError;
use crate::setup::SetupError;

/// Why `verify` gave no verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum VerifyCommandError {
    /// A file or stdout.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration or the engine.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The headers or blocks to verify.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The trusted headers before them.
    #[error("--context: {0}")]
    Context(#[source] InputError),
    /// More trusted headers than the limit.
    #[error("--context: expected at most {max} headers, found {found} or more")]
    ContextTooLong {
        /// Maximum number.
        max: usize,
        /// Number found before reading stopped.
        found: usize,
    },
    /// The verifier refused the request.
    #[error(transparent)]
    VerifyRequest(#[from] VerifyRequestError),
    /// The network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The key that signs the receipt.
    #[error(transparent)]
    Key(#[from] KeyCommandError),
    /// A part or a checkpoint was judged by other rules.
    #[error("{}: {source}", path.display())]
    RulesDiffer {
        /// The file.
        path: PathBuf,
        /// Which rules.
        source: RulesDiffer,
    },
    /// A file is not a part of a verification.
    #[error("{}: not a checkpoint or a shard result: {source}", path.display())]
    PartFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: PartFileError,
    },
    /// A checkpoint belongs to another run.
    #[error("{}: this checkpoint belongs to another run, which differs in {what}", path.display())]
    OtherCheckpoint {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The input is not the one that the checkpoint was written for.
    #[error("the checkpoint does not match the input: the headers before height {height} differ")]
    CheckpointMisfit {
        /// The height at which the run would resume.
        height: u64,
    },
    /// The input ends before the position of the checkpoint.
    #[error("the checkpoint does not match the input, which ends {items} items before it")]
    CheckpointPastEnd {
        /// Number of missing items.
        items: u64,
    },
    /// The shard results cannot be merged.
    #[error("--join: {0}")]
    Join(#[from] JoinError),
    /// The shard results have other parameters than the requested network.
    #[error("--join: the shard results have the parameters {found}; expected those of --network, {expected}")]
    JoinNetwork {
        /// The digest of the requested parameters.
        expected: Digest,
        /// The digest in the shard results.
        found: Digest,
    },
    /// A folder was given together with files.
    #[error("{}: a folder of blocks cannot be combined with other files", path.display())]
    FolderAmongFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A shard or a checkpoint was requested for a folder, whose blocks are in no order.
    #[error("--shard and --checkpoint: a folder of blocks, or an input with forks, can only be verified in one run")]
    FolderInParts,
    /// The input has fewer items than when it was counted.
    #[error("--shard: the input ends before the shard does; it changed while it was read")]
    ShardPastEnd,
    /// A shard was requested of an input that cannot be counted first.
    #[error("--shard: expected regular files, whose items are counted first; found stdin or a pipe")]
    ShardOfStdin,
    /// The network has other trees than those of a proof.
    #[error(
        "--txoutproof: a proof is part of a Merkle tree of Bitcoin's kind, and network {network} has trees of RFC 6962"
    )]
    ProofOfOtherTree {
        /// The network's name.
        network: String,
    },
    /// A receipt was requested and cannot be created.
    #[error(transparent)]
    NoReceipt(#[from] NoReceipt),
}

impl From<OutputError> for VerifyCommandError {
    fn from(error: OutputError) -> Self {
        Self::Cli(error.into())
    }
}

impl Explain for VerifyCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Setup(error) => error.reason(),
            Self::Input(error) => error.reason(),
            Self::Context(_) | Self::ContextTooLong { .. } => "bad-context",
            Self::VerifyRequest(_) | Self::ProofOfOtherTree { .. } => "bad-request",
            Self::Network(error) => error.reason(),
            Self::Key(error) => error.reason(),
            Self::RulesDiffer { .. } => "rules-differ",
            Self::PartFile { .. } => "not-a-part",
            Self::OtherCheckpoint { .. } | Self::CheckpointMisfit { .. } | Self::CheckpointPastEnd { .. } => {
                "other-checkpoint"
            }
            Self::Join(_) | Self::JoinNetwork { .. } => "parts-do-not-join",
            Self::FolderAmongFiles { .. } | Self::FolderInParts => "folder-not-possible",
            Self::ShardPastEnd => "input-changed",
            Self::ShardOfStdin => "not-regular",
            Self::NoReceipt(_) => "no-receipt",
        }
    }

    fn place(&self) -> Option<String> {
        let shown = |path: &Path| Some(path.display().to_string());
        match self {
            Self::Cli(error) => error.place(),
            Self::Setup(error) => error.place(),
            Self::Input(error) | Self::Context(error) => error.place(),
            Self::Network(error) => error.place(),
            Self::Key(error) => error.place(),
            Self::RulesDiffer { path, .. }
            | Self::PartFile { path, .. }
            | Self::OtherCheckpoint { path, .. }
            | Self::FolderAmongFiles { path } => shown(path),
            Self::ContextTooLong { .. }
            | Self::VerifyRequest(_)
            | Self::CheckpointMisfit { .. }
            | Self::CheckpointPastEnd { .. }
            | Self::Join(_)
            | Self::JoinNetwork { .. }
            | Self::FolderInParts
            | Self::ShardPastEnd
            | Self::ShardOfStdin
            | Self::ProofOfOtherTree { .. }
            | Self::NoReceipt(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        if let Self::Input(error) | Self::Context(error) = self { error.hint() } else { None }
    }
}
