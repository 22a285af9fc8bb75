//! The oracle: the rules of `docs/RULES.md` for regtest as a plain list, applied to blocks parsed by the crate
//! `bitcoin`. It shares no code with the product or with the code that builds the blocks.

use std::collections::HashSet;

use bitcoin::block::{Block, Header};
use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;
use bitcoin::script::Builder;
use bitcoin::{Target, Transaction};

use crate::draft::{Finished, HEADER_BYTES};

const MONEY: u64 = 2_100_000_000_000_000;
const COMMITMENT_HEAD: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// The oracle's verdict on a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// No rule is broken.
    Accepted,
    /// The lowest rule that is broken.
    Breaks(&'static str),
    /// The crate cannot parse a transaction without inputs and outputs, which Bitcoin Core can.
    Unread,
}

/// Checks a block, or only its header.
pub(crate) fn judge(block: &Finished, now: u64, header_only: bool) -> Finding {
    let header: Header = encode::deserialize(&block.bytes[..HEADER_BYTES]).expect("80 bytes are a header");
    let mut broken = header_rules(&header, block, now);
    if broken.is_empty() && !header_only {
        match encode::deserialize::<Block>(&block.bytes) {
            Ok(read) => broken = body_rules(&read, block),
            Err(encode::Error::UnsupportedSegwitFlag(0)) => return Finding::Unread,
            Err(_) => broken.push("R20"),
        }
    }
    broken.into_iter().min().map_or(Finding::Accepted, Finding::Breaks)
}

fn header_rules(header: &Header, block: &Finished, now: u64) -> Vec<&'static str> {
    let mut broken = Vec::new();
    let bits = header.bits.to_consensus();
    let (size, mut word) = (bits >> 24, bits & 0x007f_ffff);
    if size <= 3 {
        word >>= 8 * (3 - size);
    }
    let length = 32 - word.leading_zeros() + 8 * size.saturating_sub(3);
    let limit = Target::from_be_bytes(std::array::from_fn(|at| if at == 0 { 0x7f } else { 0xff }));
    if word == 0 {
        broken.push("R02");
    } else if bits & 0x0080_0000 != 0 {
        broken.push("R01");
    } else if length > 256 {
        broken.push("R03");
    } else if header.target() > limit {
        broken.push("R04");
    } else if !header.target().is_met_by(header.block_hash()) {
        broken.push("R05");
    }
    let checks = [
        ("R06", header.prev_blockhash.to_byte_array() != block.parent),
        ("R07", bits != 0x207f_ffff),
        ("R08", header.time <= block.median),
        ("R10", u64::from(header.time) > now + 7_200),
        ("R11", header.version.to_consensus() < 4),
    ];
    broken.extend(checks.iter().filter(|(_, is_broken)| *is_broken).map(|(rule, _)| *rule));
    broken
}

fn body_rules(read: &Block, block: &Finished) -> Vec<&'static str> {
    let (whole, weight) = (read.total_size() as u64, read.weight().to_wu());
    let stripped = (weight - whole) / 3;
    let all = &read.txdata;
    let leaves: Vec<_> = all.iter().map(|one| one.compute_txid().to_byte_array()).collect();
    let root = read.compute_merkle_root().map_or([0; 32], Hash::to_byte_array);
    let Some(first) = all.first() else {
        let is_wrong = root != read.header.merkle_root.to_byte_array();
        return if is_wrong { vec!["R21"] } else { vec!["R24"] };
    };
    let script = first.input.first().map(|input| input.script_sig.as_bytes()).unwrap_or_default();
    let height = Builder::new().push_int(block.height as i64).into_script();
    let scripts = all.iter().flat_map(|one| {
        let outputs = one.output.iter().map(|output| output.script_pubkey.count_sigops_legacy());
        one.input.iter().map(|input| input.script_sig.count_sigops_legacy()).chain(outputs)
    });
    let values = |one: &Transaction| one.output.iter().map(|output| output.value.to_sat()).collect::<Vec<_>>();
    let total = |one: &Transaction| values(one).into_iter().map(u128::from).sum::<u128>();
    let mut spent = HashSet::new();
    let twice = |one: &Transaction, spent: &mut HashSet<_>| {
        spent.clear();
        one.input.iter().any(|input| !spent.insert(input.previous_output))
    };
    let names_none = |one: &Transaction| {
        !one.is_coinbase() && one.input.iter().any(|input| input.previous_output == bitcoin::OutPoint::null())
    };
    let mut checks = vec![
        ("R20", whole > 4_000_000),
        ("R21", root != read.header.merkle_root.to_byte_array()),
        ("R22", repeats(leaves)),
        ("R23", stripped > 1_000_000),
        ("R24", !first.is_coinbase()),
        ("R25", all[1..].iter().any(Transaction::is_coinbase)),
        ("R26", all.iter().any(|one| one.input.is_empty())),
        ("R27", all.iter().any(|one| one.output.is_empty())),
        ("R29", all.iter().any(|one| values(one).iter().any(|value| *value > MONEY))),
        ("R30", all.iter().any(|one| total(one) > u128::from(MONEY))),
        ("R31", all.iter().any(|one| twice(one, &mut spent))),
        ("R32", !(2..=100).contains(&script.len())),
        ("R33", all.iter().any(names_none)),
        ("R34", scripts.sum::<usize>() > 20_000),
        ("R35", all.iter().any(|one| is_locked(one, block))),
        ("R36", !script.starts_with(height.as_bytes())),
        ("R40", weight > 4_000_000),
    ];
    checks.extend(witness_rules(read, first));
    checks.into_iter().filter(|(_, is_broken)| *is_broken).map(|(rule, _)| rule).collect()
}

/// Whether two equal nodes form a pair on any level.
fn repeats(mut level: Vec<[u8; 32]>) -> bool {
    use bitcoin::hashes::sha256d;
    while level.len() > 1 {
        if level.chunks_exact(2).any(|pair| pair[0] == pair[1]) {
            return true;
        }
        let parent = |pair: &[[u8; 32]]| sha256d::Hash::hash(&[pair[0], pair[pair.len() - 1]].concat());
        level = level.chunks(2).map(|pair| parent(pair).to_byte_array()).collect();
    }
    false
}

fn is_locked(one: &Transaction, block: &Finished) -> bool {
    let lock = one.lock_time.to_consensus_u32();
    let reached = if lock < 500_000_000 { block.height } else { u64::from(block.median) };
    lock != 0 && u64::from(lock) >= reached && one.input.iter().any(|input| input.sequence.0 != u32::MAX)
}

fn witness_rules(read: &Block, first: &Transaction) -> Vec<(&'static str, bool)> {
    let commits = |script: &bitcoin::Script| script.len() >= 38 && script.as_bytes().starts_with(&COMMITMENT_HEAD);
    let last = first.output.iter().rev().find(|output| commits(&output.script_pubkey));
    let Some(last) = last else {
        let has_witness = |one: &Transaction| one.input.iter().any(|input| !input.witness.is_empty());
        return vec![("R39", read.txdata.iter().any(has_witness))];
    };
    let reserved: Vec<&[u8]> = first.input.first().map(|input| input.witness.iter().collect()).unwrap_or_default();
    let is_one = reserved.len() == 1 && reserved[0].len() == 32;
    let committed = &last.script_pubkey.as_bytes()[6..38];
    let root = read.witness_root().expect("there is a coinbase");
    let differs = || Block::compute_witness_commitment(&root, reserved[0]).to_byte_array() != committed;
    vec![("R37", !is_one), ("R38", is_one && differs())]
}
