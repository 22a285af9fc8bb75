//! The tree of headers equals a reference implementation on random trees in random orders, and is right in edge cases.
//!
//! Hashes are arguments of the tree, so these headers need no sealing: each has its number in its nonce, and a hash
//! derived from that number.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use cityseal_chain::header_tree::{Fork, HeaderTree, InvalidHeader, NEVER, Root, StaleBranch};
use cityseal_chain::{BlockHash, BlockHeader, ChainWork, CompactTarget, Network, Parameters, Rule};
use proptest::prelude::*;
use proptest::sample::Index;

/// The limit of regtest, and harder targets with more work.
const BITS: [u32; 4] = [0x207f_ffff, 0x203f_ffff, 0x201f_0000, 0x2000_ffff];
const EASY: u32 = BITS[0];

/// A header with its assumed hash.
#[derive(Clone, Copy, Debug)]
struct Made {
    header: BlockHeader,
    hash: [u8; 32],
}

fn regtest() -> Parameters {
    Parameters::of(Network::Regtest)
}

fn genesis() -> Made {
    let header = *regtest().genesis();
    Made { header, hash: header.hash().to_wire() }
}

/// A hash that meets every target of [`BITS`], different for each number.
fn hash_of(number: u32) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b1).to_le_bytes());
    hash[4..8].copy_from_slice(&number.to_le_bytes());
    hash[8] = 1;
    hash
}

fn child(number: u32, parent: [u8; 32], bits: u32) -> Made {
    let header = BlockHeader {
        prev_block_hash: BlockHash::from_wire(parent),
        bits: CompactTarget::from_bits(bits),
        nonce: number,
        ..*regtest().genesis()
    };
    Made { header, hash: hash_of(number) }
}

fn packed(set: &[Made]) -> (Vec<u8>, Vec<[u8; 32]>) {
    (set.iter().flat_map(|made| made.header.to_wire()).collect(), set.iter().map(|made| made.hash).collect())
}

fn tree_on(root: Root, set: &[Made]) -> HeaderTree {
    let (headers, hashes) = packed(set);
    HeaderTree::build(&regtest(), root, &headers, hashes)
}

fn tree_by_arrival(root: Root, set: &[Made], arrivals: &[u32]) -> HeaderTree {
    let (headers, hashes) = packed(set);
    HeaderTree::build_by_arrival(&regtest(), root, &headers, hashes, arrivals)
}

fn tree(set: &[Made]) -> HeaderTree {
    tree_on(Root::Genesis, set)
}

/// A chain of easy headers on `parent`, numbered from `first`.
fn chain(first: u32, parent: [u8; 32], len: u32) -> Vec<Made> {
    let mut chain: Vec<Made> = Vec::new();
    for number in first..first + len {
        chain.push(child(number, chain.last().map_or(parent, |made| made.hash), EASY));
    }
    chain
}

fn work_of(bits: u32) -> ChainWork {
    CompactTarget::from_bits(bits).decode().expect("the bits encode a target").work().into()
}

/// The expected tree, computed by walking down from every header separately.
struct Reference<'a> {
    set: &'a [Made],
    /// Index of the first header with each hash.
    first: BTreeMap<[u8; 32], usize>,
    root: Root,
    /// When the block of each header became complete.
    arrivals: Vec<u32>,
}

/// The path down from one header: the header first, and the parent that the lowest one names.
struct Path {
    indices: Vec<usize>,
    below: [u8; 32],
}

impl<'a> Reference<'a> {
    fn new(set: &'a [Made], root: Root, arrivals: Vec<u32>) -> Self {
        let mut first = BTreeMap::new();
        for (at, made) in set.iter().enumerate() {
            first.entry(made.hash).or_insert(at);
        }
        Self { set, first, root, arrivals }
    }

    fn is_duplicate(&self, at: usize) -> bool {
        self.first[&self.set[at].hash] != at
    }

