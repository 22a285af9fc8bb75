//! What a run of consecutive headers proves, as a value that joins: any split of a chain over threads, devices or
//! machines gives the same bytes as one thread.
//!
//! A summary relies on the history that its headers were judged after. It draws no conclusion; `verdict.rs` does.

use super::fault::Fault;
use super::rule::NotChecked;
use crate::hash::BlockHash;
use crate::merkle::TreeOutline;
use crate::targets::ChainWork;
use cityseal_hash::double_sha256;

/// The blocks whose headers and bodies passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bodies {
    /// Number of blocks.
    pub blocks: u64,
    /// Number of their transactions.
    pub transactions: u64,
    /// Their bytes, headers included.
    pub bytes: u64,
}

impl Bodies {
    fn join(self, next: Self) -> Self {
        Self {
            blocks: self.blocks + next.blocks,
            transactions: self.transactions + next.transactions,
            bytes: self.bytes + next.bytes,
        }
    }
}

/// RFC 6962 trees over the items that passed, from which the roots of a receipt come. Leaves are numbered from the
/// first item of the whole input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitments {
    /// Over the hashes of the headers.
    pub headers: TreeOutline,
    /// Over the contents of blocks (see [`content_digest`]); `None` for a chain of headers.
    pub contents: Option<TreeOutline>,
}

impl Commitments {
    /// Commitments to no items, before item `first`.
    pub fn empty(first: u64, of_blocks: bool) -> Self {
        Self { headers: TreeOutline::empty(first), contents: of_blocks.then(|| TreeOutline::empty(first)) }
    }

    fn join(self, next: Self) -> Self {
        let contents = self.contents.zip(next.contents).map(|(left, right)| left.join(right));
        Self { headers: self.headers.join(next.headers), contents }
    }
}

/// Identifies every byte of a block that passed. Without witnesses it is the block's hash, which commits to its
/// transactions. With witnesses it is the double SHA-256 over that hash, the root over the witness ids with zeros for
/// the coinbase's (BIP141), and the coinbase's own witness id; 32 bytes each, in wire order.
pub fn content_digest(hash: &[u8; 32], witness: Option<(&[u8; 32], &[u8; 32])>) -> [u8; 32] {
    match witness {
        None => *hash,
        Some((root, coinbase)) => double_sha256(&[*hash, *root, *coinbase].concat()),
    }
}

/// What a run of consecutive headers proves.
///
/// Joining is associative, and the summary of no headers is its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Height of the first header of the run.
    pub first_height: u64,
    /// Number of headers that passed every judged rule, from the first one without a gap.
    pub count: u64,
    /// The predecessor that the first header names; `None` if there is no header.
    pub first_prev: Option<BlockHash>,
    /// Hash of the last header that passed, if any.
    pub last_hash: Option<BlockHash>,
    /// The work of the headers that passed, saturating at 2^256 - 1.
    pub work: ChainWork,
    /// The bodies that passed, if whole blocks were judged.
    pub bodies: Bodies,
    /// Commitments to every item that passed, if requested.
    pub commitments: Option<Commitments>,
    /// The first broken rule; headers after it were not judged.
    pub fault: Option<Fault>,
    /// What was not judged, up to and including the last header judged, even if faulty. Sorted by rule, then by height;
    /// adjacent ranges with the same reason are joined.
    pub not_checked: Vec<NotChecked>,
}

impl Summary {
    /// The summary of no headers, before the one at `first_height`.
    pub const fn empty(first_height: u64) -> Self {
        Self {
            first_height,
            count: 0,
            first_prev: None,
            last_hash: None,
            work: ChainWork::ZERO,
            bodies: Bodies { blocks: 0, transactions: 0, bytes: 0 },
            commitments: None,
            fault: None,
            not_checked: Vec::new(),
        }
    }

