//! The rules of a chain by number and name, and why one may not have been judged.
//!
//! What each rule says, its source and its edge cases are in `docs/RULES.md`. A number, once given, never changes.

use std::fmt;

/// A rule that a header (R01 to R11) or a body (R20 and up) can break. Variants are declared in judging order: the
/// header's rules first, then the body's, which are judged only if the header passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// R01: the bits encode a negative number.
    TargetNegative,
    /// R02: the bits encode zero.
    TargetZero,
    /// R03: the bits encode a number beyond 256 bits.
    TargetOverflow,
    /// R04: the target is above the chain's limit.
    TargetAboveLimit,
    /// R05: the hash is above the target.
    ProofOfWork,
    /// R06: the header does not name its predecessor's hash; at height 0: it is not the genesis header.
    Link,
    /// R07: the bits are not those that the difficulty rule requires.
    Difficulty,
    /// R08: the time is not later than the median of the eleven preceding headers.
    MedianTime,
    /// R09: the first header of a period is too far behind its parent (BIP94).
    Timewarp,
    /// R10: the time is too far ahead of now.
    FutureTime,
    /// R11: the version is below the one required at this height.
    Version,
    /// R20: the bytes are not exactly one canonically encoded block.
    BlockEncoding,
    /// R21: the header's Merkle root is not that of the transactions.
    MerkleRoot,
    /// R22: two equal nodes share a parent in the Merkle tree (CVE-2012-2459).
    MerkleMutation,
    /// R23: the block without its witnesses is too large.
    BlockSize,
    /// R24: the first transaction is not a coinbase, or there is no transaction.
    CoinbaseMissing,
    /// R25: a transaction after the first is a coinbase.
    CoinbaseMultiple,
    /// R26: a transaction has no inputs.
    InputsEmpty,
    /// R27: a transaction has no outputs.
    OutputsEmpty,
    /// R28: a transaction without its witness is too large.
    TransactionSize,
    /// R29: an output is negative or above the maximum money supply.
    OutputValue,
    /// R30: the outputs of a transaction add up to more than the maximum money supply.
    OutputTotal,
    /// R31: a transaction spends the same output twice (CVE-2018-17144).
    DuplicateInput,
    /// R32: the coinbase's script is too short or too long.
    CoinbaseScriptLength,
    /// R33: a transaction other than the coinbase has an input with a null previous output.
    NullPrevout,
    /// R34: the scripts in the block require too many signature checks.
    Sigops,
    /// R35: a transaction's lock time has not passed.
    Finality,
    /// R36: the coinbase's script does not begin with the height (BIP34).
    CoinbaseHeight,
    /// R37: the coinbase's witness is not one item of 32 bytes (BIP141).
    WitnessReservedValue,
    /// R38: the coinbase's commitment does not match the witnesses (BIP141).
    WitnessCommitment,
    /// R39: a transaction has a witness that no commitment covers.
    UnexpectedWitness,
    /// R40: the block weighs too much (BIP141).
    Weight,
    /// R41: the header's root is not that of the transaction log (RFC 6962).
    TransactionLogRoot,
}

impl Rule {
    /// Every rule of a header, in the order of judging.
    pub const OF_HEADERS: [Self; 11] = [
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

    /// Every rule of a body, in the order of judging.
    pub const OF_BODIES: [Self; 22] = [
        Self::BlockEncoding,
        Self::MerkleRoot,
        Self::MerkleMutation,
        Self::BlockSize,
        Self::CoinbaseMissing,
        Self::CoinbaseMultiple,
        Self::InputsEmpty,
        Self::OutputsEmpty,
        Self::TransactionSize,
        Self::OutputValue,
        Self::OutputTotal,
        Self::DuplicateInput,
        Self::CoinbaseScriptLength,
        Self::NullPrevout,
        Self::Sigops,
        Self::Finality,
        Self::CoinbaseHeight,
        Self::WitnessReservedValue,
        Self::WitnessCommitment,
        Self::UnexpectedWitness,
        Self::Weight,
        Self::TransactionLogRoot,
    ];

    /// Every rule, in the order of judging.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::OF_HEADERS.into_iter().chain(Self::OF_BODIES)
    }

    /// Whether this is a rule of block bodies (R20 and up).
    pub fn is_of_bodies(self) -> bool {
        self >= Self::BlockEncoding
    }

    /// Whether a body that breaks this rule is not the one that its header commits to: a damaged copy, which says
    /// nothing about the block. Bitcoin Core calls such a block mutated.
    pub const fn is_of_copy(self) -> bool {
        matches!(
            self,
            Self::BlockEncoding
                | Self::MerkleRoot
                | Self::MerkleMutation
                | Self::WitnessReservedValue
                | Self::WitnessCommitment
                | Self::UnexpectedWitness
                | Self::TransactionLogRoot
        )
    }

    /// The number in the rule's code, 1 to 41.
    pub const fn number(self) -> u8 {
        // Variants are numbered from 0; the rules of bodies begin at R20.
        let at = self as u8;
        if at < Self::BlockEncoding as u8 { 1 + at } else { 20 + at - Self::BlockEncoding as u8 }
    }

