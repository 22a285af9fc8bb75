//! The rules that need no history (R01 to R05); the header tree uses them as well.

use crate::hash::BlockHash;
use crate::parameters::Parameters;
use crate::rules::fault::FaultValue;
use crate::rules::rule::Rule;
use crate::targets::{ChainWork, CompactFault, CompactTarget, Target};

/// A broken rule with the expected and the found value.
pub(crate) type Broken = (Rule, FaultValue, FaultValue);

/// Decoded bits. They are cached because most headers carry the same bits as their parent.
#[derive(Clone, Copy)]
pub(crate) struct Decoded {
    pub(crate) bits: CompactTarget,
    pub(crate) target: Target,
    pub(crate) work: ChainWork,
}

/// R01 to R04.
pub(crate) fn decode_bits(parameters: &Parameters, bits: CompactTarget) -> Result<Decoded, Broken> {
    let target = bits.decode().map_err(|fault| {
        let rule = match fault {
            CompactFault::Negative => Rule::TargetNegative,
            CompactFault::Zero => Rule::TargetZero,
            CompactFault::Overflow => Rule::TargetOverflow,
        };
        (rule, FaultValue::Bits(parameters.limit_bits()), FaultValue::Bits(bits))
    })?;
    let limit = parameters.pow_limit();
    if target > limit {
        return Err((Rule::TargetAboveLimit, FaultValue::Target(limit), FaultValue::Target(target)));
    }
    Ok(Decoded { bits, target, work: target.work().into() })
}

/// R05.
pub(crate) fn check_proof_of_work(target: &Target, hash: &[u8; 32]) -> Result<(), Broken> {
    let hash = BlockHash::from_wire(*hash);
    if target.is_met_by(&hash) {
        return Ok(());
    }
    Err((Rule::ProofOfWork, FaultValue::Target(*target), FaultValue::Hash(hash)))
}
