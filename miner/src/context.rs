//! What every command is given in addition to its own options.

use cityseal_cli::Output;
use cityseal_engine::Engine;

use crate::args::{EngineArgs, GlobalArgs};
use crate::config::{Environment, Settings};
use crate::setup::SetupError;

/// The commit that this program was built from, as the build script found it; `-dirty` if its sources differed.
pub(crate) const COMMIT: &str = env!("CITYSEAL_COMMIT");

/// What every command is given in addition to its own options.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) environment: Environment,
    pub(crate) global: GlobalArgs,
}

impl Context {
    /// Joins flags, environment and configuration file.
    pub(crate) fn settings(&self, engine: &EngineArgs) -> Result<Settings, SetupError> {
        Ok(Settings::of(engine, &self.global, &self.environment)?)
    }

    /// Builds the engine for a single answer. Its notes are not printed: the answer names the devices that worked.
    #[expect(clippy::unused_self, reason = "a command builds its engine through its context")]
    pub(crate) fn engine(&self, settings: &Settings) -> Result<Engine, SetupError> {
        Ok(settings.engine.builder().quick_start(true).build()?)
    }

    /// Builds the engine for a longer run, and prints its notes on stderr, such as that no GPU is ready.
    pub(crate) fn engine_with_notes(&self, settings: &Settings) -> Result<Engine, SetupError> {
        let engine = settings.engine.builder().build()?;
        engine.notes().iter().for_each(|note| self.output.note(note));
        Ok(engine)
    }
}
