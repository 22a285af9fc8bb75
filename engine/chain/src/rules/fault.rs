//! The fault that names the first rule broken, its place, and both values.
//!
//! `docs/RULES.md` says what `expected` and `found` hold for each rule.

use super::rule::Rule;
use crate::encoding::EncodingFault;
use crate::hash::{BlockHash, MerkleRoot};
use crate::targets::{CompactTarget, Target};
use std::fmt;

/// The expected or the found value of a broken rule. `Display` writes hashes, roots and targets as 64 hex digits, bits
/// and versions as 8, scripts as hex, times, counts and amounts as decimal integers, and everything else in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultValue {
    /// A block hash.
    Hash(BlockHash),
    /// A threshold.
    Target(Target),
    /// A compact target.
    Bits(CompactTarget),
    /// A Unix time in seconds. An expected time may exceed 32 bits.
    Time(u64),
    /// A version, shown as the 32-bit number on the wire.
    Version(i32),
    /// A count of items or bytes, a weight, a height, or an index.
    Count(u64),
    /// An amount in the smallest unit (Bitcoin: satoshi). A block may contain any 64-bit value.
    Amount(i64),
    /// The root of a tree, or a commitment to one.
    Root(MerkleRoot),
    /// The first bytes of a script.
    Script(ScriptHead),
    /// Where and why the bytes are not a block.
    Encoding(EncodingFault),
    /// A property without a number.
    Words(Wording),
}

impl FaultValue {
    /// The number to write as a JSON integer; `None` for values that are written as text.
    pub const fn as_integer(&self) -> Option<u64> {
        match self {
            Self::Time(number) | Self::Count(number) => Some(*number),
            Self::Hash(_)
            | Self::Target(_)
            | Self::Bits(_)
            | Self::Version(_)
            | Self::Amount(_)
            | Self::Root(_)
            | Self::Script(_)
            | Self::Encoding(_)
            | Self::Words(_) => None,
        }
    }
}

impl fmt::Display for FaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => hash.fmt(f),
            Self::Target(target) => target.fmt(f),
            Self::Bits(bits) => bits.fmt(f),
            Self::Time(number) | Self::Count(number) => number.fmt(f),
            Self::Version(version) => write!(f, "{version:08x}"),
            Self::Amount(amount) => amount.fmt(f),
            Self::Root(root) => root.fmt(f),
            Self::Script(head) => head.fmt(f),
            Self::Encoding(fault) => fault.fmt(f),
            Self::Words(wording) => f.write_str(wording.as_str()),
        }
    }
}

/// The first bytes of a script: at most nine, which is what the height in a coinbase needs (a push of eight bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ScriptHead {
    bytes: [u8; Self::LEN_MAX],
    len: u8,
}

impl ScriptHead {
    /// The maximum number of bytes kept.
    pub const LEN_MAX: usize = 9;

    /// Keeps the first bytes of a script, at most [`Self::LEN_MAX`].
    pub fn of(script: &[u8]) -> Self {
        let kept = &script[..script.len().min(Self::LEN_MAX)];
        let mut bytes = [0; Self::LEN_MAX];
        bytes[..kept.len()].copy_from_slice(kept);
        Self { bytes, len: kept.len() as u8 }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Display for ScriptHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex::encode(self.as_bytes()))
    }
}

/// A property of a block that has no number, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wording {
    /// Expected by R20.
    WholeBlock,
    /// Expected by R22.
    NoEqualNodes,
    /// Found by R22.
    EqualNodes,
    /// Expected by R24.
    CoinbaseFirst,
    /// Found by R24.
    NoTransaction,
    /// Found by R24.
    NoCoinbase,
    /// Expected by R25.
    OneCoinbase,
    /// Found by R25.
    SecondCoinbase,
    /// Expected by R31, whose found value is the index of an input.
    NoOutputTwice,
    /// Expected by R33, whose found value is the index of an input.
    NamedOutput,
    /// Expected by R39.
    NoWitness,
    /// Found by R39.
    Witness,
}

impl Wording {
    /// Every wording.
    pub const ALL: [Self; 12] = [
        Self::WholeBlock,
        Self::NoEqualNodes,
        Self::EqualNodes,
        Self::CoinbaseFirst,
        Self::NoTransaction,
        Self::NoCoinbase,
        Self::OneCoinbase,
        Self::SecondCoinbase,
        Self::NoOutputTwice,
        Self::NamedOutput,
        Self::NoWitness,
        Self::Witness,
    ];

