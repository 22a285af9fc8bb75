//! Builds the tree: judges each header by itself, links headers, connects them to the root, and chooses the best tip.

use cityseal_hash::HEADER_LEN;

use super::hash_index::HashIndex;
use super::tree::{Duplicate, Fork, HeaderTree, InvalidHeader, NONE, Root, StaleBranch, Unconnected};
use crate::hash::BlockHash;
use crate::parameters::Parameters;
use crate::rules::{Broken, Decoded, check_proof_of_work, decode_bits};
use crate::targets::{ChainWork, CompactTarget};

impl HeaderTree {
    /// Builds the tree of packed headers, 80 bytes for each hash, on this root. The order given is the order of
    /// arrival.
    ///
    /// # Panics
    /// If `headers` is not 80 bytes for each hash, or if there are 2^32 - 1 headers or more.
    pub fn build(parameters: &Parameters, root: Root, headers: &[u8], hashes: Vec<[u8; 32]>) -> Self {
        Self::build_in_order(parameters, root, headers, hashes, None)
    }

    /// Builds the tree of headers whose blocks became complete in another order than the one given. `arrivals` has a
    /// rank for each header: lower ranks arrived first, [`NEVER`](super::NEVER) marks a block that never became
    /// complete, and equal ranks keep the order given. Only the choice between tips of equal work depends on it.
    ///
    /// # Panics
    /// Like [`Self::build`], and if there is not one rank for each header.
    pub fn build_by_arrival(
        parameters: &Parameters,
        root: Root,
        headers: &[u8],
        hashes: Vec<[u8; 32]>,
        arrivals: &[u32],
    ) -> Self {
        assert_eq!(arrivals.len(), hashes.len(), "there is one rank for each header");
        Self::build_in_order(parameters, root, headers, hashes, Some(arrivals))
    }

    fn build_in_order(
        parameters: &Parameters,
        root: Root,
        headers: &[u8],
        hashes: Vec<[u8; 32]>,
        arrivals: Option<&[u32]>,
    ) -> Self {
        let (headers, rest) = headers.as_chunks::<HEADER_LEN>();
        assert!(rest.is_empty() && headers.len() == hashes.len(), "there is one hash for each 80 bytes");
        assert!(headers.len() < NONE as usize, "headers are numbered in 32 bits");
        let arrivals = Arrivals::new(headers.len() as u32, arrivals);
        let mut build = Build::new(headers, hashes);
        build.judge(parameters, headers);
        build.link(headers, &arrivals);
        let firsts = build.firsts(parameters, root, headers);
        build.connect(&firsts, &arrivals);
        build.choose_tip(matches!(root, Root::Heaviest { .. }));
        build.conclude(parameters, root, headers)
    }
}

/// The order in which the blocks of the headers became complete.
struct Arrivals<'a> {
    /// All indices in that order; `None` if it is the order given.
    order: Option<Vec<u32>>,
    ranks: Option<&'a [u32]>,
    count: u32,
}

impl<'a> Arrivals<'a> {
    fn new(count: u32, ranks: Option<&'a [u32]>) -> Self {
        let order = ranks.map(|ranks| {
            let mut order: Vec<u32> = (0..count).collect();
            order.sort_by_key(|index| ranks[*index as usize]);
            order
        });
        Self { order, ranks, count }
    }

    fn nth(&self, at: u32) -> u32 {
        self.order.as_ref().map_or(at, |order| order[at as usize])
    }

    fn is_before(&self, one: u32, other: u32) -> bool {
        let key = |index: u32| (self.ranks.map_or(0, |ranks| ranks[index as usize]), index);
        key(one) < key(other)
    }
}

struct Build {
    hashes: Vec<[u8; 32]>,
    index: HashIndex,
    duplicates: Vec<Duplicate>,
    invalid: Vec<InvalidHeader>,
    /// Whether a header may be built on: it is neither a duplicate nor invalid.
    is_usable: Vec<bool>,
    /// The header's own work; once connected, the work of the whole path up to it.
    work: Vec<ChainWork>,
    parents: Vec<u32>,
    children: Children,
    /// The connected headers in the order of their connection: parents before children.
    order: Vec<u32>,
    tip: Option<u32>,
}

/// The children of each header, as linked lists inside two tables, so that no header needs its own allocation.
struct Children {
    first: Vec<u32>,
    next: Vec<u32>,
}

impl Children {
    fn of(&self, parent: u32) -> impl Iterator<Item = u32> {
        let named = |number: u32| (number != NONE).then_some(number);
        std::iter::successors(named(self.first[parent as usize]), move |child| named(self.next[*child as usize]))
    }

    fn add(&mut self, parent: u32, child: u32) {
        self.next[child as usize] = std::mem::replace(&mut self.first[parent as usize], child);
    }
}

