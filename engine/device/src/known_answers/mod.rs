//! The known-answer suite: what a back end must answer rightly before it is given work, and the conformance test of
//! every back end. Expected answers come from the portable kernel, and from facts (the genesis block) that do not
//! depend on any of our kernels.

mod trees;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use cityseal_hash::{HEADER_LEN, HashKernel, Hit, MIDSTATES_MAX, Midstate, NODE_LEN};

use crate::{
    Backend, Batch, CheckBatch, CpuBackend, DeviceError, MerkleBatch, NodeRule, NonceRange, Planted, Report,
    SearchBatch, SearchReport,
};

/// The header of Bitcoin's first block, whose nonce every miner knows.
const GENESIS: [u8; HEADER_LEN] = *b"\x01\0\0\0\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\
    \x3b\xa3\xed\xfd\x7a\x7b\x12\xb2\x7a\xc7\x2c\x3e\x67\x76\x8f\x61\x7f\xc8\x1b\xc3\x88\x8a\x51\x32\x3a\x9f\xb8\xaa\x4b\x1e\x5e\x4a\
    \x29\xab\x5f\x49\xff\xff\0\x1d\x1d\xac\x2b\x7c";

/// The nonce of [`GENESIS`].
const GENESIS_NONCE: u32 = 2_083_236_893;

/// Nonces in each ranged case; a few hundred lanes, and not a multiple of any lane count.
const SPAN: u32 = 5_003;

/// How long one batch of the suite may take. Software adapters compile while they run their first.
const BATCH_TIMEOUT: Duration = Duration::from_secs(20);

/// The case that a running device is asked now and then: several hits, none of them at an edge of the batch.
pub const CANARY: &str = "several hits";

/// A case of the suite: a question and the answer that it must get.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the case probes, in words.
    pub name: &'static str,
    /// The question.
    pub batch: Batch,
    /// The only right answer.
    pub expected: Report,
}

/// A case that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The case's name.
    pub name: &'static str,
    /// How long the device worked on it.
    pub busy: Duration,
}

/// Why a back end did not pass.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A wrong answer.
    #[error("known-answer test '{case}': expected {expected}, found {found}")]
    Wrong {
        /// The case.
        case: &'static str,
        /// The right answer, shortened for people.
        expected: String,
        /// What the device said.
        found: String,
    },
    /// The device failed at the case.
    #[error("known-answer test '{case}': {source}")]
    Device {
        /// The case.
        case: &'static str,
        /// How it failed.
        source: DeviceError,
    },
}

/// Runs the whole suite on `backend`, one batch at a time.
///
/// # Errors
/// The first case that the device failed.
pub fn run(backend: &mut dyn Backend) -> Result<Vec<Passed>, Failure> {
    cases(backend).into_iter().map(|case| ask(backend, case)).collect()
}

/// The cases, cut to the limits of `backend`.
pub fn cases(backend: &dyn Backend) -> Vec<Case> {
    // Their answers are computed once, by the slow kernel: a device that is opened again need not wait for that.
    static ALL: LazyLock<Vec<Case>> = LazyLock::new(|| [search_cases(), hash_cases(), trees::cases()].concat());
    let limits = backend.info().limits;
    let fits = |case: &&Case| match &case.batch {
        Batch::Search(search) => search.midstates().len() <= limits.search_midstates_max,
        Batch::Check(_) | Batch::Merkle(_) | Batch::Trees(_) => true,
    };
    ALL.iter().filter(fits).cloned().collect()
}

fn ask(backend: &mut dyn Backend, case: Case) -> Result<Passed, Failure> {
    let device = |source| Failure::Device { case: case.name, source };
    let ticket = backend.submit(case.batch).map_err(device)?;
    let start = Instant::now();
    let done = loop {
        match backend.collect(BATCH_TIMEOUT).map_err(device)? {
            Some(done) => break done,
            None if start.elapsed() >= BATCH_TIMEOUT => {
                return Err(device(DeviceError::Hung { waited: BATCH_TIMEOUT }));
            }
            None => {}
        }
    };
    if done.ticket == ticket && done.report.agrees(&case.expected) {
        return Ok(Passed { name: case.name, busy: done.busy });
    }
    Err(Failure::Wrong { case: case.name, expected: describe(&case.expected), found: describe(&done.report) })
}

