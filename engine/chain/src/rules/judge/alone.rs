//! Judges a header whose place in the chain is unknown.

use super::stateless::{check_proof_of_work, decode_bits};
use crate::header::BlockHeader;
use crate::parameters::{Difficulty, Parameters};
use crate::rules::fault::FaultValue;
use crate::rules::rule::Rule;
use thiserror::Error;

/// A rule that a header breaks at any height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{rule} broken: expected {expected}, found {found}")]
pub struct BrokenRule {
    /// The rule.
    pub rule: Rule,
    /// The value that would have passed.
    pub expected: FaultValue,
    /// The value in the header.
    pub found: FaultValue,
}

/// Judges a header by the rules that need neither its height nor the headers before it: those of [`rules_alone`].
///
/// `now` is the Unix time for R10. A header that passes has the work that its own bits claim; whether a chain requires
/// more at its height is not judged.
///
/// # Errors
/// The first rule that the header breaks, in the order of judging.
pub fn judge_alone(parameters: &Parameters, header: &BlockHeader, now: u64) -> Result<(), BrokenRule> {
    let broken = |(rule, expected, found)| BrokenRule { rule, expected, found };
    let decoded = decode_bits(parameters, header.bits).map_err(broken)?;
    check_proof_of_work(&decoded.target, header.hash().as_bytes()).map_err(broken)?;
    let required = parameters.genesis().bits;
    if matches!(parameters.difficulty(), Difficulty::Fixed) && header.bits != required {
        let (expected, found) = (FaultValue::Bits(required), FaultValue::Bits(header.bits));
        return Err(BrokenRule { rule: Rule::Difficulty, expected, found });
    }
    let (latest, time) = (now.saturating_add(parameters.future_limit_s()), u64::from(header.time));
    if time > latest {
        let (expected, found) = (FaultValue::Time(latest), FaultValue::Time(time));
        return Err(BrokenRule { rule: Rule::FutureTime, expected, found });
    }
    Ok(())
}

/// The rules that [`judge_alone`] judges, in its order: R01 to R05, R07 if the difficulty never changes, and R10.
pub fn rules_alone(parameters: &Parameters) -> Vec<Rule> {
    let mut rules =
        vec![Rule::TargetNegative, Rule::TargetZero, Rule::TargetOverflow, Rule::TargetAboveLimit, Rule::ProofOfWork];
    if matches!(parameters.difficulty(), Difficulty::Fixed) {
        rules.push(Rule::Difficulty);
    }
    rules.push(Rule::FutureTime);
    rules
}
