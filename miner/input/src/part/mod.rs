//! A part of a verification that can be saved, and joined with the other parts or resumed: what `--shard`, `--join` and
//! `--checkpoint` write and read.
//!
//! Joining is associative. Any split of an input into shards, joined in any grouping, gives the bytes that one run over the
//! whole input gives. So a part holds nothing about devices, threads or the time it took. It holds the digest of the rules by
//! which it was judged: a part outlives the build that made it, and a build with other rules must not take it as checked.

mod file;

use cityseal_chain::{ChainWork, Cut, History, MerkleKind, RuleSet, Summary, Tip};
use cityseal_engine::{RunState, VerifyReport};
pub use cityseal_receipt::ItemKind;

pub use crate::rows::FaultRow;
pub use file::PartFileError;

/// Most shards of one input: far more than machines that anyone has, and low enough that a typing error is noticed.
pub const SHARDS_MAX: u64 = 1 << 20;

/// The rules that are judged for such a chain.
pub const fn rules_of(merkle: MerkleKind, items: ItemKind) -> RuleSet {
    match items {
        ItemKind::Headers => RuleSet::HEADERS,
        ItemKind::Blocks => RuleSet::blocks(merkle),
    }
}

/// The rules that are judged, where the history that they need is known: by their numbers.
pub fn checked_rules(merkle: MerkleKind, items: ItemKind) -> Vec<String> {
    rules_of(merkle, items).rules().map(|rule| rule.code().to_owned()).collect()
}

/// A saved result was judged by other rules than those of this build, so it proves nothing here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "RULES_DIFFER: it was judged by {}, this build judges by {expected}; make it again with this build",
    found.as_deref().unwrap_or("a build that did not record its rules")
)]
pub struct RulesDiffer {
    /// The digest of the rules by which it was judged; `None` where a build made it that recorded none.
    pub found: Option<String>,
    /// The digest of this build's rules, or all of them where several kinds of chain come into question.
    pub expected: String,
}

/// Why a verification cannot be resumed from a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Other rules.
    Rules(RulesDiffer),
    /// What else differs.
    Other(&'static str),
}

/// What all parts of one verification have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The digest of the parameters, 64 hex digits.
    pub parameters: String,
    /// The digest of the rules that are judged ([`RuleSet`]), 64 hex digits.
    pub rules: String,
    /// What the input is made of.
    pub items: ItemKind,
    /// The height of the first item of the whole input.
    pub start_height: u64,
    /// The chain work before it.
    pub start_work: ChainWork,
    /// The present time for rule R10, in seconds since 1970.
    pub now: u64,
}

/// Which of equal shares of an input a part speaks of, both ends counted, from 1 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// The first share.
    pub first: u64,
    /// The last share.
    pub last: u64,
    /// How many shares the whole input has.
    pub of: u64,
}

impl Shares {
    /// The whole input in one share.
    pub const WHOLE: Self = Self { first: 1, last: 1, of: 1 };

    /// Share `index` of `of`.
    pub const fn one(index: u64, of: u64) -> Self {
        Self { first: index, last: index, of }
    }

    /// All shares together are the whole, however many they were.
    fn join(self, next: Self) -> Self {
        if self.first == 1 && next.last == self.of { Self::WHOLE } else { Self { last: next.last, ..self } }
    }
}

/// See the module's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it has in common with the other parts.
    pub chain: Chain,
    /// Which shares of the input it speaks of.
    pub shares: Shares,
    /// What its first item was judged after.
    pub before: History,
    /// What the next item is to be judged after; `None` where there is a fault or a cut.
    pub after: Option<History>,
    /// What was proved; its fault stands beside.
    pub summary: Summary,
    /// The first rule broken.
    pub fault: Option<FaultRow>,
    /// Why the input was not seen to the end of the share.
    pub cut: Option<String>,
}

/// Why parts do not join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// They are of different verifications.
    #[error("share {share}: {what} is {found}, that of the shares before is {expected}")]
    OtherChain {
        /// The share that does not fit.
        share: u64,
        /// What differs.
        what: &'static str,
        /// What the shares before have.
        expected: String,
        /// What this one has.
        found: String,
    },
    /// A share is missing, or there twice.
    #[error("expected share {expected} of {of}, found share {found}")]
    Order {
        /// The share that should come.
        expected: u64,
        /// The share that came.
        found: u64,
        /// How many there are.
        of: u64,
    },
    /// Their headers are not those of one chain, or not cut at the same place.
    #[error("share {share} does not begin where share {} ends: expected height {expected}, found {found}{words}", share - 1)]
    Gap {
        /// The share that does not fit.
        share: u64,
        /// The height behind the shares before.
        expected: u64,
        /// The height that this one begins at.
        found: u64,
        /// More words, where both heights are equal.
        words: &'static str,
    },
    /// Not all shares are there.
    #[error("share {expected} of {of} is missing")]
    Missing {
        /// The first that is.
        expected: u64,
        /// How many there are.
        of: u64,
    },
    /// They were judged by other rules than those of this build.
    #[error(transparent)]
    Rules(#[from] RulesDiffer),
    /// There is nothing to join.
    #[error("no shares were given")]
    Nothing,
}

/// What is concluded from a part that is the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// Every item passed.
    Valid,
    /// A rule is broken.
    Fault(FaultRow),
    /// Not all was seen.
    Incomplete(String),
}

