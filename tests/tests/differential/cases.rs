//! The cases: single mutations, combinations in one block, chains with two faults, chains of headers, and valid chains,
//! at the tip and on branches.

use cityseal_tests::synthetic::Random;

use crate::branch::{BASE_TIP, Base, Branch};
use crate::draft::{Draft, Finished, HEADER_BYTES, hash, hex, reversed, target_of};
use crate::mutation::{CoreAnswer, Effect, Mutation, part};
use crate::{mutate_bytes, mutate_coinbase, mutate_header, mutate_transactions};

/// How often each single mutation is used; those that make the largest blocks are used less often.
const ROUNDS: usize = 14;
const HEAVY_ROUNDS: usize = 3;
const COMBINATIONS: usize = 700;
const CHAINS_OF_TWO_FAULTS: usize = 200;
const HEADER_CHAINS: usize = 250;
const GOOD_CHAINS: usize = 80;
/// Parents of the heights at which the height's encoding in the coinbase changes: 1, 16, 17, 127, 128, 255 and 256.
const TURNING_POINTS: [u64; 7] = [0, 15, 16, 126, 127, 254, 255];
/// Number of blocks that are disconnected when a branch becomes the best chain.
const REORGANIZED_BLOCKS: u64 = 3;

/// The expected fault of a case.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Index of the block in the case.
    pub(crate) block: usize,
    pub(crate) rule: &'static str,
    pub(crate) transaction: Option<usize>,
    pub(crate) values: Option<(String, String)>,
}

/// The expected answer of Bitcoin Core to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepts,
    /// The reason of this rule.
    Rule(&'static str),
    /// A reason that contains this text.
    Reason(&'static str),
    /// Any reason: several rules are broken, and Bitcoin Core checks them in another order.
    Refuses,
    /// Any answer: it depends on the node's other blocks.
    Anything,
}

/// The expected answers of Bitcoin Core to a block that is submitted and proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) submitted: Answer,
    pub(crate) proposed: Answer,
}

/// A few blocks on top of a block of the base chain.
pub(crate) struct Case {
    pub(crate) name: String,
    /// Height of the base block that the first block follows.
    pub(crate) parent: u64,
    pub(crate) blocks: Vec<Finished>,
    pub(crate) headers_only: bool,
    /// Index of the first changed block.
    pub(crate) changed: Option<usize>,
    pub(crate) fault: Option<Fault>,
    /// Expected answers of Bitcoin Core to each block.
    pub(crate) answers: Vec<Answers>,
    /// Number of mutations.
    pub(crate) changes: usize,
}

/// The place of a case's mutated blocks.
struct Shape {
    parent: u64,
    before: usize,
    after: usize,
    headers_only: bool,
}

/// All mutations.
pub(crate) fn mutations() -> Vec<Mutation> {
    let of_blocks = [&mutate_bytes::ALL[..], &mutate_transactions::ALL, &mutate_coinbase::ALL];
    mutate_header::ALL.iter().chain(of_blocks.into_iter().flatten()).copied().collect()
}

/// Generates the cases of a seed lazily and in order; all of them together would take half a gigabyte.
pub(crate) fn cases(base: &Base, seed: u64) -> impl Iterator<Item = Case> {
    let all = mutations();
    let heavy = all.iter().filter(|one| one.is_heavy).count();
    let singles = (all.len() - heavy) * ROUNDS + heavy * HEAVY_ROUNDS;
    let light: Vec<Mutation> = all.iter().filter(|one| !one.is_heavy).copied().collect();
    let of_header: Vec<Mutation> = all.iter().filter(|one| one.is_of_header()).copied().collect();
    let total = singles + COMBINATIONS + CHAINS_OF_TWO_FAULTS + HEADER_CHAINS + GOOD_CHAINS;
    (0..total).map(move |number| {
        let mut random = Random::of_stream(seed, number as u64);
        let mut rest = number;
        for (count, kind) in [(singles, 0), (COMBINATIONS, 1), (CHAINS_OF_TWO_FAULTS, 2), (HEADER_CHAINS, 3)] {
            if rest < count {
                return match kind {
                    0 => single(base, &all, rest, &mut random),
                    1 => combination(base, &light, &mut random),
                    2 => two_faults(base, &light, &mut random),
                    _ => header_chain(base, &of_header, &mut random),
                };
            }
            rest -= count;
        }
        good_chain(base, &mut random)
    })
}

