//! Headers per second through the engine's verifier, from memory, with all rules, on one thread and on all threads. The
//! verdict, the count and the tip are checked before the timing and in each run.
#![allow(clippy::unwrap_used, reason = "helpers of tests panic if something is missing")]

use std::hint::black_box;

use cityseal_chain::{BlockHash, BlockHeader, Network, Parameters, Verdict};
use cityseal_engine::{Engine, VerifyRequest};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// 5 MiB of headers: sixteen segments.
const HEADERS: usize = 1 << 16;

/// A time later than every header's.
const NOW: u64 = 2_000_000_000;

/// A regtest chain, where every second nonce seals a header.
fn chain() -> (Vec<u8>, BlockHash) {
    let mut last = *Parameters::of(Network::Regtest).genesis();
    let mut packed = last.to_wire().to_vec();
    let target = last.bits.decode().unwrap();
    for _ in 1..HEADERS {
        last = BlockHeader { version: 4, prev_block_hash: last.hash(), time: last.time + 60, nonce: 0, ..last };
        while !target.is_met_by(&last.hash()) {
            last.nonce += 1;
        }
        packed.extend_from_slice(&last.to_wire());
    }
    (packed, last.hash())
}

fn verify(engine: &Engine, packed: &[u8], tip: BlockHash) {
    let request = VerifyRequest::new(Parameters::of(Network::Regtest), NOW);
    let mut verifier = engine.header_verifier(request).unwrap();
    verifier.push(packed);
    let report = verifier.finish(None);
    assert!(matches!(report.verdict, Verdict::Valid), "{:?}", report.verdict);
    assert_eq!((report.count, report.tip.map(|tip| tip.hash)), (HEADERS as u64, Some(tip)));
}

fn verifying(criterion: &mut Criterion) {
    let (packed, tip) = chain();
    let mut group = criterion.benchmark_group("verify");
    group.throughput(Throughput::Elements(HEADERS as u64)).sample_size(20);
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    for threads in if all > 1 { vec![1, all] } else { vec![1] } {
        let engine = Engine::builder().gpu(false).threads(threads).build().unwrap();
        verify(&engine, &packed, tip);
        let name = format!("{threads}_threads");
        group.bench_function(name, |bencher| bencher.iter(|| verify(&engine, black_box(&packed), tip)));
    }
    group.finish();
}

criterion_group!(benches, verifying);
criterion_main!(benches);
