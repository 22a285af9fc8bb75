//! The rules of a block's body, R20 to R41: pure functions of the block's bytes and of what stands before it.
//!
//! A body is judged only for a header that passed R01 to R11. [`ParsedBlock`] takes a block apart in one pass,
//! whoever has hash kernels computes the roots over its transactions ([`BodyRoots::of`] does so on the plain path), and
//! [`judge_body`] concludes. [`reference`] is the slow, readable copy of all of that. Scripts, signatures and unspent outputs
//! are not looked at: `docs/RULES.md` says what is out of scope.
//!
//! ```
//! use cityseal_chain::body::{BodyContext, BodyRoots, ParsedBlock, judge_body};
//! use cityseal_chain::{Network, Parameters, hex};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let regtest = Parameters::of(Network::Regtest);
//! let mut block = regtest.genesis().to_wire().to_vec();
//! block.push(1); // one transaction: the coinbase of 2009
//! block.extend(hex::decode(concat!(
//!     "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104455468652054",
//!     "696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f66207365636f6e64206261696c6f757420",
//!     "666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a67130b7105cd6a828e03909a67962e0ea1f61",
//!     "deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6bf11d5fac00000000",
//! ))?);
//! let parsed = ParsedBlock::parse(&block)?;
//! let context = BodyContext { height: 0, median_time: None };
//! let roots = BodyRoots::of(&regtest, &context, &block, &parsed);
//! assert_eq!(judge_body(&regtest, &context, &block, &parsed, &roots).broken, None);
//! # Ok(())
//! # }
//! ```

mod encoding;
mod judge;
mod parsed;
pub(crate) mod reader;
pub mod reference;
mod repeats;
mod roots;
mod sigops;
mod span;
mod walk;

pub use encoding::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind};
pub use judge::judge_body;
pub use parsed::{MONEY_MAX, ParsedBlock, STRIPPED_BYTES_MAX};
pub use roots::BodyRoots;
pub use span::TransactionSpan;
pub use walk::{Extent, block_extent};

use crate::fault::{FaultValue, ScriptHead, Wording};
use crate::rule::{Rule, Unjudged};

/// What a body may weigh (BIP141; Bitcoin Core: `MAX_BLOCK_WEIGHT`).
pub const WEIGHT_MAX: u64 = 4_000_000;

/// What the signature checks in a block may cost (Bitcoin Core: `MAX_BLOCK_SIGOPS_COST`).
pub const SIGOPS_COST_MAX: u64 = 80_000;

/// What one signature check costs that is counted by a script's text, and what a byte weighs that is no witness
/// (Bitcoin Core: `WITNESS_SCALE_FACTOR`).
pub const WITNESS_SCALE: u64 = 4;

/// Below it a lock time is a height, from it on a time (Bitcoin Core: `LOCKTIME_THRESHOLD`).
pub const LOCK_TIMES_FROM: u32 = 500_000_000;

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
