//! What a body is judged after, and what is concluded about it.

use crate::encoding::EncodingFault;
use crate::rules::{FaultValue, Rule, ScriptHead, Unjudged, Wording};

/// What a body is judged after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BodyContext {
    /// The block's height.
    pub height: u64,
    /// The median time of the headers before it (see [`crate::History::median_time`]); none if it is not known.
    pub median_time: Option<u32>,
}

/// The first rule that a body breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BrokenBody {
    /// The rule.
    pub rule: Rule,
    /// What would have passed.
    pub expected: FaultValue,
    /// What stands there.
    pub found: FaultValue,
    /// Which transaction breaks it, counted from 0; none where no single one does.
    pub transaction: Option<u32>,
}

impl From<EncodingFault> for BrokenBody {
    /// R20: bytes that are no block.
    fn from(fault: EncodingFault) -> Self {
        Self {
            rule: Rule::BlockEncoding,
            expected: FaultValue::Words(Wording::WholeBlock),
            found: FaultValue::Encoding(fault),
            transaction: None,
        }
    }
}

/// What is concluded about a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyJudgement {
    /// The first rule broken; none if it passed all that could be judged.
    pub broken: Option<BrokenBody>,
    /// Rules that could not be judged, up to the broken one, with the reason.
    pub not_checked: Vec<(Rule, Unjudged)>,
}

impl From<EncodingFault> for BodyJudgement {
    /// R20: bytes that are no block.
    fn from(fault: EncodingFault) -> Self {
        Self { broken: Some(fault.into()), not_checked: Vec::new() }
    }
}

/// How the coinbase's script begins at `height`: the push that Bitcoin's scripts write that number with (Bitcoin Core:
/// `CScript() << height`). One byte up to 16, else the number's bytes, lowest first, with a sign bit, after their count.
pub fn coinbase_height_script(height: u64) -> ScriptHead {
    match height {
        0 => ScriptHead::of(&[0x00]),
        1..=16 => ScriptHead::of(&[0x50 + height as u8]),
        _ => {
            // The sign bit takes a ninth byte from 2^63 on, and no chain is that high.
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
    fn a_height_is_written_as_scripts_write_numbers() {
        let written = |height| coinbase_height_script(height).to_string();
        assert_eq!([0, 1, 16, 17].map(written), ["00", "51", "60", "0111"]);
        assert_eq!([127, 128, 255, 256].map(written), ["017f", "028000", "02ff00", "020001"]);
        assert_eq!([32_767, 32_768, 227_931].map(written), ["02ff7f", "03008000", "035b7a03"]);
        assert_eq!(written(1 << 48), "0700000000000001");
    }
}
