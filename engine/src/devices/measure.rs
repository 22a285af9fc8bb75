//! Measures the cost of batches of each kind on a device, in bounded time, and checks every answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::{Network, Parameters};
use cityseal_device::{Backend, Batch, CheckBatch, MerkleBatch, NonceSpan, Report, SearchBatch};
use cityseal_hash::{HEADER_LEN, HashKernel, Hit, Midstate, NODE_LEN};

use super::cost_model::{Cost, Costs, WorkKind};

/// Time to measure one kind on one device: about a tenth of a second for all three. No batch is started that would end
/// later.
const KIND_MAX: Duration = Duration::from_millis(32);

/// A batch of this duration is long enough to derive the cost of an item.
const LONG_ENOUGH: Duration = Duration::from_millis(4);

/// Time limit for one batch, after which the device counts as failed. Software adapters compile shaders in their first
/// batch.
const BATCH_MAX: Duration = Duration::from_secs(5);

/// Items of the small batch; on a GPU its cost is almost entirely fixed.
const SMALL: u64 = 256;

/// Growth of the batch size from one measurement to the next.
const GROWTH: u64 = 4;

/// Runs of each of the two sizes; the fastest counts, because other load can only slow a run down.
const ROUNDS: u32 = 5;

/// Most items of a search; the searched header has one hit among them.
const NONCES_MAX: u64 = 1 << 24;

/// Most headers or nodes of a batch: the limit of a GPU.
const ITEMS_MAX: u64 = 1 << 16;

/// Batches of any size, with their expected answers.
pub(crate) struct KnownBatches {
    midstate: Midstate,
    tail: [u8; 12],
    nonce: u32,
    headers: Arc<Vec<u8>>,
    header_hashes: Vec<[u8; 32]>,
    nodes: Arc<Vec<u8>>,
    node_hashes: Vec<[u8; 32]>,
}

impl KnownBatches {
    /// Searches of Bitcoin's first header, and pseudo-random headers and nodes hashed by a kernel of the CPU.
    pub(crate) fn new(kernel: HashKernel) -> Self {
        let genesis = Parameters::of(Network::Mainnet).genesis().to_wire();
        let (first, second) = genesis.split_at(64);
        let tail: [u8; 12] = std::array::from_fn(|at| second[at]);
        let nonce = u32::from_le_bytes(std::array::from_fn(|at| second[12 + at]));
        let midstate = Midstate::of(&std::array::from_fn(|at| first[at]));
        let (headers, nodes) = (noise(ITEMS_MAX as usize * HEADER_LEN), noise(ITEMS_MAX as usize * NODE_LEN));
        let mut header_hashes = vec![[0; 32]; ITEMS_MAX as usize];
        let mut node_hashes = header_hashes.clone();
        kernel.hash_headers(&headers, &mut header_hashes);
        kernel.hash_nodes(&nodes, &mut node_hashes);
        Self { midstate, tail, nonce, headers: Arc::new(headers), header_hashes, nodes: Arc::new(nodes), node_hashes }
    }

    fn batch(&self, kind: WorkKind, items: u64) -> Batch {
        let first = |bytes: &[u8], item: usize| Arc::new(bytes[..items as usize * item].to_vec());
        match kind {
            WorkKind::Search => {
                let from = self.nonce - (items / 2) as u32;
                let range =
                    NonceSpan::new(from, from + (items - 1) as u32).expect("a range from its first nonce goes up");
                Batch::Search(SearchBatch::new(vec![self.midstate], self.tail, range, 0, 64))
            }
            WorkKind::Headers => Batch::Check(CheckBatch::new(first(&self.headers, HEADER_LEN))),
            WorkKind::Nodes => Batch::Merkle(MerkleBatch::new(first(&self.nodes, NODE_LEN))),
        }
    }

    fn is_right(&self, kind: WorkKind, items: u64, report: &Report) -> bool {
        match (kind, report) {
            (WorkKind::Search, Report::Search(found)) => {
                found.hits == [Hit { midstate: 0, nonce: self.nonce }] && !found.overflow
            }
            (WorkKind::Headers, Report::Hashes(hashes)) => hashes[..] == self.header_hashes[..items as usize],
            (WorkKind::Nodes, Report::Hashes(hashes)) => hashes[..] == self.node_hashes[..items as usize],
            (WorkKind::Search | WorkKind::Headers | WorkKind::Nodes, _) => false,
        }
    }
}

/// Pseudo-random bytes, always the same: a linear congruential generator (Knuth's MMIX constants).
fn noise(bytes: usize) -> Vec<u8> {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(1), next).flat_map(|state: u64| state.to_be_bytes()).take(bytes).collect()
}

/// Measures the costs of a device.
///
/// # Errors
/// A description of the failure or the wrong answer.
pub(crate) fn measure(backend: &mut dyn Backend, known: &KnownBatches) -> Result<Costs, String> {
    let limits = backend.info().limits;
    let mut of = |kind, items_max: usize| measure_kind(backend, known, kind, items_max as u64);
    Ok(Costs {
        search: of(WorkKind::Search, usize::try_from(limits.search_nonces_max.min(NONCES_MAX)).unwrap_or(0))?,
        headers: of(WorkKind::Headers, limits.check_headers_max)?,
        nodes: of(WorkKind::Nodes, limits.merkle_nodes_max)?,
    })
}

