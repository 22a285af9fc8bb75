//! Why an input could not be read, with the file and the place in it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::decode_error::DecodeError;
use super::detect::Format;
use super::paths::name;
use super::proof::NotAProof;

/// The command with which a user gets a proof of transactions.
const GET_PROOF: &str = "bitcoin-cli gettxoutproof '[\"TXID\"]' > FILE";

/// Description of what an input looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    /// The description, such as `gzip-compressed data`; ends a sentence.
    pub what: String,
    /// What the user can do.
    pub hint: String,
}

impl Looks {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Reason why the input could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file does not exist, or cannot be opened.
    #[error("{}: {source}", name(path))]
    Open {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A read failed.
    #[error("{} at offset {offset}: {source}", name(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Bytes read before the failure.
        offset: u64,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The bytes are not headers.
    #[error("{}: {source}", name(path))]
    Decode {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        source: DecodeError,
    },
    /// No record in the file is a header.
    #[error("{}: not recognised as a chain of headers or blocks: {looks}{}", name(path), bracketed(why.as_deref()))]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        looks: Looks,
        /// Why no record could be read, if there is none.
        why: Option<String>,
    },
    /// The file is not a proof of transactions.
    #[error("{}: not a proof of transactions: {source}", name(path))]
    NotAProof {
        /// The file.
        path: PathBuf,
        /// Whether it begins like a JSON object.
        is_json: bool,
        /// What is wrong.
        source: NotAProof,
    },
    /// A later file has another format than the first.
    #[error(
        "{}: it holds {}, but the first file holds {}: all files of a chain must have the same format",
        name(path), found.name(), expected.name()
    )]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format of the first file.
        expected: Format,
        /// The format of this one.
        found: Format,
    },
    /// Blocks were requested from an input that holds only headers.
    #[error("{}: headers only, expected whole blocks with their transactions", name(path))]
    NoBlocks {
        /// The file.
        path: PathBuf,
    },
    /// An input that is not read in order must be a regular file.
    #[error("{}: not a regular file: forks can be resolved only in regular files and folders", name(path))]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// The key file of a folder of block files has a wrong length.
    #[error("{}: expected a key of 8 bytes (Bitcoin Core), found {found}", path.display())]
    XorKey {
        /// The key file.
        path: PathBuf,
        /// Its length in bytes.
        found: usize,
    },
    /// A folder holds no block files.
    #[error("{}: no block files (blk00000.dat and so on) in this folder{}", path.display(), elsewhere(others))]
    NoBlockFiles {
        /// The folder.
        path: PathBuf,
        /// Folders inside it that hold block files.
        others: Vec<PathBuf>,
    },
    /// A block whose place is known cannot be read.
    #[error("{source}")]
    Blocks {
        /// The error of the operating system, with the file.
        source: io::Error,
    },
    /// The operating system could not start a thread.
    #[error("the operating system could not start a thread: {source}")]
    Thread {
        /// Its error.
        source: io::Error,
    },
    /// `-` was given twice.
    #[error("stdin (-) can be read only once")]
    StdinTwice,
}

impl InputError {
    /// Returns what is wrong in the bytes, if that is the cause.
    pub const fn decode_error(&self) -> Option<&DecodeError> {
        if let Self::Decode { source, .. } = self { Some(source) } else { None }
    }

    /// A word in kebab case that names the kind of error. It never changes, so that scripts may depend on it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Open { .. } | Self::Read { .. } | Self::Blocks { .. } | Self::Thread { .. } => "cannot-read",
            Self::Decode { source: DecodeError::OtherNetwork { .. }, .. } => "other-network",
            Self::Decode { source, .. } if source.is_cut() => "cut",
            Self::Decode { .. } => "bad-input",
            Self::Unrecognised { .. } => "unrecognised-input",
            Self::NotAProof { .. } => "not-a-proof",
            Self::OtherFormat { .. } => "other-format",
            Self::NoBlocks { .. } => "no-blocks",
            Self::NotRegular { .. } => "not-regular",
            Self::XorKey { .. } => "bad-xor-key",
            Self::NoBlockFiles { .. } => "no-block-files",
            Self::StdinTwice => "stdin-twice",
        }
    }

    /// The file, with the line, column or byte where that is known.
    pub fn place(&self) -> Option<String> {
        let shown = |path: &Path| path.display().to_string();
        match self {
            Self::Read { path, offset, .. } => Some(format!("{}, byte {offset}", shown(path))),
            Self::Decode { path, source } => {
                Some(source.place().map_or_else(|| shown(path), |place| format!("{}, {place}", shown(path))))
            }
            Self::Open { path, .. }
            | Self::Unrecognised { path, .. }
            | Self::NotAProof { path, .. }
            | Self::OtherFormat { path, .. }
            | Self::NoBlocks { path }
            | Self::NotRegular { path }
            | Self::XorKey { path, .. }
            | Self::NoBlockFiles { path, .. } => Some(shown(path)),
            // The system's message for a block names the file.
            Self::Blocks { .. } | Self::Thread { .. } | Self::StdinTwice => None,
        }
    }

    /// What to do.
    pub fn hint(&self) -> Option<String> {
        if let Self::Unrecognised { looks, .. } = self {
            return Some(looks.hint.clone());
        }
        let Self::NotAProof { is_json, .. } = self else { return None };
        Some(if *is_json {
            "pass the hex inside: jq -r .result FILE | cityseal verify --txoutproof -".into()
        } else {
            format!("get a proof from a node: {GET_PROOF}")
        })
    }
}

fn bracketed(words: Option<&str>) -> String {
    words.map(|words| format!(" ({words})")).unwrap_or_default()
}

/// Names the folders that hold block files, if the given one does not.
fn elsewhere(others: &[PathBuf]) -> String {
    let names: Vec<String> = others.iter().map(|other| other.display().to_string()).collect();
    if names.is_empty() {
        return ": for a Bitcoin Core data directory, pass its `blocks/`".into();
    }
    format!("; found some in {}: pass that folder and its network with `--network`", names.join(" and in "))
}
