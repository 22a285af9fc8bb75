//! Recognises an input that is not a chain, and faults that look like a common mistake.

use cityseal_chain::{BlockHash, Network, Rule};
use cityseal_input::part::Conclusion;
use cityseal_input::{FirstRecords, InputError, Opening, Recogniser};

use super::error::VerifyCommandError;
use super::{Findings, Run};
use crate::answers::Verification;
use crate::args::FormatArg;

impl Run<'_> {
    /// Why the input is not a chain, if its format was detected rather than given and none of its first records is a
    /// header.
    pub(super) fn unrecognised(&self, findings: &Findings<'_>) -> Result<Option<InputError>, VerifyCommandError> {
        if self.args.format != FormatArg::Auto {
            return Ok(None);
        }
        let opening = &findings.opening;
        // It begins with a real header, so its records look like a chain.
        if opening.is_proof() {
            return Ok(Some(opening.refuse(None)));
        }
        // For a node's folder without a whole block the rows of `forks` show what is missing.
        if findings.forks.is_some() && findings.first.is_empty() {
            return Ok(None);
        }
        let parent = self.request.state()?.history.parent().map(|parent| parent.hash());
        let recogniser = Recogniser::new(Some(self.parameters), parent, self.now);
        // A truncated first block was not read, but its header may be complete.
        let first = if findings.first.is_empty() { opening.records() } else { findings.first.clone() };
        let is_spaced = opening.is_spaced() && !first.has_link();
        if recogniser.is_chain(&first) && !is_spaced {
            return Ok(None);
        }
        Ok(Some(opening.refuse(findings.mistake.clone())))
    }

    /// What to try if the first header is at fault, or a later one looks misplaced or damaged.
    pub(super) fn fault_hint(&self, findings: &Findings<'_>) -> Option<String> {
        let Conclusion::Fault(fault) = &findings.conclusion else { return None };
        if fault.height > self.args.start_height {
            // A node writes blocks to its files in order of arrival.
            let may_be_disorder = fault.rule == Rule::Link && findings.forks.is_none();
            let may_be_copy = fault.rule.is_of_copy() && findings.forks.is_none();
            if may_be_copy {
                return Some(
                    "perhaps a damaged copy of the block; --forks uses a good copy if the input has one".to_owned(),
                );
            }
            return may_be_disorder
                .then(|| "perhaps the blocks are out of order or fork; --forks accepts both".to_owned());
        }
        let first = findings.first.first()?;
        let (own, name) = (self.parameters.genesis_hash(), self.parameters.name());
        if let Some(network) = Recogniser::foreign_genesis(&first, self.parameters) {
            return Some(format!("the first header is the genesis header of {network}: try --network {network}"));
        }
        if fault.height > 0 {
            let is_genesis = first.hash() == own;
            return is_genesis
                .then(|| format!("the first header is the genesis header of {name}: omit --start-height"));
        }
        if first.prev_block_hash == own {
            return Some(format!("the first header follows the genesis header of {name}: try --start-height 1"));
        }
        let mut networks = Network::ALL.into_iter();
        let is_parent =
            |network: &Network| cityseal_chain::Parameters::of(*network).genesis_hash() == first.prev_block_hash;
        if let Some(network) = networks.find(is_parent) {
            return Some(format!(
                "the first header is header 1 of {network}: try --network {network} --start-height 1"
            ));
        }
        if first.prev_block_hash == BlockHash::ZERO {
            return Some(format!(
                "the first header is a genesis header, but not that of {name}: if the chain has custom network \
                 parameters, use --network FILE.toml"
            ));
        }
        (fault.rule == Rule::Link).then(|| {
            format!(
                "the first header is not the genesis header of {name}: if the chain starts later, set its first height \
                 with --start-height and the headers before it with --context"
            )
        })
    }
}

/// Replaces the verdict by INCOMPLETE because the input is not a chain.
pub(super) fn refuse(answer: &mut Verification<'_>, unrecognised: &InputError) {
    answer.conclusion = Conclusion::Incomplete(unrecognised.reason().to_owned());
    answer.count = 0;
    answer.tip = None;
    answer.message = Some(unrecognised.to_string());
    answer.hint = unrecognised.hint();
}

/// Checks that the packed headers read from a file look like headers.
///
/// # Errors
/// [`InputError::Unrecognised`], or the error of reading the file.
pub(super) fn recognised(
    recogniser: &Recogniser,
    packed: &[u8],
    opening: &Opening,
    read: Result<(), InputError>,
) -> Result<(), InputError> {
    let mut first = FirstRecords::default();
    first.note(packed);
    if opening.is_proof() {
        return Err(opening.refuse(None));
    }
    match read {
        Ok(()) if recogniser.is_chain(&first) || first.is_empty() => Ok(()),
        Ok(()) => Err(opening.refuse(None)),
        Err(error) => match error.decode_error() {
            Some(why) if first.is_empty() => Err(opening.refuse(Some(why.to_string()))),
            _ => Err(error),
        },
    }
}