fn single(base: &Base, all: &[Mutation], number: usize, random: &mut Random) -> Case {
    let (round, mutation) = match number.checked_sub(all.len() * HEAVY_ROUNDS) {
        None => (number / all.len(), all[number % all.len()]),
        Some(later) => {
            let light: Vec<&Mutation> = all.iter().filter(|one| !one.is_heavy).collect();
            (HEAVY_ROUNDS + later / light.len(), *light[later % light.len()])
        }
    };
    let mut shape = shape_for(&[mutation], round.is_multiple_of(2), random);
    if mutation.is_heavy {
        (shape.before, shape.after) = (0, 0);
    }
    shape.headers_only = mutation.is_of_header() && round % 3 == 1;
    build(base, &shape, &[&[mutation]], random)
}

/// Chooses a place for these mutations: at the tip, where a node connects the blocks, or at a lower height.
fn shape_for(mutations: &[Mutation], at_tip: bool, random: &mut Random) -> Shape {
    let height_max = mutations.iter().map(|one| one.height_max).min().unwrap_or(u64::MAX);
    let (before, after) = (random.below(3) as usize, random.below(3) as usize);
    if height_max < BASE_TIP {
        return Shape { parent: random.below(height_max), before: 0, after, headers_only: false };
    }
    if at_tip || mutations.iter().any(|one| one.is_connected) {
        return Shape { parent: BASE_TIP, before, after, headers_only: false };
    }
    match random.below(3) {
        0 => {
            let parent = TURNING_POINTS[random.below(TURNING_POINTS.len() as u64) as usize];
            Shape { parent, before: 0, after, headers_only: false }
        }
        1 => Shape { parent: BASE_TIP - REORGANIZED_BLOCKS, before: 3, after, headers_only: false },
        // Low enough not to become the best chain.
        _ => Shape { parent: random.below(BASE_TIP - 10), before, after, headers_only: false },
    }
}

/// Chooses up to `count` mutations that are possible in one block.
fn choose(from: &[Mutation], count: usize, random: &mut Random) -> Vec<Mutation> {
    let mut chosen: Vec<Mutation> = Vec::new();
    for _ in 0..1_000 {
        let next = from[random.below(from.len() as u64) as usize];
        if chosen.iter().all(|one| one.fits(&next) && one.name != next.name) {
            chosen.push(next);
        }
        if chosen.len() == count {
            break;
        }
    }
    chosen
}

fn combination(base: &Base, light: &[Mutation], random: &mut Random) -> Case {
    let count = random.between(2, 3) as usize;
    let chosen = choose(light, count, random);
    let at_tip = random.below(2) == 0;
    let shape = shape_for(&chosen, at_tip, random);
    build(base, &shape, &[&chosen], random)
}

fn two_faults(base: &Base, light: &[Mutation], random: &mut Random) -> Case {
    let anywhere: Vec<Mutation> =
        light.iter().filter(|one| one.height_max == u64::MAX && !one.is_connected).copied().collect();
    let (first, second) = (choose(&anywhere, 1, random), choose(&anywhere, 1, random));
    let at_tip = random.below(2) == 0;
    let shape = shape_for(&first, at_tip, random);
    build(base, &shape, &[&first, &second], random)
}

fn header_chain(base: &Base, of_header: &[Mutation], random: &mut Random) -> Case {
    let count = random.between(1, 3) as usize;
    let chosen = choose(of_header, count, random);
    let shape = Shape {
        parent: random.between(0, BASE_TIP),
        before: random.below(20) as usize,
        after: random.below(5) as usize,
        headers_only: true,
    };
    build(base, &shape, &[&chosen], random)
}

fn good_chain(base: &Base, random: &mut Random) -> Case {
    let parent = match random.below(3) {
        0 => BASE_TIP,
        1 => BASE_TIP - REORGANIZED_BLOCKS,
        _ => random.below(BASE_TIP - 10),
    };
    let shape = Shape { parent, before: random.between(1, 7) as usize, after: 0, headers_only: false };
    build(base, &shape, &[], random)
}

