//! Mutations of a block's bytes and of its Merkle tree: R20 to R22.

use cityseal_tests::synthetic::Random;

use crate::draft::{Commitment, Draft, HEADER_BYTES};
use crate::mutation::{CoreAnswer, Effect, Mutation, part};

/// The `expected` value of R20.
const WHOLE: &str = "one whole, canonically encoded block";
/// Offset of the first transaction: after the header and a count of one byte.
const FIRST: usize = HEADER_BYTES + 1;

pub(crate) const ALL: [Mutation; 12] = [
    Mutation::new("bytes after the last transaction", part::BYTES, trailing_bytes),
    Mutation::new("truncated block", part::BYTES, cut),
    Mutation::new("transaction count in three bytes", part::BYTES, long_count),
    Mutation::new("transaction count too high by one", part::BYTES, one_too_many),
    Mutation::new("transaction count too low by one", part::BODY, one_too_few),
    Mutation::new("transaction count too high for any block", part::BYTES, huge_count),
    Mutation::new("unknown flag before the inputs", part::BODY, unknown_flag),
    Mutation::new("witness flag without a witness", part::BODY, empty_witness),
    Mutation::new("Merkle root with one bit inverted", part::ROOT, flipped_root),
    Mutation::new("two transactions swapped", part::BODY, swapped),
    Mutation::new("last transactions repeated with the same root", part::BODY, repeated_tail),
    Mutation::new("transaction repeated under another parent node", part::BODY, repeated_apart).connected(),
];

fn encoding(words: &str, at: usize) -> Effect {
    Effect::breaks(&["R20"]).values(WHOLE, format!("{words}, at byte {at} of the block"))
}

/// Bitcoin Core's RPC ignores bytes after the last transaction.
fn trailing_bytes(draft: &mut Draft, random: &mut Random) -> Effect {
    let extra = random.between(1, 20) as usize;
    draft.edit = Some(Box::new(move |bytes| [bytes, vec![0; extra]].concat()));
    Effect::breaks(&["R20"]).core(CoreAnswer::Accepts)
}

fn cut(draft: &mut Draft, random: &mut Random) -> Effect {
    let missing = random.between(1, 60) as usize;
    draft.edit = Some(Box::new(move |mut bytes| {
        bytes.truncate(bytes.len() - missing);
        bytes
    }));
    Effect::breaks(&["R20"])
}

/// Replaces the byte of the transaction count.
fn recount(draft: &mut Draft, new: impl Fn(u8) -> Vec<u8> + 'static) {
    draft.edit =
        Some(Box::new(move |bytes| [&bytes[..HEADER_BYTES], &new(bytes[HEADER_BYTES]), &bytes[FIRST..]].concat()));
}

fn long_count(draft: &mut Draft, _random: &mut Random) -> Effect {
    recount(draft, |count| vec![0xfd, count, 0]);
    encoding("a compact size in more bytes than it needs", HEADER_BYTES)
}

fn one_too_many(draft: &mut Draft, _random: &mut Random) -> Effect {
    recount(draft, |count| vec![count + 1]);
    Effect::breaks(&["R20"])
}

/// The last transaction becomes trailing bytes, which Bitcoin Core's RPC ignores.
fn one_too_few(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.append_spend(false, random);
    recount(draft, |count| vec![count - 1]);
    Effect::breaks(&["R20"]).core(CoreAnswer::Reason("bad-txnmrklroot"))
}

fn huge_count(draft: &mut Draft, _random: &mut Random) -> Effect {
    recount(draft, |_| vec![0xfe, 0xff, 0xff, 0xff, 0xff]);
    encoding("a count that exceeds the rest of the block", HEADER_BYTES)
}

fn unknown_flag(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.commitment = Commitment::Always;
    let flag = random.between(2, 255) as u8;
    let at = FIRST + 5;
    draft.edit = Some(Box::new(move |mut bytes| {
        bytes[at] = flag;
        bytes
    }));
    encoding("an unknown flag before the inputs", at)
}

fn empty_witness(draft: &mut Draft, _random: &mut Random) -> Effect {
    draft.transactions.truncate(1);
    draft.commitment = Commitment::Never;
    draft.edit = Some(Box::new(|bytes| {
        let lock = bytes.len() - 4;
        [&bytes[..FIRST + 4], &[0, 1], &bytes[FIRST + 4..lock], &[0], &bytes[lock..]].concat()
    }));
    Effect::breaks(&["R20"])
}

fn flipped_root(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.root_flip = Some(random.below(256) as usize);
    Effect::breaks(&["R21"])
}

fn swapped(draft: &mut Draft, random: &mut Random) -> Effect {
    let one = draft.append_spend(false, random);
    let other = draft.append_spend(false, random);
    draft.swap_after_root = Some((one, other));
    Effect::breaks(&["R21"])
}

fn repeated_tail(draft: &mut Draft, random: &mut Random) -> Effect {
    // Of 3 transactions the last one is repeated, of 6 the last two, of 12 the last four.
    let count = [3, 5, 6, 7, 12][random.below(5) as usize];
    draft.transactions.truncate(1);
    while draft.transactions.len() < count {
        draft.append_spend(random.below(2) == 0, random);
    }
    draft.repeats_tail = true;
    Effect::breaks(&["R22"]).values("no two equal nodes under one parent", "two equal nodes under one parent")
}

/// No rule is broken, but the second copy spends the outputs that the first has spent.
fn repeated_apart(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.transactions.truncate(1);
    let first = draft.append_spend(false, random);
    draft.append_spend(true, random);
    draft.append(draft.transactions[first].clone());
    Effect::accepted().core(CoreAnswer::Reason("bad-txns-inputs-missingorspent"))
}
