//! Mutations of the coinbase, of the witness commitment, and of sizes: R23, R32, R36 to R40.

use cityseal_tests::synthetic::Random;
use cityseal_tests::synthetic::transaction::Output;

use crate::draft::{COMMITMENT_HEAD, Commitment, Draft, height_script, hex};
use crate::mutation::{CoreAnswer, Effect, Mutation, part};

const STRIPPED_MAX: usize = 1_000_000;
const WEIGHT_MAX: usize = 4_000_000;
/// Size limit of a block in bytes.
const BYTES_MAX: usize = 4_000_000;

pub(crate) const ALL: [Mutation; 24] = [
    Mutation::new("coinbase script too long", part::COINBASE_SCRIPT, long_script),
    Mutation::new("coinbase script of 100 bytes", part::COINBASE_SCRIPT, longest_script),
    Mutation::new("coinbase script too short", part::COINBASE_SCRIPT, short_script),
    Mutation::new("coinbase script of only the height", part::COINBASE_SCRIPT, height_alone).up_to_height(16),
    Mutation::new("coinbase with another height", part::COINBASE_SCRIPT, other_height),
    Mutation::new("coinbase with the height in another encoding", part::COINBASE_SCRIPT, longer_height),
    Mutation::new("coinbase with the height not at the start", part::COINBASE_SCRIPT, height_later),
    Mutation::new("commitment without a witness of the coinbase", part::COMMITMENT, no_reserved_value),
    Mutation::new("reserved value in several items", part::COMMITMENT, reserved_items),
    Mutation::new("reserved value too short or too long", part::COMMITMENT, reserved_length),
    Mutation::new("any reserved value of 32 bytes", part::COMMITMENT, any_reserved_value),
    Mutation::new("commitment with one bit inverted", part::COMMITMENT, wrong_commitment),
    Mutation::new("last of two commitments wrong", part::COMMITMENT, last_commitment_wrong),
    Mutation::new("last of two commitments correct", part::COMMITMENT, last_commitment_right),
    Mutation::new("commitment without other witnesses", part::BODY, commitment_alone),
    Mutation::new("witness without a commitment", part::BODY, uncommitted_witness),
    Mutation::new("coinbase's witness without a commitment", part::BODY, uncommitted_coinbase_witness),
    Mutation::new("witness with a malformed commitment", part::BODY, nearly_committed),
    Mutation::new("1,000,000 bytes without witnesses", part::BODY, largest).heavy(),
    Mutation::new("1,000,001 bytes without witnesses", part::BODY, too_large).heavy(),
    Mutation::new("one transaction of more than 1,000,000 bytes", part::BODY, oversized_transaction).heavy(),
    Mutation::new("weight of 4,000,000", part::BODY, heaviest).heavy(),
    Mutation::new("weight of 4,000,001", part::BODY, too_heavy).heavy(),
    Mutation::new("4,000,001 bytes", part::BODY, too_long).heavy(),
];

fn one_of<T: Copy>(values: &[T], random: &mut Random) -> T {
    values[random.below(values.len() as u64) as usize]
}

fn set_script(draft: &mut Draft, script: Vec<u8>) {
    draft.transactions[0].inputs[0].script = script;
}

/// A script of `len` bytes that begins with the height and has no signature operations.
fn script_of(len: usize, draft: &Draft, random: &mut Random) -> Vec<u8> {
    let mut script = height_script(draft.height);
    let rest = len - script.len();
    if rest > 0 {
        script.push(rest as u8 - 1);
        random.append(rest - 1, &mut script);
    }
    script
}

fn long_script(draft: &mut Draft, random: &mut Random) -> Effect {
    let len = one_of(&[101, 101, 102, 200], random);
    let mut script = script_of(60, draft, random);
    script.resize(len, 0);
    set_script(draft, script);
    Effect::breaks(&["R32"]).values(100, len).at(0)
}

fn longest_script(draft: &mut Draft, random: &mut Random) -> Effect {
    let mut script = script_of(60, draft, random);
    script.resize(100, 0);
    set_script(draft, script);
    Effect::accepted()
}

