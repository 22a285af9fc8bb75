//! The generator: its output is the committed one, its expressions compute SHA-256, and their cost is within the
//! budget.

use std::path::{Path, PathBuf};

use cityseal_device::{NonceSpan, SearchBatch};
use cityseal_gpu::generate::graph::{Depends, Words};
use cityseal_gpu::generate::operations::Operations;
use cityseal_gpu::generate::{Kernel, files};
use cityseal_gpu::layout::{FixedWords, MidstateWords};
use cityseal_gpu::prepare::{search_words, tail_words};
use cityseal_hash::{HEADER_LEN, Midstate, NODE_LEN, double_sha256, sha256};
use proptest::prelude::*;

fn shaders() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders")
}

#[test]
fn the_committed_shaders_are_the_output_of_the_generator() {
    for file in files() {
        let committed = std::fs::read_to_string(shaders().join(file.name)).expect("the shader is committed");
        assert!(
            committed == file.text,
            "shaders/{} differs: run `cargo run -p cityseal-gpu --example write_shaders`",
            file.name
        );
    }
}

#[test]
fn generated_code_has_no_array_and_no_loop_but_the_one_over_the_midstates() {
    for file in files() {
        let code: Vec<&str> = file.text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let count = |part: &str| code.iter().filter(|line| line.contains(part)).count();
        let loops = usize::from(file.name == "search_shared.wgsl");
        assert_eq!((count("for ("), count("loop"), count("while")), (loops, 0, 0), "{}", file.name);
        assert_eq!((count("var "), count("array")), (loops, 0), "{}", file.name);
    }
}

fn big_endian_words(bytes: &[u8]) -> Vec<u32> {
    let (words, rest) = bytes.as_chunks::<4>();
    assert!(rest.is_empty());
    words.iter().map(|word| u32::from_be_bytes(*word)).collect()
}

fn message(bytes: &[u8]) -> Words {
    let name = cityseal_gpu::generate::describe::message_word;
    big_endian_words(bytes).into_iter().enumerate().map(|(i, word)| (name(i), word)).collect()
}

fn hash(kernel: &Kernel, bytes: &[u8]) -> Vec<u8> {
    kernel.graph.evaluate(&kernel.outputs, &message(bytes)).into_iter().flat_map(u32::to_be_bytes).collect()
}

fn search_inputs(header: &[u8; HEADER_LEN]) -> Words {
    let midstate = Midstate::of(header[..64].first_chunk().expect("64 bytes and more"));
    let mut inputs: Words = midstate.0.into_iter().enumerate().map(|(i, word)| (format!("s{i}"), word)).collect();
    inputs.extend(big_endian_words(&header[64..]).into_iter().enumerate().map(|(i, word)| (format!("w{i}"), word)));
    inputs
}

