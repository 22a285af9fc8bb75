//! `cityseal selftest`: runs the known-answer tests on every kernel of this CPU and on every selected device.

use cityseal_bench::openers;
use cityseal_cli::{CliError, Ending, Explain, Output, Paint, table};
use cityseal_device::{Opener, known_answers};

use crate::answers::SelfTest;
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
    let mut tests = Vec::new();
    for mut opener in openers {
        let info = opener.info();
        bar.name(format!("row {} of {of}: {} {}", tests.len() + 1, info.name, info.kernel));
        tests.push(ask(&mut *opener));
    }
    drop(bar);
    let right = !tests.is_empty() && tests.iter().all(|test| test.result.is_ok());
    let answer = SelftestAnswer { rows: tests.iter().map(SelftestRow::from).collect(), left_out };
    context.output.answer(&answer, |output| text(output, &tests)).map_err(CliError::Stdout)?;
    Ok(Ending::of_right(right))
}

fn ask(opener: &mut dyn Opener) -> SelfTest {
    let info = opener.info().clone();
    let result = opener
        .open()
        .map_err(|error| error.to_string())
        .and_then(|mut backend| known_answers::run(&mut *backend).map_err(|failure| failure.to_string()));
    SelfTest { device: info.name, kernel: info.kernel, result: result.map(|passed| passed.len()) }
}

fn text(output: &Output, tests: &[SelfTest]) -> String {
    let cells = |test: &SelfTest| {
        let (passed, answers) = match &test.result {
            Ok(cases) => (format!("{cases} of {cases}"), format!("{}  ", output.paint(Paint::Good, "right"))),
            Err(reason) => ("failed".to_owned(), format!("{}  {reason}", output.paint(Paint::Bad, "wrong"))),
        };
        vec![test.device.clone(), test.kernel.clone(), passed, answers]
    };
    let rows: Vec<_> = tests.iter().map(cells).collect();
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
        let test = ask(&mut CpuOpener::new(HashKernel::detect().broken_for_tests()));
        assert_eq!(test.kernel, "broken");
        assert!(test.result.unwrap_err().contains("known-answer test"));
    }

    #[test]
    fn a_correct_device_passes_every_test_and_a_lost_one_is_wrong() {
        let honest = ask(&mut FakeOpener::new("fake"));
        assert!(honest.result.unwrap() >= 10);
        let lost = ask(&mut FakeOpener::new("fake").from_batch(0, Behaviour::Lost));
        assert!(lost.result.is_err());
    }
}
