//! A saved part of a verification, which can be joined with the other parts or resumed: the files of `--shard`,
//! `--join` and `--checkpoint`.
//!
//! Joining is associative: any split of an input into shards, joined in any grouping, gives the same bytes as one run
//! over the whole input. So a part has no data about devices, threads or durations. It has the digest of the rules by
//! which it was judged, because a part may be read by a later build, and a build with other rules must not accept it as
//! checked.

mod file;

use cityseal_chain::{ChainWork, Cut, Digest, History, MerkleKind, RuleSet, Summary, Tip, Verdict, VerdictKind};
use cityseal_engine::{RunState, VerifyReport};
pub use cityseal_receipt::ItemKind;

use crate::placed_fault::PlacedFault;
pub use file::PartFileError;

/// Maximum number of shards: far more machines than anyone has, and low enough to catch a typing error.
pub const SHARDS_MAX: u64 = 1 << 20;

/// The rules that are judged for a chain of these items with this kind of Merkle tree.
pub const fn rules_of(merkle: MerkleKind, items: ItemKind) -> RuleSet {
    match items {
        ItemKind::Headers => RuleSet::HEADERS,
        ItemKind::Blocks => RuleSet::blocks(merkle),
    }
}

/// The numbers of the rules that are judged if the history that they need is known.
pub fn checked_rules(merkle: MerkleKind, items: ItemKind) -> Vec<String> {
    rules_of(merkle, items).rules().map(|rule| rule.code().to_owned()).collect()
}

/// Error of a saved result that was judged by other rules than those of this build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "RULES_DIFFER: it was judged by {}, but this build judges by {expected}; create it again with this build",
    found.as_deref().unwrap_or("a build that did not record its rules")
)]
pub struct RulesDiffer {
    /// The digest of the rules by which the result was judged; `None` if its build did not record them.
    pub found: Option<String>,
    /// The digest of this build's rules; several, joined by "or", if the kind of chain is unknown.
    pub expected: String,
}

impl RulesDiffer {
    /// The error of a result that names its rules.
    pub fn of(found: Digest, expected: Digest) -> Self {
        Self { found: Some(found.to_string()), expected: expected.to_string() }
    }
}

/// Reason why a verification cannot be resumed from a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The rules differ.
    Rules(RulesDiffer),
    /// This property differs.
    Other(&'static str),
}

/// The properties that all parts of one verification have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The digest of the parameters.
    pub parameters: Digest,
    /// The digest of the rules that are judged ([`RuleSet`]).
    pub rules: Digest,
    /// Kind of the items in the input.
    pub items: ItemKind,
    /// The height of the first item of the whole input.
    pub start_height: u64,
    /// The chain work before the first item.
    pub start_work: ChainWork,
    /// The current time for rule R10 (Unix time).
    pub now: u64,
}

/// The range of shards that a part covers: `first` to `last` (inclusive, counted from 1) of `of`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardRange {
    /// The first shard.
    pub first: u64,
    /// The last shard.
    pub last: u64,
    /// The number of shards of the whole input.
    pub of: u64,
}

impl ShardRange {
    /// The whole input as one shard.
    pub const WHOLE: Self = Self { first: 1, last: 1, of: 1 };

    /// Shard `index` of `of`.
    pub const fn one(index: u64, of: u64) -> Self {
        Self { first: index, last: index, of }
    }

    /// Joins two adjacent ranges. All shards together become [`Self::WHOLE`], whatever their number.
    fn join(self, next: Self) -> Self {
        if self.first == 1 && next.last == self.of { Self::WHOLE } else { Self { last: next.last, ..self } }
    }
}

/// The saved result of verifying some shards of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The properties that it has in common with the other parts.
    pub chain: Chain,
    /// The shards of the input that it covers.
    pub shards: ShardRange,
    /// History before its first item.
    pub before: History,
    /// History before the next item; `None` after a fault or a truncation.
    pub after: Option<History>,
    /// Summary of the items that passed; its `fault` is `None`, see [`Self::fault`].
    pub summary: Summary,
    /// The first broken rule.
    pub fault: Option<PlacedFault>,
    /// Why the input ended before the end of the shards.
    pub cut: Option<String>,
}

