//! The rules of a header chain by number and name, and the fault that names the first one broken.
//!
//! What each rule says, its source and its edge stand in `docs/RULES.md`; a number, once given, never changes. Rules
//! from R20 on judge bodies and are not here.

use crate::hash::BlockHash;
use crate::target::{CompactTarget, Target};
use std::fmt;

/// A rule that headers alone can break. The variants stand in the order in which each header is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// R01: the bits encode a negative number.
    TargetNegative,
    /// R02: the bits encode zero.
    TargetZero,
    /// R03: the bits encode a number past 256 bits.
    TargetOverflow,
    /// R04: the target is above the chain's limit.
    TargetAboveLimit,
    /// R05: the hash is above the target.
    ProofOfWork,
    /// R06: the header does not name its predecessor's hash; at height 0: it is not the genesis header.
    Link,
    /// R07: the bits are not those that the difficulty rule requires.
    Difficulty,
    /// R08: the time is not past the median of the eleven headers before.
    MedianTime,
    /// R09: the first header of a period lies too far behind its parent (BIP94).
    Timewarp,
    /// R10: the time is too far ahead of now.
    FutureTime,
    /// R11: the version is below the one that holds at this height.
    Version,
}

impl Rule {
    /// Every rule, in the order of judging.
    pub const ALL: [Self; 11] = [
        Self::TargetNegative,
        Self::TargetZero,
        Self::TargetOverflow,
        Self::TargetAboveLimit,
        Self::ProofOfWork,
        Self::Link,
        Self::Difficulty,
        Self::MedianTime,
        Self::Timewarp,
        Self::FutureTime,
        Self::Version,
    ];

    /// The number, `R01` to `R11`.
    pub const fn code(self) -> &'static str {
        self.code_and_name().0
    }

    /// The name, in words joined by hyphens.
    pub const fn name(self) -> &'static str {
        self.code_and_name().1
    }

    /// The rule of that number.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.code() == code)
    }

    const fn code_and_name(self) -> (&'static str, &'static str) {
        match self {
            Self::TargetNegative => ("R01", "target-negative"),
            Self::TargetZero => ("R02", "target-zero"),
            Self::TargetOverflow => ("R03", "target-overflow"),
            Self::TargetAboveLimit => ("R04", "target-above-limit"),
            Self::ProofOfWork => ("R05", "proof-of-work"),
            Self::Link => ("R06", "link"),
            Self::Difficulty => ("R07", "difficulty"),
            Self::MedianTime => ("R08", "median-time"),
            Self::Timewarp => ("R09", "timewarp"),
            Self::FutureTime => ("R10", "future-time"),
            Self::Version => ("R11", "version"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

/// One side of a broken rule. Its kind says how it is written: hashes and targets as 64 hex digits, bits and versions as
/// 8, times as integers. `Display` writes just that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultValue {
    /// A block hash.
    Hash(BlockHash),
    /// A threshold.
    Target(Target),
    /// A compact target.
    Bits(CompactTarget),
    /// Seconds since 1970. An expected time may be past what 32 bits hold.
    Time(u64),
    /// A version, shown as the 32-bit number on the wire.
    Version(i32),
}

impl FaultValue {
    /// The number to write where JSON takes an integer; none for values that are written as hex digits.
    pub const fn as_integer(&self) -> Option<u64> {
        match self {
            Self::Time(seconds) => Some(*seconds),
            Self::Hash(_) | Self::Target(_) | Self::Bits(_) | Self::Version(_) => None,
        }
    }
}

impl fmt::Display for FaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => hash.fmt(f),
            Self::Target(target) => target.fmt(f),
            Self::Bits(bits) => bits.fmt(f),
            Self::Time(seconds) => seconds.fmt(f),
            Self::Version(version) => write!(f, "{version:08x}"),
        }
    }
}

/// The first rule that a chain breaks: the lowest header, and there the first rule in order.
///
/// `expected` is the nearest value that would have passed, where there is one; `docs/RULES.md` says which for each rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Height of the header.
    pub height: u64,
    /// The rule that it breaks.
    pub rule: Rule,
    /// What would have passed.
    pub expected: FaultValue,
    /// What stands there.
    pub found: FaultValue,
    /// Where the header begins, in bytes from the first header given.
    pub offset: u64,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { height, rule, expected, found, offset } = self;
        write!(f, "{rule} broken at height {height} (byte {offset}): expected {expected}, found {found}")
    }
}

/// Why a rule could not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unjudged {
    /// The header before the first one was not given.
    ParentAbsent,
    /// Fewer than the eleven headers before were given, and there are more than those.
    MedianAbsent,
    /// The first header of the difficulty period was not given.
    PeriodStartAbsent,
    /// Only headers at minimum difficulty were given since before the period's known part.
    OrdinaryBitsAbsent,
    /// The block's signature does not stand in its header.
    OutsideHeaders,
    /// Blocks were given, and only their headers are judged.
    BodiesUnjudged,
}

impl Unjudged {
    /// The reason in words, as it stands in a verdict.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ParentAbsent => "the header before was not given",
            Self::MedianAbsent => "not all of the 11 headers before were given",
            Self::PeriodStartAbsent => "the first header of the difficulty period was not given",
            Self::OrdinaryBitsAbsent => "the period's last header of ordinary difficulty was not given",
            Self::OutsideHeaders => "the block signature is not in the headers",
            Self::BodiesUnjudged => "only the headers of blocks are judged, not their transactions",
        }
    }
}

/// The name under which signet's block signature stands among what was not checked.
pub const BLOCK_SIGNATURE: &str = "BIP325";

/// The name under which the transactions of blocks stand among what was not checked.
pub const BLOCK_BODY: &str = "block-body";

/// A rule that was not judged over a range of heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotChecked {
    /// The rule's number, [`BLOCK_SIGNATURE`] or [`BLOCK_BODY`].
    pub rule: &'static str,
    /// The first height.
    pub from: u64,
    /// The last height.
    pub to: u64,
    /// Why not.
    pub why: Unjudged,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_from_r01_to_r11_in_the_order_of_judging() {
        for (number, rule) in (1..).zip(Rule::ALL) {
            assert_eq!(rule.code(), format!("R{number:02}"));
            assert_eq!(Rule::from_code(rule.code()), Some(rule));
        }
        assert!(Rule::ALL.is_sorted());
        assert_eq!(Rule::from_code("R12"), None);
        assert_eq!(Rule::ProofOfWork.to_string(), "R05 proof-of-work");
    }

    #[test]
    fn values_are_written_by_their_kind() {
        assert_eq!(FaultValue::Version(-1).to_string(), "ffffffff");
        assert_eq!(FaultValue::Version(2).to_string(), "00000002");
        assert_eq!(FaultValue::Bits(CompactTarget::from_bits(0x1d00ffff)).to_string(), "1d00ffff");
        assert_eq!(FaultValue::Time(1 << 32).to_string(), "4294967296");
        assert_eq!(FaultValue::Time(7).as_integer(), Some(7));
        assert_eq!(FaultValue::Hash(BlockHash::ZERO).to_string(), "0".repeat(64));
        assert_eq!(FaultValue::Hash(BlockHash::ZERO).as_integer(), None);
    }

    #[test]
    fn a_fault_names_rule_place_and_both_values() {
        let fault = Fault {
            height: 3,
            rule: Rule::FutureTime,
            expected: FaultValue::Time(10),
            found: FaultValue::Time(11),
            offset: 240,
        };
        assert_eq!(fault.to_string(), "R10 future-time broken at height 3 (byte 240): expected 10, found 11");
    }
}