/// At most heights this also breaks R36, but R32 is the lowest rule.
fn short_script(draft: &mut Draft, random: &mut Random) -> Effect {
    let len = random.below(2) as usize;
    set_script(draft, height_script(draft.height)[..len].to_vec());
    Effect::breaks(&["R32"]).values(2, len).at(0)
}

fn height_alone(draft: &mut Draft, _random: &mut Random) -> Effect {
    let script = height_script(draft.height);
    set_script(draft, script);
    Effect::breaks(&["R32"]).values(2, 1).at(0)
}

/// Replaces the height by these bytes. `found` is the part of the script that the rule compares.
fn instead_of_height(bytes: &[u8], draft: &mut Draft, random: &mut Random) -> Effect {
    let expected = height_script(draft.height);
    let script = [bytes, &[0x08], &random.bytes(8)].concat();
    let found = hex(&script[..expected.len()]);
    set_script(draft, script);
    Effect::breaks(&["R36"]).values(hex(&expected), found).at(0)
}

fn other_height(draft: &mut Draft, random: &mut Random) -> Effect {
    let other = one_of(&[draft.height - 1, draft.height + 1, draft.height + 256], random);
    instead_of_height(&height_script(other), draft, random)
}

/// The same number as a push of too many bytes, or without the byte for its sign.
fn longer_height(draft: &mut Draft, random: &mut Random) -> Effect {
    let number = draft.height.to_le_bytes();
    let padded = random.between(3, 8) as usize;
    let mut bytes = [&[padded as u8][..], &number[..padded]].concat();
    let lacks_sign_room = (0x80..=0xff).contains(&draft.height) && random.below(2) == 0;
    if lacks_sign_room || draft.height <= 16 {
        bytes = vec![1, number[0]];
    }
    instead_of_height(&bytes, draft, random)
}

fn height_later(draft: &mut Draft, random: &mut Random) -> Effect {
    let bytes = [vec![0x00], height_script(draft.height)].concat();
    instead_of_height(&bytes, draft, random)
}

fn no_reserved_value(draft: &mut Draft, _random: &mut Random) -> Effect {
    draft.commitment = Commitment::Always;
    draft.reserved.clear();
    Effect::breaks(&["R37"]).values(1, 0).at(0).core(CoreAnswer::SubmitCompletes)
}

fn reserved_items(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.commitment = Commitment::Always;
    let items = random.between(2, 4) as usize;
    draft.reserved = vec![vec![0; 32]; items];
    Effect::breaks(&["R37"]).values(1, items).at(0)
}

fn reserved_length(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.commitment = Commitment::Always;
    let len = one_of(&[0, 1, 31, 33, 64], random);
    draft.reserved = vec![vec![0; len]];
    Effect::breaks(&["R37"]).values(32, len).at(0)
}

fn any_reserved_value(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.commitment = Commitment::Always;
    draft.reserved = vec![random.bytes(32)];
    Effect::accepted()
}

fn wrong_commitment(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.commitment = Commitment::Wrong(random.below(256) as usize);
    Effect::breaks(&["R38"])
}

fn decoy(random: &mut Random) -> Output {
    Output { value: 0, script: [&COMMITMENT_HEAD[..], &random.node()].concat() }
}

fn last_commitment_wrong(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.commitment = Commitment::Always;
    draft.outputs_after.push(decoy(random));
    Effect::breaks(&["R38"])
}

fn last_commitment_right(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.commitment = Commitment::Always;
    draft.outputs_before.push(decoy(random));
    // An output of 37 bytes or with another magic is not a commitment.
    let mut short = decoy(random);
    short.script.pop();
    let mut other = decoy(random);
    other.script[5] ^= 1;
    draft.outputs_after.extend([short, other]);
    Effect::accepted()
}

fn commitment_alone(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.transactions.truncate(1);
    draft.append_spend(false, random);
    draft.commitment = Commitment::Always;
    Effect::accepted()
}

/// Removes all witnesses and appends a transaction that has one.
fn one_witness(draft: &mut Draft, random: &mut Random) -> usize {
    draft.transactions.truncate(1);
    draft.append_spend(false, random);
    let at = draft.append_spend(true, random);
    draft.transactions[at].inputs[0].witness = vec![random.bytes(5)];
    draft.commitment = Commitment::Never;
    at
}

fn unexpected(at: usize) -> Effect {
    Effect::breaks(&["R39"]).values("no witness, since no commitment covers it", "a witness").at(at)
}

