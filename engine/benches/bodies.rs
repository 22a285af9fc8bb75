//! Validates whole blocks in memory: the engine with one worker, and rust-bitcoin on one thread.
//!
//! The engine copies the blocks into its buffers, as if it read them from a file; rust-bitcoin parses them in place.
//! Both check proof of work, links, Merkle roots and witness commitments; the engine also judges the other rules of
//! bodies. The bodies are those of mainnet blocks from `CITYSEAL_DATA`, under headers sealed for this bench so that
//! they form a chain; without that folder they are synthetic, and the bench says so. The answers are compared before
//! anything is timed, also for a corrupted block.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic if something is missing")]
#![allow(clippy::print_stderr, reason = "prints the ratio, which criterion cannot report")]

use std::hint::black_box;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bitcoin::consensus::encode::deserialize;
use bitcoin::hashes::Hash;
use cityseal_chain::body::ParsedBlock;
use cityseal_chain::{BlockHash, BlockHeader, MerkleRoot, Network, Parameters, Verdict, hex, merkle};
use cityseal_engine::{BlockPlace, Engine, ReadBlocks, UnreadBlocks, VerifyReport, VerifyRequest};
use cityseal_hash::{HEADER_LEN, double_sha256};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A time later than every header's.
const NOW: u64 = 2_000_000_000;
/// Time of the first header: later than every lock time in the bodies.
const TIME: u32 = 1_900_000_000;
/// Height of the first block: above every lock time in the bodies.
const HEIGHT: u64 = 1_000_000;
/// Bytes of one group of blocks, as `BlockVerifier::push` advises.
const GROUP_BYTES: usize = 1 << 20;
/// Copies of each body in the chain: 30 MB, more than the inner caches, and long enough for a steady state.
const TIMES: usize = 6;
/// Runs of each contestant, alternating; the ratio is that of the median CPU times.
const RUNS: usize = 21;

const BLOCKS: [&str; 7] = [
    "mainnet_277647.raw",
    "mainnet_300025.raw",
    "mainnet_413567.raw",
    "bitcoinj_block481829.dat",
    "mainnet_482683_segwit.raw",
    "mainnet_574200_segwit.raw",
    "mainnet_830000_segwit.raw",
];

/// Blocks of mainnet, or as many bytes of synthetic ones.
fn bodies() -> (&'static str, Vec<Vec<u8>>) {
    let dir = std::env::var_os("CITYSEAL_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")), PathBuf::from);
    let read = |name: &&str| std::fs::read(dir.join("blocks").join(name)).ok();
    match BLOCKS.iter().map(read).collect() {
        Some(blocks) => ("blocks of mainnet", blocks),
        None => ("SYNTHETIC blocks, since CITYSEAL_DATA has none", (0..5).map(synthetic).collect()),
    }
}

/// A typical transaction with one input, two outputs and a witness; returned without and with the witness.
fn transaction(prevout: [u8; 36], outputs: [&[u8]; 2], witness: &[&[u8]]) -> [Vec<u8>; 2] {
    let input = [&[1][..], &prevout, &[4, 3, 2, 1, 0], &[0xff; 4]].concat();
    let output = |script: &[u8]| [&1_000_u64.to_le_bytes()[..], &[script.len() as u8], script].concat();
    let outputs = [&[2][..], &output(outputs[0]), &output(outputs[1])].concat();
    let items = witness.iter().flat_map(|item| [&[item.len() as u8], *item].concat());
    let witness: Vec<u8> = std::iter::once(witness.len() as u8).chain(items).collect();
    let (version, lock) = (&[2, 0, 0, 0][..], &[0; 4][..]);
    [[version, &input, &outputs, lock].concat(), [version, &[0, 1], &input, &outputs, &witness, lock].concat()]
}

/// A block with 4,000 such transactions, 1 MB.
fn synthetic(number: u32) -> Vec<u8> {
    let other = |index: u32| {
        let mut prevout = [0; 36];
        prevout[..32].copy_from_slice(&double_sha256(&[number.to_le_bytes(), index.to_le_bytes()].concat()));
        transaction(prevout, [&[0x51; 22], &[0x51; 34]], &[&[7; 71], &[3; 33]])
    };
    let others: Vec<[Vec<u8>; 2]> = (1..4_000).map(other).collect();
    let whole = others.iter().map(|[_, whole]| double_sha256(whole));
    let root = merkle::root(&std::iter::once([0; 32]).chain(whole).collect::<Vec<_>>()).unwrap().to_wire();
    let commitment = [&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &double_sha256(&[root, [0; 32]].concat())].concat();
    let mut none = [0; 36];
    none[32..].fill(0xff);
    let coinbase = transaction(none, [&[0x51], &commitment], &[&[0; 32]]);
    let all = || std::iter::once(&coinbase).chain(&others);
    let ids: Vec<[u8; 32]> = all().map(|[stripped, _]| double_sha256(stripped)).collect();
    let mut header = *Parameters::of(Network::Regtest).genesis();
    header.merkle_root = merkle::root(&ids).unwrap();
    let count = [&[0xfd][..], &(ids.len() as u16).to_le_bytes()].concat();
    header.to_wire().into_iter().chain(count).chain(all().flat_map(|[_, whole]| whole.clone())).collect()
}