    fn is_valid(&self, at: usize) -> bool {
        let Made { header, hash } = self.set[at];
        let limit = regtest().pow_limit();
        header.bits.decode().is_ok_and(|target| target <= limit && target.is_met_by(&BlockHash::from_wire(hash)))
    }

    fn is_usable(&self, at: usize) -> bool {
        !self.is_duplicate(at) && self.is_valid(at)
    }

    /// `None` if it ends at a header that is invalid or a duplicate.
    fn path(&self, from: usize) -> Option<Path> {
        let genesis = genesis().hash;
        let mut indices = vec![from];
        loop {
            let at = indices[indices.len() - 1];
            let below = self.set[at].header.prev_block_hash.to_wire();
            let ends = match self.root {
                Root::Genesis => self.set[at].hash == genesis,
                Root::Above { hash, .. } => below == hash.to_wire(),
                Root::Heaviest { .. } => false,
            };
            match self.first.get(&below) {
                _ if !self.is_usable(at) => return None,
                Some(parent) if !ends => indices.push(*parent),
                _ => return Some(Path { indices, below }),
            }
        }
    }

    fn connects(&self, path: &Path) -> bool {
        match self.root {
            Root::Genesis => self.set[path.indices[path.indices.len() - 1]].hash == genesis().hash,
            Root::Above { hash, .. } => path.below == hash.to_wire(),
            Root::Heaviest { .. } => true,
        }
    }

    fn work(&self, path: &Path) -> ChainWork {
        let works = path.indices.iter().map(|at| work_of(self.set[*at].header.bits.to_bits()));
        works.fold(ChainWork::ZERO, ChainWork::saturating_add)
    }

    /// The order of tips with equal work; the smallest is the best: by the arrival that completed its path, by the
    /// number of blocks, and by the arrivals on its path from the lowest up.
    fn connected(&self, path: &Path) -> ((u32, usize), usize, Vec<(u32, usize)>) {
        let arrivals: Vec<(u32, usize)> = path.indices.iter().rev().map(|at| (self.arrivals[*at], *at)).collect();
        (arrivals.iter().copied().max().expect("a path has a header"), arrivals.len(), arrivals)
    }

    /// All connected paths, and the best of them.
    fn paths(&self) -> (BTreeMap<usize, Path>, Vec<usize>) {
        let paths = (0..self.set.len()).filter(|at| self.is_usable(*at)).filter_map(|at| Some((at, self.path(at)?)));
        let mut paths: BTreeMap<usize, Path> = paths.filter(|(_, path)| self.connects(path)).collect();
        let best = paths.iter().min_by_key(|(_, path)| (Reverse(self.work(path)), self.connected(path)));
        let best: Vec<usize> = best.map_or(Vec::new(), |(_, path)| path.indices.iter().rev().copied().collect());
        if matches!(self.root, Root::Heaviest { .. }) {
            paths.retain(|_, path| path.indices.last() == best.first());
        }
        (paths, best)
    }
}

fn indices(numbers: &[u32]) -> Vec<usize> {
    numbers.iter().map(|number| *number as usize).collect()
}

fn assert_equals_the_reference(set: &[Made], root: Root, arrivals: Option<Vec<u32>>) {
    let tree = arrivals.as_ref().map_or_else(|| tree_on(root, set), |ranks| tree_by_arrival(root, set, ranks));
    let reference = Reference::new(set, root, arrivals.unwrap_or_else(|| (0..set.len() as u32).collect()));
    let (paths, best) = reference.paths();
    assert_eq!(indices(tree.best()), best);
    assert_eq!(tree.work(), best.last().map_or(ChainWork::ZERO, |tip| reference.work(&paths[tip])));
    let first_height = match root {
        Root::Genesis => 0,
        Root::Above { height, .. } => height + 1,
        Root::Heaviest { height } => height,
    };
    for at in 0..set.len() {
        let height = paths.get(&at).map(|path| first_height + path.indices.len() as u64 - 1);
        assert_eq!(tree.height(at as u32), height, "header {at}");
    }
    let of = |wanted: &dyn Fn(usize) -> bool| (0..set.len()).filter(|at| wanted(*at)).collect::<Vec<_>>();
    let listed = |list: Vec<u32>| indices(&list);
    let unconnected = of(&|at| reference.is_usable(at) && !paths.contains_key(&at));
    assert_eq!(listed(tree.unconnected().iter().map(|loose| loose.index).collect()), unconnected);
    let invalid = of(&|at| !reference.is_duplicate(at) && !reference.is_valid(at));
    assert_eq!(listed(tree.invalid_headers().iter().map(|invalid| invalid.index).collect()), invalid);
    assert_eq!(
        listed(tree.duplicates().iter().map(|again| again.index).collect()),
        of(&|at| reference.is_duplicate(at))
    );
    assert_eq!(tree.stale_blocks() as usize, paths.len() - best.len());
    assert_stale_branches(&tree, &reference, &paths, &best);
}