impl Part {
    /// The part that a verification of some shares comes to; `fault` and `cut` as they are told to people.
    pub fn of_report(
        chain: Chain,
        shares: Shares,
        before: History,
        report: &VerifyReport,
        fault: Option<FaultRow>,
        cut: Option<String>,
    ) -> Self {
        let RunState { summary, history } = report.state.clone();
        let after = (fault.is_none() && cut.is_none()).then_some(history);
        let cut = cut.filter(|_| fault.is_none());
        Self { chain, shares, before, after, summary: Summary { fault: None, ..summary }, fault, cut }
    }

    /// Joins the part that follows directly. Behind a fault or a cut nothing is added.
    ///
    /// # Errors
    /// [`JoinError`] where the other part is of another chain or does not begin where this one ends.
    pub fn join(self, next: Self) -> Result<Self, JoinError> {
        self.refuse_other_chain(&next)?;
        let share = next.shares.first;
        let expected = self.shares.last + 1;
        if share != expected || next.shares.of != self.shares.of {
            return Err(JoinError::Order { expected, found: share, of: self.shares.of });
        }
        let shares = self.shares.join(next.shares);
        let Some(after) = self.after else { return Ok(Self { shares, ..self }) };
        let (expected, found) = (after.next_height(), next.summary.first_height);
        if expected != found {
            return Err(JoinError::Gap { share, expected, found, words: "" });
        }
        if after != next.before {
            let words = ", and the headers before it are others";
            return Err(JoinError::Gap { share, expected, found, words });
        }
        let summary = self.summary.join(next.summary);
        Ok(Self { shares, summary, after: next.after, fault: next.fault, cut: next.cut, ..self })
    }

    /// Joins parts in any order.
    ///
    /// # Errors
    /// [`JoinError`] where one is missing, there twice, of another chain, or does not fit.
    pub fn join_all(mut parts: Vec<Self>) -> Result<Self, JoinError> {
        parts.sort_by_key(|part| part.shares.first);
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or(JoinError::Nothing)?;
        let of = first.shares.of;
        if first.shares.first != 1 {
            return Err(JoinError::Order { expected: 1, found: first.shares.first, of });
        }
        let whole = parts.try_fold(first, Self::join)?;
        if whole.shares != Shares::WHOLE {
            return Err(JoinError::Missing { expected: whole.shares.last + 1, of });
        }
        Ok(whole)
    }

    /// Whether it speaks of the whole input.
    pub fn is_whole(&self) -> bool {
        self.shares == Shares::WHOLE
    }

    /// What is concluded from it, where it is the whole.
    pub fn conclusion(&self) -> Conclusion {
        match (&self.fault, &self.cut) {
            (Some(fault), _) => Conclusion::Fault(fault.clone()),
            (None, Some(cut)) => Conclusion::Incomplete(cut.clone()),
            (None, None) if self.summary.count == 0 => Conclusion::Incomplete(Cut::Empty.to_string()),
            (None, None) => Conclusion::Valid,
        }
    }

    /// The last item that passed.
    pub fn tip(&self) -> Option<Tip> {
        let (height, hash) = self.summary.last_height().zip(self.summary.last_hash)?;
        Some(Tip { height, hash, chain_work: self.chain.start_work.saturating_add(self.summary.work) })
    }

    /// The state from which a verification of this chain resumes; `before` is what its first item comes after.
    ///
    /// # Errors
    /// What does not fit: the part is of another chain, another input, another question or other rules.
    pub fn resume(self, chain: &Chain, before: &History) -> Result<RunState, Misfit> {
        let (found, expected) = (&self.chain, chain);
        let other = if found.parameters != expected.parameters {
            "the parameters of the chain"
        } else if found.items != expected.items {
            "headers where there are blocks, or blocks where there are headers"
        } else if found.rules != expected.rules {
            let (found, expected) = (Some(found.rules.clone()), expected.rules.clone());
            return Err(Misfit::Rules(RulesDiffer { found, expected }));
        } else if found.start_height != expected.start_height {
            "the start height"
        } else if found.start_work != expected.start_work {
            "the start work"
        } else if found.now != expected.now {
            "the present time, for rule R10"
        } else if self.before != *before {
            "the headers of the context"
        } else if !self.is_whole() {
            "it is a shard of the input, for --join"
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
            Err(JoinError::OtherChain { share: next.shares.first, what, expected, found })
        };
        differs("the digest of the parameters", &mine.parameters, &other.parameters)?;
        differs("what the input is made of", &mine.items.as_str(), &other.items.as_str())?;
        differs("the digest of the rules", &mine.rules, &other.rules)?;
        differs("the start height", &mine.start_height, &other.start_height)?;
        differs("the start work", &mine.start_work.to_display_hex(), &other.start_work.to_display_hex())?;
        differs("the time for rule R10 (give all shards the same --now)", &mine.now, &other.now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_checked_depends_on_the_input_and_the_tree() {
        let headers = checked_rules(MerkleKind::Bitcoin, ItemKind::Headers);
        assert_eq!((headers.len(), headers.last().map(String::as_str)), (11, Some("R11")));
        let of = |kind| checked_rules(kind, ItemKind::Blocks);
        let has = |codes: &[String], code: &str| codes.iter().any(|known| known == code);
        let (bitcoin, city) = (of(MerkleKind::Bitcoin), of(MerkleKind::Rfc6962Sha256));
        assert!(has(&bitcoin, "R21") && has(&bitcoin, "R40") && !has(&bitcoin, "R41"));
        assert!(!has(&city, "R21") && has(&city, "R23") && has(&city, "R41"));
    }
}