fn describe(report: &Report) -> String {
    match report {
        Report::Search(search) if search.overflow => format!("more hits than asked for{}", planted_words(search)),
        Report::Search(search) => {
            let first: Vec<String> =
                search.hits.iter().take(3).map(|hit| format!("{}:{}", hit.midstate, hit.nonce)).collect();
            format!("{} hits [{}]{}", search.hits.len(), first.join(" "), planted_words(search))
        }
        Report::Hashes(hashes) => format!("{} hashes of digest {}", hashes.len(), digest(hashes.as_flattened())),
        Report::Trees(trees) => {
            let roots: Vec<u8> = trees.iter().flat_map(|tree| tree.root).collect();
            let mutated = trees.iter().filter(|tree| tree.mutated).count();
            format!("{} roots of digest {}, {mutated} of mutated trees", trees.len(), digest(&roots))
        }
    }
}

/// A few digits that tell answers apart.
fn digest(bytes: &[u8]) -> String {
    let [a, b, c, d, ..] = cityseal_hash::sha256(bytes);
    format!("{a:02x}{b:02x}{c:02x}{d:02x}")
}

const fn planted_words(search: &SearchReport) -> &'static str {
    if search.planted_seen { ", and what was planted" } else { "" }
}

fn search_cases() -> Vec<Case> {
    let one = |name, first: u32, last: u32, top, max| search_case(name, 1, first, last, top, max);
    let mut cases = vec![
        genesis_case("hit in the first lane", GENESIS_NONCE, GENESIS_NONCE + SPAN),
        genesis_case("hit in a middle lane", GENESIS_NONCE - SPAN / 2, GENESIS_NONCE + SPAN / 2),
        genesis_case("hit in the last lane", GENESIS_NONCE - SPAN, GENESIS_NONCE),
        one("no hit", 0, SPAN, 0, 64),
        one(CANARY, 100_000, 100_000 + SPAN, 0x00ff_ffff, 256),
        one("nonce 0 with an all-ones target", 0, 40, u32::MAX, 64),
        one("nonce 0xffffffff with an all-ones target", u32::MAX - 40, u32::MAX, u32::MAX, 64),
        one("a range of one nonce", 77, 77, u32::MAX, 1),
        one("exactly as many hits as asked for", 1_000, 1_063, u32::MAX, 64),
        one("one hit more than asked for", 1_000, 1_064, u32::MAX, 64),
    ];
    for midstates in [2, 3, 4, MIDSTATES_MAX] {
        cases.push(search_case("several midstates", midstates, 5_000, 5_000 + SPAN / 4, 0x01ff_ffff, 512));
    }
    cases.extend(planted_cases());
    cases
}

/// Canaries inside a batch, at its ends and among hits, and one whose word is another.
fn planted_cases() -> [Case; 5] {
    let planted = |name, midstates, at: Hit, top_word_max, told: fn(u32) -> u32| {
        let case = search_case(name, midstates, 7_000, 7_000 + SPAN, top_word_max, 64);
        let Batch::Search(search) = case.batch else { unreachable!("a search case holds a search") };
        let planted = Planted { at, top_word: told(top_word_of(&search, at)) };
        let batch = Batch::Search(search.with_planted(planted));
        Case { name, expected: reference_answer(&batch), batch }
    };
    let at = |midstate, nonce| Hit { midstate, nonce };
    [
        planted("a planted nonce", 1, at(0, 9_876), 0, |word| word),
        planted("a planted first nonce, among hits", 1, at(0, 7_000), 0x00ff_ffff, |word| word),
        planted("a planted last nonce of the last midstate", 4, at(3, 7_000 + SPAN), 0, |word| word),
        planted("a planted nonce with more hits than asked for", 1, at(0, 8_000), u32::MAX, |word| word),
        planted("a planted nonce whose word is another", 1, at(0, 9_876), 0, |word| word ^ 1),
    ]
}

