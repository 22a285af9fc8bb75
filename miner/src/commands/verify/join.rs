//! `cityseal verify --join`: merges the results of shards into one verdict.

use cityseal_chain::Parameters;
use cityseal_cli::{CliError, Ending, Output};
use cityseal_input::part::{Conclusion, JoinError, Part, RulesDiffer, rules_of};

use super::error::VerifyCommandError;
use super::{answer, checkpoint, outputs};
use crate::args::VerifyArgs;
use crate::context::Context;

/// Merges the part files, given in any order, and prints the verdict.
pub(super) fn run(context: &Context, args: &VerifyArgs, parameters: &Parameters) -> Result<Ending, VerifyCommandError> {
    let parts: Vec<Part> = args.files.iter().map(|path| checkpoint::read_part(path)).collect::<Result<_, _>>()?;
    let whole = Part::join_all(parts)?;
    let expected = parameters.digest();
    if whole.chain.parameters != expected {
        return Err(VerifyCommandError::JoinNetwork { expected, found: whole.chain.parameters });
    }
    let expected = rules_of(parameters.merkle(), whole.chain.items).digest();
    if whole.chain.rules != expected {
        return Err(JoinError::Rules(RulesDiffer::of(whole.chain.rules, expected)).into());
    }
    if let Some(path) = &args.out {
        outputs::write(path, whole.to_json().as_bytes())?;
    }
    let answer = answer::of_part(parameters, &whole);
    let print = |output: &Output| answer::human(output, &answer, None);
    context.output.answer(&answer, print).map_err(CliError::Stdout)?;
    Ok(match whole.conclusion() {
        Conclusion::Valid => Ending::Yes,
        Conclusion::Fault(_) => Ending::No,
        Conclusion::Incomplete(_) => Ending::Neither,
    })
}
