//! `cityseal verify --join`: merges the results of shards into one verdict.

use cityseal_chain::Parameters;
use cityseal_cli::Ending;
use cityseal_input::part::{ItemKind, JoinError, Part, RulesDiffer, rules_of};

use super::error::VerifyCommandError;
use super::{checkpoint, outputs, print};
use crate::answers::Verification;
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
    let rules = rules_of(parameters.merkle(), whole.chain.items).rules();
    let answer = Verification {
        count: whole.summary.count,
        tip: whole.tip(),
        bodies: (whole.chain.items == ItemKind::Blocks).then_some(whole.summary.bodies),
        not_checked: whole.summary.not_checked.clone(),
        ..Verification::new(whole.conclusion(), rules, whole.chain.parameters)
    };
    print(context, &answer)
}