/// Error of joining parts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The parts belong to different verifications.
    #[error("shard {shard}: {what} is {found}; expected {expected}, as in the shards before it")]
    OtherChain {
        /// The shard that differs.
        shard: u64,
        /// The property that differs.
        what: &'static str,
        /// Its value in the shards before.
        expected: String,
        /// Its value in this shard.
        found: String,
    },
    /// A shard is missing or given twice.
    #[error("expected shard {expected} of {of}, found shard {found}")]
    Order {
        /// The expected shard.
        expected: u64,
        /// The shard found.
        found: u64,
        /// Number of shards.
        of: u64,
    },
    /// The shards are not of the same chain, or the input was split at other places.
    #[error(
        "shard {shard} does not start where shard {} ends: expected height {expected}, found {found}{words}",
        shard - 1
    )]
    Gap {
        /// The shard that does not follow.
        shard: u64,
        /// The height after the shards before.
        expected: u64,
        /// The first height of this shard.
        found: u64,
        /// Explanation if both heights are equal.
        words: &'static str,
    },
    /// A shard at the end is missing.
    #[error("shard {expected} of {of} is missing")]
    Missing {
        /// The first missing shard.
        expected: u64,
        /// Number of shards.
        of: u64,
    },
    /// The shards were judged by other rules than those of this build.
    #[error(transparent)]
    Rules(#[from] RulesDiffer),
    /// There is nothing to join.
    #[error("no shards were given")]
    Nothing,
}

/// The conclusion from a part that covers the whole input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Every item passed.
    Valid,
    /// A rule is broken.
    Fault(PlacedFault),
    /// The input is truncated or empty.
    Incomplete(String),
}

impl Conclusion {
    /// The kind of verdict.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Valid => VerdictKind::Valid,
            Self::Fault(_) => VerdictKind::Fault,
            Self::Incomplete(_) => VerdictKind::Incomplete,
        }
    }
}

impl Part {
    /// Creates the part of a verification of some shards; `conclusion` is that of the printed answer.
    pub fn of_report(
        chain: Chain,
        shards: ShardRange,
        before: History,
        report: &VerifyReport,
        conclusion: Conclusion,
    ) -> Self {
        let RunState { summary, history } = report.state.clone();
        let (fault, cut) = match conclusion {
            Conclusion::Valid => (None, None),
            Conclusion::Fault(fault) => (Some(fault), None),
            // The other shards may have items.
            Conclusion::Incomplete(_) if report.verdict == Verdict::Incomplete(Cut::Empty) => (None, None),
            Conclusion::Incomplete(reason) => (None, Some(reason)),
        };
        let after = (fault.is_none() && cut.is_none()).then_some(history);
        Self { chain, shards, before, after, summary: Summary { fault: None, ..summary }, fault, cut }
    }

    /// Joins the part that follows directly. After a fault or a truncation nothing is added.
    ///
    /// # Errors
    /// [`JoinError`] if the other part is of another chain or does not start where this one ends.
    pub fn join(self, next: Self) -> Result<Self, JoinError> {
        self.refuse_other_chain(&next)?;
        let shard = next.shards.first;
        let expected = self.shards.last + 1;
        if shard != expected || next.shards.of != self.shards.of {
            return Err(JoinError::Order { expected, found: shard, of: self.shards.of });
        }
        let shards = self.shards.join(next.shards);
        let Some(after) = self.after else { return Ok(Self { shards, ..self }) };
        let (expected, found) = (after.next_height(), next.summary.first_height);
        if expected != found {
            return Err(JoinError::Gap { shard, expected, found, words: "" });
        }
        if after != next.before {
            let words = ", but the headers before it are different";
            return Err(JoinError::Gap { shard, expected, found, words });
        }
        let summary = self.summary.join(next.summary);
        Ok(Self { shards, summary, after: next.after, fault: next.fault, cut: next.cut, ..self })
    }

