//! The CPU back end, one per worker thread. Runs a batch inside `collect`, on the calling thread.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cityseal_hash::{HashKernel, HitBuffer, MIDSTATES_MAX, SearchInput};

use crate::trees::roots;
use crate::{
    Backend, Batch, BatchLimits, Completed, DeviceError, DeviceInfo, DeviceKind, MerkleKind, OpenError, Opener,
    Planted, Report, SearchBatch, SearchReport, Ticket,
};

/// The device id and name of the CPU.
pub const CPU_DEVICE_ID: &str = "cpu";

/// Batches in flight: one, since a second could not start before `collect` is called again.
const DEPTH: usize = 1;

/// Most items of one batch: 2^20, so that even the portable kernel finishes a batch within seconds.
const ITEMS_MAX: usize = 1 << 20;

/// One worker of the CPU, with its kernel.
#[derive(Debug)]
pub struct CpuBackend {
    info: DeviceInfo,
    kernel: HashKernel,
    queue: VecDeque<(Ticket, Batch)>,
    tickets: u64,
    /// Reused memory for hashes: new pages for every batch would cost as much as checking one rule.
    spare: Vec<[u8; 32]>,
}

impl CpuBackend {
    /// Creates a worker that runs `kernel`.
    pub fn new(kernel: HashKernel) -> Self {
        Self { info: cpu_info(kernel), kernel, queue: VecDeque::with_capacity(DEPTH), tickets: 0, spare: Vec::new() }
    }

    fn run(&mut self, batch: &Batch) -> Report {
        match batch {
            Batch::Search(search) => Report::Search(self.search(search)),
            Batch::Check(check) => {
                let mut hashes = self.room_for(check.count());
                self.kernel.hash_headers(check.headers(), &mut hashes);
                Report::Hashes(hashes)
            }
            Batch::Merkle(merkle) => {
                let mut hashes = self.room_for(merkle.count());
                match merkle.rule() {
                    MerkleKind::Bitcoin => self.kernel.hash_nodes(merkle.nodes(), &mut hashes),
                    MerkleKind::Rfc6962Sha256 => self.kernel.hash_nodes_rfc6962(merkle.nodes(), &mut hashes),
                }
                Report::Hashes(hashes)
            }
            Batch::Trees(trees) => Report::Trees(roots(self.kernel, trees)),
        }
    }

    /// Memory for `count` hashes with arbitrary content: the kernel overwrites all of it.
    fn room_for(&mut self, count: usize) -> Vec<[u8; 32]> {
        let mut hashes = std::mem::take(&mut self.spare);
        hashes.resize(count, [0; 32]);
        hashes
    }

    fn search(&self, batch: &SearchBatch) -> SearchReport {
        let input = SearchInput { midstates: batch.midstates(), tail: batch.tail, top_word_max: batch.top_word_max };
        let mut hits = HitBuffer::new(batch.hits_max);
        self.kernel.scan(&input, batch.nonces.first(), batch.nonces.last(), &mut hits);
        let planted_seen = batch.planted().is_some_and(|planted| self.has_top_word(&input, planted));
        SearchReport { overflow: hits.overflow(), hits: hits.into_sorted(), planted_seen }
    }

    /// Whether a nonce has the given top word: it is a hit for this bound, but not for the next lower one.
    fn has_top_word(&self, input: &SearchInput<'_>, Planted { at, top_word }: Planted) -> bool {
        let midstates = std::slice::from_ref(&input.midstates[usize::from(at.midstate)]);
        let is_within = |top_word_max| {
            let mut hits = HitBuffer::new(1);
            self.kernel.scan(&SearchInput { midstates, top_word_max, ..*input }, at.nonce, at.nonce, &mut hits);
            !hits.as_slice().is_empty()
        };
        is_within(top_word) && !top_word.checked_sub(1).is_some_and(is_within)
    }
}

impl Backend for CpuBackend {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn depth(&self) -> usize {
        DEPTH
    }

    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError> {
        assert!(self.queue.len() < DEPTH, "at most {DEPTH} batch in flight");
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.queue.push_back((ticket, batch));
        Ok(ticket)
    }

    fn collect(&mut self, _timeout: Duration) -> Result<Option<Completed>, DeviceError> {
        let Some((ticket, batch)) = self.queue.pop_front() else { return Ok(None) };
        let start = Instant::now();
        let report = self.run(&batch);
        Ok(Some(Completed { ticket, report, busy: start.elapsed() }))
    }

    fn reuse(&mut self, hashes: Vec<[u8; 32]>) {
        self.spare = hashes;
    }
}

/// Opens workers of the CPU. Opening never fails, since owning a kernel proves that it runs.
#[derive(Debug)]
pub struct CpuOpener {
    info: DeviceInfo,
    kernel: HashKernel,
}

impl CpuOpener {
    /// Creates an opener of workers that run `kernel`.
    pub fn new(kernel: HashKernel) -> Self {
        Self { info: cpu_info(kernel), kernel }
    }
}

impl Opener for CpuOpener {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError> {
        Ok(Box::new(CpuBackend::new(self.kernel)))
    }
}

fn cpu_info(kernel: HashKernel) -> DeviceInfo {
    DeviceInfo {
        id: CPU_DEVICE_ID.to_owned(),
        name: CPU_DEVICE_ID.to_owned(),
        kind: DeviceKind::Cpu,
        api: CPU_DEVICE_ID.to_owned(),
        driver: None,
        pci: None,
        kernel: kernel.name().to_owned(),
        limits: BatchLimits {
            search_nonces_max: 1 << 32,
            search_midstates_max: MIDSTATES_MAX,
            hits_max: ITEMS_MAX,
            check_headers_max: ITEMS_MAX,
            merkle_nodes_max: ITEMS_MAX,
            tree_leaves_max: ITEMS_MAX,
        },
        adapter: None,
    }
}