    /// The text, as verdicts show it. The wire carries it as well, and [`Self::from_text`] reads it back.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WholeBlock => "one whole, canonically encoded block",
            Self::NoEqualNodes => "no two equal nodes under one parent",
            Self::EqualNodes => "two equal nodes under one parent",
            Self::CoinbaseFirst => "a coinbase as the first transaction",
            Self::NoTransaction => "no transaction",
            Self::NoCoinbase => "a transaction that is not a coinbase",
            Self::OneCoinbase => "only the first transaction may be a coinbase",
            Self::SecondCoinbase => "a second coinbase",
            Self::NoOutputTwice => "inputs that spend no output twice",
            Self::NamedOutput => "inputs that name an output",
            Self::NoWitness => "no witness, since no commitment covers it",
            Self::Witness => "a witness",
        }
    }

    /// Finds a wording by its text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wording| wording.as_str() == text)
    }
}

/// The first rule that a chain breaks: at the lowest faulty block, the first rule in judging order.
///
/// `expected` is the nearest value that would have passed, if there is one; `docs/RULES.md` defines it for each rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The block's height.
    pub height: u64,
    /// The broken rule.
    pub rule: Rule,
    /// The value that would have passed.
    pub expected: FaultValue,
    /// The value in the block.
    pub found: FaultValue,
    /// Offset of the block's header, in bytes from the first header given (80 bytes each).
    pub offset: u64,
    /// The transaction that breaks the rule, counted from 0; `None` if the rule is not about a single transaction.
    pub transaction: Option<u32>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, rule, expected, found, offset, transaction } = self;
        write!(f, "{rule} broken at height {height}")?;
        if let Some(transaction) = transaction {
            write!(f, ", transaction {transaction}")?;
        }
        write!(f, " (byte {offset}): expected {expected}, found {found}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::EncodingKind;

    #[test]
    fn each_kind_of_value_is_formatted_as_documented() {
        assert_eq!(FaultValue::Version(-1).to_string(), "ffffffff");
        assert_eq!(FaultValue::Version(2).to_string(), "00000002");
        assert_eq!(FaultValue::Bits(CompactTarget::from_bits(0x1d00ffff)).to_string(), "1d00ffff");
        assert_eq!(FaultValue::Time(1 << 32).to_string(), "4294967296");
        assert_eq!(FaultValue::Time(7).as_integer(), Some(7));
        assert_eq!(FaultValue::Hash(BlockHash::ZERO).to_string(), "0".repeat(64));
        assert_eq!(FaultValue::Hash(BlockHash::ZERO).as_integer(), None);
        assert_eq!(FaultValue::Count(81_000).as_integer(), Some(81_000));
        assert_eq!(FaultValue::Amount(-1).to_string(), "-1");
        assert_eq!(FaultValue::Amount(1).as_integer(), None, "an amount may pass what JSON's numbers hold");
        let cut = EncodingFault { at: 85, kind: EncodingKind::Cut };
        assert_eq!(
            FaultValue::Encoding(cut).to_string(),
            "a field that runs past the end of the block, at byte 85 of the block"
        );
    }

    #[test]
    fn a_script_head_keeps_nine_bytes_and_is_shown_as_hex() {
        assert_eq!(ScriptHead::of(&[3, 0x5b, 0x7a, 3]).to_string(), "035b7a03");
        assert_eq!(ScriptHead::of(&[7; 12]).as_bytes(), [7; 9]);
        assert_eq!(ScriptHead::of(&[]).to_string(), "");
    }

    #[test]
    fn every_wording_is_found_by_its_exact_text() {
        for wording in Wording::ALL {
            assert_eq!(Wording::from_text(wording.as_str()), Some(wording));
        }
        assert_eq!(Wording::from_text("a witness "), None);
    }

    #[test]
    fn a_fault_names_rule_place_and_both_values() {
        let fault = Fault {
            height: 3,
            rule: Rule::FutureTime,
            expected: FaultValue::Time(10),
            found: FaultValue::Time(11),
            offset: 240,
            transaction: None,
        };
        assert_eq!(fault.to_string(), "R10 future-time broken at height 3 (byte 240): expected 10, found 11");
        let (expected, found) = (FaultValue::Amount(0), FaultValue::Amount(-5));
        let fault = Fault { rule: Rule::OutputValue, expected, found, transaction: Some(2), ..fault };
        let expected = "R29 output-value broken at height 3, transaction 2 (byte 240): expected 0, found -5";
        assert_eq!(fault.to_string(), expected);
    }
}