    /// Joins parts in any order.
    ///
    /// # Errors
    /// [`JoinError`] if a part is missing, given twice, of another chain, or does not follow the one before it.
    pub fn join_all(mut parts: Vec<Self>) -> Result<Self, JoinError> {
        parts.sort_by_key(|part| part.shards.first);
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or(JoinError::Nothing)?;
        let of = first.shards.of;
        if first.shards.first != 1 {
            return Err(JoinError::Order { expected: 1, found: first.shards.first, of });
        }
        let whole = parts.try_fold(first, Self::join)?;
        if whole.shards != ShardRange::WHOLE {
            return Err(JoinError::Missing { expected: whole.shards.last + 1, of });
        }
        Ok(whole)
    }

    /// Whether the part covers the whole input.
    pub fn is_whole(&self) -> bool {
        self.shards == ShardRange::WHOLE
    }

    /// The conclusion, if the part covers the whole input.
    pub fn conclusion(&self) -> Conclusion {
        match (&self.fault, &self.cut) {
            (Some(fault), _) => Conclusion::Fault(fault.clone()),
            (None, Some(cut)) => Conclusion::Incomplete(cut.clone()),
            (None, None) if self.summary.count == 0 => Conclusion::Incomplete(Cut::Empty.to_string()),
            (None, None) => Conclusion::Valid,
        }
    }

    /// The last item that passed; `None` if no item did.
    pub fn tip(&self) -> Option<Tip> {
        let (height, hash) = self.summary.last_height().zip(self.summary.last_hash)?;
        Some(Tip { height, hash, chain_work: self.chain.start_work.saturating_add(self.summary.work) })
    }

    /// The state from which a verification of `chain` resumes; `before` is the history before its first item.
    ///
    /// # Errors
    /// [`Misfit`] if the part is of another chain, another input, other options or other rules.
    pub fn resume(self, chain: &Chain, before: &History) -> Result<RunState, Misfit> {
        let (found, expected) = (&self.chain, chain);
        // The kind of items decides which rules are judged, so it is compared before the rules.
        let other = if found.parameters != expected.parameters {
            "the parameters of the chain"
        } else if found.items != expected.items {
            "the kind of items (headers or blocks)"
        } else if found.rules != expected.rules {
            return Err(Misfit::Rules(RulesDiffer::of(found.rules, expected.rules)));
        } else if found.start_height != expected.start_height {
            "the start height"
        } else if found.start_work != expected.start_work {
            "the start work"
        } else if found.now != expected.now {
            "the current time, for rule R10"
        } else if self.before != *before {
            "the headers of the context"
        } else if !self.is_whole() {
            "it is a shard of the input, to be merged with --join"
        } else if let Some(history) = self.after {
            return Ok(RunState { summary: self.summary, history });
        } else {
            "it ended in a fault or truncated input and cannot be resumed"
        };
        Err(Misfit::Other(other))
    }

    fn refuse_other_chain(&self, next: &Self) -> Result<(), JoinError> {
        let (mine, other) = (&self.chain, &next.chain);
        let differs = |what, expected: &dyn ToString, found: &dyn ToString| {
            let (expected, found) = (expected.to_string(), found.to_string());
            if expected == found {
                return Ok(());
            }
            Err(JoinError::OtherChain { shard: next.shards.first, what, expected, found })
        };
        differs("the digest of the parameters", &mine.parameters, &other.parameters)?;
        differs("the kind of items", &mine.items.as_str(), &other.items.as_str())?;
        differs("the digest of the rules", &mine.rules, &other.rules)?;
        differs("the start height", &mine.start_height, &other.start_height)?;
        differs("the start work", &mine.start_work.to_display_hex(), &other.start_work.to_display_hex())?;
        differs("the time for rule R10 (use the same --now for all shards)", &mine.now, &other.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_rules_depend_on_the_items_and_the_tree() {
        let headers = checked_rules(MerkleKind::Bitcoin, ItemKind::Headers);
        assert_eq!((headers.len(), headers.last().map(String::as_str)), (11, Some("R11")));
        let of = |kind| checked_rules(kind, ItemKind::Blocks);
        let has = |codes: &[String], code: &str| codes.iter().any(|known| known == code);
        let (bitcoin, city) = (of(MerkleKind::Bitcoin), of(MerkleKind::Rfc6962Sha256));
        assert!(has(&bitcoin, "R21") && has(&bitcoin, "R40") && !has(&bitcoin, "R41"));
        assert!(!has(&city, "R21") && has(&city, "R23") && has(&city, "R41"));
    }
}
