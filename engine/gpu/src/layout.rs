//! The structs that host and shaders share: those of `search.wgsl`, `hash.wgsl` and `tree_level.wgsl` under `shaders/`.
//! A test compares both layouts.

use bytemuck::{Pod, Zeroable};
use cityseal_hash::MIDSTATES_MAX;

/// Words of a batch that depend neither on the nonce nor on the midstate.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[expect(
    missing_docs,
    reason = "the names are those of the generated shader: word and round, `fixed` for its known part"
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

/// Words of one midstate that do not depend on the nonce.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[expect(
    missing_docs,
    reason = "the names are those of the generated shader: word and round, `fixed` for its known part"
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
    /// Padding to a multiple of 16 bytes, which uniform buffers require of array elements.
    pub unused: [u32; 2],
}

/// One dispatch of a search.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct SearchWords {
    /// Index of the first block of this dispatch.
    pub block_first: u32,
    /// Blocks of this dispatch.
    pub blocks: u32,
    /// Logarithm to base 2 of the nonces per block: 0 to 8.
    pub block_bits: u32,
    /// Number of midstates: 1 to 8.
    pub midstate_count: u32,
    /// First nonce of the batch.
    pub nonce_first: u32,
    /// Last nonce of the batch.
    pub nonce_last: u32,
    /// Largest top word of a hit.
    pub top_word_max: u32,
    /// Bits that are zero in state word 7 of every hit.
    pub reject_mask: u32,
    /// Number of slots for hits.
    pub hits_max: u32,
    /// The odd number that marks the batch's results.
    pub tag: u32,
    /// State word 7 of the planted nonce's hash.
    pub planted_state_7: u32,
    /// The planted nonce.
    pub planted_nonce: u32,
    /// Index of its midstate; `u32::MAX` if nothing is planted.
    pub planted_midstate: u32,
    /// Padding to a multiple of 16 bytes.
    pub unused: [u32; 3],
    /// Rotation amounts for the loaded form of the shaders.
    pub rotations: Rotations,
    /// Words that the host computed for the batch.
    pub fixed: FixedWords,
    /// Words that the host computed for each midstate.
    pub midstates: [MidstateWords; MIDSTATES_MAX],
}

/// The head of a search's results, before the slots.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct ResultsHead {
    /// The sum of the tag over all finished blocks.
    pub finished: u32,
    /// Number of hits, including those without a slot; wraps around.
    pub hits: u32,
    /// Not zero if a hit found no slot.
    pub overflow: u32,
    /// The tag, if the planted nonce was found.
    pub planted_seen: u32,
}

/// One hit of a search.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Slot {
    /// The nonce.
    pub nonce: u32,
    /// Index of the midstate.
    pub midstate: u32,
}

/// One dispatch of hashing.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct HashWords {
    /// Number of items.
    pub count: u32,
    /// The odd number that marks the batch's results.
    pub tag: u32,
    /// Padding to a multiple of 16 bytes.
    pub unused: [u32; 2],
    /// Rotation amounts for the loaded form of the shaders.
    pub rotations: Rotations,
}

/// One level of Merkle trees.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct LevelWords {
    /// Index of the level's first node.
    pub first: u32,
    /// Number of nodes of the level.
    pub count: u32,
    /// Number of leaves of all trees.
    pub leaves: u32,
    /// The odd number that marks the batch's results.
    pub tag: u32,
    /// Rotation amounts for the loaded form of the shaders.
    pub rotations: Rotations,
}

/// Rotation amounts for the loaded form of the shaders.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct Rotations(pub [u32; 12]);

impl Default for Rotations {
    /// The amounts in the order of the shader's struct: for Sigma0, Sigma1, sigma0, sigma1, and for the byte swap.
    fn default() -> Self {
        Self([2, 13, 22, 6, 11, 25, 7, 18, 17, 19, 8, 24])
    }
}

/// Distance in bytes between the words of consecutive levels: an alignment that every device supports.
pub(crate) const LEVEL_STRIDE: usize = 256;

const _: () = assert!(size_of::<LevelWords>() <= LEVEL_STRIDE, "the words of a level fit into the stride");