fn headers() -> impl Strategy<Value = [u8; HEADER_LEN]> {
    prop::collection::vec(any::<u8>(), HEADER_LEN).prop_map(|bytes| bytes.try_into().expect("a header's length"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn both_search_kernels_compute_the_top_word_of_sha2(header in headers()) {
        let expected = &double_sha256(&header)[28..];
        for kernel in [Kernel::search_one(), Kernel::search_shared()] {
            let state_7 = kernel.graph.evaluate(&kernel.outputs, &search_inputs(&header));
            prop_assert_eq!(&state_7[0].to_be_bytes(), expected);
        }
    }

    #[test]
    fn the_header_kernel_computes_the_hash_of_sha2(header in headers()) {
        prop_assert_eq!(hash(&Kernel::header(), &header), double_sha256(&header));
    }

    #[test]
    fn the_node_kernel_computes_the_hash_of_sha2(node in prop::collection::vec(any::<u8>(), NODE_LEN)) {
        prop_assert_eq!(hash(&Kernel::node(), &node), double_sha256(&node));
    }

    #[test]
    fn the_rfc_6962_kernel_computes_the_hash_of_sha2(node in prop::collection::vec(any::<u8>(), NODE_LEN)) {
        let message = [&[1], node.as_slice(), &[0x80, 0, 0]].concat();
        let expected = sha256(&[&[1], node.as_slice()].concat());
        prop_assert_eq!(hash(&Kernel::rfc6962_node(), &message), expected);
    }

    #[test]
    fn the_host_computes_the_words_that_the_generator_leaves_to_it(header in headers()) {
        let kernel = Kernel::search_one();
        let inputs = search_inputs(&header);
        let tail: [u8; 12] = *header[64..].first_chunk().expect("64 bytes and more");
        let fixed = FixedWords::of(tail_words(tail));
        let first_block = header[..64].first_chunk().expect("64 bytes and more");
        let midstate = MidstateWords::of(Midstate::of(first_block), tail_words(tail));
        let expected = |of_midstate| kernel.graph.evaluate(&kernel.host_values(of_midstate), &inputs);
        let (of_batch, of_midstate) = (expected(false), expected(true));
        prop_assert_eq!(bytemuck::bytes_of(&fixed), bytemuck::cast_slice::<u32, u8>(&of_batch));
        prop_assert_eq!(&bytemuck::bytes_of(&midstate)[..72], bytemuck::cast_slice::<u32, u8>(&of_midstate));
    }
}

#[test]
fn a_batch_of_three_midstates_has_the_words_of_three() {
    let midstates = [Midstate([1; 8]), Midstate([2; 8]), Midstate([3; 8])];
    let nonces = NonceSpan::new(5, 9).unwrap();
    let words = search_words(&SearchBatch::new(midstates.to_vec(), [4; 12], nonces, 0x00ff_ffff, 7), 6, 11);
    let of = |i: usize| MidstateWords::of(midstates[i], tail_words([4; 12]));
    assert_eq!(words.midstates[..4], [of(0), of(1), of(2), MidstateWords::default()]);
    assert_eq!(
        (words.midstate_count, words.nonce_first, words.nonce_last, words.hits_max, words.tag),
        (3, 5, 9, 7, 11)
    );
    assert_eq!((words.block_bits, words.reject_mask), (6, 0x0000_00ff));
}

fn operations(kernel: &Kernel) -> Operations {
    Operations::of(&kernel.graph, kernel.graph.on_device(&kernel.outputs))
}

/// The minimum worked out by hand, in operations with three-word adds, bit select and rotate.
const SEARCH_MINIMUM: usize = 2_445;

#[test]
fn the_search_costs_no_more_than_the_minimum_worked_out_by_hand() {
    for kernel in [Kernel::search_one(), Kernel::search_shared()] {
        let operations = operations(&kernel);
        assert!(operations.of_three() <= SEARCH_MINIMUM, "{operations:?}");
        assert!(operations.of_two() <= 3_710, "{operations:?}");
    }
    assert_eq!(operations(&Kernel::search_one()).of_three(), 2_439);
}

#[test]
fn four_midstates_on_a_shared_schedule_save_a_tenth() {
    let Kernel { graph, outputs } = Kernel::search_shared();
    let all = graph.on_device(&outputs);
    let shared = all.iter().copied().filter(|value| !graph.depends(*value).on(Depends::MIDSTATE));
    let shared = Operations::of(&graph, shared).of_three();
    let own = Operations::of(&graph, all).of_three() - shared;
    assert_eq!((shared, own), (380, 2_059));
    assert!((shared + 4 * own) * 10 <= 4 * SEARCH_MINIMUM * 9, "{shared} shared, {own} each");
}

#[test]
fn headers_and_nodes_have_their_known_costs() {
    assert_eq!(operations(&Kernel::header()).of_three(), 4_000);
    assert_eq!(operations(&Kernel::node()).of_three(), 3_592);
    assert_eq!(operations(&Kernel::rfc6962_node()).of_three(), 2_641);
}
