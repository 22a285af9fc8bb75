//! Measures headers per second through one `VerifyChain` stream over loopback, with client and service in one process.
//! The client checks each answer.

use std::hint::black_box;

use cityseal_chain::{BlockHeader, Network, Parameters};
use cityseal_client::{ChainParameters, Client, ClientOptions, Verdict, VerifyRequest};
use cityseal_engine::Engine;
use cityseal_service::{Service, ServiceOptions};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use prost::bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

/// 2^18 headers are 20 MiB: twenty full messages.
const HEADERS: usize = 1 << 18;

/// A packed regtest chain; every second nonce seals a header.
fn chain(headers: usize) -> Bytes {
    let mut last = *Parameters::of(Network::Regtest).genesis();
    let mut packed = last.to_wire().to_vec();
    let target = last.bits.decode().expect("regtest's bits are a target");
    for _ in 1..headers {
        last = BlockHeader { version: 4, prev_block_hash: last.hash(), time: last.time + 60, nonce: 0, ..last };
        while !target.is_met_by(&last.hash()) {
            last.nonce += 1;
        }
        packed.extend_from_slice(&last.to_wire());
    }
    packed.into()
}

async fn connected(engine: Engine) -> Client {
    let options = ServiceOptions::new(([127, 0, 0, 1], 0).into());
    let service = Service::bind(options, engine).await.expect("a free port of loopback");
    let address = service.local_addr();
    tokio::spawn(service.run(std::future::pending()));
    Client::connect(ClientOptions::new(format!("http://{address}"))).await.expect("the service listens")
}

fn verify(runtime: &Runtime, client: &Client, packed: &Bytes) {
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    let answer = runtime.block_on(client.verify_bytes(&request, packed.clone())).expect("the service answers");
    assert_eq!((answer.verdict, answer.count), (Verdict::Valid, HEADERS as u64));
    black_box(answer.tip);
}

fn verify_stream(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let engine = Engine::builder().gpu(false).build().expect("the CPU is always there");
    let client = runtime.block_on(connected(engine));
    let packed = chain(HEADERS);
    let mut group = criterion.benchmark_group("verify_stream");
    group.throughput(Throughput::Elements(HEADERS as u64)).sample_size(10);
    group.bench_function("loopback", |bencher| bencher.iter(|| verify(&runtime, &client, &packed)));
    group.finish();
}

criterion_group!(benches, verify_stream);
criterion_main!(benches);
