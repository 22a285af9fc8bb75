//! A thousand single-byte changes of a synthetic chain, in headers, transactions, witnesses and frames. Every worker
//! reports the fault that the slow reference walk reports.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use cityseal_engine::chain::{BlockHeader, Fault, FaultValue, Rule, Verdict};
use cityseal_engine::{BlockBatch, Engine, VerifyRequest};
use cityseal_input::{BlockCutter, Cut, Format, TakeBlock};
use cityseal_tests::block_reference::{BlockReference, Expected, Framing};
use cityseal_tests::folder::Folder;
use cityseal_tests::on_every_worker;
use cityseal_tests::synthetic::block::{HEADER_BYTES, header_of};
use cityseal_tests::synthetic::{FRAME_BYTES, Home, Random, chain};
use cityseal_tests::worker::Worker;
use serde_json::Value;

const CORRUPTIONS: usize = 1_000;
const BLOCKS: u64 = 64;
/// Size of each block, unless `CITYSEAL_BLOCK_BYTES` is set: 1,048,576 makes a chain of 64 MiB.
const BLOCK_BYTES: usize = 20_000;
/// Blocks passed to the verifier from the changed one on: a change breaks that block or the next one.
const GIVEN: usize = 4;
/// Headers before the changed block passed as context: as many as any rule of regtest depends on.
const CONTEXT: usize = 11;
/// A clock after every header of the chain, so that R10 refuses changed times only.
const NOW: u64 = 1_400_000_000;

/// Seed of the changes: `CITYSEAL_SEED`, or the clock.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    let given = std::env::var("CITYSEAL_SEED").ok().and_then(|text| text.parse().ok());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let seed = given.unwrap_or(clock);
    // Write to stderr directly, because the test runner captures what passing tests print.
    let _ = writeln!(std::io::stderr(), "corruptions: repeat with CITYSEAL_SEED={seed}");
    seed
});

/// A framed chain before any change.
struct Sound {
    home: Home,
    bytes: Vec<u8>,
    /// Offset of each block's frame.
    starts: Vec<usize>,
    headers: Vec<BlockHeader>,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let home = Home::regtest();
    let (mut bytes, mut starts, mut headers) = (Vec::new(), Vec::new(), Vec::new());
    let given = std::env::var("CITYSEAL_BLOCK_BYTES").ok().and_then(|text| text.parse().ok());
    for block in chain(*SEED, BLOCKS, given.unwrap_or(BLOCK_BYTES)) {
        starts.push(bytes.len());
        headers.push(header_of(&block));
        bytes.extend(home.framed(&block));
    }
    Sound { home, bytes, starts, headers }
});

/// One changed byte and the expected verdict.
struct Corruption {
    at: usize,
    mask: u8,
    /// The block whose frame, header or body contains the byte.
    block: usize,
    expected: Expected,
}

static CORRUPTED: LazyLock<Vec<Corruption>> = LazyLock::new(|| {
    let mut random = Random::new(*SEED);
    let mut made = |at: usize| {
        let block = SOUND.starts.partition_point(|start| *start <= at) - 1;
        let mask = random.between(1, 255) as u8;
        let (framing, network) = (Framing::Framed, (block > 0).then_some("regtest"));
        let reference = BlockReference::new(SOUND.home.parameters(), framing, NOW);
        let reference = reference.from(block as u64, below(block), SOUND.starts[block] as u64, network);
        Corruption { at, mask, block, expected: reference.walk(&changed(block, at, mask)) }
    };
    let mut places = Random::new(!*SEED);
    let mut place = |number: usize| match number % 10 {
        // One in ten is in a frame, one in ten in a header, the others are anywhere.
        0 => SOUND.starts[places.below(BLOCKS) as usize] + places.below(FRAME_BYTES as u64) as usize,
        1 => SOUND.starts[places.below(BLOCKS) as usize] + FRAME_BYTES + places.below(HEADER_BYTES as u64) as usize,
        _ => places.below(SOUND.bytes.len() as u64) as usize,
    };
    (0..CORRUPTIONS).map(|number| made(place(number))).collect()
});

fn below(block: usize) -> &'static [BlockHeader] {
    &SOUND.headers[block.saturating_sub(CONTEXT)..block]
}

/// The next [`GIVEN`] blocks from `block` on, with one byte changed.
fn changed(block: usize, at: usize, mask: u8) -> Vec<u8> {
    let end = SOUND.starts.get(block + GIVEN).copied().unwrap_or(SOUND.bytes.len());
    let mut bytes = SOUND.bytes[SOUND.starts[block]..end].to_vec();
    bytes[at - SOUND.starts[block]] ^= mask;
    bytes
}

/// Collects blocks as the cutter returns them.
struct Gathered {
    batch: BlockBatch,
    base: u64,
}

impl TakeBlock for Gathered {
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()> {
        self.batch.push(cut.block, self.base + cut.at);
        ControlFlow::Continue(())
    }
}