fn assert_stale_branches(tree: &HeaderTree, reference: &Reference<'_>, paths: &BTreeMap<usize, Path>, best: &[usize]) {
    let is_a_parent = |at: usize| paths.values().any(|path| path.indices.get(1) == Some(&at));
    let tips: Vec<usize> = paths.keys().copied().filter(|at| !is_a_parent(*at) && best.last() != Some(at)).collect();
    assert_eq!(indices(&tree.stale().iter().map(|branch| branch.tip).collect::<Vec<_>>()), tips);
    for branch in tree.stale() {
        let path = &paths[&(branch.tip as usize)];
        let off: Vec<usize> = path.indices.iter().copied().take_while(|at| !best.contains(at)).collect();
        assert_eq!((branch.blocks, branch.tip_work), (off.len() as u64, reference.work(path)));
        assert_eq!(branch.fork.height + branch.blocks, branch.tip_height);
        let there = tree.tip().and_then(|tip| tree.reorganisation(branch.tip, tip)).expect("both are connected");
        assert_eq!((there.fork, indices(&there.disconnect)), (branch.fork, off.clone()));
        assert_eq!(there.connect.len(), best.len() - (path.indices.len() - off.len()));
        assert_eq!(indices(&there.connect), best[best.len() - there.connect.len()..]);
    }
}

/// One more header: its parent among the earlier ones, its target, and its fault.
type Step = (Index, usize, u8);

