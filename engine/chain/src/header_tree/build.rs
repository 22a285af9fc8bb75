//! How the tree is put together: own rules, links, the ranges that hang on each root, the best tip, and what is left over.

use cityseal_hash::HEADER_LEN;

use super::hash_index::HashIndex;
use super::{Duplicate, Fork, HeaderTree, NONE, Root, StaleBranch, Unconnected, Unsound};
use crate::hash::BlockHash;
use crate::judge::{Broken, Decoded, check_proof_of_work, decode_bits};
use crate::parameters::Parameters;
use crate::target::CompactTarget;
use crate::work::ChainWork;

impl HeaderTree {
    /// Puts packed headers, 80 bytes for each hash, together on this root.
    ///
    /// # Panics
    /// If `headers` is not 80 bytes for each hash, or there are 2^32 - 1 or more: whoever hashed them keeps both in step.
    pub fn build(parameters: &Parameters, root: Root, headers: &[u8], hashes: Vec<[u8; 32]>) -> Self {
        let (headers, rest) = headers.as_chunks::<HEADER_LEN>();
        assert!(rest.is_empty() && headers.len() == hashes.len(), "there is one hash for each 80 bytes");
        assert!(headers.len() < NONE as usize, "headers are numbered in 32 bits");
        let mut build = Build::new(headers, hashes);
        build.judge(parameters, headers);
        build.link(headers);
        let firsts = build.firsts(parameters, root, headers);
        build.grow(matches!(root, Root::Heaviest { .. }), &firsts);
        build.conclude(parameters, root, headers)
    }
}

struct Build {
    hashes: Vec<[u8; 32]>,
    index: HashIndex,
    duplicates: Vec<Duplicate>,
    unsound: Vec<Unsound>,
    /// What may be built on: neither a duplicate nor unsound.
    stands: Vec<bool>,
    /// The header's own work, and once it is connected that of the whole way up to it.
    work: Vec<ChainWork>,
    parents: Vec<u32>,
    children: Children,
    /// The connected headers, parents before children.
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
            unsound: Vec::new(),
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
                    self.unsound.push(Unsound { index: at as u32, height: None, rule, expected, found });
                }
            }
        }
    }

    /// Finds the parent of each header, and makes it a child where both may stand.
    fn link(&mut self, headers: &[[u8; HEADER_LEN]]) {
        // The last child added is the first of its list: from the end on, the lists stand in the order given.
        for (at, header) in headers.iter().enumerate().rev() {
            let Some(parent) = self.index.find(&prev_of(header), &self.hashes) else { continue };
            self.parents[at] = parent;
            if self.stands[at] && self.stands[parent as usize] {
                self.children.add(parent, at as u32);
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

    /// Connects what stands on the firsts, all of them together or only the one that carries the most work.
    fn grow(&mut self, only_heaviest: bool, firsts: &[u32]) {
        for first in firsts {
            self.parents[*first as usize] = NONE;
        }
        let groups: Vec<&[u32]> = if only_heaviest { firsts.chunks(1).collect() } else { vec![firsts] };
        let mut best = 0..0;
        for group in groups {
            let from = self.order.len();
            let tip = self.grow_on(group);
            if self.tip.is_none_or(|best| tip.is_some_and(|tip| self.is_better(tip, best))) {
                self.tip = tip;
                best = from..self.order.len();
            }
        }
        self.order.truncate(best.end);
        self.order.drain(..best.start);
    }

    /// Connects what stands on these; tells the tip with the most work.
    fn grow_on(&mut self, firsts: &[u32]) -> Option<u32> {
        let mut at = self.order.len();
        let mut tip = firsts.first().copied();
        self.order.extend_from_slice(firsts);
        while let Some(&parent) = self.order.get(at) {
            if tip.is_some_and(|tip| self.is_better(parent, tip)) {
                tip = Some(parent);
            }
            let work = self.work[parent as usize];
            // A first one stands on nothing here, whatever it names.
            for child in self.children.of(parent).filter(|child| self.parents[*child as usize] == parent) {
                let own = self.work[child as usize];
                self.work[child as usize] = work.saturating_add(own);
                self.order.push(child);
            }
            at += 1;
        }
        tip
    }

    fn is_better(&self, one: u32, other: u32) -> bool {
        let (work, other_work) = (self.work[one as usize], self.work[other as usize]);
        work > other_work || (work == other_work && one < other)
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
        self.give_unsound_heights(parameters, root, headers, &depths, first_height);
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
            unsound: std::mem::take(&mut self.unsound),
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

    /// An unsound header stands above its parent, where that is connected; one without a parent claims to be the genesis.
    fn give_unsound_heights(
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
        for unsound in &mut self.unsound {
            let at = unsound.index as usize;
            let depth = depths.get(self.parents[at] as usize).copied().filter(|depth| *depth != NONE);
            let on_the_root = below.is_some_and(|below| prev_of(&headers[at]) == below).then_some(first_height);
            unsound.height = depth.map(|depth| first_height.saturating_add(u64::from(depth) + 1)).or(on_the_root);
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
