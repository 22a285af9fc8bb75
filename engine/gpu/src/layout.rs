//! What host and shaders share: the structs of `search.wgsl`, `hash.wgsl` and `tree_level.wgsl` under `shaders/`, word for word. A test
//! compares both. Nothing here is computed.

use bytemuck::{Pod, Zeroable};
use cityseal_hash::MIDSTATES_MAX;

/// Words of a batch that no nonce and no midstate changes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[expect(
    missing_docs,
    reason = "the names are those of the generated shader: word, round, and what was folded into it"
)]
pub struct FixedWords {
    pub h1_w16: u32,
    pub h1_t16_fixed: u32,
    pub h1_w17: u32,
    pub h1_t17_fixed: u32,
    pub h1_w18_fixed: u32,
    pub h1_w19_fixed: u32,
    pub h1_w31_fixed: u32,
    pub h1_w32_fixed: u32,
}

/// Words of one midstate that no nonce changes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[expect(
    missing_docs,
    reason = "the names are those of the generated shader: word, round, and what was folded into it"
)]
pub struct MidstateWords {
    /// The midstate itself: `s0` to `s7` of the shader.
    pub state: [u32; 8],
    pub h1_a0: u32,
    pub h1_e1: u32,
    pub h1_a1: u32,
    pub h1_e2: u32,
    pub h1_a2: u32,
    pub h1_e3_fixed: u32,
    pub h1_a3_fixed: u32,
    pub h1_t4_fixed: u32,
    pub h1_t5_fixed: u32,
    pub h1_t6_fixed: u32,
    /// To a multiple of 16 bytes, as an array in a uniform buffer must have.
    pub unused: [u32; 2],
}

/// One dispatch of a search.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct SearchWords {
    /// Number of the first block of this dispatch.
    pub block_first: u32,
    /// Blocks of this dispatch.
    pub blocks: u32,
    /// Logarithm to base 2 of a block's nonces: 0 to 8.
    pub block_bits: u32,
    /// Midstates that are searched: 1 to 8.
    pub midstate_count: u32,
    /// First nonce of the batch.
    pub nonce_first: u32,
    /// Last nonce of the batch.
    pub nonce_last: u32,
    /// Largest top word that is a hit.
    pub top_word_max: u32,
    /// Bits that no hit's state word 7 has set.
    pub reject_mask: u32,
    /// Slots for hits.
    pub hits_max: u32,
    /// The batch's own odd number.
    pub tag: u32,
    /// State word 7 of the planted nonce's hash.
    pub planted_state_7: u32,
    /// The planted nonce, as a number.
    pub planted_nonce: u32,
    /// Index of its midstate; past every midstate where nothing is planted.
    pub planted_midstate: u32,
    /// To a multiple of 16 bytes.
    pub unused: [u32; 3],
    /// What the loaded form of the shaders rotates by.
    pub rotations: Rotations,
    /// What the host computed for the batch.
    pub fixed: FixedWords,
    /// What the host computed for each midstate.
    pub midstates: [MidstateWords; MIDSTATES_MAX],
}

/// The words before the slots of a search's results.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct ResultsHead {
    /// The tag, once for each block that was searched to its end.
    pub finished: u32,
    /// Hits that were found, whether they found a slot or not; wraps around.
    pub hits: u32,
    /// Not zero where a hit found no slot.
    pub overflow: u32,
    /// The tag, where the planted nonce was met.
    pub planted_seen: u32,
}

/// One hit of a search.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Slot {
    /// The nonce, as a number.
    pub nonce: u32,
    /// Index of the midstate.
    pub midstate: u32,
}

/// One dispatch of hashing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct HashWords {
    /// Items to hash.
    pub count: u32,
    /// The batch's own number.
    pub tag: u32,
    /// Padding to a multiple of 16 bytes.
    pub unused: [u32; 2],
    /// What the loaded form of the shaders rotates by.
    pub rotations: Rotations,
}

/// One level of Merkle trees.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct LevelWords {
    /// Number of the level's first node.
    pub first: u32,
    /// Nodes of the level.
    pub count: u32,
    /// Leaves of all trees.
    pub leaves: u32,
    /// The batch's own odd number.
    pub tag: u32,
    /// What the loaded form of the shaders rotates by.
    pub rotations: Rotations,
}

/// The amounts that the loaded form of the shaders rotates by.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Rotations(pub [u32; 12]);

impl Default for Rotations {
    /// The amounts in the order of the shader's struct: of Sigma0, Sigma1, sigma0, sigma1, and of the change of byte order.
    fn default() -> Self {
        Self([2, 13, 22, 6, 11, 25, 7, 18, 17, 19, 8, 24])
    }
}
