//! Mutations of headers: R01 to R11, each at its limit and just beyond it.

use cityseal_tests::synthetic::Random;

use crate::draft::{BITS, Draft, Seal, hex, reversed, target_of};
use crate::mutation::{CoreAnswer, Effect, Mutation, part};

/// Seconds by which a header's time may exceed the current time.
const FUTURE_S: u64 = 7_200;

pub(crate) const ALL: [Mutation; 14] = [
    Mutation::new("bits encode a negative number", part::BITS | part::NONCE, negative_bits),
    Mutation::new("bits encode zero", part::BITS | part::NONCE, zero_bits),
    Mutation::new("bits encode more than 256 bits", part::BITS | part::NONCE, overflowing_bits),
    Mutation::new("target above the limit", part::BITS | part::NONCE, high_target),
    Mutation::new("bits differ from the required ones", part::BITS, other_bits),
    Mutation::new("hash above the target", part::NONCE, missed_target),
    Mutation::new("link with one bit inverted", part::PREV, flipped_link),
    Mutation::new("link to the grandparent", part::PREV, link_to_grandparent),
    Mutation::new("time at the median or before", part::TIME, time_at_median),
    Mutation::new("time one second after the median", part::TIME, time_past_median),
    Mutation::new("time at the limit for future times", part::TIME, time_at_limit),
    Mutation::new("time above the limit for future times", part::TIME, time_past_limit),
    Mutation::new("old version", part::VERSION, old_version),
    Mutation::new("lowest version in force", part::VERSION, lowest_version),
];

fn one_of<T: Copy>(values: &[T], random: &mut Random) -> T {
    values[random.below(values.len() as u64) as usize]
}

fn bits_are_nonsense(draft: &mut Draft, bits: u32, breaks: &'static [&'static str]) -> Effect {
    draft.bits = bits;
    Effect::breaks(breaks).values(format!("{BITS:08x}"), format!("{bits:08x}"))
}

fn negative_bits(draft: &mut Draft, random: &mut Random) -> Effect {
    // The second is negative after its mantissa is shifted; the last one is also too large, but R01 comes first.
    let bits = one_of(&[0x20800001, 0x01fe0000, 0x04923456, 0x20ffffff, 0xff800001], random);
    bits_are_nonsense(draft, bits, &["R01", "R07"])
}

fn zero_bits(draft: &mut Draft, random: &mut Random) -> Effect {
    let bits = one_of(&[0, 0x20000000, 0x01003456, 0x01803456, 0x20800000, 0xff000000], random);
    bits_are_nonsense(draft, bits, &["R02", "R07"])
}

fn overflowing_bits(draft: &mut Draft, random: &mut Random) -> Effect {
    let bits = one_of(&[0x21010000, 0x22000100, 0x23000001, 0xff7fffff], random);
    bits_are_nonsense(draft, bits, &["R03", "R07"])
}

fn high_target(draft: &mut Draft, random: &mut Random) -> Effect {
    // The first is one above the limit of 2^255 - 1; the last one is the largest that fits into 256 bits.
    draft.bits = one_of(&[0x21008000, 0x2100c000, 0x220000ff, 0x2100ffff], random);
    let limit = format!("7f{}", "f".repeat(62));
    let target = target_of(draft.bits).map(|target| hex(&target)).unwrap_or_default();
    Effect::breaks(&["R04", "R07"]).values(limit, target)
}

fn other_bits(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.bits = one_of(&[0x207ffffe, 0x207f0000, 0x21007fff, 0x1f7fffff, 0x21000080], random);
    Effect::breaks(&["R07"]).values(format!("{BITS:08x}"), format!("{:08x}", draft.bits))
}

fn missed_target(draft: &mut Draft, _random: &mut Random) -> Effect {
    draft.seal = Seal::Misses;
    Effect::breaks(&["R05"])
}

fn flipped_link(draft: &mut Draft, random: &mut Random) -> Effect {
    let bit = random.below(256) as usize;
    draft.prev[bit / 8] ^= 1 << (bit % 8);
    Effect::breaks(&["R06"]).values(hex(&reversed(draft.parent)), hex(&reversed(draft.prev)))
}

/// A node treats it as a branch from there and checks it at that height.
fn link_to_grandparent(draft: &mut Draft, _random: &mut Random) -> Effect {
    draft.prev = draft.grandparent;
    if draft.prev == draft.parent {
        draft.prev = [0; 32];
    }
    let effect = Effect::breaks(&["R06"]).core(CoreAnswer::Depends);
    effect.values(hex(&reversed(draft.parent)), hex(&reversed(draft.prev)))
}

fn time_at_median(draft: &mut Draft, random: &mut Random) -> Effect {
    let before = one_of(&[0, 0, 1, 600, 100_000], random);
    draft.time = draft.median - before;
    Effect::breaks(&["R08"]).values(u64::from(draft.median) + 1, draft.time)
}

fn time_past_median(draft: &mut Draft, _random: &mut Random) -> Effect {
    draft.time = draft.median + 1;
    Effect::accepted()
}

fn time_at_limit(draft: &mut Draft, _random: &mut Random) -> Effect {
    draft.time = (draft.now + FUTURE_S) as u32;
    Effect::accepted()
}

fn time_past_limit(draft: &mut Draft, random: &mut Random) -> Effect {
    let limit = draft.now + FUTURE_S;
    draft.time = one_of(&[limit as u32 + 1, limit as u32 + 600, u32::MAX], random);
    Effect::breaks(&["R10"]).values(limit, draft.time)
}

fn old_version(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.version = one_of(&[3, 2, 1, 0, -1, i32::MIN, 0x8000_0004_u32 as i32], random);
    Effect::breaks(&["R11"]).values("00000004", format!("{:08x}", draft.version))
}

fn lowest_version(draft: &mut Draft, _random: &mut Random) -> Effect {
    draft.version = 4;
    Effect::accepted()
}
