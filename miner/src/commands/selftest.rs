//! `cityseal selftest`: runs the known-answer tests on every kernel of this CPU and on every selected device.

use cityseal_bench::openers;
use cityseal_cli::{CliError, Ending, Explain, Output, Paint, table};
use cityseal_device::{Opener, known_answers};

use crate::args::SelftestArgs;
use crate::commands::devices::left_out_row;
use crate::context::Context;
use crate::json::{SelftestAnswer, SelftestRow};
use crate::setup::SetupError;

/// Why `selftest` gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SelftestCommandError {
    /// Stdout, or the system.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// The configuration or the engine.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

impl Explain for SelftestCommandError {
    fn reason(&self) -> &'static str {
        match self {
            Self::Cli(error) => error.reason(),
            Self::Setup(error) => error.reason(),
        }
    }

    fn place(&self) -> Option<String> {
        match self {
            Self::Cli(error) => error.place(),
            Self::Setup(error) => error.place(),
        }
    }
}

pub(crate) fn run(context: &Context, args: &SelftestArgs) -> Result<Ending, SelftestCommandError> {
    let settings = context.settings(&args.engine)?;
    let only_named = settings.engine.kernel.is_some();
    let selection = settings.engine.builder().select().map_err(SetupError::from)?;
    let left_out = selection.left_out.iter().map(left_out_row).collect();
    let openers = openers(selection, only_named);
    let (bar, of) = (context.output.steps(), openers.len());
    let mut rows = Vec::new();
    for mut opener in openers {
        let info = opener.info();
        bar.name(format!("row {} of {of}: {} {}", rows.len() + 1, info.name, info.kernel));
        rows.push(ask(&mut *opener));
    }
    drop(bar);
    let right = !rows.is_empty() && rows.iter().all(|row| row.answers == "right");
    let answer = SelftestAnswer { rows, left_out };
    context.output.answer(&answer, |output| human(output, &answer)).map_err(CliError::Stdout)?;
    Ok(Ending::of_right(right))
}

fn ask(opener: &mut dyn Opener) -> SelftestRow {
    let info = opener.info().clone();
    let asked = opener
        .open()
        .map_err(|error| error.to_string())
        .and_then(|mut backend| known_answers::run(&mut *backend).map_err(|failure| failure.to_string()));
    let (answers, cases, reason) = match asked {
        Ok(passed) => ("right", passed.len(), None),
        Err(reason) => ("wrong", 0, Some(reason)),
    };
    SelftestRow { device: info.name, kernel: info.kernel, answers, cases, reason }
}

fn human(output: &Output, answer: &SelftestAnswer) -> String {
    let cells = |row: &SelftestRow| {
        let paint = if row.answers == "right" { Paint::Good } else { Paint::Bad };
        let asked = if row.reason.is_none() { format!("{} of {}", row.cases, row.cases) } else { "failed".into() };
        let reason = row.reason.clone().unwrap_or_default();
        vec![row.device.clone(), row.kernel.clone(), asked, format!("{}  {reason}", output.paint(paint, row.answers))]
    };
    let rows: Vec<_> = answer.rows.iter().map(cells).collect();
    table(&["device", "kernel", "tests", "answers"], &[], &rows)
}

#[cfg(test)]
mod tests {
    use cityseal_device::CpuOpener;
    use cityseal_device::fake::{Behaviour, FakeOpener};
    use cityseal_hash::HashKernel;

    use super::*;

    #[test]
    fn a_kernel_broken_on_purpose_fails_and_the_test_is_named() {
        let row = ask(&mut CpuOpener::new(HashKernel::detect().broken_for_tests()));
        assert_eq!((row.answers, row.kernel.as_str()), ("wrong", "broken"));
        assert!(row.reason.unwrap().contains("known-answer test"));
    }

    #[test]
    fn a_correct_device_passes_every_test_and_a_lost_one_is_wrong() {
        let honest = ask(&mut FakeOpener::new("fake"));
        assert_eq!(honest.answers, "right");
        assert!(honest.cases >= 10);
        let lost = ask(&mut FakeOpener::new("fake").from_batch(0, Behaviour::Lost));
        assert_eq!((lost.answers, lost.cases), ("wrong", 0));
    }
}
