//! Any chain, cut anywhere: the fast judge over its segments, joined, says what the sequential twin says.
//!
//! The bytes say how a chain is made: easy headers, sealed here, some of them broken afterwards; then where it is cut.

use std::sync::LazyLock;

use cityseal_chain::twin::judge_slowly;
use cityseal_chain::{BlockHeader, History, Network, Parameters, Summary, judge};
use cityseal_hash::double_sha256;

use crate::cursor::Cursor;

/// The longest chain that is made: long enough for a full median window and several cuts.
const HEADERS_MAX: usize = 48;

/// The seconds since 1970 that R10 is judged by: ten minutes after the genesis header of regtest.
const NOW: u64 = 1_296_688_602 + 600;

/// The decision for a header of version 3, a second after its parent: nothing to object to.
const FINE: u8 = 0x0b;

static CHAINS: LazyLock<[Parameters; 3]> = LazyLock::new(|| {
    let regtest = Parameters::of(Network::Regtest);
    let city = |rest: &str| {
        let head = format!("name = \"town\"\ngenesis = \"{}\"\npow_limit = \"207fffff\"\n", regtest.genesis().to_hex());
        Parameters::from_toml(&(head + rest)).expect("the text above is right")
    };
    let asert = city("[difficulty]\nkind = \"asert\"\nspacing_s = 1\nhalf_life_s = 60\n");
    let versions = city("difficulty = \"fixed\"\nfuture_limit_s = 60\n[[version]]\nmin = 3\nfrom_height = 5\n");
    [regtest.clone(), asert, versions]
});

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let plain = |chain: u8, start: u8| [&[chain, start, 3, 7, 11][..], &[FINE; 40]].concat();
    let broken = |chain: u8, [low, high]: [u8; 2]| {
        [&[chain, 0, 1, 2, 3][..], &[FINE; 20], &[0xff, low, high], &[FINE; 20]].concat()
    };
    // One bit in each part of a header, several in its time and its bits.
    let bits: [u16; 10] = [5, 40, 300, 544, 550, 575, 578, 599, 607, 620];
    let of_chain = |chain: u8| {
        let broken = bits.iter().map(move |bit| broken(chain, bit.to_le_bytes()));
        [plain(chain, 0), plain(chain, 1), plain(chain, 30)].into_iter().chain(broken)
    };
    (0..3).flat_map(of_chain).collect()
}

pub(crate) fn body(data: &[u8]) {
    judge_both_ways(data);
}

/// What both judges say, or `None` where the context is refused.
fn judge_both_ways(data: &[u8]) -> Option<Summary> {
    let mut cursor = Cursor::new(data);
    let parameters = &CHAINS[usize::from(cursor.byte() % 3)];
    let start = usize::from(cursor.byte()) % HEADERS_MAX;
    let cuts = [cursor.byte(), cursor.byte(), cursor.byte()];
    let chain = make_chain(parameters, &mut cursor);
    // The first headers are the trusted context of the others, where the chain is long enough for that.
    let start = start.min(chain.len() - 1);
    let (context, headers) = chain.split_at(start);
    let fast = judge_in_segments(parameters, context, headers, &cuts)?;
    assert_eq!(fast, judge_slowly(parameters, start as u64, context, headers, NOW));
    Some(fast)
}

/// A chain from its genesis header on; at least that one.
fn make_chain(parameters: &Parameters, cursor: &mut Cursor) -> Vec<BlockHeader> {
    let mut chain = vec![*parameters.genesis()];
    while !cursor.is_at_end() && chain.len() < HEADERS_MAX {
        let header = child(chain.last().expect("the genesis header is there"), cursor);
        chain.push(header);
    }
    chain
}

/// A sealed child of `parent`; an unusual decision breaks one bit of it after that.
fn child(parent: &BlockHeader, cursor: &mut Cursor) -> BlockHeader {
    let decision = cursor.byte();
    let mut header = BlockHeader {
        version: i32::from(decision & 7),
        prev_block_hash: parent.hash(),
        time: parent.time.saturating_add(u32::from(decision >> 3 & 3)).saturating_sub(u32::from(decision >> 5 & 1)),
        ..*parent
    };
    // The child of a broken parent may carry bits that nobody can meet here.
    let is_met = |header: &BlockHeader| header.bits.decode().is_ok_and(|target| target.is_met_by(&header.hash()));
    let tries = (0..100).map(|nonce| BlockHeader { nonce, ..header });
    header.nonce = tries.into_iter().find(is_met).map_or(0, |found| found.nonce);
    if decision >= 0xf0 { broken(&header, cursor) } else { header }
}

fn broken(header: &BlockHeader, cursor: &mut Cursor) -> BlockHeader {
    let mut wire = header.to_wire();
    let bit = usize::from(cursor.byte()) | usize::from(cursor.byte()) << 8;
    wire[bit / 8 % 80] ^= 1 << (bit % 8);
    BlockHeader::from_wire(&wire)
}

/// `None` where the context is refused: one that is not linked is no trusted one.
fn judge_in_segments(
    parameters: &Parameters,
    context: &[BlockHeader],
    headers: &[BlockHeader],
    cuts: &[u8],
) -> Option<Summary> {
    let mut history = History::before(parameters, context.len() as u64, &packed(context)).ok()?;
    let mut summary = Summary::empty(context.len() as u64);
    let mut rest = headers;
    for cut in cuts.iter().map(|cut| usize::from(*cut)).chain([usize::MAX]) {
        let (segment, later) = rest.split_at(cut.min(rest.len()));
        let hashes: Vec<[u8; 32]> = segment.iter().map(|header| double_sha256(&header.to_wire())).collect();
        let offset = 80 * (headers.len() - rest.len()) as u64;
        let bytes = packed(segment);
        summary = summary.join(judge(parameters, &history, &bytes, &hashes, NOW, offset));
        if summary.fault.is_some() {
            break;
        }
        history.advance(parameters, &bytes);
        rest = later;
    }
    Some(summary)
}

fn packed(headers: &[BlockHeader]) -> Vec<u8> {
    headers.iter().flat_map(BlockHeader::to_wire).collect()
}

#[test]
fn the_seeds_hold_good_chains_and_several_kinds_of_broken_ones() {
    let verdicts: Vec<_> = seeds().iter().filter_map(|seed| judge_both_ways(seed)).collect();
    assert!(verdicts.iter().any(|summary| summary.fault.is_none() && summary.count > 20));
    let rules: std::collections::HashSet<_> = verdicts.iter().filter_map(|summary| Some(summary.fault?.rule)).collect();
    assert!(rules.len() >= 4, "{rules:?}");
}