/// Parameters with trivial proof of work and without heights in coinbases.
fn parameters() -> Parameters {
    let genesis = hex::encode(&Parameters::of(Network::Regtest).genesis().to_wire());
    Parameters::from_toml(&format!(
        "name = \"bench\"\ngenesis = \"{genesis}\"\npow_limit = \"207fffff\"\ndifficulty = \"fixed\"\n[body]\nwitness_from = 0\n"
    ))
    .unwrap()
}

/// The bodies under new headers, each linked to the one before.
fn chained(bodies: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut parent = BlockHeader { time: TIME, ..*Parameters::of(Network::Regtest).genesis() };
    let with_header = |mut block: Vec<u8>| {
        let merkle_root: MerkleRoot = BlockHeader::from_wire(block.first_chunk().unwrap()).merkle_root;
        parent = BlockHeader {
            version: 4,
            prev_block_hash: parent.hash(),
            merkle_root,
            time: parent.time + 60,
            nonce: 0,
            ..parent
        };
        while !parent.bits.decode().unwrap().is_met_by(&parent.hash()) {
            parent.nonce += 1;
        }
        block[..HEADER_LEN].copy_from_slice(&parent.to_wire());
        block
    };
    bodies.into_iter().map(with_header).collect()
}

/// Blocks in one buffer.
struct Memory(Vec<u8>);

impl ReadBlocks for Memory {
    fn read_blocks(&self, places: &[BlockPlace], room: &mut Vec<u8>) -> io::Result<()> {
        places.iter().for_each(|place| room.extend_from_slice(&self.0[place.at as usize..][..place.len as usize]));
        Ok(())
    }
}

/// The chain, and the places of its blocks, in groups.
struct Chain {
    memory: Arc<Memory>,
    groups: Vec<Vec<BlockPlace>>,
}

impl Chain {
    fn new(blocks: &[Vec<u8>]) -> Self {
        let (mut groups, mut at) = (vec![Vec::new()], 0);
        let mut in_group = 0;
        for block in blocks {
            if in_group > 0 && in_group + block.len() > GROUP_BYTES {
                groups.push(Vec::new());
                in_group = 0;
            }
            let place = BlockPlace { file: 0, len: block.len() as u32, at, offset: at };
            groups.last_mut().unwrap().push(place);
            in_group += block.len();
            at += block.len() as u64;
        }
        Self { memory: Arc::new(Memory(blocks.concat())), groups }
    }

    fn blocks(&self) -> impl Iterator<Item = &[u8]> {
        self.groups.iter().flatten().map(|place| &self.memory.0[place.at as usize..][..place.len as usize])
    }

    fn group(&self, places: &[BlockPlace]) -> UnreadBlocks {
        let header = |place: &BlockPlace| &self.memory.0[place.at as usize..][..HEADER_LEN];
        let headers = places.iter().flat_map(header).copied().collect();
        UnreadBlocks { source: Arc::<Memory>::clone(&self.memory), places: places.to_vec(), headers }
    }
}

fn by_the_engine(engine: &Engine, parameters: &Parameters, chain: &Chain) -> VerifyReport {
    let request = VerifyRequest::new(parameters.clone(), NOW).start_height(HEIGHT);
    let mut verifier = engine.block_verifier(request).unwrap();
    chain.groups.iter().for_each(|places| _ = verifier.push_unread(chain.group(places)));
    verifier.finish(None)
}

/// The number of valid blocks, the number of their transactions, and the last block's hash.
fn by_rust_bitcoin(chain: &Chain) -> (u64, u64, [u8; 32]) {
    let (mut count, mut transactions) = (0, 0);
    let mut last: Option<bitcoin::BlockHash> = None;
    for bytes in chain.blocks() {
        let Ok(block) = deserialize::<bitcoin::Block>(bytes) else { break };
        let is_linked = last.is_none_or(|last| block.header.prev_blockhash == last);
        let Ok(hash) = block.header.validate_pow(block.header.target()) else { break };
        if !is_linked || !block.check_merkle_root() || !block.check_witness_commitment() {
            break;
        }
        count += 1;
        transactions += block.txdata.len() as u64;
        last = Some(hash);
    }
    (count, transactions, last.map_or([0; 32], bitcoin::BlockHash::to_byte_array))
}