    /// The rule's number, `R01` to `R41`.
    pub const fn code(self) -> &'static str {
        self.identity().0
    }

    /// The rule's name, hyphenated.
    pub const fn name(self) -> &'static str {
        self.identity().1
    }

    /// The rule's revision, from 1. Any change that makes some header or body be judged differently, bug fixes
    /// included, increments it. Changes to speed or wording do not.
    ///
    /// Results that outlive a build carry a digest of codes and revisions, see [`crate::RuleSet`].
    pub const fn revision(self) -> u32 {
        self.identity().2
    }

    /// Finds a rule by its number.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::all().find(|rule| rule.code() == code)
    }

    /// Code, name and revision.
    const fn identity(self) -> (&'static str, &'static str, u32) {
        match self {
            Self::TargetNegative => ("R01", "target-negative", 1),
            Self::TargetZero => ("R02", "target-zero", 1),
            Self::TargetOverflow => ("R03", "target-overflow", 1),
            Self::TargetAboveLimit => ("R04", "target-above-limit", 1),
            Self::ProofOfWork => ("R05", "proof-of-work", 1),
            Self::Link => ("R06", "link", 1),
            Self::Difficulty => ("R07", "difficulty", 1),
            Self::MedianTime => ("R08", "median-time", 1),
            Self::Timewarp => ("R09", "timewarp", 1),
            Self::FutureTime => ("R10", "future-time", 1),
            Self::Version => ("R11", "version", 1),
            Self::BlockEncoding => ("R20", "block-encoding", 1),
            Self::MerkleRoot => ("R21", "merkle-root", 1),
            Self::MerkleMutation => ("R22", "merkle-mutation", 1),
            Self::BlockSize => ("R23", "block-size", 1),
            Self::CoinbaseMissing => ("R24", "coinbase-missing", 1),
            Self::CoinbaseMultiple => ("R25", "coinbase-multiple", 1),
            Self::InputsEmpty => ("R26", "inputs-empty", 1),
            Self::OutputsEmpty => ("R27", "outputs-empty", 1),
            Self::TransactionSize => ("R28", "transaction-size", 1),
            Self::OutputValue => ("R29", "output-value", 1),
            Self::OutputTotal => ("R30", "output-total", 1),
            Self::DuplicateInput => ("R31", "duplicate-input", 1),
            Self::CoinbaseScriptLength => ("R32", "coinbase-script-length", 1),
            Self::NullPrevout => ("R33", "null-prevout", 1),
            Self::Sigops => ("R34", "sigops", 1),
            Self::Finality => ("R35", "finality", 1),
            Self::CoinbaseHeight => ("R36", "coinbase-height", 1),
            Self::WitnessReservedValue => ("R37", "witness-reserved-value", 1),
            Self::WitnessCommitment => ("R38", "witness-commitment", 1),
            Self::UnexpectedWitness => ("R39", "unexpected-witness", 1),
            Self::Weight => ("R40", "weight", 1),
            Self::TransactionLogRoot => ("R41", "transaction-log-root", 1),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code(), self.name())
    }
}

/// Why a rule could not be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unjudged {
    /// The header before the first one was not given.
    ParentAbsent,
    /// Fewer than eleven preceding headers were given, although the chain has more.
    MedianAbsent,
    /// The first header of the difficulty period was not given.
    PeriodStartAbsent,
    /// Every known header of the period so far has minimum difficulty.
    OrdinaryBitsAbsent,
    /// The block signature is not part of the header.
    OutsideHeaders,
}

impl Unjudged {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::ParentAbsent,
        Self::MedianAbsent,
        Self::PeriodStartAbsent,
        Self::OrdinaryBitsAbsent,
        Self::OutsideHeaders,
    ];

    /// The reason as text, as verdicts show it. It is parsed back from part files, so it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ParentAbsent => "the header before was not given",
            Self::MedianAbsent => "not all of the 11 headers before were given",
            Self::PeriodStartAbsent => "the first header of the difficulty period was not given",
            Self::OrdinaryBitsAbsent => "the period's last header of ordinary difficulty was not given",
            Self::OutsideHeaders => "the block signature is not in the headers",
        }
    }
}

/// The name of signet's block signature among the unchecked rules.
pub const BLOCK_SIGNATURE: &str = "BIP325";

/// A rule that was not judged over a range of heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NotChecked {
    /// The rule's number, or [`BLOCK_SIGNATURE`].
    pub rule: &'static str,
    /// The first height.
    pub from: u64,
    /// The last height.
    pub to: u64,
    /// Why not.
    pub why: Unjudged,
}

impl fmt::Display for NotChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, from, to, why } = self;
        write!(f, "{rule} not judged at heights {from} to {to}: {}", why.as_str())
    }
}

impl NotChecked {
    /// Builds a range from its text form; `None` if the rule or the reason is unknown.
    pub fn named(rule: &str, from: u64, to: u64, why: &str) -> Option<Self> {
        let rule = Rule::all().map(Rule::code).chain([BLOCK_SIGNATURE]).find(|known| *known == rule)?;
        let why = Unjudged::ALL.into_iter().find(|known| known.as_str() == why)?;
        Some(Self { rule, from, to, why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_from_r01_to_r11_and_from_r20_to_r41_in_the_order_of_judging() {
        for (number, rule) in (1..=11).chain(20..=41).zip(Rule::all()) {
            assert_eq!(rule.code(), format!("R{number:02}"));
            assert_eq!(u32::from(rule.number()), number);
            assert_eq!(Rule::from_code(rule.code()), Some(rule));
            assert_eq!(rule.is_of_bodies(), number >= 20);
        }
        assert_eq!(Rule::all().count(), 33);
        assert!(Rule::all().is_sorted());
        assert_eq!(Rule::from_code("R12"), None);
        assert_eq!(Rule::ProofOfWork.to_string(), "R05 proof-of-work");
    }
}
