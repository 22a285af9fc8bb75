//! The cases: single mutations, several of one block, chains with the fault in the middle, chains of headers, branches.

use cityseal_tests::synthetic::Random;

use crate::branch::{BASE_TIP, Base, Branch};
use crate::draft::{Draft, Finished, HEADER_BYTES, hash, hex, reversed, target_of};
use crate::mutation::{CoreSays, Effect, Mutation, part};
use crate::{mutate_bytes, mutate_coinbase, mutate_header, mutate_transactions};

/// How often each single mutation is done; one that makes the largest blocks is done less often.
const ROUNDS: usize = 14;
const HEAVY_ROUNDS: usize = 3;
const COMBINATIONS: usize = 700;
const CHAINS_OF_TWO_FAULTS: usize = 200;
const HEADER_CHAINS: usize = 250;
const GOOD_CHAINS: usize = 80;
/// Heights at which the coinbase's height takes another form: the parents of 1, 16, 17, 127, 128, 255 and 256.
const TURNING_POINTS: [u64; 7] = [0, 15, 16, 126, 127, 254, 255];
/// How far below the tip a branch begins that becomes the best chain.
const REORGANISED: u64 = 3;

/// What has to be said of a case.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Which block of the case.
    pub(crate) block: usize,
    pub(crate) rule: &'static str,
    pub(crate) transaction: Option<usize>,
    pub(crate) values: Option<(String, String)>,
}

/// What Bitcoin Core has to answer for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepts,
    /// The reason of this rule.
    Rule(&'static str),
    /// A reason with these words.
    Reason(&'static str),
    /// Any reason: several rules are broken, and Bitcoin Core has an order of its own.
    Refuses,
    /// What it answers depends on what else it knows.
    Anything,
}

/// What Bitcoin Core has to answer to a block, when it is submitted and when it is proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) submitted: Answer,
    pub(crate) proposed: Answer,
}

/// Some blocks on top of a block of the base chain.
pub(crate) struct Case {
    pub(crate) name: String,
    /// Height of the block of the base chain that the first one follows.
    pub(crate) parent: u64,
    pub(crate) blocks: Vec<Finished>,
    pub(crate) headers_only: bool,
    /// The first block that was changed.
    pub(crate) changed: Option<usize>,
    pub(crate) fault: Option<Fault>,
    /// What Bitcoin Core has to answer to each block.
    pub(crate) answers: Vec<Answers>,
    /// How many changes the case has.
    pub(crate) changes: usize,
}

/// Where the changes of a case are.
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

/// All cases of a seed, in order, one after the other: together they would take half a gigabyte.
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

/// A place for these mutations: at the tip, where blocks are connected, or at any height below.
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
        1 => Shape { parent: BASE_TIP - REORGANISED, before: 3, after, headers_only: false },
        // Low enough to stay behind the tip.
        _ => Shape { parent: random.below(BASE_TIP - 10), before, after, headers_only: false },
    }
}

/// So many mutations that fit each other, at least one of which is no edge.
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
        1 => BASE_TIP - REORGANISED,
        _ => random.below(BASE_TIP - 10),
    };
    let shape = Shape { parent, before: random.between(1, 7) as usize, after: 0, headers_only: false };
    build(base, &shape, &[], random)
}

/// Makes the blocks: good ones, then one for each list of changes, then good ones again.
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
        // Changes of the whole body come first, so that what is appended stays.
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

/// Whether a time past the median is not in the future. Low above the genesis block one header can be the median.
fn has_room(branch: &Branch<'_>) -> bool {
    u64::from(branch.median()) < branch.now
}

/// The lowest rule of the lowest block, by construction.
fn lowest_fault(first: usize, effects: &[Vec<Effect>], blocks: &[Finished]) -> Option<Fault> {
    let at = effects.iter().position(|of_block| of_block.iter().any(|effect| !effect.breaks.is_empty()))?;
    let lowest = |effect: &&Effect| effect.breaks.iter().min().copied();
    let effect = effects[at].iter().filter(|effect| !effect.breaks.is_empty()).min_by_key(lowest)?;
    let rule = lowest(&effect)?;
    let is_alone = effects[at].len() == 1;
    // Other transactions of the block may ask for signature checks, too.
    let given = effect.values.clone().filter(|_| rule != "R34" || is_alone);
    let values = given.or_else(|| values(rule, &blocks[first + at]));
    Some(Fault { block: first + at, rule, transaction: effect.transaction, values })
}

/// What a verdict writes of values that are known when the block is made.
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

/// What Bitcoin Core has to answer to a block with these effects.
fn answer(effects: &[Effect], is_proposal: bool) -> Answer {
    if effects.iter().any(|effect| effect.core == CoreSays::Depends) {
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
        CoreSays::Accepts | CoreSays::Depends => None,
        CoreSays::Reason(reason) => Some(Answer::Reason(reason)),
        CoreSays::SubmitCompletes => lowest.filter(|_| is_proposal).map(Answer::Rule),
        // A proposal has no nonce yet, so its hash is not compared with its target.
        CoreSays::ByRule if is_proposal => match lowest? {
            "R05" => None,
            "R01" | "R02" | "R03" | "R04" => Some(Answer::Rule("R07")),
            rule => Some(Answer::Rule(rule)),
        },
        CoreSays::ByRule => lowest.map(Answer::Rule),
    }
}