impl Build {
    fn new(headers: &[[u8; HEADER_LEN]], hashes: Vec<[u8; 32]>) -> Self {
        let (index, again) = HashIndex::of(&hashes);
        let mut is_usable = vec![true; headers.len()];
        again.iter().for_each(|(index, _)| is_usable[*index as usize] = false);
        Self {
            hashes,
            index,
            duplicates: again.into_iter().map(|(index, first)| Duplicate { index, first }).collect(),
            invalid: Vec::new(),
            is_usable,
            work: vec![ChainWork::ZERO; headers.len()],
            parents: vec![NONE; headers.len()],
            children: Children { first: vec![NONE; headers.len()], next: vec![NONE; headers.len()] },
            order: Vec::with_capacity(headers.len()),
            tip: None,
        }
    }

    /// Judges each header by R01 to R05.
    fn judge(&mut self, parameters: &Parameters, headers: &[[u8; HEADER_LEN]]) {
        let mut last: Option<Decoded> = None;
        for (at, header) in headers.iter().enumerate() {
            if !self.is_usable[at] {
                continue;
            }
            match own_work(parameters, header, &self.hashes[at], &mut last) {
                Ok(work) => self.work[at] = work,
                Err((rule, expected, found)) => {
                    self.is_usable[at] = false;
                    self.invalid.push(InvalidHeader { index: at as u32, height: None, rule, expected, found });
                }
            }
        }
    }

    /// Finds the parent of each header, and adds the header as its child if both are usable.
    fn link(&mut self, headers: &[[u8; HEADER_LEN]], arrivals: &Arrivals<'_>) {
        // The child added last is the first of its list: adding in reverse order of arrival sorts the lists by arrival.
        for at in (0..arrivals.count).rev().map(|at| arrivals.nth(at)) {
            let Some(parent) = self.index.find(&prev_of(&headers[at as usize]), &self.hashes) else { continue };
            self.parents[at as usize] = parent;
            if self.is_usable[at as usize] && self.is_usable[parent as usize] {
                self.children.add(parent, at);
            }
        }
    }

    /// The lowest headers of the tree.
    fn firsts(&self, parameters: &Parameters, root: Root, headers: &[[u8; HEADER_LEN]]) -> Vec<u32> {
        let is_usable = |index: &u32| self.is_usable[*index as usize];
        let all = 0..headers.len() as u32;
        match root {
            Root::Genesis => {
                let genesis = parameters.genesis_hash().to_wire();
                self.index.find(&genesis, &self.hashes).into_iter().filter(is_usable).collect()
            }
            Root::Above { hash, .. } => {
                let is_on_it = |index: &u32| prev_of(&headers[*index as usize]) == hash.to_wire();
                all.filter(is_usable).filter(is_on_it).collect()
            }
            Root::Heaviest { .. } => {
                all.filter(is_usable).filter(|index| self.parents[*index as usize] == NONE).collect()
            }
        }
    }

    /// Connects headers in the order in which a node would. A block with a complete path down to a first header is
    /// connected when it arrives, together with the earlier arrivals above it that waited for it, breadth first.
    fn connect(&mut self, firsts: &[u32], arrivals: &Arrivals<'_>) {
        let mut is_open = vec![false; self.hashes.len()];
        for first in firsts {
            // A first header has no parent in this tree, whatever it names.
            self.parents[*first as usize] = NONE;
            is_open[*first as usize] = true;
        }
        for event in (0..arrivals.count).map(|at| arrivals.nth(at)) {
            if !std::mem::take(&mut is_open[event as usize]) {
                continue;
            }
            let mut at = self.order.len();
            self.order.push(event);
            while let Some(&parent) = self.order.get(at) {
                let work = self.work[parent as usize];
                for child in self.children.of(parent).filter(|child| self.parents[*child as usize] == parent) {
                    let own = self.work[child as usize];
                    self.work[child as usize] = work.saturating_add(own);
                    // A child that has not arrived yet is connected by its own arrival.
                    if arrivals.is_before(child, event) {
                        self.order.push(child);
                    } else {
                        is_open[child as usize] = true;
                    }
                }
                at += 1;
            }
        }
    }

    /// Chooses the tip with the most work; of equal ones, the one connected first. With `only_its_piece`, all headers
    /// that do not share a first header with the tip become unconnected.
    fn choose_tip(&mut self, only_its_piece: bool) {
        let mut tip: Option<u32> = None;
        for index in &self.order {
            if tip.is_none_or(|tip| self.work[*index as usize] > self.work[tip as usize]) {
                tip = Some(*index);
            }
        }
        self.tip = tip;
        let (Some(tip), true) = (tip, only_its_piece) else { return };
        // Parents precede children in `order`, so a parent's first header is already known.
        let mut firsts = vec![NONE; self.hashes.len()];
        for index in &self.order {
            let parent = self.parents[*index as usize];
            firsts[*index as usize] = if parent == NONE { *index } else { firsts[parent as usize] };
        }
        self.order.retain(|index| firsts[*index as usize] == firsts[tip as usize]);
    }

