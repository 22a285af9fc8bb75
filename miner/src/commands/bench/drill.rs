//! `cityseal drill`: injects faults into each device, and checks that the answers stay right.

use cityseal_bench::DrillError;
use cityseal_cli::{Ending, Explain};

use crate::args::DrillArgs;
use crate::context::Context;
use crate::setup::SetupError;

/// Why `drill` gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DrillCommandError {
    /// The configuration.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The drill.
    #[error(transparent)]
    Drill(#[from] DrillError),
}

impl Explain for DrillCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Setup(error) => error.reason(),
            Self::Drill(error) => error.reason(),
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Setup(error) => error.place(),
            Self::Drill(error) => error.place(),
        }
    }
}

pub(crate) fn run(context: &Context, args: &DrillArgs) -> Result<Ending, DrillCommandError> {
    let settings = context.settings(&args.engine)?;
    Ok(cityseal_bench::drill(&context.output, settings.engine)?)
}
