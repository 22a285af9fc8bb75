// The search: finds the nonces of a range whose hash has a top word within a bound.
//
// Written by hand. It is joined with one file that defines search_nonce (search_one.wgsl, search_shared.wgsl), one that
// defines the rotations and one that defines ch and maj; see shaders/README.md.
//
// An invocation searches one block: 2^block_bits nonces that differ only in their lowest bits. The header holds the
// nonce in little-endian order and SHA-256 reads it in big-endian order. So within a block only the top byte of the
// message word changes, by one addition per nonce.

// The words of the batch that depend neither on the nonce nor on the midstate (computed by engine/gpu/src/prepare.rs).
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

// The words of one midstate that do not depend on the nonce: the midstate itself, and the rounds before the nonce
// enters.
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
    // Index of the first block of this dispatch. Its first nonce is block_first << block_bits.
    block_first: u32,
    // The number of blocks of this dispatch. Further invocations do nothing.
    blocks: u32,
    // Logarithm to base 2 of the nonces per block, 0 to 8.
    block_bits: u32,
    midstate_count: u32,
    // The range, both ends included; the first and the last block may reach beyond it.
    nonce_first: u32,
    nonce_last: u32,
    // The largest top word of a hit.
    top_word_max: u32,
    // Bits that are zero in state word 7 of every hit: a quick first test.
    reject_mask: u32,
    // The number of slots for hits.
    hits_max: u32,
    // The odd number that marks the results of this batch.
    tag: u32,
    // The canary: a nonce that must be reported although it is no hit. State word 7 of its hash, the nonce, and the
    // index of its midstate (0xffffffff if nothing is planted).
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
    // The sum of the tag over all finished blocks. Since the tag is odd, the host can divide by it, and only finished
    // blocks of this batch give the expected number. A buffer of zeros or of an older batch does not.
    finished: atomic<u32>,
    hits: atomic<u32>,
    // Not zero if a hit found no slot.
    overflow: atomic<u32>,
    // The tag, if the planted nonce was found with the expected hash.
    planted_seen: atomic<u32>,
    // Nonce and midstate of each hit, in no order.
    slots: array<vec2<u32>>,
}

@group(0) @binding(0) var<uniform> batch: SearchBatch;
@group(0) @binding(1) var<storage, read_write> results: SearchResults;

override WORKGROUP_SIZE: u32 = 128u;

// Stores the nonce if the hash with this state word 7 is a hit: the top word of a hash is state word 7 with its bytes
// reversed. Also reports the planted nonce.
fn report(state_7: u32, nonce: u32, midstate: u32) {
    let is_planted_word = state_7 == batch.planted_state_7;
    // One branch for both tests: nearly every nonce returns here.
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