/// Requires that both accept the chain, and refuse it from a block with a flipped bit on.
fn assert_answers(engine: &Engine, parameters: &Parameters, blocks: &[Vec<u8>]) {
    let answer = |report: &VerifyReport| {
        let tip = report.tip.map_or(BlockHash::ZERO, |tip| tip.hash);
        (report.count, report.state.summary.bodies.transactions, tip.to_wire())
    };
    let chain = Chain::new(blocks);
    let report = by_the_engine(engine, parameters, &chain);
    assert!(matches!(report.verdict, Verdict::Valid), "{:?}", report.verdict);
    assert_eq!(answer(&report), by_rust_bitcoin(&chain));
    assert_eq!(report.count, blocks.len() as u64);
    for (spoilt, back) in [(0, 1), (blocks.len() - 1, 1), (blocks.len() - 1, 60)] {
        let mut blocks = blocks.to_vec();
        let byte = blocks[spoilt].len() - back;
        blocks[spoilt][byte] ^= 1;
        let chain = Chain::new(&blocks);
        let report = by_the_engine(engine, parameters, &chain);
        assert!(matches!(report.verdict, Verdict::Fault(_)), "{:?}", report.verdict);
        assert_eq!(answer(&report), by_rust_bitcoin(&chain));
        assert_eq!(report.count, spoilt as u64);
    }
}

/// CPU time of all threads of this process in nanoseconds, so that other load does not count; wall time if the system
/// does not report it.
fn busy_ns(started: Instant) -> f64 {
    let of_thread = |entry: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        stat.split(' ').next()?.parse::<f64>().ok()
    };
    let threads = std::fs::read_dir("/proc/self/task").ok();
    let busy = threads.and_then(|threads| threads.map(of_thread).sum::<Option<f64>>());
    busy.unwrap_or_else(|| started.elapsed().as_nanos() as f64)
}

/// Median seconds of alternating runs of both.
fn medians(runs: usize, one: impl Fn() -> f64, other: impl Fn() -> f64) -> (f64, f64) {
    let (mut ones, mut others): (Vec<f64>, Vec<f64>) = (0..runs).map(|_| (one(), other())).unzip();
    ones.sort_by(f64::total_cmp);
    others.sort_by(f64::total_cmp);
    (ones[runs / 2], others[runs / 2])
}

fn seconds<T>(work: impl FnOnce() -> T) -> f64 {
    let started = Instant::now();
    let before = busy_ns(started);
    black_box(work());
    (busy_ns(started) - before) / 1e9
}

fn bodies_of_blocks(criterion: &mut Criterion) {
    let (what, bodies) = bodies();
    let blocks = chained((0..TIMES).flat_map(|_| bodies.clone()).collect());
    let bytes: usize = blocks.iter().map(Vec::len).sum();
    let transactions: usize = blocks.iter().map(|block| ParsedBlock::parse(block).unwrap().transactions().len()).sum();
    eprintln!("{what}, {TIMES} times: {} blocks, {bytes} bytes, {transactions} transactions", blocks.len());
    let parameters = parameters();
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    assert_answers(&engine, &parameters, &blocks);
    let chain = Chain::new(&blocks);
    let ours = || by_the_engine(&engine, &parameters, &chain);

    let mut group = criterion.benchmark_group("bodies");
    group.throughput(Throughput::Bytes(bytes as u64)).sample_size(20);
    group.bench_function("rust_bitcoin", |bencher| bencher.iter(|| by_rust_bitcoin(black_box(&chain))));
    group.bench_function("1_worker", |bencher| bencher.iter(ours));
    group.finish();

    let runs = if std::env::args().any(|argument| argument == "--test") { 1 } else { RUNS };
    let (theirs, ours) = medians(runs, || seconds(|| by_rust_bitcoin(&chain)), || seconds(ours));
    let rate = |seconds: f64| bytes as f64 / seconds / 1e6;
    let (theirs_mb, ours_mb, ratio) = (rate(theirs), rate(ours), theirs / ours);
    eprintln!(
        "{what}: in a second of a core rust-bitcoin checks {theirs_mb:.0} MB, the engine {ours_mb:.0} MB: {ratio:.2} times"
    );
}

criterion_group!(benches, bodies_of_blocks);
criterion_main!(benches);
