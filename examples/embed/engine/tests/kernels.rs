//! Runs every kernel of this machine at opt-level 0 on stacks of the size that callers have. A stack overflow aborts
//! the test's process, so an increased frame size is detected.

mod chain;

use std::thread::Builder;

use cityseal_engine::chain::{Network, Parameters, SealTemplate, Verdict};
use cityseal_engine::hash::{HashKernel, HitBuffer, MIDSTATES_MAX, Midstate, SearchInput, double_sha256, sha256};
use cityseal_engine::{BlockBatch, Engine, EnginePolicy, SealJob, SealOutcome, VerifyRequest};

/// Rust's default stack size, which a caller of the engine has at least.
const CALLER_STACK_BYTES: usize = 2 << 20;

/// The stack for a kernel alone: an eighth of the above, which leaves room for the caller's own frames.
const KERNEL_STACK_BYTES: usize = CALLER_STACK_BYTES / 8;

/// Messages in a batch: full groups of every kernel's lanes, and a remainder.
const MESSAGES: usize = 37;

const NOW: u64 = 1_900_000_000;

/// Runs `work` on a stack of `bytes` bytes.
fn on_stack(bytes: usize, work: impl FnOnce() + Send + 'static) {
    let thread = Builder::new().stack_size(bytes).spawn(work).expect("a thread starts");
    thread.join().expect("no assertion failed on the thread");
}

/// Runs `work` with the named kernel, if this machine supports it.
fn with_kernel(name: &'static str, work: fn(&'static str)) {
    match HashKernel::by_name(name) {
        Ok(_) => work(name),
        Err(reason) => println!("not run: {reason}"),
    }
}

#[test]
fn the_build_is_not_optimised() {
    assert!(cfg!(debug_assertions), "run these tests in the dev profile, whose frames are the largest");
}

