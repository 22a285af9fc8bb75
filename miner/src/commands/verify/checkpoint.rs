//! Checkpoints: how far a run is, in a file that is whole at any moment.
//!
//! The new one is written beside the old one, brought to the disk, and put in its place; so whoever kills the process finds
//! the one or the other.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cityseal_chain::History;
use cityseal_engine::RunState;

use crate::error::CommandError;
use crate::part::{Chain, Part, Shares};

/// How often a checkpoint is written.
const EVERY: Duration = Duration::from_secs(2);

/// Largest file that is read as a checkpoint or as what a shard proved.
const PART_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Writes checkpoints.
pub(super) struct Saver {
    path: PathBuf,
    chain: Chain,
    /// What the first item of the input comes after.
    before: History,
    last: Instant,
}

impl Saver {
    pub(super) fn new(path: &Path, chain: Chain, before: History) -> Self {
        Self { path: path.into(), chain, before, last: Instant::now() }
    }

    /// Whether it is time for one.
    pub(super) fn is_due(&self) -> bool {
        self.last.elapsed() >= EVERY
    }

    /// Writes how far the run is, unless a fault was found: then there is nothing to go on with.
    pub(super) fn save(&mut self, state: &RunState) -> Result<(), CommandError> {
        self.last = Instant::now();
        if state.summary.fault.is_some() {
            return Ok(());
        }
        let part = Part {
            chain: self.chain.clone(),
            shares: Shares::WHOLE,
            before: self.before,
            after: Some(state.history),
            summary: state.summary.clone(),
            fault: None,
            cut: None,
        };
        write_whole(&self.path, part.to_json().as_bytes())
    }
}

/// The checkpoint of this chain in a file; `None` where there is no file yet.
///
/// # Errors
/// A file that is no checkpoint, or one of another chain, another input or another question.
pub(super) fn load(path: &Path, chain: &Chain, before: &History) -> Result<Option<RunState>, CommandError> {
    let part = match read_part(path) {
        Err(CommandError::ReadFile { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        part => part?,
    };
    let fitting = part.go_on(chain, before);
    fitting.map(Some).map_err(|what| CommandError::OtherCheckpoint { path: path.into(), what })
}

/// The time for R10 that a checkpoint was begun with, where there is one.
pub(super) fn now_of(path: &Path) -> Option<u64> {
    Some(read_part(path).ok()?.chain.now)
}

/// Reads a part of a verification.
pub(super) fn read_part(path: &Path) -> Result<Part, CommandError> {
    let text = crate::files::read_text(path, PART_BYTES_MAX)
        .map_err(|source| CommandError::ReadFile { path: path.into(), source })?;
    Part::from_json(&text).map_err(|source| CommandError::PartFile { path: path.into(), source })
}

/// Writes a file so that it is whole at any moment.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let write = || -> io::Result<()> {
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| CommandError::WriteFile { path: path.into(), source })
}
