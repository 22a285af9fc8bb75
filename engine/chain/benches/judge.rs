//! Benchmarks the judge over headers with known hashes, for two kinds of difficulty: the cost of the rules per header.
//! Before anything is timed, its summary is compared with that of the reference implementation.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic on missing data")]

use std::hint::black_box;

use cityseal_chain::reference::judge_headers;
use cityseal_chain::{BlockHeader, CompactTarget, Difficulty, History, MerkleRoot, Parameters, Summary, judge};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// 640 KiB of headers and 256 KiB of hashes: within a core's second-level cache.
const HEADERS: usize = 1 << 13;

/// Half of all hashes meet it.
const EASIEST_BITS: u32 = 0x207f_ffff;

const GENESIS_TIME: u32 = 1_700_000_000;
const SPACING_S: u32 = 60;
const NOW: u64 = 2_000_000_000;

struct Chain {
    parameters: Parameters,
    headers: Vec<BlockHeader>,
    packed: Vec<u8>,
    hashes: Vec<[u8; 32]>,
}

fn sealed(header: BlockHeader) -> BlockHeader {
    let target = header.bits.decode().unwrap();
    (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..header }).find(|header| target.is_met_by(&header.hash())).unwrap()
}

fn city(genesis: &BlockHeader, difficulty: &str) -> Parameters {
    let genesis = genesis.to_hex();
    let text = format!("name = \"bench\"\ngenesis = \"{genesis}\"\npow_limit = \"{EASIEST_BITS:08x}\"\n{difficulty}\n");
    Parameters::from_toml(&text).unwrap()
}

/// A chain whose blocks are a little early or late, so that ASERT's target changes with every header.
fn chain(difficulty: &str) -> Chain {
    let bits = CompactTarget::from_bits(EASIEST_BITS);
    let prev_block_hash = cityseal_chain::BlockHash::ZERO;
    let genesis =
        BlockHeader { version: 4, prev_block_hash, merkle_root: MerkleRoot::ZERO, time: GENESIS_TIME, bits, nonce: 0 };
    let parameters = city(&sealed(genesis), difficulty);
    let mut headers = vec![*parameters.genesis()];
    while headers.len() < HEADERS {
        let last = headers[headers.len() - 1];
        let bits = match parameters.difficulty() {
            Difficulty::Asert(asert) => asert.required_bits(headers.len() as u64 - 1, last.time, bits),
            Difficulty::Fixed | Difficulty::Bitcoin2016 { .. } => last.bits,
        };
        let time = last.time + SPACING_S - 20 + headers.len() as u32 * 7 % 31;
        headers.push(sealed(BlockHeader { prev_block_hash: last.hash(), time, bits, ..last }));
    }
    let packed = headers.iter().flat_map(BlockHeader::to_wire).collect();
    let hashes = headers.iter().map(|header| header.hash().to_wire()).collect();
    Chain { parameters, headers, packed, hashes }
}

impl Chain {
    fn judged(&self) -> Summary {
        judge(&self.parameters, &History::before_genesis(), &self.packed, &self.hashes, NOW, 0)
    }
}

fn judging(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("judge");
    group.throughput(Throughput::Elements(HEADERS as u64));
    let asert = format!("difficulty = \"asert\"\nspacing_s = {SPACING_S}\nhalf_life_s = 3600");
    for (name, difficulty) in [("fixed", "difficulty = \"fixed\""), ("asert", asert.as_str())] {
        let chain = chain(difficulty);
        let summary = chain.judged();
        assert_eq!((summary.count, &summary.fault), (HEADERS as u64, &None), "{name}: a valid chain");
        assert_eq!(
            summary,
            judge_headers(&chain.parameters, 0, &[], &chain.headers, NOW),
            "{name}: differs from the reference implementation"
        );
        group.bench_function(name, |bencher| bencher.iter(|| black_box(&chain).judged()));
    }
    group.finish();
}

criterion_group!(benches, judging);
criterion_main!(benches);
