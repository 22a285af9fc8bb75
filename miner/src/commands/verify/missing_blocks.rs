//! Decides whether blocks may be missing from the best chain of a set, because of damage or unconnected headers.
//!
//! As in Bitcoin Core's import, junk and old blocks outside the best chain change nothing. The verdict is INCOMPLETE
//! only if blocks may be missing that would make the best chain longer or another chain heavier: that is, if a header
//! does not connect or is hidden by damage, and can be above the tip. A block above the tip has a time after the median
//! of the tip and the ten headers below it (R08). A header that equals one of the best chain except for its parent is a
//! copy of that header with a wrong bit.

use std::collections::HashSet;

use cityseal_chain::header_tree::{InvalidHeader, Unconnected};
use cityseal_chain::{BlockHash, BlockHeader, Parameters, Rule};
use cityseal_input::{BlockSet, Damage, Hidden};

/// Number of headers in a median time (BIP113).
const MEDIAN_HEADERS: usize = 11;

/// Why blocks may be missing from the best chain; `None` if there is no sign of that.
pub(super) fn reason(parameters: &Parameters, set: &BlockSet, unconnected: &[Unconnected]) -> Option<String> {
    if let Some(damage) = set.damage().iter().find(|damage| damage.hidden == Hidden::Unknown) {
        return Some(format!("{damage}; it may hide blocks"));
    }
    if set.hides_unlisted() {
        return Some("one of the damaged places not listed here may hide a block".into());
    }
    let may_extend = MayExtend::new(set);
    let loose = unconnected.iter().map(|loose| Suspect::unconnected(set, loose));
    let invalid = set.tree().invalid_headers().iter().filter_map(|invalid| Suspect::invalid_header(set, invalid));
    let hidden = set.damage().iter().filter_map(|damage| Suspect::hidden(parameters, damage));
    let hidden = not_in(set, hidden.collect());
    let mut suspects: Vec<Suspect> = hidden.into_iter().chain(loose).chain(invalid).collect();
    suspects.retain(|suspect| may_extend.is_late_enough(&suspect.header));
    let known = known_but_for_their_parent(set, &suspects);
    let suspect = suspects.into_iter().find(|suspect| !known.contains(&without_parent(&suspect.header)))?;
    Some(suspect.why)
}

/// A header that may belong to a block above the tip.
struct Suspect {
    header: BlockHeader,
    why: String,
}

impl Suspect {
    fn of(header: BlockHeader, why: impl FnOnce(BlockHash) -> String) -> Self {
        let why = why(header.hash());
        Self { header, why }
    }

    /// A header hidden by damage, unless its target is above the limit of this network.
    fn hidden(parameters: &Parameters, damage: &Damage) -> Option<Self> {
        let Hidden::Block { header, .. } = &damage.hidden else { return None };
        let header = BlockHeader::from_wire(header);
        let is_possible = header.bits.decode().is_ok_and(|target| target <= parameters.pow_limit());
        is_possible.then(|| Self::of(header, |hash| format!("{damage}; it hides the block {hash}")))
    }

    fn unconnected(set: &BlockSet, loose: &Unconnected) -> Self {
        let header = set.header(loose.index);
        Self::of(header, |hash| {
            let place = set.place(loose.index);
            let (parent, path) = (header.prev_block_hash, place.path.display());
            format!("{hash} does not connect: its parent {parent} is not in the input ({path} at byte {})", place.at)
        })
    }

    /// A header without proof of work is junk, unless it could be the next block's header with a wrong bit: it is not
    /// connected and has the tip's `bits`.
    fn invalid_header(set: &BlockSet, invalid: &InvalidHeader) -> Option<Self> {
        let header = set.header(invalid.index);
        let tip = set.tree().tip().map(|tip| set.header(tip));
        let is_like_the_tip = tip.is_none_or(|tip| tip.bits == header.bits);
        let is_loose = invalid.height.is_none() && invalid.rule == Rule::ProofOfWork && is_like_the_tip;
        let why = |hash| {
            let (place, rule) = (set.place(invalid.index), invalid.rule);
            format!("{hash} breaks {rule} and does not connect ({} at byte {})", place.path.display(), place.at)
        };
        is_loose.then(|| Self::of(header, why))
    }
}

/// The condition that every header above the tip satisfies.
struct MayExtend {
    /// Its time is after this one (Unix time); `None` if nothing is known.
    median_time: Option<u32>,
}

impl MayExtend {
    fn new(set: &BlockSet) -> Self {
        let best = set.tree().best();
        let last = &best[best.len().saturating_sub(MEDIAN_HEADERS)..];
        let mut times: Vec<u32> = last.iter().map(|index| set.header(*index).time).collect();
        times.sort_unstable();
        // With fewer than 11 headers the median is exact only from the genesis header on. Otherwise the headers before
        // them are unknown, and their earliest time is used as a lower bound.
        let is_known = times.len() == MEDIAN_HEADERS || set.tree().first_height() == 0;
        let at = if is_known { times.len() / 2 } else { 0 };
        Self { median_time: times.get(at).copied() }
    }

    fn is_late_enough(&self, header: &BlockHeader) -> bool {
        self.median_time.is_none_or(|median| header.time > median)
    }
}

/// Keeps the suspects that are not in the set.
fn not_in(set: &BlockSet, mut suspects: Vec<Suspect>) -> Vec<Suspect> {
    let wanted: HashSet<BlockHash> = suspects.iter().map(|suspect| suspect.header.hash()).collect();
    if wanted.is_empty() {
        return suspects;
    }
    let all = (0..set.tree().len() as u32).map(|index| set.tree().hash(index));
    let found: HashSet<BlockHash> = all.filter(|hash| wanted.contains(hash)).collect();
    suspects.retain(|suspect| !found.contains(&suspect.header.hash()));
    suspects
}

/// The suspects that equal a header of the best chain except for the parent, with their parent set to zero.
fn known_but_for_their_parent(set: &BlockSet, suspects: &[Suspect]) -> HashSet<BlockHeader> {
    let wanted: HashSet<BlockHeader> = suspects.iter().map(|suspect| without_parent(&suspect.header)).collect();
    if wanted.is_empty() {
        return wanted;
    }
    let best = set.tree().best().iter().map(|index| without_parent(&set.header(*index)));
    best.filter(|header| wanted.contains(header)).collect()
}

fn without_parent(header: &BlockHeader) -> BlockHeader {
    BlockHeader { prev_block_hash: BlockHash::ZERO, ..*header }
}
