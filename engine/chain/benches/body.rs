//! Benchmarks parsing blocks and judging their bodies with known roots: the cost of the rules per byte. Before anything
//! is timed, the judgement is compared with that of the reference implementation. Real blocks are timed if the folder
//! of `CITYSEAL_DATA` has them; a generated one is always timed.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic on missing data")]

use std::hint::black_box;
use std::path::Path;

use cityseal_chain::body::{BodyContext, BodyRoots, ParsedBlock, block_extent, judge_body, reference};
use cityseal_chain::{Network, Parameters};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Real blocks of four eras, with their heights.
const REAL: [(&str, u64); 4] = [
    ("mainnet_300025.raw", 300_025),
    ("mainnet_413567.raw", 413_567),
    ("mainnet_574200_segwit.raw", 574_200),
    ("mainnet_830000_segwit.raw", 830_000),
];

/// Number of payments in the generated block, which make about a megabyte.
const PAYMENTS: u32 = 4_000;

/// Generates an early style of block: a coinbase, and payments with one input (signature and key) and two outputs to
/// key hashes.
fn generated() -> Vec<u8> {
    let key_hash = [&[0x19, 0x76, 0xa9, 20][..], &[3; 20], &[0x88, 0xac]].concat();
    let payment = |number: u32| {
        let script = [&[106, 71][..], &[7; 71], &[33], &[2; 33]].concat();
        let input = [&[1][..], &number.to_le_bytes(), &[9; 32], &script, &[0xff; 4]].concat();
        let output = [&5_000u64.to_le_bytes()[..], &key_hash].concat();
        [&[1, 0, 0, 0][..], &input, &[2], &output, &output, &[0; 4]].concat()
    };
    let coinbase = [&[1, 0, 0, 0, 1][..], &[0; 32], &[0xff; 4], &[2, 0x60, 0], &[0xff; 4], &[1], &[0; 9], &[0; 4]];
    let count = [&[0xfd][..], &(PAYMENTS as u16 + 1).to_le_bytes()].concat();
    let mut block = [&[0; 80][..], &count, &coinbase.concat()].concat();
    block.extend((0..PAYMENTS).flat_map(payment));
    block
}

/// The blocks with their names and heights.
fn blocks() -> Vec<(String, u64, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder =
        root.join(std::env::var("CITYSEAL_DATA").unwrap_or_else(|_| "../shared/data".to_owned())).join("blocks");
    let read = |(name, height): (&str, u64)| Some((name.to_owned(), height, std::fs::read(folder.join(name)).ok()?));
    let mut blocks: Vec<_> = REAL.into_iter().filter_map(read).collect();
    blocks.push(("generated".to_owned(), 16, generated()));
    blocks
}

fn bodies(criterion: &mut Criterion) {
    let mainnet = Parameters::of(Network::Mainnet);
    for (name, height, mut block) in blocks() {
        let context = BodyContext { height, median_time: Some(u32::MAX) };
        let mut parsed = ParsedBlock::parse(&block).unwrap();
        let roots = BodyRoots::of(&mainnet, &context, &block, &parsed);
        block[36..68].copy_from_slice(&roots.merkle);
        let judgement = judge_body(&mainnet, &context, &block, &parsed, &roots);
        assert_eq!(judgement, reference::judge_block(&mainnet, &context, &block));
        assert_eq!(judgement.broken, None);
        let mut group = criterion.benchmark_group(format!("body/{name}"));
        group.throughput(Throughput::Bytes(block.len() as u64));
        group.bench_function("parse_and_judge", |bencher| {
            bencher.iter(|| {
                parsed.parse_into(black_box(&block)).unwrap();
                judge_body(&mainnet, &context, &block, &parsed, &roots)
            });
        });
        group.bench_function("extent", |bencher| bencher.iter(|| block_extent(black_box(&block))));
        group.finish();
    }
}

criterion_group!(benches, bodies);
criterion_main!(benches);