fn any_set() -> impl Strategy<Value = Vec<Made>> {
    let step = (any::<Index>(), 0..BITS.len(), any::<u8>());
    proptest::collection::vec(step, 0..40).prop_map(|steps: Vec<Step>| {
        let mut set = vec![genesis()];
        for (number, (parent, bits, kind)) in (1..).zip(steps) {
            // Parents are mostly near the end, so that branches are long.
            let parent = set.len() - 1 - parent.index(set.len().min(4));
            let mut made = child(number, set[parent].hash, BITS[bits]);
            match kind {
                0..15 => made.hash[31] = 0xff,
                15..25 => made.header.bits = CompactTarget::from_bits(0x2100_ffff),
                25..40 => made.header.prev_block_hash = BlockHash::from_wire(hash_of(900 + number % 2)),
                40..55 => made = set[parent],
                _ => {}
            }
            set.push(made);
        }
        set
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_tree_in_any_order_of_arrival_equals_the_reference(
        set in any_set(), root in 0..3, mut keys in proptest::collection::vec(any::<u64>(), 41), without_genesis: bool,
        // Few ranks, so that many are equal; the highest ones are blocks that never became complete.
        ranks in proptest::option::of(proptest::collection::vec(0_u32..30, 41)),
    ) {
        let mut ordered: Vec<(u64, Made)> = keys.drain(..set.len()).zip(set).collect();
        if without_genesis {
            ordered.remove(0);
        }
        ordered.sort_by_key(|(key, _)| *key);
        let set: Vec<Made> = ordered.into_iter().map(|(_, made)| made).collect();
        let root = match root {
            0 => Root::Genesis,
            1 => Root::Above { hash: BlockHash::from_wire(hash_of(900)), height: 41 },
            _ => Root::Heaviest { height: 7 },
        };
        let never = |rank: &u32| if *rank > 26 { NEVER } else { *rank };
        let arrivals = ranks.map(|ranks| ranks.iter().map(never).take(set.len()).collect());
        assert_equals_the_reference(&set, root, arrivals);
    }
}

#[test]
fn of_two_tips_with_equal_work_the_one_given_first_is_the_best() {
    let [one, other] = [child(1, genesis().hash, EASY), child(2, genesis().hash, EASY)];
    assert_eq!(tree(&[genesis(), one, other]).best(), [0, 1]);
    assert_eq!(tree(&[other, one, genesis()]).best(), [2, 0]);
}

#[test]
fn of_two_branches_with_equal_work_the_one_completed_first_is_the_best() {
    let [one, other] = [chain(1, genesis().hash, 2), chain(11, genesis().hash, 2)];
    // The second branch's tip arrives last, but the first branch waits even longer for its first block.
    assert_eq!(tree(&[genesis(), one[1], other[0], other[1], one[0]]).best(), [0, 2, 3]);
    assert_eq!(tree(&[genesis(), other[1], one[0], one[1], other[0]]).best(), [0, 2, 3]);
    // Both wait for the block below them, so the order of the blocks directly above it counts, not that of the tips.
    let trunk = child(30, genesis().hash, EASY);
    let [one, other] = [chain(1, trunk.hash, 2), chain(11, trunk.hash, 2)];
    assert_eq!(tree(&[genesis(), one[1], other[0], other[1], one[0], trunk]).best(), [0, 5, 2, 3]);
}

#[test]
fn a_block_completed_late_or_never_ranks_its_branch_lower() {
    let [one, other] = [chain(1, genesis().hash, 2), chain(11, genesis().hash, 2)];
    let set = [genesis(), one[0], one[1], other[0], other[1]];
    let best = |arrivals: [u32; 5]| tree_by_arrival(Root::Genesis, &set, &arrivals).best().to_vec();
    assert_eq!(best([0, 1, 2, 3, 4]), [0, 1, 2]);
    assert_eq!(best([0, 5, 2, 3, 4]), [0, 3, 4]);
    assert_eq!(best([0, 1, NEVER, 3, 4]), [0, 3, 4]);
    // More work still wins.
    let longer = [&set[..], &[child(3, one[1].hash, EASY)]].concat();
    let tree = tree_by_arrival(Root::Genesis, &longer, &[0, 1, NEVER, 3, 4, 5]);
    assert_eq!(tree.best(), [0, 1, 2, 5]);
}

#[test]
fn the_best_chain_has_the_most_work_and_not_the_most_headers() {
    let long = chain(1, genesis().hash, 3);
    let heavy = child(9, genesis().hash, 0x2000_ffff);
    let tree = tree(&[&[genesis()][..], &long, &[heavy]].concat());
    assert_eq!(tree.best(), [0, 4]);
    let stale = StaleBranch {
        fork: Fork { height: 0, hash: regtest().genesis_hash() },
        tip: 3,
        tip_height: 3,
        tip_hash: BlockHash::from_wire(long[2].hash),
        tip_work: (0..4).fold(ChainWork::ZERO, |work, _| work.saturating_add(work_of(EASY))),
        blocks: 3,
    };
    assert_eq!(tree.stale(), [stale]);
}

#[test]
fn an_invalid_header_has_its_height_and_its_descendants_are_unconnected() {
    let mut set = [&[genesis()][..], &chain(1, genesis().hash, 4)].concat();
    set[2].header.bits = CompactTarget::from_bits(0);
    let tree = tree(&set);
    assert_eq!(tree.best(), [0, 1]);
    let [InvalidHeader { index: 2, height: Some(2), rule: Rule::TargetZero, .. }] = tree.invalid_headers() else {
        panic!("{:?}", tree.invalid_headers())
    };
    let loose: Vec<_> = tree.unconnected().iter().map(|loose| (loose.index, loose.parent)).collect();
    assert_eq!(loose, [(3, Some(2)), (4, Some(3))]);
}

#[test]
fn a_genesis_header_that_misses_its_target_is_invalid_at_height_zero() {
    let mut broken = genesis();
    broken.header.nonce ^= 1;
    broken.hash[31] = 0xff;
    let tree = tree(&[broken, child(1, genesis().hash, EASY)]);
    let [InvalidHeader { index: 0, height: Some(0), rule: Rule::ProofOfWork, .. }] = tree.invalid_headers() else {
        panic!("{:?}", tree.invalid_headers())
    };
    assert_eq!((tree.best().len(), tree.tip(), tree.unconnected()[0].parent), (0, None, None));
}

#[test]
fn branches_above_a_known_parent_fork_at_it() {
    let parent = hash_of(77);
    let root = Root::Above { hash: BlockHash::from_wire(parent), height: 99 };
    let set = [chain(1, parent, 2), chain(11, parent, 3)].concat();
    let tree = tree_on(root, &set);
    assert_eq!((tree.best(), tree.first_height(), tree.height(4)), (&[2, 3, 4][..], 100, Some(102)));
    let fork = Fork { height: 99, hash: BlockHash::from_wire(parent) };
    assert_eq!((tree.stale()[0].fork, tree.stale()[0].blocks), (fork, 2));
    let path = tree.reorganisation(1, 4).unwrap();
    assert_eq!((path.fork, path.disconnect, path.connect), (fork, vec![1, 0], vec![2, 3, 4]));
}

#[test]
fn without_a_known_root_the_heaviest_piece_is_the_chain_and_others_are_unconnected() {
    let set = [chain(1, hash_of(70), 2), chain(11, hash_of(80), 3), chain(21, hash_of(90), 2)].concat();
    let tree = tree_on(Root::Heaviest { height: 1000 }, &set);
    assert_eq!((tree.best(), tree.height(2), tree.stale_blocks()), (&[2, 3, 4][..], Some(1000), 0));
    assert_eq!(tree.unconnected().iter().map(|loose| loose.index).collect::<Vec<_>>(), [0, 1, 5, 6]);
    assert_eq!(tree.reorganisation(0, 4), None);
}

#[test]
fn no_headers_give_an_empty_tree_and_unknown_indices_have_no_height() {
    for root in [Root::Genesis, Root::Heaviest { height: 5 }] {
        let tree = tree_on(root, &[]);
        assert!(tree.is_empty() && tree.best().is_empty() && tree.stale().is_empty());
        assert_eq!((tree.tip(), tree.height(0), tree.height(u32::MAX)), (None, None, None));
    }
}

#[test]
fn the_path_from_a_tip_to_itself_is_empty() {
    let set = [&[genesis()][..], &chain(1, genesis().hash, 2)].concat();
    let path = tree(&set).reorganisation(2, 2).unwrap();
    assert_eq!((path.fork.height, path.disconnect.len(), path.connect.len()), (2, 0, 0));
}

#[test]
fn a_long_chain_and_many_branches_need_no_recursion_and_linear_time() {
    // Every second header of a long branch has a child of its own.
    let trunk = chain(1, genesis().hash, 200_000);
    let leaves = (0..100_000).map(|at| child(1_000_000 + at, trunk[2 * at as usize].hash, EASY));
    let mut set = [vec![genesis()], trunk.clone()].concat();
    set.extend(leaves);
    set.reverse();
    let tree = tree(&set);
    assert_eq!((tree.best().len(), tree.stale().len(), tree.stale_blocks()), (200_001, 100_000, 100_000));
    assert!(tree.stale().iter().all(|branch| branch.blocks == 1));
}

#[test]
#[should_panic(expected = "one hash for each 80 bytes")]
fn a_missing_hash_panics() {
    let _tree = HeaderTree::build(&regtest(), Root::Genesis, &[0; 160], vec![[0; 32]]);
}