    fn conclude(mut self, parameters: &Parameters, root: Root, headers: &[[u8; HEADER_LEN]]) -> HeaderTree {
        let (first_height, below) = match root {
            Root::Genesis => (0, None),
            Root::Above { hash, height } => (height.saturating_add(1), Some(Fork { height, hash })),
            Root::Heaviest { height } => (height, None),
        };
        let depths = self.depths();
        let best = self.best();
        let unconnected = self.unconnected(&depths);
        self.set_heights_of_invalid(parameters, root, headers, &depths, first_height);
        let mut tree = HeaderTree {
            work: self.tip.map_or(ChainWork::ZERO, |tip| self.work[tip as usize]),
            stale_blocks: (self.order.len() - best.len()) as u64,
            hashes: std::mem::take(&mut self.hashes),
            parents: std::mem::take(&mut self.parents),
            depths,
            first_height,
            below,
            best,
            stale: Vec::new(),
            unconnected,
            invalid: std::mem::take(&mut self.invalid),
            duplicates: std::mem::take(&mut self.duplicates),
        };
        tree.stale = self.stale(&tree);
        tree
    }

    fn depths(&self) -> Vec<u32> {
        let mut depths = vec![NONE; self.hashes.len()];
        for index in &self.order {
            let parent = self.parents[*index as usize];
            depths[*index as usize] = if parent == NONE { 0 } else { depths[parent as usize] + 1 };
        }
        depths
    }

    fn best(&self) -> Vec<u32> {
        let down = |index: &u32| Some(self.parents[*index as usize]).filter(|parent| *parent != NONE);
        let mut best: Vec<u32> = std::iter::successors(self.tip, down).collect();
        best.reverse();
        best
    }

    fn unconnected(&self, depths: &[u32]) -> Vec<Unconnected> {
        let loose = (0..self.hashes.len()).filter(|at| self.is_usable[*at] && depths[*at] == NONE);
        let parent = |at: usize| Some(self.parents[at]).filter(|parent| *parent != NONE);
        loose.map(|at| Unconnected { index: at as u32, parent: parent(at) }).collect()
    }

    /// Sets the heights of invalid headers: one above a connected parent, or that of the first header if directly above
    /// the root.
    fn set_heights_of_invalid(
        &mut self,
        parameters: &Parameters,
        root: Root,
        headers: &[[u8; HEADER_LEN]],
        depths: &[u32],
        first_height: u64,
    ) {
        let below = match root {
            Root::Genesis => Some(parameters.genesis().prev_block_hash.to_wire()),
            Root::Above { hash, .. } => Some(hash.to_wire()),
            Root::Heaviest { .. } => None,
        };
        for invalid in &mut self.invalid {
            let at = invalid.index as usize;
            let depth = depths.get(self.parents[at] as usize).copied().filter(|depth| *depth != NONE);
            let on_the_root = below.is_some_and(|below| prev_of(&headers[at]) == below).then_some(first_height);
            invalid.height = depth.map(|depth| first_height.saturating_add(u64::from(depth) + 1)).or(on_the_root);
        }
    }

    /// One branch for each connected tip except the best one.
    fn stale(&self, tree: &HeaderTree) -> Vec<StaleBranch> {
        let forks = self.forks(tree);
        let is_tip = |index: &u32| self.children.of(*index).next().is_none() && Some(*index) != self.tip;
        let mut tips: Vec<u32> = self.order.iter().copied().filter(is_tip).collect();
        tips.sort_unstable();
        let branch = |tip: u32| {
            let fork = tree.fork_at(forks[tip as usize]);
            let tip_height = tree.height(tip).unwrap_or(tree.first_height);
            StaleBranch {
                fork,
                tip,
                tip_height,
                tip_hash: BlockHash::from_wire(tree.hashes[tip as usize]),
                tip_work: self.work[tip as usize],
                blocks: tip_height - fork.height,
            }
        };
        tips.into_iter().map(branch).collect()
    }

    /// For each connected header, the last one at or below it in the best chain; [`NONE`] if that is below all headers.
    fn forks(&self, tree: &HeaderTree) -> Vec<u32> {
        let mut forks = vec![NONE; tree.hashes.len()];
        tree.best.iter().for_each(|index| forks[*index as usize] = *index);
        for index in &self.order {
            let parent = tree.parents[*index as usize];
            if forks[*index as usize] == NONE && parent != NONE {
                forks[*index as usize] = forks[parent as usize];
            }
        }
        forks
    }
}

/// The work of a header, or the first of R01 to R05 that it breaks. Most headers carry the same bits as the one before,
/// so `last` caches them decoded.
fn own_work(
    parameters: &Parameters,
    header: &[u8; HEADER_LEN],
    hash: &[u8; 32],
    last: &mut Option<Decoded>,
) -> Result<ChainWork, Broken> {
    let bits = CompactTarget::from_bits(u32::from_le_bytes([header[72], header[73], header[74], header[75]]));
    let decoded = match last {
        Some(decoded) if decoded.bits == bits => *decoded,
        _ => *last.insert(decode_bits(parameters, bits)?),
    };
    check_proof_of_work(&decoded.target, hash)?;
    Ok(decoded.work)
}

fn prev_of(header: &[u8; HEADER_LEN]) -> [u8; 32] {
    let mut prev = [0; 32];
    prev.copy_from_slice(&header[4..36]);
    prev
}
