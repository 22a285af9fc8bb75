//! Why an input could not be read, with the file and the place in it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::decode_error::DecodeError;
use super::detect::Format;
use super::paths::name;

/// What an input looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    /// In words, such as `gzip-compressed data`; ends a sentence.
    pub what: String,
    /// What to do.
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

/// Why the input could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file is not there, or may not be read.
    #[error("{}: {source}", name(path))]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A read failed.
    #[error("{} at offset {offset}: {source}", name(path))]
    Read {
        /// The file.
        path: PathBuf,
        /// Bytes read before.
        offset: u64,
        /// What the system said.
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
    /// Nothing in the file is a header.
    #[error("{}: not recognised as a chain of headers or blocks: {looks}{}", name(path), bracketed(why.as_deref()))]
    Unrecognised {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        looks: Looks,
        /// Why no record could be read, where none could.
        why: Option<String>,
    },
    /// A later file is written in another way than the first.
    #[error("{}: it holds {}, and the first file holds {}: the files of one chain must be written alike", name(path), found.name(), expected.name())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// The format of the first file.
        expected: Format,
        /// The format of this one.
        found: Format,
    },
    /// Blocks are wanted of an input that holds headers only.
    #[error("{}: headers only, without the blocks' transactions", name(path))]
    NoBlocks {
        /// The file.
        path: PathBuf,
    },
    /// What is read in another order than it is written must be a regular file.
    #[error("{}: not a regular file; forks are told apart only in regular files and folders", name(path))]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// A folder of block files has a key of another length.
    #[error("{}: a key of {found} bytes, Bitcoin Core's has 8", path.display())]
    XorKey {
        /// The file of the key.
        path: PathBuf,
        /// Its bytes.
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
        /// What the system said, with the file.
        source: io::Error,
    },
    /// The system gave no thread.
    #[error("the system refused a thread: {source}")]
    Thread {
        /// What it said.
        source: io::Error,
    },
    /// `-` was given twice.
    #[error("stdin (-) can be read only once")]
    StdinTwice,
}

impl InputError {
    /// What is wrong in the bytes, where that is all.
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
        if let Self::Unrecognised { looks, .. } = self { Some(looks.hint.clone()) } else { None }
    }
}

fn bracketed(words: Option<&str>) -> String {
    words.map(|words| format!(" ({words})")).unwrap_or_default()
}

/// Where block files are, if not in the folder given.
fn elsewhere(others: &[PathBuf]) -> String {
    let names: Vec<String> = others.iter().map(|other| other.display().to_string()).collect();
    if names.is_empty() {
        return "; of a Bitcoin Core data directory, pass its `blocks/`".into();
    }
    format!("; there are some in {}: pass that folder, with the `--network` that it is of", names.join(" and in "))
}
