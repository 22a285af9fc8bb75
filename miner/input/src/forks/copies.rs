//! Blocks that are given more than once, and the choice of one copy of each.
//!
//! A header commits to its body. So a body that does not match it ([`Rule::is_of_copy`]) is a damaged copy and says
//! nothing about the block: Bitcoin Core calls such a block mutated, does not mark its header invalid and accepts
//! another copy later. Here the first matching copy is used. If none matches, the copy that breaks the lowest rule is
//! used, so that the verifier reports it: the fault does not depend on the order of the copies.
//!
//! Copies are read only if the choice matters: those of blocks of the best chain that are given more than once, and, if
//! two tips have equal work, all blocks above the fork: the tip whose branch became complete first wins, and a block
//! counts from its first matching copy. Each copy is read once; memory holds a few bytes per copy.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use cityseal_chain::body::{BodyContext, BodyRoots, ParsedBlock, judge_body};
use cityseal_chain::header_tree::{HeaderTree, NEVER, Root, StaleBranch};
use cityseal_chain::{BlockHeader, MerkleKind, Parameters, Rule};
use cityseal_engine::BlockPlace;
use cityseal_hash::{HEADER_LEN, double_sha256};

use super::super::input_error::InputError;
use super::damaged_copy::DamagedCopy;
use super::folder::in_parallel;
use super::set::BlockSet;
use super::{Damage, Hidden};

/// All further copies, by the index of the first copy (the one in the tree), in input order.
type Again = HashMap<u32, Vec<u32>>;

/// The copies that were read: `None` for a matching copy, otherwise the rule that it breaks.
#[derive(Default)]
struct Checked(HashMap<u32, Option<Rule>>);

impl Checked {
    fn fits(&self, copy: u32) -> bool {
        self.0.get(&copy).is_some_and(Option::is_none)
    }
}

impl BlockSet {
    /// Chooses the best chain among those of equal work, and then the copy of each of its blocks.
    pub(super) fn choose_copies(&mut self, parameters: &Parameters, root: Root) -> Result<(), InputError> {
        let mut again = Again::new();
        for duplicate in self.tree.duplicates() {
            again.entry(duplicate.first).or_default().push(duplicate.index);
        }
        let mut checked = Checked::default();
        let mut tied = self.tied_blocks();
        if !tied.is_empty() {
            // A block below the fork that became complete late connects both branches at once.
            tied.extend(self.repeated_blocks(&again));
            tied.sort_unstable();
            tied.dedup();
            self.check(parameters, &tied, &again, &mut checked)?;
            // The tie may change which blocks belong to the best chain, so the repeated blocks are determined again
            // below.
            self.break_tie(parameters, root, &tied, &again, &checked);
        }
        let repeated = self.repeated_blocks(&again);
        self.check(parameters, &repeated, &again, &mut checked)?;
        for index in repeated {
            let copies = || copies_of(index, &again);
            let rule = |copy: &u32| checked.0.get(copy).copied().flatten().map(Rule::code);
            let least_damaged = || copies().min_by_key(rule);
            let used = copies().find(|copy| checked.fits(*copy)).or_else(least_damaged).unwrap_or(index);
            self.copies.insert(index, used);
            for copy in copies().filter(|copy| *copy != used) {
                if let Some(Some(rule)) = checked.0.get(&copy) {
                    let damaged = self.damaged_copy(index, self.places[copy as usize], *rule);
                    self.damaged_copies.push(damaged);
                }
            }
        }
        self.add_cut_copies();
        Ok(())
    }

    /// Returns the blocks above the forks of all branches with as much work as the best chain; none if only that has
    /// the most.
    fn tied_blocks(&self) -> Vec<u32> {
        let tree = &self.tree;
        let tips: Vec<&StaleBranch> = tree.stale().iter().filter(|branch| branch.tip_work == tree.work()).collect();
        let Some(fork) = tips.iter().map(|branch| branch.fork.height).min() else { return Vec::new() };
        let best: HashSet<u32> = tree.best().iter().copied().collect();
        let mut seen = HashSet::new();
        let mut tied = Vec::new();
        for branch in tips {
            let down = std::iter::successors(Some(branch.tip), |index| tree.parent(*index));
            tied.extend(down.take_while(|index| !best.contains(index) && seen.insert(*index)));
        }
        tied.extend(tree.best().iter().filter(|index| tree.height(**index).is_some_and(|height| height > fork)));
        tied
    }

