//! `cityseal bench`: measures, compares records, or draws a report of them; and `cityseal drill`.

pub(crate) mod drill;

use cityseal_bench::{BenchError, BenchOptions, ReportOptions};
use cityseal_cli::files::check_folder;
use cityseal_cli::{CliError, Ending, Explain};

use crate::args::{BenchAction, BenchArgs, ReportArgs};
use crate::context::{COMMIT, Context};
use crate::setup::SetupError;

/// Why `bench` gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BenchCommandError {
    /// The folder of records.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The measurement, the comparison or the report.
    #[error(transparent)]
    Bench(#[from] BenchError),
}

impl Explain for BenchCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Setup(error) => error.reason(),
            Self::Bench(error) => error.reason(),
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Setup(error) => error.place(),
            Self::Bench(error) => error.place(),
        }
    }

    fn hint(&self) -> Option<String> {
        if let Self::Bench(error) = self { error.hint() } else { None }
    }
}

pub(crate) fn run(context: &Context, args: &BenchArgs) -> Result<Ending, BenchCommandError> {
    match &args.action {
        None => measure(context, args),
        Some(BenchAction::Compare(args)) => Ok(cityseal_bench::compare(&context.output, &args.before, &args.after)?),
        Some(BenchAction::Report(args)) => Ok(cityseal_bench::report(&context.output, &report_options(args))?),
    }
}

fn measure(context: &Context, args: &BenchArgs) -> Result<Ending, BenchCommandError> {
    if let Some(folder) = &args.record {
        check_folder("--record", folder).map_err(CliError::from)?;
    }
    let settings = context.settings(&args.engine)?;
    let options = BenchOptions {
        mode: args.mode.into(),
        seconds: args.seconds,
        record: args.record.clone(),
        sweep: args.sweep.clone(),
        by_batch: args.by_batch,
        kernel_flag: args.engine.kernel.clone(),
        commit: COMMIT,
    };
    Ok(cityseal_bench::measure(&context.output, &options, settings.engine)?)
}

fn report_options(args: &ReportArgs) -> ReportOptions {
    ReportOptions { records: args.records.clone(), out: args.out.clone(), svg: args.svg.clone() }
}
