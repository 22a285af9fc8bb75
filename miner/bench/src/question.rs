//! The questions with which devices are measured, and their answers, which the plain loop of `sha2` computes
//! beforehand.

use std::sync::Arc;

use cityseal_chain::{BlockHeader, Network, Parameters};
use cityseal_device::{Batch, BatchLimits, CheckBatch, MerkleBatch, NonceSpan, Report, SearchBatch};
use cityseal_hash::{HEADER_LEN, Hit, HitBuffer, Midstate, NODE_LEN, baseline};

use super::mode::BenchMode;

/// Nonces around the genesis block's nonce whose hits are known: the smallest batch of a search.
const KNOWN_NONCES: u64 = 1 << 19;

/// Number of versions that share a second block in the mode `search-shared`.
const SHARED_MIDSTATES: usize = 4;

/// One hash in 2^16 is a hit: several in the known window, but too few to slow down the search.
pub(super) const TOP_WORD_MAX: u32 = 0xffff;

/// Headers or nodes in the smallest batch of a sweep over sizes: the lanes of the widest kernel.
const ITEMS_MIN: u64 = 16;

/// Headers or nodes in the first batch: 450 KiB with their hashes, which fits in a core's second-level cache.
const ITEMS_FIRST: u64 = 4096;

/// Items in the largest batch of headers or nodes: 2^20 × 80 bytes = 80 MiB.
const ITEMS_MAX: u64 = 1 << 20;

/// A batch with its known answer.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) batch: Batch,
    /// Number of hashes, headers or nodes.
    pub(super) items: u64,
    answer: Answer,
}

#[derive(Clone, Debug)]
enum Answer {
    /// All hits of the window; hits outside of it are hashed again.
    Hits(Arc<Window>),
    /// One hash per item.
    Hashes(Arc<Vec<[u8; 32]>>),
}

/// The questions of one mode, in any size.
#[derive(Debug)]
pub(super) enum Questions {
    /// Nonces around the window.
    Search(Arc<Window>),
    /// Packed headers.
    Headers,
    /// Packed nodes.
    Nodes,
    /// No questions: the mode verifies whole chains.
    Chain,
}

impl Questions {
    pub(super) fn of(mode: BenchMode) -> Self {
        match mode {
            BenchMode::Search => Self::Search(Arc::new(Window::of(1))),
            BenchMode::SearchShared => Self::Search(Arc::new(Window::of(SHARED_MIDSTATES))),
            BenchMode::Headers => Self::Headers,
            BenchMode::Merkle => Self::Nodes,
            BenchMode::Verify | BenchMode::Service | BenchMode::Latency => Self::Chain,
        }
    }

    /// The first question with its size doubled `doublings` times; `None` if that exceeds the limits of the device or
    /// mode.
    pub(super) fn question(&self, doublings: u32, limits: &BatchLimits) -> Option<Question> {
        let first = if matches!(self, Self::Search(_)) { KNOWN_NONCES } else { ITEMS_FIRST };
        self.sized(first << doublings, limits)
    }

    /// Batch sizes of a sweep, ascending: each is four times the previous one.
    pub(super) fn sizes(&self) -> Vec<u64> {
        let (first, last) = match self {
            Self::Search(_) => (KNOWN_NONCES, 1 << 32),
            Self::Headers | Self::Nodes => (ITEMS_MIN, ITEMS_MAX),
            Self::Chain => return Vec::new(),
        };
        std::iter::successors(Some(first), |size| Some(size * 4)).take_while(|size| *size <= last).collect()
    }

    /// A question of `items` hashes, headers or nodes; `None` if that exceeds the limits of the device or of the mode.
    pub(super) fn sized(&self, items: u64, limits: &BatchLimits) -> Option<Question> {
        match self {
            Self::Search(window) => window.question(items, limits),
            Self::Headers => {
                let items = within(items, limits.check_headers_max)?;
                let headers = Arc::new(noise(items as usize * HEADER_LEN));
                let hashes = hashed(&headers, HEADER_LEN, baseline::sha2_headers);
                Some(Question { batch: Batch::Check(CheckBatch::new(headers)), items, answer: hashes })
            }
            Self::Nodes => {
                let items = within(items, limits.merkle_nodes_max)?;
                let nodes = Arc::new(noise(items as usize * NODE_LEN));
                let hashes = hashed(&nodes, NODE_LEN, baseline::sha2_nodes);
                Some(Question { batch: Batch::Merkle(MerkleBatch::new(nodes)), items, answer: hashes })
            }
            Self::Chain => None,
        }
    }
}

