//! How the tree is put together: own rules, links, the ranges that hang on each root, the best tip, and what is left over.

use cityseal_hash::HEADER_LEN;

use super::hash_index::HashIndex;
use super::tree::{Duplicate, Fork, HeaderTree, InvalidHeader, NONE, Root, StaleBranch, Unconnected};
use crate::hash::BlockHash;
use crate::parameters::Parameters;
use crate::rules::{Broken, Decoded, check_proof_of_work, decode_bits};
use crate::target::{ChainWork, CompactTarget};

impl HeaderTree {
    /// Builds the tree of packed headers, 80 bytes for each hash, on this root. Headers arrive in the order given.
    ///
    /// # Panics
    /// If `headers` is not 80 bytes for each hash, or there are 2^32 - 1 or more: the caller keeps both in step.
    pub fn build(parameters: &Parameters, root: Root, headers: &[u8], hashes: Vec<[u8; 32]>) -> Self {
        Self::build_in_order(parameters, root, headers, hashes, None)
    }

    /// Builds the tree of headers whose blocks became whole in another order than the one given. `arrivals` has a rank for
    /// each header: the lowest arrived first, [`NEVER`](super::NEVER) marks a block that never became whole, and equal ranks keep
    /// the order given. Only a choice between tips of equal work depends on it.
    ///
    /// # Panics
    /// As [`Self::build`], and if there is not one rank for each header.
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

/// The order in which the blocks of the headers became whole.
struct Arrivals<'a> {
    /// All numbers in that order; none where it is the order given.
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
    /// What may be built on: neither a duplicate nor invalid.
    stands: Vec<bool>,
    /// The header's own work, and once it is connected that of the whole way up to it.
    work: Vec<ChainWork>,
    parents: Vec<u32>,
    children: Children,
    /// The connected headers in the order in which they were connected: parents before children.
    order: Vec<u32>,
    tip: Option<u32>,
}

/// The children of each header as lists inside two tables: nothing is allocated for one header.
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
        let mut stands = vec![true; headers.len()];
        again.iter().for_each(|(index, _)| stands[*index as usize] = false);
        Self {
            hashes,
            index,
            duplicates: again.into_iter().map(|(index, first)| Duplicate { index, first }).collect(),
            invalid: Vec::new(),
            stands,
            work: vec![ChainWork::ZERO; headers.len()],
            parents: vec![NONE; headers.len()],
            children: Children { first: vec![NONE; headers.len()], next: vec![NONE; headers.len()] },
            order: Vec::with_capacity(headers.len()),
            tip: None,
        }
    }

    /// R01 to R05 for each header by itself.
    fn judge(&mut self, parameters: &Parameters, headers: &[[u8; HEADER_LEN]]) {
        let mut last: Option<Decoded> = None;
        for (at, header) in headers.iter().enumerate() {
            if !self.stands[at] {
                continue;
            }
            match own_work(parameters, header, &self.hashes[at], &mut last) {
                Ok(work) => self.work[at] = work,
                Err((rule, expected, found)) => {
                    self.stands[at] = false;
                    self.invalid.push(InvalidHeader { index: at as u32, height: None, rule, expected, found });
                }
            }
        }
    }

    /// Finds the parent of each header, and makes it a child where both may stand.
    fn link(&mut self, headers: &[[u8; HEADER_LEN]], arrivals: &Arrivals<'_>) {
        // The last child added is the first of its list: added from the last arrival on, the lists are in order of arrival.
        for at in (0..arrivals.count).rev().map(|at| arrivals.nth(at)) {
            let Some(parent) = self.index.find(&prev_of(&headers[at as usize]), &self.hashes) else { continue };
            self.parents[at as usize] = parent;
            if self.stands[at as usize] && self.stands[parent as usize] {
                self.children.add(parent, at);
            }
        }
    }

    /// The headers that are lowest in the tree.
    fn firsts(&self, parameters: &Parameters, root: Root, headers: &[[u8; HEADER_LEN]]) -> Vec<u32> {
        let stands = |index: &u32| self.stands[*index as usize];
        let all = 0..headers.len() as u32;
        match root {
            Root::Genesis => {
                let genesis = parameters.genesis_hash().to_wire();
                self.index.find(&genesis, &self.hashes).into_iter().filter(stands).collect()
            }
            Root::Above { hash, .. } => {
                let is_on_it = |index: &u32| prev_of(&headers[*index as usize]) == hash.to_wire();
                all.filter(stands).filter(is_on_it).collect()
            }
            Root::Heaviest { .. } => all.filter(stands).filter(|index| self.parents[*index as usize] == NONE).collect(),
        }
    }

    /// Connects headers in the order in which a node would: a block whose way down to a first one is whole is connected
    /// when it arrives, and with it, breadth first, those above it that arrived before and waited for it.
    fn connect(&mut self, firsts: &[u32], arrivals: &Arrivals<'_>) {
        let mut is_open = vec![false; self.hashes.len()];
        for first in firsts {
            // The first header has no parent here, whatever it names.
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

    /// The tip with the most work, of equal ones the one that was connected first; where only the piece of the chain that it is
    /// on counts, the other pieces are not connected.
    fn choose_tip(&mut self, only_its_piece: bool) {
        let mut tip: Option<u32> = None;
        for index in &self.order {
            if tip.is_none_or(|tip| self.work[*index as usize] > self.work[tip as usize]) {
                tip = Some(*index);
            }
        }
        self.tip = tip;
        let (Some(tip), true) = (tip, only_its_piece) else { return };
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
        let loose = (0..self.hashes.len()).filter(|at| self.stands[*at] && depths[*at] == NONE);
        let parent = |at: usize| Some(self.parents[at]).filter(|parent| *parent != NONE);
        loose.map(|at| Unconnected { index: at as u32, parent: parent(at) }).collect()
    }

    /// An invalid header stands above its parent, where that is connected; one without a parent claims to be the genesis.
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

    /// One branch for each connected tip but the best one.
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

    /// For each connected header, the last one below it that is of the best chain; [`NONE`] where that is below them all.
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

/// The work of a header by itself, or the first of R01 to R05 that it breaks. Most headers carry the bits of the one before.
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