/// Every entry of the kernel, compared with `sha2`.
fn hash_everything(name: &'static str) {
    on_stack(KERNEL_STACK_BYTES, move || {
        let kernel = HashKernel::by_name(name).expect("it was found before");
        let bytes: Vec<u8> = (0..80 * MESSAGES as u32).map(|i| (i.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
        let mut out = vec![[0; 32]; MESSAGES];

        kernel.hash_headers(&bytes, &mut out);
        assert!(bytes.chunks(80).zip(&out).all(|(header, digest)| double_sha256(header) == *digest));

        let nodes = &bytes[..64 * MESSAGES];
        kernel.hash_nodes(nodes, &mut out);
        assert!(nodes.chunks(64).zip(&out).all(|(node, digest)| double_sha256(node) == *digest));
        kernel.hash_nodes_rfc6962(nodes, &mut out);
        assert!(nodes.chunks(64).zip(&out).all(|(node, digest)| sha256(&[&[1], node].concat()) == *digest));

        let messages: Vec<&[u8]> = (0..MESSAGES).map(|i| &bytes[i..i * i]).collect();
        kernel.hash_each(&messages, &mut out);
        assert!(messages.iter().zip(&out).all(|(message, digest)| double_sha256(message) == *digest));
        kernel.hash_leaves_rfc6962(&messages, &mut out);
        assert!(messages.iter().zip(&out).all(|(leaf, digest)| sha256(&[&[0], *leaf].concat()) == *digest));

        for count in 1..=MIDSTATES_MAX {
            scan(kernel, count);
        }
    });
}

/// A search under `count` midstates, compared with whole headers.
fn scan(kernel: HashKernel, count: usize) {
    let firsts: Vec<[u8; 64]> = (0..count).map(|number| [number as u8; 64]).collect();
    let midstates: Vec<Midstate> = firsts.iter().map(Midstate::of).collect();
    let input = SearchInput { midstates: &midstates, tail: [9; 12], top_word_max: u32::MAX / 5 };
    let (first, last) = (u32::MAX - 99, u32::MAX);
    let mut hits = HitBuffer::new(1_000);
    kernel.scan(&input, first, last, &mut hits);
    let mut expected = Vec::new();
    for (index, head) in firsts.iter().enumerate() {
        for nonce in first..=last {
            let hash = double_sha256(&[&head[..], &input.tail, &nonce.to_le_bytes()].concat());
            let top = u32::from_le_bytes([hash[28], hash[29], hash[30], hash[31]]);
            expected.extend((top <= input.top_word_max).then_some((index, nonce)));
        }
    }
    assert!(!expected.is_empty());
    let found: Vec<_> = hits.into_sorted().iter().map(|hit| (usize::from(hit.midstate), hit.nonce)).collect();
    assert_eq!(found, expected, "{} with {count} midstates", kernel.name());
}

/// A seal over rolled versions, a chain of headers and one of blocks, through an engine whose caller has a small stack.
fn seal_and_verify(name: &'static str) {
    on_stack(CALLER_STACK_BYTES, move || {
        let policy = EnginePolicy { versions_per_batch: MIDSTATES_MAX, ..EnginePolicy::default() };
        let builder = Engine::builder().threads(1).kernel(name).policy(policy);
        let engine = builder.devices(vec!["cpu".to_owned()]).build().expect("the CPU is there");
        assert_eq!(engine.devices()[0].info.kernel, name);

        let template = SealTemplate::builder(chain::regtest_block_header()).version_mask(0x1fff_e000);
        let report = engine.seal(SealJob::new(template.build().expect("the template is right")));
        assert_eq!(report.outcome, SealOutcome::Sealed);
        let seal = &report.seals[0];
        assert!(seal.header().bits.decode().expect("regtest's own bits").is_met_by(&seal.hash()));

        let blocks = chain::blocks(20);
        let request = || VerifyRequest::new(Parameters::of(Network::Regtest), NOW).start_height(1);
        let mut headers = engine.header_verifier(request()).expect("the request is right");
        for block in &blocks {
            headers.push(&block[..80]);
        }
        let report = headers.finish(None);
        assert!(matches!(report.verdict, Verdict::Valid), "{}", report.verdict);
        assert_eq!(report.count, 20);

        let mut verifier = engine.block_verifier(request().commits(true)).expect("the request is right");
        let mut batch = BlockBatch::default();
        let mut offset = 0;
        for block in &blocks {
            batch.push(block, offset);
            offset += block.len() as u64;
        }
        verifier.push(batch);
        let report = verifier.finish(None);
        assert!(matches!(report.verdict, Verdict::Valid), "{}", report.verdict);
        assert_eq!(report.state.summary.bodies.blocks, 20);
    });
}

macro_rules! tests_of_kernels {
    ($($hashes:ident, $works:ident: $name:literal;)*) => {
        $(
            #[test]
            fn $hashes() {
                with_kernel($name, hash_everything);
            }

            #[test]
            fn $works() {
                with_kernel($name, seal_and_verify);
            }
        )*

        #[test]
        fn every_kernel_has_its_tests() {
            let tested = [$($name),*];
            assert!(HashKernel::all_available().iter().all(|kernel| tested.contains(&kernel.name())));
        }
    };
}

tests_of_kernels! {
    portable_hashes_on_a_small_stack, portable_seals_and_verifies_on_a_small_stack: "portable";
    sha_ni_hashes_on_a_small_stack, sha_ni_seals_and_verifies_on_a_small_stack: "sha-ni";
    avx2_hashes_on_a_small_stack, avx2_seals_and_verifies_on_a_small_stack: "avx2";
    avx512_hashes_on_a_small_stack, avx512_seals_and_verifies_on_a_small_stack: "avx512";
}

/// With the feature `gpu`, seals on every ready device, software adapters included; without it, on the CPU, with a
/// note.
#[test]
fn whatever_is_found_is_opened_and_seals_on_a_small_stack() {
    on_stack(CALLER_STACK_BYTES, || {
        let engine = Engine::builder().allow_software(true).threads(1).build().expect("the CPU is there");
        let template = SealTemplate::builder(chain::regtest_block_header()).build().expect("the template is right");
        assert_eq!(engine.seal(SealJob::new(template)).outcome, SealOutcome::Sealed);
        let says_why = engine.notes().iter().any(|note| note.contains("built without GPU support"));
        assert_eq!(says_why, cfg!(not(feature = "gpu")), "{:?}", engine.notes());
    });
}
