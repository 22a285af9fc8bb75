//! A thousand random single-bit flips of a real chain: every worker reports the fault that the reference implementation
//! reports.

use std::io::Write;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use cityseal_engine::chain::reference::judge_headers;
use cityseal_engine::chain::{BlockHeader, Fault, Network, Parameters, Verdict};
use cityseal_engine::{Engine, VerifyRequest};
use cityseal_tests::data::mainnet_start;
use cityseal_tests::on_every_worker;
use cityseal_tests::worker::Worker;

/// Number of flips that every worker checks.
const FLIPS: usize = 1_000;
/// Headers before the flip passed to the reference: a whole difficulty period, so that no rule lacks history.
const REFERENCE_CONTEXT: usize = 2_016 + 11;
/// Headers after a flip passed to a worker: the next header already breaks the link; the others show that the first
/// fault is reported, not the last.
const HEADERS_AFTER: usize = 64;
const HEADER_BYTES: usize = 80;
/// A clock after every header of the chain, so that R10 refuses flipped times only: 2010-01-01.
const NOW: u64 = 1_262_304_000;

/// Seed of the flips: `CITYSEAL_SEED`, or the clock.
static SEED: LazyLock<u64> = LazyLock::new(|| {
    let given = std::env::var("CITYSEAL_SEED").ok().and_then(|text| text.parse().ok());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64);
    let seed = given.unwrap_or(clock).max(1);
    // Write to stderr directly, because the test runner captures what passing tests print.
    let _ = writeln!(std::io::stderr(), "flips: repeat with CITYSEAL_SEED={seed}");
    seed
});

/// One flipped bit with its expected fault.
struct Flip {
    bit: usize,
    fault: Fault,
}

/// A small generator: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) as usize % end
    }
}

/// The flips of this run with their expected faults; computed once for the tests of all workers.
fn flips(chain: &[u8]) -> &'static [Flip] {
    static FLIPPED: LazyLock<std::sync::Mutex<Option<&'static [Flip]>>> = LazyLock::new(Default::default);
    let mut made = FLIPPED.lock().expect("no test panics while it computes the flips");
    made.get_or_insert_with(|| make_flips(chain).leak())
}

fn make_flips(chain: &[u8]) -> Vec<Flip> {
    let parameters = Parameters::of(Network::Mainnet);
    let (records, rest) = chain.as_chunks::<HEADER_BYTES>();
    assert!(rest.is_empty(), "whole headers");
    let headers: Vec<BlockHeader> = records.iter().map(BlockHeader::from_wire).collect();
    let mut random = Random(*SEED);
    let bits = (0..FLIPS).map(|_| random.below(chain.len() * 8));
    bits.map(|bit| Flip { bit, fault: reference_fault(&parameters, &headers, bit) }).collect()
}

/// The fault of the flipped chain by the sequential reference. The headers before the flip are valid, as the tests of
/// whole chains show, so the reference starts at the flipped header with all the history that the rules need.
fn reference_fault(parameters: &Parameters, headers: &[BlockHeader], bit: usize) -> Fault {
    let at = bit / 8 / HEADER_BYTES;
    let context = &headers[at.saturating_sub(REFERENCE_CONTEXT)..at];
    let mut flipped = vec![flip_header(&headers[at], bit % (8 * HEADER_BYTES))];
    flipped.extend(headers[at + 1..].iter().take(HEADERS_AFTER));
    let summary = judge_headers(parameters, at as u64, context, &flipped, NOW);
    let fault = summary.fault.unwrap_or_else(|| panic!("bit {bit} breaks no rule"));
    Fault { offset: fault.offset + (at * HEADER_BYTES) as u64, ..fault }
}

fn flip_header(header: &BlockHeader, bit: usize) -> BlockHeader {
    let mut wire = header.to_wire();
    wire[bit / 8] ^= 1 << (bit % 8);
    BlockHeader::from_wire(&wire)
}

fn names_the_reference_fault_for_a_thousand_flipped_bits(worker: Worker, test: &str) {
    let mut chain = mainnet_start().headers;
    let Some(engine) = worker.engine(test) else { return };
    let flips = flips(&chain);
    assert_eq!(flips.len(), FLIPS);
    for flip in flips {
        assert_fault(worker, &engine, &mut chain, flip);
    }
}
on_every_worker!(names_the_reference_fault_for_a_thousand_flipped_bits);

/// Flips the bit, verifies from genesis, asserts the fault, and flips the bit back.
fn assert_fault(worker: Worker, engine: &Engine, chain: &mut [u8], flip: &Flip) {
    let (byte, mask) = (flip.bit / 8, 1 << (flip.bit % 8));
    let end = (byte / HEADER_BYTES + 1 + HEADERS_AFTER) * HEADER_BYTES;
    let end = end.min(chain.len());
    chain[byte] ^= mask;
    let request = VerifyRequest::new(Parameters::of(Network::Mainnet), NOW);
    let mut verifier = engine.header_verifier(request).expect("a chain from genesis needs no context");
    verifier.push(&chain[..end]);
    let report = verifier.finish(None);
    chain[byte] ^= mask;
    let Verdict::Fault(fault) = &report.verdict else { panic!("bit {}: {:?}", flip.bit, report.verdict) };
    assert_eq!(fault, &flip.fault, "bit {}, CITYSEAL_SEED={}", flip.bit, *SEED);
    assert_eq!(report.count, flip.fault.height);
    worker.assert_done(&report.devices, report.count);
}

#[test]
fn a_flip_in_the_last_header_is_detected() {
    let mut chain = mainnet_start().headers;
    let engine = Engine::builder().gpu(false).build().expect("the CPU is always there");
    let bit = chain.len() * 8 - 1;
    let parameters = Parameters::of(Network::Mainnet);
    let headers: Vec<BlockHeader> = chain.as_chunks().0.iter().map(BlockHeader::from_wire).collect();
    let flip = Flip { bit, fault: reference_fault(&parameters, &headers, bit) };
    let mut verifier = engine.header_verifier(VerifyRequest::new(parameters, NOW)).unwrap();
    chain[bit / 8] ^= 0x80;
    verifier.push(&chain);
    let report = verifier.finish(None);
    assert!(matches!(&report.verdict, Verdict::Fault(fault) if *fault == flip.fault), "{:?}", report.verdict);
}
