//! SHA-256 (FIPS 180-4, section 6.2) as expressions, and the hashes that the engine needs.

use cityseal_hash::constants::{DIGEST_BITS, HEADER_BITS, IV, K, NODE_BITS, PAD, PREFIXED_NODE_BITS};

use super::graph::{Depends, Graph, Value};
use crate::sha256::Sigma;

/// The last block of a message, filled with the padding of section 5.1.1.
///
/// `message` holds the block's own words, fewer than fourteen; `length_bits` is the length of the whole message.
fn padded_block(graph: &mut Graph, message: &[Value], length_bits: u32) -> [Value; 16] {
    let mut block = [graph.constant(0); 16];
    block[..message.len()].copy_from_slice(message);
    block[message.len()] = graph.constant(PAD);
    block[15] = graph.constant(length_bits);
    block
}

/// A whole block of padding, for a message that ends with its block.
fn padding_block(graph: &mut Graph, length_bits: u32) -> [Value; 16] {
    padded_block(graph, &[], length_bits)
}

/// One call of the compression function, as it appears in names and headings.
#[derive(Clone, Copy, Debug)]
struct Call {
    /// Prefix of each name: `h1`.
    prefix: &'static str,
    /// The input.
    title: &'static str,
}

impl Call {
    fn name(self, word: &str, index: usize) -> String {
        format!("{}_{word}{index}", self.prefix)
    }

    fn part(self, part: &str) -> String {
        format!("{}, {}: {part}", self.prefix, self.title)
    }
}

/// Word `t` of the message schedule, from the words before it.
fn schedule_word(graph: &mut Graph, call: Call, words: &[Value], t: usize) -> Value {
    let small1 = graph.sigma(Sigma::Small1, words[t - 2]);
    let small0 = graph.sigma(Sigma::Small0, words[t - 15]);
    graph.named_sum(call.name("w", t), &[small1, words[t - 7], small0, words[t - 16]])
}

/// One block: 64 rounds, and the addition of the initial state (section 6.2.2).
fn compress(graph: &mut Graph, call: Call, before: &[Value; 8], block: &[Value; 16]) -> [Value; 8] {
    let mut words = block.to_vec();
    let mut state = *before;
    for t in 0..64 {
        graph.begin_part(call.part(&format!("round {t}")));
        if t >= block.len() {
            words.push(schedule_word(graph, call, &words, t));
        }
        state = round(graph, call, t, state, words[t]);
    }
    graph.begin_part(call.part("the initial state is added"));
    std::array::from_fn(|i| graph.named_sum(call.name("s", i), &[state[i], before[i]]))
}

fn round(graph: &mut Graph, call: Call, t: usize, state: [Value; 8], word: Value) -> [Value; 8] {
    let [a, b, c, d, e, f, g, h] = state;
    let constant = graph.constant(K[t]);
    let big1 = graph.sigma(Sigma::Big1, e);
    let ch = graph.ch(e, f, g);
    let t1 = graph.named_sum(call.name("t", t), &[h, big1, ch, word, constant]);
    let big0 = graph.sigma(Sigma::Big0, a);
    let maj = graph.maj(a, b, c);
    let e_next = graph.named_sum(call.name("e", t), &[d, t1]);
    let a_next = graph.named_sum(call.name("a", t), &[t1, big0, maj]);
    [a_next, a, b, c, e_next, e, f, g]
}

fn initial_state(graph: &mut Graph) -> [Value; 8] {
    IV.map(|word| graph.constant(word))
}

/// The hash of the 32 bytes of a hash.
fn second_hash(graph: &mut Graph, prefix: &'static str, first: &[Value; 8]) -> [Value; 8] {
    let block = padded_block(graph, first, DIGEST_BITS);
    let initial = initial_state(graph);
    compress(graph, Call { prefix, title: "the hash of the hash" }, &initial, &block)
}

fn inputs<const N: usize>(graph: &mut Graph, names: &[String; N], depends: Depends) -> [Value; N] {
    std::array::from_fn(|i| graph.input(names[i].clone(), depends))
}

/// State word 7 of a header's double hash, from the midstate `s0`…`s7`, the header words `w0`…`w2` after it (end of the
/// Merkle root, time, bits) and the nonce `w3`. Only `w3` differs from lane to lane.
pub fn search(graph: &mut Graph) -> [Value; 1] {
    let midstate = inputs(graph, &std::array::from_fn::<_, 8, _>(|i| format!("s{i}")), Depends::MIDSTATE);
    let tail = inputs(graph, &std::array::from_fn::<_, 3, _>(|i| format!("w{i}")), Depends::BATCH);
    let nonce = graph.input("w3", Depends::LANE);
    let block = padded_block(graph, &[tail[0], tail[1], tail[2], nonce], HEADER_BITS);
    let first = compress(graph, Call { prefix: "h1", title: "the header's second block" }, &midstate, &block);
    [second_hash(graph, "h2", &first)[7]]
}

/// The double hash of a header of twenty words `m0`…`m19`.
pub fn header(graph: &mut Graph) -> [Value; 8] {
    let words = inputs(graph, &std::array::from_fn::<_, 20, _>(message_word), Depends::LANE);
    let first_block = std::array::from_fn(|i| words[i]);
    let initial = initial_state(graph);
    let midstate = compress(graph, Call { prefix: "h1", title: "the header's first block" }, &initial, &first_block);
    let second_block = padded_block(graph, &words[16..], HEADER_BITS);
    let first = compress(graph, Call { prefix: "h2", title: "the header's second block" }, &midstate, &second_block);
    second_hash(graph, "h3", &first)
}

/// The double hash of a Merkle node of sixteen words `m0`…`m15`.
pub fn node(graph: &mut Graph) -> [Value; 8] {
    let words = inputs(graph, &std::array::from_fn::<_, 16, _>(message_word), Depends::LANE);
    let initial = initial_state(graph);
    let middle = compress(graph, Call { prefix: "h1", title: "both children" }, &initial, &words);
    let padding = padding_block(graph, NODE_BITS);
    let first = compress(graph, Call { prefix: "h2", title: "the padding" }, &middle, &padding);
    second_hash(graph, "h3", &first)
}

/// The hash of a node of RFC 6962, which has 65 bytes. `m0`…`m15` are the first block; `m16` is the first word of the
/// second block: the last byte, then the first bit of the padding.
pub fn rfc6962_node(graph: &mut Graph) -> [Value; 8] {
    let words = inputs(graph, &std::array::from_fn::<_, 17, _>(message_word), Depends::LANE);
    let first_block = std::array::from_fn(|i| words[i]);
    let initial = initial_state(graph);
    let middle = compress(graph, Call { prefix: "h1", title: "all but the last byte" }, &initial, &first_block);
    let mut second_block = [graph.constant(0); 16];
    second_block[0] = words[16];
    second_block[15] = graph.constant(PREFIXED_NODE_BITS);
    compress(graph, Call { prefix: "h2", title: "the last byte and the padding" }, &middle, &second_block)
}

/// The name of message word `i` in the arguments of the shader's function: four words per vector.
pub fn message_word(i: usize) -> String {
    format!("m{}.{}", i / 4, ["x", "y", "z", "w"][i % 4])
}
