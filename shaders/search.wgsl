// The search: which nonces of a range give a hash whose top word is small enough?
//
// Written by hand. It is joined with one text that defines search_nonce (search_one.wgsl, search_shared.wgsl), one that
// defines the rotations and one that defines ch and maj; shaders/README.md shows how.
//
// An invocation searches one block: 2^block_bits nonces that differ in their lowest bits only. The header holds the
// nonce in little-endian order and SHA-256 reads it in big-endian order, so that within a block only the top byte of
// the message word counts up, by one addition.

// The words of the batch that no nonce and no midstate changes (engine/gpu/src/prepare.rs computes them).
struct FixedWords {
    h1_w16: u32,
    h1_t16_fixed: u32,
    h1_w17: u32,
    h1_t17_fixed: u32,
    h1_w18_fixed: u32,
    h1_w19_fixed: u32,
    h1_w31_fixed: u32,
    h1_w32_fixed: u32,
}

// The words of one midstate that no nonce changes: the midstate itself, and the rounds before the nonce comes in.
struct MidstateWords {
    s0: u32,
    s1: u32,
    s2: u32,
    s3: u32,
    s4: u32,
    s5: u32,
    s6: u32,
    s7: u32,
    h1_a0: u32,
    h1_e1: u32,
    h1_a1: u32,
    h1_e2: u32,
    h1_a2: u32,
    h1_e3_fixed: u32,
    h1_a3_fixed: u32,
    h1_t4_fixed: u32,
    h1_t5_fixed: u32,
    h1_t6_fixed: u32,
    unused_18: u32,
    unused_19: u32,
}

// One dispatch of a batch.
struct SearchBatch {
    // The first block of this dispatch, as a number: its first nonce is block_first << block_bits.
    block_first: u32,
    // How many blocks this dispatch searches. Invocations beyond them do nothing.
    blocks: u32,
    // Logarithm of the nonces in a block, 0 to 8.
    block_bits: u32,
    midstate_count: u32,
    // The range that was asked for, both ends included; the outer blocks may reach beyond it.
    nonce_first: u32,
    nonce_last: u32,
    // The largest top word that is a hit.
    top_word_max: u32,
    // Bits that no hit's state word 7 has set: a quick first test.
    reject_mask: u32,
    // How many slots there are for hits.
    hits_max: u32,
    // An odd number that is the batch's own.
    tag: u32,
    // The canary: a nonce that is no hit and must be noticed all the same. Its hash's state word 7, itself, its midstate
    // (of none, where nothing is planted).
    planted_state_7: u32,
    planted_nonce: u32,
    planted_midstate: u32,
    unused_13: u32,
    unused_14: u32,
    unused_15: u32,
    rotations: Rotations,
    fixed: FixedWords,
    midstates: array<MidstateWords, 8>,
}

struct SearchResults {
    // The tag, once for each block that was searched to its end. As the tag is odd, the host can divide by it, and only
    // this batch's own blocks give the number that the host demands. A buffer of zeros, or of an older batch, does not.
    finished: atomic<u32>,
    hits: atomic<u32>,
    // Not zero where a hit found no slot.
    overflow: atomic<u32>,
    // The tag, where the planted nonce was met with the hash that it must have.
    planted_seen: atomic<u32>,
    // Nonce and midstate of each hit, in no order.
    slots: array<vec2<u32>>,
}

@group(0) @binding(0) var<uniform> batch: SearchBatch;
@group(0) @binding(1) var<storage, read_write> results: SearchResults;

override WORKGROUP_SIZE: u32 = 128u;

// Keeps the nonce if the hash with this state word 7 is a hit: the top word of a hash is that word, read in the other byte
// order. Notes the planted nonce.
fn report(state_7: u32, nonce: u32, midstate: u32) {
    let is_planted_word = state_7 == batch.planted_state_7;
    // One branch for both: nearly every nonce leaves here.
    if !(((state_7 & batch.reject_mask) == 0u) | is_planted_word) {
        return;
    }
    if is_planted_word && nonce == batch.planted_nonce && midstate == batch.planted_midstate {
        atomicStore(&results.planted_seen, batch.tag);
    }
    let in_range = batch.nonce_first <= nonce && nonce <= batch.nonce_last;
    if !in_range || swap_bytes(state_7) > batch.top_word_max {
        return;
    }
    let slot = atomicAdd(&results.hits, 1u);
    if slot < batch.hits_max {
        results.slots[slot] = vec2<u32>(nonce, midstate);
    } else {
        atomicStore(&results.overflow, 1u);
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn search(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= batch.blocks {
        return;
    }
    let first = (batch.block_first + id.x) << batch.block_bits;
    let nonces = 1u << batch.block_bits;
    var w3 = swap_bytes(first);
    for (var i = 0u; i < nonces; i++) {
        search_nonce(w3, first + i);
        w3 += 0x01000000u;
    }
    atomicAdd(&results.finished, batch.tag);
}
