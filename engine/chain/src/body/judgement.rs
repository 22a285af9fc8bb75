//! The context in which a body is judged, and the result.

use crate::encoding::EncodingFault;
use crate::rules::{FaultValue, Rule, ScriptHead, Unjudged, Wording};

/// The context in which a body is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BodyContext {
    /// The block's height.
    pub height: u64,
    /// The median time of the preceding headers (see [`crate::History::median_time`]), if known.
    pub median_time: Option<u32>,
}

/// The first rule that a body breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrokenBody {
    /// The broken rule.
    pub rule: Rule,
    /// The value that would have passed.
    pub expected: FaultValue,
    /// The value in the block.
    pub found: FaultValue,
    /// The transaction that breaks the rule, counted from 0; `None` if the rule is not about a single transaction.
    pub transaction: Option<u32>,
}

impl From<EncodingFault> for BrokenBody {
    /// R20: the bytes are not a block.
    fn from(fault: EncodingFault) -> Self {
        Self {
            rule: Rule::BlockEncoding,
            expected: FaultValue::Words(Wording::WholeBlock),
            found: FaultValue::Encoding(fault),
            transaction: None,
        }
    }
}

/// The result of judging a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyJudgement {
    /// The first broken rule; `None` if the body passed every rule that could be judged.
    pub broken: Option<BrokenBody>,
    /// Rules that could not be judged, up to the broken one, with the reason.
    pub not_checked: Vec<(Rule, Unjudged)>,
}

impl From<EncodingFault> for BodyJudgement {
    /// R20: the bytes are not a block.
    fn from(fault: EncodingFault) -> Self {
        Self { broken: Some(fault.into()), not_checked: Vec::new() }
    }
}

/// The beginning of the coinbase's script at `height`: a push of that number as Bitcoin's scripts encode it (Bitcoin
/// Core: `CScript() << height`). Up to 16 it is one byte, otherwise the number of bytes, then the bytes, lowest first,
/// with a sign bit.
pub fn coinbase_height_script(height: u64) -> ScriptHead {
    match height {
        0 => ScriptHead::of(&[0x00]),
        1..=16 => ScriptHead::of(&[0x50 + height as u8]),
        _ => {
            // From 2^63 the sign bit would need a ninth byte, but no chain is that high.
            let bytes = (u64::BITS - height.leading_zeros()) as usize / 8 + 1;
            let mut script = [0; ScriptHead::LEN_MAX];
            script[0] = bytes.min(8) as u8;
            script[1..].copy_from_slice(&height.to_le_bytes());
            ScriptHead::of(&script[..=bytes.min(8)])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_height_is_encoded_like_numbers_in_scripts() {
        let written = |height| coinbase_height_script(height).to_string();
        assert_eq!([0, 1, 16, 17].map(written), ["00", "51", "60", "0111"]);
        assert_eq!([127, 128, 255, 256].map(written), ["017f", "028000", "02ff00", "020001"]);
        assert_eq!([32_767, 32_768, 227_931].map(written), ["02ff7f", "03008000", "035b7a03"]);
        assert_eq!(written(1 << 48), "0700000000000001");
    }
}