/// Builds the blocks: valid ones, then one for each list of mutations, then valid ones again.
fn build(base: &Base, shape: &Shape, changes: &[&[Mutation]], random: &mut Random) -> Case {
    let mut branch = base.at(shape.parent);
    let mut blocks = good(&mut branch, shape.before, random);
    let changed = (!changes.is_empty()).then_some(blocks.len());
    let (mut names, mut all_effects) = (Vec::new(), Vec::new());
    for change in changes {
        if !has_room(&branch) {
            break;
        }
        let mut draft = Draft::next(&branch, random);
        // Mutations of the whole body come first, so that appended transactions are kept.
        let mut ordered = change.to_vec();
        ordered.sort_by_key(|one| std::cmp::Reverse(one.parts & (part::BODY ^ part::APPENDED)));
        let effects: Vec<Effect> = ordered.iter().map(|one| (one.apply)(&mut draft, random)).collect();
        names.push(ordered.iter().map(|one| one.name).collect::<Vec<_>>().join(" + "));
        let block = draft.finish();
        branch.push(&block);
        blocks.push(block);
        all_effects.push(effects);
    }
    blocks.extend(good(&mut branch, shape.after, random));
    let fault = changed.and_then(|at| lowest_fault(at, &all_effects, &blocks));
    let answers = |at: usize| {
        let of_block = at.checked_sub(shape.before).and_then(|at| all_effects.get(at));
        let effects = of_block.map(Vec::as_slice).unwrap_or_default();
        Answers { submitted: answer(effects, false), proposed: answer(effects, true) }
    };
    Case {
        name: format!("{} (parent {}, {:?})", names.join("; "), shape.parent, (shape.before, shape.after)),
        parent: shape.parent,
        answers: (0..blocks.len()).map(answers).collect(),
        blocks,
        headers_only: shape.headers_only,
        changed,
        fault,
        changes: all_effects.iter().map(Vec::len).sum(),
    }
}

fn good(branch: &mut Branch<'_>, count: usize, random: &mut Random) -> Vec<Finished> {
    let mut blocks = Vec::new();
    while blocks.len() < count && has_room(branch) {
        let block = Draft::next(branch, random).finish();
        branch.push(&block);
        blocks.push(block);
    }
    blocks
}

/// Whether a time after the median is not in the future. On the first few blocks a single header can determine the
/// median.
fn has_room(branch: &Branch<'_>) -> bool {
    u64::from(branch.median()) < branch.now
}

/// The fault by construction: the lowest broken rule of the first block that breaks one.
fn lowest_fault(first: usize, effects: &[Vec<Effect>], blocks: &[Finished]) -> Option<Fault> {
    let at = effects.iter().position(|of_block| of_block.iter().any(|effect| !effect.breaks.is_empty()))?;
    let lowest = |effect: &&Effect| effect.breaks.iter().min().copied();
    let effect = effects[at].iter().filter(|effect| !effect.breaks.is_empty()).min_by_key(lowest)?;
    let rule = lowest(&effect)?;
    let is_alone = effects[at].len() == 1;
    // Other transactions of the block may add signature operations.
    let given = effect.values.clone().filter(|_| rule != "R34" || is_alone);
    let values = given.or_else(|| values(rule, &blocks[first + at]));
    Some(Fault { block: first + at, rule, transaction: effect.transaction, values })
}

/// The fault's `expected` and `found`, for rules whose values are known from the finished block.
fn values(rule: &str, block: &Finished) -> Option<(String, String)> {
    let header = &block.bytes[..HEADER_BYTES];
    let display = |bytes: &[u8; 32]| hex(&reversed(*bytes));
    match rule {
        "R05" => {
            let bits = u32::from_le_bytes(header[72..76].try_into().ok()?);
            Some((hex(&target_of(bits)?), display(&hash(header))))
        }
        "R21" => Some((display(header[36..68].try_into().ok()?), display(&block.root))),
        "R38" => block.commitment.map(|(right, written)| (display(&written), display(&right))),
        _ => None,
    }
}

/// The expected answer of Bitcoin Core to a block with these effects.
fn answer(effects: &[Effect], is_proposal: bool) -> Answer {
    if effects.iter().any(|effect| effect.core == CoreAnswer::Depends) {
        return Answer::Anything;
    }
    let mut refusals: Vec<Answer> = effects.iter().filter_map(|effect| refusal(effect, is_proposal)).collect();
    match (refusals.pop(), refusals.is_empty()) {
        (None, _) => Answer::Accepts,
        (Some(only), true) => only,
        (Some(_), false) => Answer::Refuses,
    }
}

fn refusal(effect: &Effect, is_proposal: bool) -> Option<Answer> {
    let lowest = effect.breaks.iter().min().copied();
    match effect.core {
        CoreAnswer::Accepts | CoreAnswer::Depends => None,
        CoreAnswer::Reason(reason) => Some(Answer::Reason(reason)),
        CoreAnswer::SubmitCompletes => lowest.filter(|_| is_proposal).map(Answer::Rule),
        // A proposal has no nonce yet, so its hash is not compared with its target.
        CoreAnswer::ByRule if is_proposal => match lowest? {
            "R05" => None,
            "R01" | "R02" | "R03" | "R04" => Some(Answer::Rule("R07")),
            rule => Some(Answer::Rule(rule)),
        },
        CoreAnswer::ByRule => lowest.map(Answer::Rule),
    }
}