fn names_the_reference_fault_for_a_thousand_changed_bytes(worker: Worker, test: &str) {
    let Some(engine) = worker.engine(test) else { return };
    let mut rules = BTreeSet::new();
    for corruption in CORRUPTED.iter() {
        assert_expected(worker, &engine, corruption);
        rules.extend(corruption.expected.fault.map(|fault| fault.rule));
    }
    for rule in [Rule::ProofOfWork, Rule::BlockEncoding, Rule::MerkleRoot, Rule::WitnessCommitment] {
        assert!(rules.contains(&rule), "no change breaks {rule}: {rules:?}");
    }
}
on_every_worker!(names_the_reference_fault_for_a_thousand_changed_bytes);

fn assert_expected(worker: Worker, engine: &Engine, corruption: &Corruption) {
    let Corruption { at, mask, block, expected } = corruption;
    let base = SOUND.starts[*block] as u64;
    let mut gathered = Gathered { batch: BlockBatch::default(), base };
    let mut cutter = BlockCutter::of(Format::FramedBlocks).unwrap();
    let cut = cutter.push(&changed(*block, *at, *mask), &mut gathered);
    let is_cut = cut.and_then(|_| cutter.end(&mut gathered)).is_err();
    let context = below(*block).iter().flat_map(BlockHeader::to_wire).collect();
    let request = VerifyRequest::new(SOUND.home.parameters().clone(), NOW).start_height(*block as u64);
    let mut verifier = engine.block_verifier(request.context(context)).unwrap();
    if !gathered.batch.is_empty() {
        verifier.push(gathered.batch);
    }
    let report = if is_cut { verifier.finish_cut() } else { verifier.finish(None) };
    let found: Option<Fault> = match report.verdict {
        Verdict::Fault(fault) => Some(fault),
        Verdict::Valid | Verdict::Incomplete(_) => None,
    };
    let what = format!("byte {at} of block {block} changed by {mask:02x}, CITYSEAL_SEED={}", *SEED);
    assert_eq!((found, report.count), (expected.fault, expected.count), "{what}");
    assert_eq!(report.verdict.name(), expected.verdict(), "{what}");
    worker.assert_done(&report.devices, report.count);
}

/// Number of changed chains that the binary verifies, for each framing.
const RUNS: usize = 25;

#[test]
fn the_binary_prints_the_verdict_of_the_slow_walk_with_and_without_frames() {
    let folder = Folder::new();
    let ends = SOUND.starts[1..].iter().copied().chain([SOUND.bytes.len()]);
    let body = |(start, end): (&usize, usize)| SOUND.bytes[start + FRAME_BYTES..end].to_vec();
    let raw: Vec<u8> = SOUND.starts.iter().zip(ends).flat_map(body).collect();
    let mut random = Random::of_stream(*SEED, 1);
    for (framing, intact) in [(Framing::Framed, &SOUND.bytes), (Framing::Raw, &raw)] {
        for _ in 0..RUNS {
            let (at, mask) = (random.below(intact.len() as u64) as usize, random.between(1, 255) as u8);
            let mut bytes = intact.clone();
            bytes[at] ^= mask;
            let expected = BlockReference::new(SOUND.home.parameters(), framing, NOW).walk(&bytes);
            let file = folder.write("chain", &bytes);
            let (network, now) = (["--network", "regtest"], NOW.to_string());
            let ended = crate::cityseal()
                .args(["verify", &file, "--json", "--format", "blocks", "--device", "cpu", "--now", &now])
                .args(network)
                .run();
            let what = format!("{framing:?}, byte {at} changed by {mask:02x}, CITYSEAL_SEED={}: {ended:?}", *SEED);
            let answer = ended.json();
            assert_eq!(answer["verdict"], expected.verdict(), "{what}");
            assert_eq!(answer["count"], expected.count, "{what}");
            let printed = expected.fault.map_or(Value::Null, |fault| fault_json(&fault));
            assert_eq!(printed_of(&answer["fault"], &printed), printed, "{what}");
        }
    }
}

/// The JSON of a fault, as documented.
fn fault_json(fault: &Fault) -> Value {
    let value = |value: &FaultValue| value.as_integer().map_or_else(|| value.to_string().into(), Value::from);
    let mut json = serde_json::json!({
        "height": fault.height,
        "rule": fault.rule.code(),
        "name": fault.rule.name(),
        "expected": value(&fault.expected),
        "found": value(&fault.found),
        "offset": fault.offset,
    });
    if let Some(transaction) = fault.transaction {
        json["transaction"] = transaction.into();
    }
    json
}

/// The printed fault without its null fields.
fn printed_of(answer: &Value, expected: &Value) -> Value {
    let mut printed = answer.clone();
    if let (Some(fields), Some(_)) = (printed.as_object_mut(), expected.as_object()) {
        fields.retain(|_, value| !value.is_null());
    }
    printed
}
