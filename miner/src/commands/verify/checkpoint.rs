//! Checkpoints: the progress of a run in a file that is replaced atomically (`files`), so that a killed run leaves
//! either the previous or the new state.
//!
//! If a checkpoint cannot be written, the run warns once and continues to its verdict.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cityseal_chain::History;
use cityseal_cli::{CliError, Output, files};
use cityseal_engine::RunState;
use cityseal_input::part::{Chain, Misfit, Part, PartFileError, ShardRange};

use super::error::VerifyCommandError;

/// Time between two checkpoints.
const EVERY: Duration = Duration::from_secs(2);

/// Maximum size of a checkpoint or of a shard's result.
const PART_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Writes checkpoints.
pub(super) struct Saver {
    path: PathBuf,
    chain: Chain,
    /// History before the first item of the input.
    before: History,
    last: Instant,
    output: Output,
    has_warned: bool,
}

impl Saver {
    pub(super) fn new(path: &Path, chain: Chain, before: History, output: &Output) -> Self {
        Self { path: path.into(), chain, before, last: Instant::now(), output: output.clone(), has_warned: false }
    }

    /// Whether the next checkpoint is due.
    pub(super) fn is_due(&self) -> bool {
        self.last.elapsed() >= EVERY
    }

    /// Writes a checkpoint, unless a fault was found: after a fault there is nothing to resume. Warns once if writing
    /// fails.
    pub(super) fn save(&mut self, state: &RunState) {
        self.last = Instant::now();
        if state.summary.fault.is_some() {
            return;
        }
        let part = Part {
            chain: self.chain.clone(),
            shards: ShardRange::WHOLE,
            before: self.before,
            after: Some(state.history),
            summary: state.summary.clone(),
            fault: None,
            cut: None,
        };
        if let Err(error) = files::write_output(&self.path, part.to_json().as_bytes())
            && !self.has_warned
        {
            self.has_warned = true;
            let path = self.path.display();
            self.output
                .note(format_args!("warning: the checkpoint {path} cannot be written, the run continues: {error}"));
        }
    }
}

/// Loads the checkpoint of this chain; `None` if the file does not exist.
///
/// # Errors
/// If the file is not a checkpoint, or is one of another chain, another input or other options.
pub(super) fn load(path: &Path, chain: &Chain, before: &History) -> Result<Option<RunState>, VerifyCommandError> {
    let part = match read_part(path) {
        Err(VerifyCommandError::Cli(CliError::ReadFile { source, .. })) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        part => part?,
    };
    part.resume(chain, before).map(Some).map_err(|misfit| match misfit {
        Misfit::Rules(source) => VerifyCommandError::RulesDiffer { path: path.into(), source },
        Misfit::Other(what) => VerifyCommandError::OtherCheckpoint { path: path.into(), what },
    })
}

/// The time for R10 of the checkpointed run, if there is one.
pub(super) fn now_of(path: &Path) -> Option<u64> {
    Some(read_part(path).ok()?.chain.now)
}

/// Reads a part file: a checkpoint or the result of a shard.
pub(super) fn read_part(path: &Path) -> Result<Part, VerifyCommandError> {
    let text =
        files::read_text(path, PART_BYTES_MAX).map_err(|source| CliError::ReadFile { path: path.into(), source })?;
    Part::from_json(&text).map_err(|source| {
        if let PartFileError::Rules(source) = source {
            return VerifyCommandError::RulesDiffer { path: path.into(), source };
        }
        VerifyCommandError::PartFile { path: path.into(), source }
    })
}