fn uncommitted_witness(draft: &mut Draft, random: &mut Random) -> Effect {
    unexpected(one_witness(draft, random))
}

fn uncommitted_coinbase_witness(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.transactions.truncate(1);
    draft.append_spend(false, random);
    draft.commitment = Commitment::Never;
    draft.transactions[0].inputs[0].witness = vec![vec![0; 32]];
    unexpected(0)
}

fn nearly_committed(draft: &mut Draft, random: &mut Random) -> Effect {
    let at = one_witness(draft, random);
    let mut near = decoy(random);
    match random.below(2) {
        0 => near.script.truncate(37),
        _ => near.script[random.below(6) as usize] ^= 1,
    }
    draft.outputs_before.push(near);
    unexpected(at)
}

/// Adds data to a transaction until the block has `bytes` bytes without witnesses. No transaction has a witness.
fn fill_stripped(bytes: usize, draft: &mut Draft, random: &mut Random) {
    draft.transactions.truncate(1);
    draft.append_spend(false, random);
    draft.commitment = Commitment::Never;
    // An output with a script above 65,535 bytes takes 8 bytes for its value and 5 for the script's length.
    let script = bytes - draft.sizes().0 - 13;
    let mut data = vec![0x6a];
    data.resize(script, 0);
    draft.transactions[1].outputs.push(Output { value: 0, script: data });
    assert_eq!(draft.sizes().0, bytes, "the block does not have the requested size");
}

fn largest(draft: &mut Draft, random: &mut Random) -> Effect {
    fill_stripped(STRIPPED_MAX, draft, random);
    Effect::accepted()
}

fn too_large(draft: &mut Draft, random: &mut Random) -> Effect {
    fill_stripped(STRIPPED_MAX + 1, draft, random);
    Effect::breaks(&["R23", "R40"]).values(STRIPPED_MAX, STRIPPED_MAX + 1)
}

/// R28 is never the lowest rule: such a transaction makes the block too large.
fn oversized_transaction(draft: &mut Draft, random: &mut Random) -> Effect {
    let bytes = STRIPPED_MAX + 2_000;
    fill_stripped(bytes, draft, random);
    Effect::breaks(&["R23", "R28", "R40"]).values(STRIPPED_MAX, bytes)
}

/// Fills a witness until `measure` (the block's size or weight) is `goal`. A witness byte counts once in both.
fn fill_witness(measure: fn((usize, usize)) -> usize, goal: usize, draft: &mut Draft, random: &mut Random) {
    let at = one_witness(draft, random);
    draft.transactions[at].inputs[0].witness = vec![Vec::new()];
    draft.commitment = Commitment::Always;
    // Add a commitment of the final size now, so that it is measured; `finish` writes the correct one.
    draft.commit();
    // The length of the empty item takes one byte, the length of the full one five.
    let item = goal - measure(draft.sizes()) - 4;
    draft.transactions[at].inputs[0].witness = vec![vec![7; item]];
    assert_eq!(measure(draft.sizes()), goal, "the block does not have the requested size");
    let coinbase = &mut draft.transactions[0];
    coinbase.outputs.pop();
    coinbase.inputs[0].witness.clear();
    draft.commitment = Commitment::Always;
}

/// The weight: three times the size without witnesses plus the size with them.
fn weight((stripped, whole): (usize, usize)) -> usize {
    3 * stripped + whole
}

fn heaviest(draft: &mut Draft, random: &mut Random) -> Effect {
    fill_witness(weight, WEIGHT_MAX, draft, random);
    Effect::accepted()
}

fn too_heavy(draft: &mut Draft, random: &mut Random) -> Effect {
    fill_witness(weight, WEIGHT_MAX + 1, draft, random);
    Effect::breaks(&["R40"]).values(WEIGHT_MAX, WEIGHT_MAX + 1)
}

/// Bitcoin Core parses such a block and refuses its weight.
fn too_long(draft: &mut Draft, random: &mut Random) -> Effect {
    fill_witness(|(_, whole)| whole, BYTES_MAX + 1, draft, random);
    Effect::breaks(&["R20", "R40"]).core(CoreAnswer::Reason("bad-blk-weight"))
}