/// Measures one kind; `None` if the device's limits allow only one size, or other load spoiled the measurement.
fn measure_kind(
    backend: &mut dyn Backend,
    known: &KnownBatches,
    kind: WorkKind,
    items_max: u64,
) -> Result<Option<Cost>, String> {
    let items_max = items_max.min(if kind == WorkKind::Search { NONCES_MAX } else { ITEMS_MAX });
    if items_max < SMALL * GROWTH {
        return Ok(None);
    }
    let mut run = |items| run_batch(backend, known, kind, items);
    // The first batch of a kind includes one-time costs, such as compiling a pipeline.
    run(SMALL)?;
    let ends = Instant::now() + KIND_MAX;
    let first = run(SMALL)?;
    let small = fastest(&mut run, SMALL, first, ends)?;
    let (mut items, mut took) = (SMALL, small);
    // Grow until a batch is long enough for a precise slope, within the time limit.
    while items * GROWTH <= items_max && took < LONG_ENOUGH && Instant::now() + took * (GROWTH as u32) < ends {
        items *= GROWTH;
        took = run(items)?;
    }
    if items == SMALL {
        return Ok(Some(Cost::of_two((0, 0.0), (SMALL, small.as_secs_f64()))));
    }
    let large = fastest(&mut run, items, took, ends)?;
    if large <= small {
        // Other load slowed the small batch down: no cost follows from the two.
        return Ok(None);
    }
    Ok(Some(Cost::of_two((SMALL, small.as_secs_f64()), (items, large.as_secs_f64()))))
}

/// The fastest of a few runs, the first of which took `first`.
fn fastest(
    run: &mut dyn FnMut(u64) -> Result<Duration, String>,
    items: u64,
    first: Duration,
    ends: Instant,
) -> Result<Duration, String> {
    let mut fastest = first;
    for _ in 1..ROUNDS {
        if Instant::now() + fastest >= ends {
            break;
        }
        fastest = fastest.min(run(items)?);
    }
    Ok(fastest)
}

/// Runs one batch and checks its answer; returns the time it took.
fn run_batch(backend: &mut dyn Backend, known: &KnownBatches, kind: WorkKind, items: u64) -> Result<Duration, String> {
    let batch = known.batch(kind, items);
    let begin = Instant::now();
    let ticket = backend.submit(batch).map_err(|error| error.to_string())?;
    let done = loop {
        match backend.collect(BATCH_MAX).map_err(|error| error.to_string())? {
            Some(done) => break done,
            None if begin.elapsed() >= BATCH_MAX => return Err(format!("no answer within {BATCH_MAX:?}")),
            None => {}
        }
    };
    let took = begin.elapsed();
    if done.ticket != ticket || !known.is_right(kind, items, &done.report) {
        return Err(format!("wrong answer to a batch of {items} {} during the cost measurement", kind.name()));
    }
    if let Report::Hashes(hashes) = done.report {
        backend.reuse(hashes);
    }
    Ok(took)
}

#[cfg(test)]
mod tests {
    use cityseal_device::fake::{Behaviour, FakeOpener};
    use cityseal_device::{CpuBackend, Opener};

    use super::*;

    #[test]
    fn a_correct_device_has_costs_of_every_kind() {
        let known = KnownBatches::new(HashKernel::detect());
        let costs = measure(&mut CpuBackend::new(HashKernel::detect()), &known).unwrap();
        for kind in WorkKind::ALL {
            // Other load on the machine may spoil a measurement.
            assert!(costs.of(kind).is_none_or(Cost::is_plausible), "{kind:?}: {costs:?}");
        }
    }

    #[test]
    fn a_device_that_answers_wrongly_has_no_costs() {
        let known = KnownBatches::new(HashKernel::detect());
        for behaviour in [Behaviour::WrongHashes, Behaviour::Zeros, Behaviour::MissedHits, Behaviour::Lost] {
            let mut faulty = FakeOpener::new("faulty").from_batch(3, behaviour).open().unwrap();
            let error = measure(&mut *faulty, &known).unwrap_err();
            assert!(error.contains("wrong answer") || behaviour == Behaviour::Lost, "{behaviour:?}: {error}");
        }
    }

    #[test]
    fn a_device_whose_limits_allow_only_one_size_has_no_cost() {
        let known = KnownBatches::new(HashKernel::detect());
        let mut cpu = CpuBackend::new(HashKernel::detect());
        assert_eq!(measure_kind(&mut cpu, &known, WorkKind::Headers, SMALL * GROWTH - 1), Ok(None));
        assert!(measure_kind(&mut cpu, &known, WorkKind::Headers, SMALL * GROWTH).unwrap().is_some());
    }

    #[test]
    fn the_nonce_of_the_first_block_is_the_only_hit_of_its_search() {
        let known = KnownBatches::new(HashKernel::detect());
        let mut cpu = CpuBackend::new(HashKernel::detect());
        for items in [SMALL, NONCES_MAX] {
            assert!(run_batch(&mut cpu, &known, WorkKind::Search, items).is_ok());
        }
    }
}
