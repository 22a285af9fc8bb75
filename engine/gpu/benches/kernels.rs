//! Measures the first usable adapter, including software adapters. Before it is timed, each kind of work must give the
//! answer of the CPU. Without an adapter it prints a note and measures nothing.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use cityseal_device::{Backend, Batch, CheckBatch, Completed, CpuBackend, MerkleBatch, NonceSpan, Report, SearchBatch};
use cityseal_gpu::{DiscoverOptions, DiscoveredState, discover};
use cityseal_hash::{HEADER_LEN, HashKernel, Midstate, NODE_LEN};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// How long one batch may take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Nonces of one measured batch: a few dispatches on a software adapter.
const NONCES: u32 = 1 << 20;

/// Headers or nodes of one measured batch.
const ITEMS: usize = 1 << 15;

fn open() -> Option<Box<dyn Backend>> {
    let found = discover(DiscoverOptions { allow_software: true, ..Default::default() });
    found.devices.into_iter().find_map(|device| match device.state {
        DiscoveredState::Ready(mut opener) => opener.open().ok(),
        DiscoveredState::LeftOut(_) => None,
    })
}

fn run(backend: &mut dyn Backend, batch: Batch) -> Report {
    backend.submit(batch).expect("the device takes the batch");
    let done: Option<Completed> = backend.collect(PATIENCE).expect("the device answers");
    done.expect("the batch ends in time").report
}

fn search(midstates: u32, nonces: u32, top_word_max: u32) -> Batch {
    let midstates = (0..midstates).map(|i| Midstate([i; 8])).collect();
    let nonces = NonceSpan::new(0, nonces - 1).expect("a range that goes up");
    Batch::Search(SearchBatch::new(midstates, [7; 12], nonces, top_word_max, 1024))
}

fn bytes(count: usize) -> Arc<Vec<u8>> {
    Arc::new((0..count).map(|i| (i * 31 + i / 251) as u8).collect())
}

fn measure(criterion: &mut Criterion, backend: &mut dyn Backend, name: &str, hashes: u64, known: Batch, batch: &Batch) {
    let expected = run(&mut CpuBackend::new(HashKernel::detect()), known.clone());
    assert!(run(backend, known).agrees(&expected), "{name}: wrong answer");
    let mut group = criterion.benchmark_group(format!("{} {}", backend.info().id, backend.info().kernel));
    group.throughput(Throughput::Elements(hashes)).sample_size(10);
    group.bench_function(name, |bencher| {
        bencher.iter_batched(|| batch.clone(), |batch| run(backend, batch), BatchSize::PerIteration);
    });
    group.finish();
}

fn kernels(criterion: &mut Criterion) {
    let Some(mut backend) = open() else {
        writeln!(std::io::stderr(), "SKIPPED: no adapter was found").expect("stderr can be written");
        return;
    };
    for midstates in [1, 4] {
        let hashes = u64::from(midstates) * u64::from(NONCES);
        let (known, batch) = (search(midstates, 50_000, 0x000f_ffff), search(midstates, NONCES, 0));
        measure(criterion, backend.as_mut(), &format!("search-{midstates}"), hashes, known, &batch);
    }
    let headers = Batch::Check(CheckBatch::new(bytes(ITEMS * HEADER_LEN)));
    measure(criterion, backend.as_mut(), "headers", ITEMS as u64, headers.clone(), &headers);
    let nodes = Batch::Merkle(MerkleBatch::new(bytes(ITEMS * NODE_LEN)));
    measure(criterion, backend.as_mut(), "merkle", ITEMS as u64, nodes.clone(), &nodes);
}

criterion_group!(benches, kernels);
criterion_main!(benches);
