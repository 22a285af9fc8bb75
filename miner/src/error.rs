//! Why a command gave no answer. Every message names the place; all of them end in exit code 2.

mod words;

use std::io;
use std::path::PathBuf;

use cityseal_chain::{ParametersError, TemplateError, TemplateFileError};
use cityseal_client::ClientError;
use cityseal_device::DeviceError;
use cityseal_engine::{Blame, BuildError, VerifyRequestError};
use cityseal_receipt::{KeyError, ReceiptError};

use crate::config::ConfigError;
use crate::demo::DemoError;
use crate::exit::Ending;
use crate::files::OutputError;
use crate::input::InputError;
use crate::part::{JoinError, PartFileError, RulesDiffer};
use crate::receipts::NoReceipt;
use crate::service::ServeError;

/// Why a command gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum CommandError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The filter of the log.
    #[error("--log {filter}: {message}")]
    LogFilter {
        /// The filter given.
        filter: String,
        /// What is wrong with it.
        message: String,
    },
    /// Devices, kernels, threads.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The headers to verify.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The trusted headers before them.
    #[error("--context: {0}")]
    Context(#[source] InputError),
    /// More trusted headers than are kept.
    #[error("--context: {found} headers or more, at most {max} are taken")]
    ContextTooLong {
        /// Most that are taken.
        max: usize,
        /// Found so far.
        found: usize,
    },
    /// What was asked of the verifier.
    #[error(transparent)]
    VerifyRequest(#[from] VerifyRequestError),
    /// No network of that name.
    #[error("unknown network `{name}`: wanted {known}, or a city's FILE.toml")]
    UnknownNetwork {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A challenge for a network that is no signet.
    #[error(
        "--signet-challenge is for --network signet, found --network {network}; a TOML file has its own `signet_challenge`"
    )]
    ChallengeWithoutSignet {
        /// The network asked for.
        network: String,
    },
    /// A file can not be read.
    #[error("{}: {source}", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file can not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    WriteFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An output that is refused before the work starts.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A part or a checkpoint that was judged by other rules.
    #[error("{}: {source}", path.display())]
    RulesDiffer {
        /// The file.
        path: PathBuf,
        /// Which rules.
        source: RulesDiffer,
    },
    /// A secret key that others may read.
    #[error(
        "{}: others may read this secret key (permissions {mode:04o}), so it is not used; run `chmod 600 {}`, and make a new \
         key if somebody else may have read it",
        path.display(),
        path.display()
    )]
    KeyReadable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file that is no part of a verification.
    #[error("{}: not a checkpoint or a share: {source}", path.display())]
    PartFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: PartFileError,
    },
    /// A checkpoint of something else.
    #[error("{}: this checkpoint is not of this run; what differs: {what}", path.display())]
    OtherCheckpoint {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// The input is not the one that the checkpoint was made of.
    #[error("the checkpoint does not fit its input: the headers before height {height} are others")]
    CheckpointMisfit {
        /// The height at which it would go on.
        height: u64,
    },
    /// The input ends before the place of the checkpoint.
    #[error("the checkpoint does not fit its input, which ends {items} items before it")]
    CheckpointPastEnd {
        /// How many are missing.
        items: u64,
    },
    /// Shares that do not make one verification.
    #[error("--join: {0}")]
    Join(#[from] JoinError),
    /// Shares of another chain than the one asked about.
    #[error("--join: the shares are of the parameters {found}, --network has {expected}")]
    JoinNetwork {
        /// The digest of the parameters asked for.
        expected: String,
        /// The digest in the shares.
        found: String,
    },
    /// A folder beside files: it is an input of its own.
    #[error("{}: a folder of blocks is verified alone, not beside other files", path.display())]
    FolderAmongFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A folder, and nothing that tells which of its chains is the best.
    #[error("{}: to find the best chain of a folder the city's parameters are needed: --network FILE.toml", path.display())]
    FolderWithoutNetwork {
        /// The folder.
        path: PathBuf,
    },
    /// A share or a checkpoint of a folder, whose blocks stand in no order.
    #[error("--shard and --checkpoint: a folder of blocks, or an input that forks, is verified in one run")]
    FolderInParts,
    /// The input has fewer items than when it was counted.
    #[error("--shard: the input ends before the share does; it changed while it was read")]
    ShardPastEnd,
    /// A receipt was asked for, and there is none.
    #[error(transparent)]
    NoReceipt(#[from] NoReceipt),
    /// A share of something that cannot be counted beforehand.
    #[error("--shard: the input must be regular files, which are counted first; found stdin or a pipe")]
    ShardOfStdin,
    /// A city's parameters.
    #[error("{}: {source}", path.display())]
    Parameters {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: ParametersError,
    },
    /// The file of a template.
    #[error("{}: {source}", path.display())]
    TemplateFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: TemplateFileError,
    },
    /// A key that is none.
    #[error("{place}: {source}")]
    Key {
        /// The file, or the flag with its value.
        place: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// A file where a new key was to be written.
    #[error("{}: is there already, and a key is never overwritten", path.display())]
    KeyExists {
        /// The file.
        path: PathBuf,
    },
    /// What is no receipt.
    #[error("{}: not a receipt: {source}", path.display())]
    Receipt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReceiptError,
    },
    /// What was asked to be sealed.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A device failed while it was measured.
    #[error("{device}: {source}")]
    Device {
        /// The device.
        device: String,
        /// How it failed.
        source: DeviceError,
    },
    /// A device could not be opened to be measured.
    #[error("{device}: {reason}")]
    NotReady {
        /// The device.
        device: String,
        /// Why.
        reason: String,
    },
    /// The process could not be told to let others go first.
    #[error("--nice {steps}: {source}")]
    Nice {
        /// What was asked for.
        steps: u8,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing could be measured in this mode.
    #[error("no chosen device can run --mode {mode}")]
    NothingToMeasure {
        /// The mode.
        mode: &'static str,
    },
    /// The mode works on whole chains, not on batches of one size.
    #[error("--by-batch: --mode {mode} has no batches whose size could be chosen")]
    NoBatches {
        /// The mode.
        mode: &'static str,
    },
    /// A record that is there and is none.
    #[error("{}: not a record of bench: {source}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: serde_json::Error,
    },
    /// A record whose figures can not be.
    #[error("{}: rows[{row}]: {reason}", path.display())]
    RecordRow {
        /// The file.
        path: PathBuf,
        /// The row, counted from 0.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder without records.
    #[error("{}: no record (*.json) in this folder or those below it", path.display())]
    NoRecords {
        /// The folder.
        path: PathBuf,
    },
    /// A plot of the report.
    #[error("a plot could not be drawn: {message}")]
    Plot {
        /// What the drawing library said.
        message: String,
    },
    /// Two sides that have no row in common.
    #[error("{} and {} have no row in common (device, kernel, mode, threads)", before.display(), after.display())]
    NothingInCommon {
        /// The first side.
        before: PathBuf,
        /// The second side.
        after: PathBuf,
    },
    /// The service.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A call to the service failed, or its answer was refused.
    #[error(transparent)]
    Client(Box<ClientError>),
    /// `demo --keep` has no empty folder to write to.
    #[error("--keep {}: expected a new or an empty folder, found {found}; choose another path", path.display())]
    KeepFolder {
        /// The path given.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// A step of the demonstration had another result than it must have.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The answer could not be written.
    #[error("stdout: {0}")]
    Stdout(#[source] io::Error),
    /// The system gave no thread or no signal.
    #[error("the system refused: {0}")]
    System(#[source] io::Error),
}

impl CommandError {
    /// Who must act.
    pub(crate) fn blame(&self) -> Blame {
        match self {
            Self::Config(_)
            | Self::LogFilter { .. }
            | Self::Input(_)
            | Self::Context(_)
            | Self::ContextTooLong { .. }
            | Self::UnknownNetwork { .. }
            | Self::ChallengeWithoutSignet { .. }
            | Self::ReadFile { .. }
            | Self::Output(_)
            | Self::RulesDiffer { .. }
            | Self::KeyReadable { .. }
            | Self::PartFile { .. }
            | Self::OtherCheckpoint { .. }
            | Self::CheckpointMisfit { .. }
            | Self::CheckpointPastEnd { .. }
            | Self::Join(_)
            | Self::JoinNetwork { .. }
            | Self::ShardOfStdin
            | Self::FolderAmongFiles { .. }
            | Self::FolderInParts
            | Self::ShardPastEnd
            | Self::FolderWithoutNetwork { .. }
            | Self::NoReceipt(_)
            | Self::Parameters { .. }
            | Self::TemplateFile { .. }
            | Self::Template(_)
            | Self::Key { .. }
            | Self::KeyExists { .. }
            | Self::KeepFolder { .. }
            | Self::Receipt { .. }
            | Self::NothingToMeasure { .. }
            | Self::NoBatches { .. }
            | Self::Record { .. }
            | Self::RecordRow { .. }
            | Self::NoRecords { .. }
            | Self::NothingInCommon { .. } => Blame::Input,
            Self::Build(error) => error.blame(),
            Self::VerifyRequest(error) => error.blame(),
            Self::Serve(error) => error.blame(),
            Self::Client(_) => Blame::Peer,
            Self::Demo(_) | Self::Plot { .. } => Blame::Ours,
            Self::Device { .. } | Self::NotReady { .. } => Blame::Device,
            Self::WriteFile { .. } | Self::Stdout(_) | Self::System(_) | Self::Nice { .. } => Blame::Disk,
        }
    }
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        Self::Client(Box::new(error))
    }
}

impl From<&CommandError> for Ending {
    fn from(error: &CommandError) -> Self {
        match error.blame() {
            Blame::Input | Blame::Peer | Blame::Device | Blame::Disk | Blame::Ours => Self::Neither,
        }
    }
}