/// The top word of one hash of a search, found by halving: it is the lowest bound that makes its nonce a hit.
fn top_word_of(search: &SearchBatch, at: Hit) -> u32 {
    let midstate = search.midstates()[usize::from(at.midstate)];
    let nonce = NonceRange::new(at.nonce, at.nonce).expect("a range of one nonce");
    let is_within = |bound| {
        let own = SearchBatch::new(vec![midstate], search.tail, nonce, bound, 1);
        reference_answer(&Batch::Search(own)) != Report::Search(SearchReport::default())
    };
    let (mut low, mut high) = (0, u32::MAX);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_within(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// A search whose answer is a fact: with a bound of zero only the genesis nonce hits.
fn genesis_case(name: &'static str, first: u32, last: u32) -> Case {
    let mut case = search_case(name, 1, first, last, 0, 64);
    let hits = vec![Hit { midstate: 0, nonce: GENESIS_NONCE }];
    case.expected = Report::Search(SearchReport { hits, ..SearchReport::default() });
    case
}

fn search_case(
    name: &'static str,
    midstates: usize,
    first: u32,
    last: u32,
    top_word_max: u32,
    hits_max: usize,
) -> Case {
    let states = (0..midstates).map(rolled_midstate).collect();
    let mut tail = [0; 12];
    tail.copy_from_slice(&GENESIS[64..76]);
    let range = NonceRange::new(first, last).expect("the cases' ranges are not empty");
    let batch = Batch::Search(SearchBatch::new(states, tail, range, top_word_max, hits_max));
    Case { name, expected: reference_answer(&batch), batch }
}

/// The midstate of the genesis header with its version rolled; index 0 leaves it as it is.
fn rolled_midstate(index: usize) -> Midstate {
    let mut block = [0; 64];
    block.copy_from_slice(&GENESIS[..64]);
    block[2] = index as u8;
    Midstate::of(&block)
}

fn hash_cases() -> Vec<Case> {
    let check = |name, count| {
        let batch = Batch::Check(CheckBatch::new(Arc::new(patterned(count, HEADER_LEN))));
        Case { name, expected: reference_answer(&batch), batch }
    };
    let merkle = |name, count, rule| {
        let batch = Batch::Merkle(MerkleBatch::with_rule(Arc::new(patterned(count, NODE_LEN)), rule));
        Case { name, expected: reference_answer(&batch), batch }
    };
    vec![
        check("one header", 1),
        check("headers that fill no whole group", 1_021),
        merkle("one Merkle node", 1, NodeRule::Bitcoin),
        merkle("Merkle nodes that fill no whole group", 517, NodeRule::Bitcoin),
        merkle("one node of RFC 6962", 1, NodeRule::Rfc6962),
        merkle("nodes of RFC 6962 that fill no whole group", 517, NodeRule::Rfc6962),
    ]
}

/// `count` items of `len` bytes, each different, the first of them the start of the genesis header.
fn patterned(count: usize, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = GENESIS.iter().copied().cycle().take(count * len).collect();
    for (index, item) in bytes.chunks_exact_mut(len).enumerate().skip(1) {
        item[len - 4..].copy_from_slice(&(index as u32).wrapping_mul(0x9e37_79b9).to_le_bytes());
    }
    bytes
}

fn reference_answer(batch: &Batch) -> Report {
    let mut reference = CpuBackend::new(HashKernel::portable());
    let answer = reference.submit(batch.clone()).and_then(|_| reference.collect(Duration::ZERO));
    answer.ok().flatten().expect("the portable kernel answers every batch").report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Opener;
    use crate::fake::{Behaviour, FakeOpener};

    #[test]
    fn every_cpu_kernel_passes() {
        for kernel in HashKernel::all_available() {
            let passed = run(&mut CpuBackend::new(kernel)).unwrap();
            assert!(passed.len() >= 16, "{}: {} cases", kernel.name(), passed.len());
        }
    }

    #[test]
    fn the_genesis_cases_agree_with_the_portable_kernel() {
        for case in search_cases().iter().take(3) {
            assert_eq!(reference_answer(&case.batch), case.expected, "{}", case.name);
        }
    }

    #[test]
    fn a_device_that_lies_does_not_pass() {
        for behaviour in [Behaviour::MissedHits, Behaviour::FalseHits, Behaviour::Zeros, Behaviour::WrongHashes] {
            let mut opener = FakeOpener::new("fake").from_batch(0, behaviour);
            let failure = run(&mut *opener.open().unwrap());
            assert!(matches!(failure, Err(Failure::Wrong { .. })), "{behaviour:?}: {failure:?}");
        }
    }

    #[test]
    fn a_lie_is_told_apart_by_the_cases_of_each_kind_alone() {
        let kinds: [fn(&Report) -> bool; 3] = [
            |report| matches!(report, Report::Search(_)),
            |report| matches!(report, Report::Hashes(_)),
            |report| matches!(report, Report::Trees(_)),
        ];
        for behaviour in [Behaviour::MissedHits, Behaviour::FalseHits, Behaviour::Zeros, Behaviour::WrongHashes] {
            let mut liar = FakeOpener::new("fake").from_batch(0, behaviour).open().unwrap();
            for (kind, is_of_kind) in kinds.iter().enumerate() {
                let mut own = cases(liar.as_ref()).into_iter().filter(|case| is_of_kind(&case.expected));
                let is_wrong = |case| matches!(ask(liar.as_mut(), case), Err(Failure::Wrong { .. }));
                assert!(own.any(is_wrong), "{behaviour:?}, kind {kind}");
            }
        }
    }

    #[test]
    fn a_device_that_is_lost_does_not_pass() {
        let mut opener = FakeOpener::new("fake").from_batch(3, Behaviour::Lost);
        let failure = run(&mut *opener.open().unwrap());
        assert!(matches!(failure, Err(Failure::Device { source: DeviceError::Lost { .. }, .. })), "{failure:?}");
    }
}