fn within(items: u64, max: usize) -> Option<u64> {
    (items <= ITEMS_MAX && items <= max as u64).then_some(items)
}

fn hashed(bytes: &[u8], item_len: usize, reference: impl Fn(&[u8], &mut [[u8; 32]])) -> Answer {
    let mut hashes = vec![[0; 32]; bytes.len() / item_len];
    reference(bytes, &mut hashes);
    Answer::Hashes(Arc::new(hashes))
}

/// Pseudo-random bytes: `SplitMix64` from a fixed seed.
pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// The measured header without its nonce: the genesis header, with another version for each `index`.
pub(super) fn header76(index: usize) -> [u8; 76] {
    let genesis = Parameters::of(Network::Mainnet).genesis().to_owned();
    let header = BlockHeader { version: genesis.version | (index as i32) << 13, ..genesis };
    let mut bytes = [0; 76];
    bytes.copy_from_slice(&header.to_wire()[..76]);
    bytes
}

/// A range of nonces around that of the genesis block, and all its hits.
#[derive(Debug)]
pub(super) struct Window {
    headers: Vec<[u8; 76]>,
    first: u32,
    last: u32,
    /// Ascending by (midstate, nonce).
    hits: Vec<Hit>,
}

impl Window {
    fn of(midstates: usize) -> Self {
        let nonces = KNOWN_NONCES / midstates as u64;
        let (first, last) = around_genesis(nonces);
        let headers: Vec<_> = (0..midstates).map(header76).collect();
        let mut hits = Vec::new();
        for (index, header) in headers.iter().enumerate() {
            let mut found = HitBuffer::new(nonces as usize);
            baseline::sha2_whole_header_scan(header, first, last, TOP_WORD_MAX, &mut found);
            hits.extend(found.into_sorted().into_iter().map(|hit| Hit { midstate: index as u8, ..hit }));
        }
        Self { headers, first, last, hits }
    }

    /// A search of `hashes` hashes with the window in its middle.
    fn question(self: &Arc<Self>, hashes: u64, limits: &BatchLimits) -> Option<Question> {
        let midstates = self.headers.len();
        let nonces = hashes / midstates as u64;
        // A device must be able to report twice the expected number of hits.
        let hits_max = (2 * hashes).div_ceil(1 << 16).max(64) as usize;
        let fits = midstates <= limits.search_midstates_max
            && nonces <= limits.search_nonces_max.min(1 << 32)
            && hits_max <= limits.hits_max;
        let (first, last) = around_genesis(nonces);
        let range = NonceSpan::new(first, last).ok().filter(|_| fits)?;
        let states = self.headers.iter().map(|header| Midstate::of(&block(header))).collect();
        let mut tail = [0; 12];
        tail.copy_from_slice(&self.headers[0][64..]);
        let batch = SearchBatch::new(states, tail, range, TOP_WORD_MAX, hits_max);
        Some(Question { items: batch.hashes(), batch: Batch::Search(batch), answer: Answer::Hits(Arc::clone(self)) })
    }

    fn judge(&self, hits: &[Hit]) -> Result<(), String> {
        let (inside, outside): (Vec<Hit>, Vec<Hit>) =
            hits.iter().partition(|hit| (self.first..=self.last).contains(&hit.nonce));
        if inside != self.hits {
            let (found, expected) = (inside.len(), self.hits.len());
            return Err(format!("wrong hits in the known window: expected {expected} hits, found {found}"));
        }
        match outside.iter().find(|hit| !self.is_hit(**hit)) {
            Some(hit) => Err(format!("nonce {} of midstate {} is not a hit", hit.nonce, hit.midstate)),
            None => Ok(()),
        }
    }

    fn is_hit(&self, hit: Hit) -> bool {
        let Some(header) = self.headers.get(usize::from(hit.midstate)) else { return false };
        let whole = [&header[..], &hit.nonce.to_le_bytes()].concat();
        baseline::top_word(&cityseal_hash::double_sha256(&whole)) <= TOP_WORD_MAX
    }
}

fn block(header: &[u8; 76]) -> [u8; 64] {
    let mut block = [0; 64];
    block.copy_from_slice(&header[..64]);
    block
}

/// The first and last of `nonces` nonces around that of the genesis block, shifted if they would leave the 32-bit
/// space.
pub(super) fn around_genesis(nonces: u64) -> (u32, u32) {
    let genesis = u64::from(Parameters::of(Network::Mainnet).genesis().nonce);
    let space = 1_u64 << 32;
    let first = genesis.saturating_sub(nonces / 2).min(space - nonces.min(space));
    (first as u32, (first + nonces.min(space) - 1) as u32)
}