    /// Returns the blocks of the best chain that are given more than once.
    fn repeated_blocks(&self, again: &Again) -> Vec<u32> {
        self.tree.best().iter().copied().filter(|index| again.contains_key(index)).collect()
    }

    /// Rebuilds the tree with the order in which blocks became complete.
    fn break_tie(&mut self, parameters: &Parameters, root: Root, tied: &[u32], again: &Again, checked: &Checked) {
        let mut arrivals: Vec<u32> = (0..self.places.len() as u32).collect();
        for index in tied {
            let whole = copies_of(*index, again).find(|copy| checked.fits(*copy));
            arrivals[*index as usize] = whole.unwrap_or(NEVER);
        }
        let (headers, _) = self.headers.as_chunks::<HEADER_LEN>();
        let hashes = headers.iter().map(|header| double_sha256(header)).collect();
        self.tree = HeaderTree::build_by_arrival(parameters, root, &self.headers, hashes, &arrivals);
    }

    /// Reads all copies of these blocks that were not read before.
    fn check(
        &self,
        parameters: &Parameters,
        blocks: &[u32],
        again: &Again,
        checked: &mut Checked,
    ) -> Result<(), InputError> {
        let heights = blocks.iter().filter_map(|index| Some((*index, self.tree.height(*index)?)));
        let wanted: Vec<(u32, u64)> = heights
            .flat_map(|(index, height)| copies_of(index, again).map(move |copy| (copy, height)))
            .filter(|(copy, _)| !checked.0.contains_key(copy))
            .collect();
        let rules = in_parallel(&wanted, |(copy, height)| {
            let mut block = Vec::new();
            self.files.read_one(&self.places[*copy as usize], &mut block)?;
            Ok(broken_by_copy(parameters, *height, &block))
        })?;
        checked.0.extend(wanted.iter().map(|(copy, _)| *copy).zip(rules));
        Ok(())
    }

    fn damaged_copy(&self, index: u32, place: BlockPlace, rule: Rule) -> DamagedCopy {
        let height = self.tree.height(index).unwrap_or_default();
        DamagedCopy { path: self.files.paths()[place.file as usize].clone(), at: place.at, height, rule }
    }

    /// Adds blocks of the best chain that have another copy which is truncated or behind a damaged frame.
    fn add_cut_copies(&mut self) {
        let hash_of = |damage: &Damage| match &damage.hidden {
            Hidden::Block { at, header } => Some((double_sha256(header), (damage.path.clone(), *at))),
            Hidden::Nothing | Hidden::Unknown => None,
        };
        let mut hidden: HashMap<[u8; 32], Vec<(PathBuf, u64)>> = HashMap::new();
        for (hash, place) in self.damage.iter().filter_map(hash_of) {
            hidden.entry(hash).or_default().push(place);
        }
        if hidden.is_empty() {
            return;
        }
        for index in self.tree.best() {
            let height = self.tree.height(*index).unwrap_or_default();
            for (path, at) in hidden.remove(&self.tree.hash(*index).to_wire()).unwrap_or_default() {
                self.damaged_copies.push(DamagedCopy { path, at, height, rule: Rule::BlockEncoding });
            }
        }
    }
}

fn copies_of(index: u32, again: &Again) -> impl Iterator<Item = u32> {
    std::iter::once(index).chain(again.get(&index).into_iter().flatten().copied())
}

/// Returns the rule by which a body does not match its header; `None` if it matches, whatever else is wrong with the
/// block.
fn broken_by_copy(parameters: &Parameters, height: u64, block: &[u8]) -> Option<Rule> {
    let Ok(parsed) = ParsedBlock::parse(block) else { return Some(Rule::BlockEncoding) };
    let header = BlockHeader::from_wire(block.first_chunk()?);
    let context = BodyContext { height, median_time: None };
    let roots = BodyRoots::of(parameters, &context, block, &parsed);
    if parameters.merkle() == MerkleKind::Rfc6962Sha256 && roots.merkle != header.merkle_root.to_wire() {
        // R41 is the last rule, but an earlier one may be broken only because the body is not that of the header.
        return Some(Rule::TransactionLogRoot);
    }
    let broken = judge_body(parameters, &context, block, &parsed, &roots).broken?.rule;
    broken.is_of_copy().then_some(broken)
}