    /// Joins the summary of the headers that follow directly. After a fault nothing is added, because later headers
    /// were judged after a history that is not a chain.
    ///
    /// # Panics
    /// If `next` does not begin where this summary ends, which is a bug of the caller.
    #[must_use]
    pub fn join(self, next: Self) -> Self {
        if self.fault.is_some() {
            return self;
        }
        assert_eq!(self.first_height + self.count, next.first_height, "summaries join in the order of their headers");
        Self {
            first_height: self.first_height,
            count: self.count + next.count,
            first_prev: self.first_prev.or(next.first_prev),
            last_hash: next.last_hash.or(self.last_hash),
            work: self.work.saturating_add(next.work),
            bodies: self.bodies.join(next.bodies),
            commitments: match (self.commitments, next.commitments) {
                (Some(left), Some(right)) => Some(left.join(right)),
                // One of the two summaries is of no headers.
                (left, right) => left.or(right),
            },
            fault: next.fault,
            not_checked: joined(self.not_checked, next.not_checked),
        }
    }

    /// Adds ranges that were not judged.
    pub fn add_not_checked(&mut self, ranges: impl IntoIterator<Item = NotChecked>) {
        self.not_checked = joined(std::mem::take(&mut self.not_checked), ranges.into_iter().collect());
    }

    /// Height of the last header that passed, if any.
    pub const fn last_height(&self) -> Option<u64> {
        if self.count == 0 { None } else { Some(self.first_height + self.count - 1) }
    }
}

/// Adds ranges and restores their order.
fn joined(mut ranges: Vec<NotChecked>, more: Vec<NotChecked>) -> Vec<NotChecked> {
    if more.is_empty() {
        return ranges;
    }
    ranges.extend(more);
    in_order(ranges)
}

/// Sorts by rule, then by height, and joins adjacent ranges of one rule and one reason.
pub(crate) fn in_order(mut ranges: Vec<NotChecked>) -> Vec<NotChecked> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let touches = last.rule == next.rule && last.why == next.why && last.to + 1 == next.from;
        if touches {
            last.to = next.to;
        }
        touches
    });
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::fault::FaultValue;
    use crate::rules::rule::{Rule, Unjudged};

    fn range(rule: &'static str, from: u64, to: u64, why: Unjudged) -> NotChecked {
        NotChecked { rule, from, to, why }
    }

    #[test]
    fn the_summary_of_no_headers_is_the_identity() {
        let run = Summary { count: 2, first_prev: Some(BlockHash::ZERO), ..Summary::empty(5) };
        assert_eq!(Summary::empty(5).join(run.clone()), run);
        assert_eq!(run.clone().join(Summary::empty(7)), run);
        assert_eq!(run.last_height(), Some(6));
        assert_eq!(Summary::empty(5).last_height(), None);
    }

    #[test]
    fn adjacent_ranges_with_the_same_reason_are_joined() {
        let left = vec![range("R07", 5, 5, Unjudged::ParentAbsent), range("R08", 5, 8, Unjudged::MedianAbsent)];
        let right = vec![range("R07", 6, 6, Unjudged::PeriodStartAbsent), range("R08", 9, 15, Unjudged::MedianAbsent)];
        let expected = vec![
            range("R07", 5, 5, Unjudged::ParentAbsent),
            range("R07", 6, 6, Unjudged::PeriodStartAbsent),
            range("R08", 5, 15, Unjudged::MedianAbsent),
        ];
        assert_eq!(joined(left, right), expected);
    }

    #[test]
    fn nothing_is_added_after_a_fault() {
        let value = FaultValue::Time(0);
        let fault = Fault { height: 6, rule: Rule::Link, expected: value, found: value, offset: 80, transaction: None };
        let broken = Summary { count: 1, fault: Some(fault), ..Summary::empty(5) };
        let later = Summary { count: 9, ..Summary::empty(100) };
        assert_eq!(broken.clone().join(later), broken);
    }

    #[test]
    #[should_panic(expected = "summaries join in the order of their headers")]
    fn joining_summaries_with_a_gap_panics() {
        let _ = Summary::empty(5).join(Summary::empty(6));
    }
}