impl Question {
    /// Compares a device's report with the known answer.
    ///
    /// # Errors
    /// The difference, in words.
    pub(super) fn judge(&self, report: &Report) -> Result<(), String> {
        match (&self.answer, report) {
            (Answer::Hits(_), Report::Search(search)) if search.overflow => Err("the buffer of hits overflowed".into()),
            (Answer::Hits(window), Report::Search(search)) => window.judge(&search.hits),
            (Answer::Hashes(expected), Report::Hashes(found)) => judge_hashes(expected, found),
            (Answer::Hits(_) | Answer::Hashes(_), _) => Err("the answer belongs to another kind of question".into()),
        }
    }
}

fn judge_hashes(expected: &[[u8; 32]], found: &[[u8; 32]]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    match expected.iter().zip(found).position(|(expected, found)| expected != found) {
        Some(at) => Err(format!("hash {at} of {} is wrong", expected.len())),
        None => Err(format!("expected {} hashes, found {}", expected.len(), found.len())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cityseal_device::{Backend, CpuBackend};
    use cityseal_hash::HashKernel;

    use super::*;

    fn answer(kernel: HashKernel, question: &Question) -> Report {
        let mut backend = CpuBackend::new(kernel);
        backend.submit(question.batch.clone()).unwrap();
        backend.collect(Duration::ZERO).unwrap().unwrap().report
    }

    fn limits() -> BatchLimits {
        CpuBackend::new(HashKernel::portable()).info().limits
    }

    #[test]
    fn every_kernel_passes_every_mode_and_a_broken_one_none() {
        for mode in [BenchMode::Search, BenchMode::SearchShared, BenchMode::Headers, BenchMode::Merkle] {
            let question = Questions::of(mode).question(0, &limits()).unwrap();
            for kernel in HashKernel::all_available() {
                assert_eq!(question.judge(&answer(kernel, &question)), Ok(()), "{} {}", mode.name(), kernel.name());
            }
            let broken = HashKernel::detect().broken_for_tests();
            assert!(question.judge(&answer(broken, &question)).is_err(), "{}", mode.name());
        }
    }

    #[test]
    fn a_larger_question_contains_the_window_and_false_hits_outside_it_are_found() {
        let question = Questions::of(BenchMode::Search).question(1, &limits()).unwrap();
        assert_eq!(question.items, 2 * KNOWN_NONCES);
        let Report::Search(mut search) = answer(HashKernel::detect(), &question) else { panic!("a search") };
        assert!(search.hits.iter().any(|hit| hit.nonce == 2_083_236_893));
        assert_eq!(question.judge(&Report::Search(search.clone())), Ok(()));

        let (first, _) = around_genesis(question.items);
        let gap = (first..=u32::MAX).find(|nonce| search.hits.iter().all(|hit| hit.nonce != *nonce)).unwrap();
        search.hits.push(Hit { midstate: 0, nonce: gap });
        assert!(question.judge(&Report::Search(search)).unwrap_err().contains("is not a hit"));
    }

    #[test]
    fn the_window_stays_within_the_nonce_space() {
        assert_eq!(around_genesis(1 << 32), (0, u32::MAX));
        let (first, last) = around_genesis(1 << 31);
        assert_eq!(u64::from(last - first) + 1, 1 << 31);
    }

    #[test]
    fn every_size_of_a_sweep_within_the_limits_has_a_question() {
        let small = BatchLimits { check_headers_max: 1024, search_nonces_max: 1 << 21, ..limits() };
        let sizes_of = |questions: Questions| -> Vec<u64> {
            let sized = questions.sizes().into_iter().map_while(|size| questions.sized(size, &small));
            sized.map(|question| question.items).collect()
        };
        assert_eq!(sizes_of(Questions::of(BenchMode::Headers)), [16, 64, 256, 1024]);
        assert_eq!(sizes_of(Questions::of(BenchMode::Search)), [1 << 19, 1 << 21]);
        assert_eq!(Questions::of(BenchMode::Verify).sizes(), [0; 0]);
    }

    #[test]
    fn there_is_no_question_beyond_the_limits() {
        let small = BatchLimits { check_headers_max: 4095, search_midstates_max: 1, ..limits() };
        assert!(Questions::of(BenchMode::Headers).question(0, &small).is_none());
        assert!(Questions::of(BenchMode::SearchShared).question(0, &small).is_none());
        assert!(Questions::of(BenchMode::Search).question(0, &small).is_some());
    }
}
