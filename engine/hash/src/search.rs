//! Input and output of a nonce search. A hit states only that the top word of a hash is within the bound: the caller
//! must still compare all 256 bits with the target.

use crate::{MIDSTATES_MAX, Midstate};

/// One nonce search: up to eight first blocks that share one tail.
///
/// The top word of a hash is its most significant 32 bits as a number: `u32::from_le_bytes(hash[28..32])`.
#[derive(Clone, Copy, Debug)]
pub struct SearchInput<'a> {
    /// States after header bytes 0..64: one to [`MIDSTATES_MAX`], which share one message schedule.
    pub midstates: &'a [Midstate],
    /// Header bytes 64..76, in wire order: the end of the Merkle root, the time, the bits.
    pub tail: [u8; 12],
    /// A nonce is a hit if the top word of its hash is at most this; with `u32::MAX` every nonce is a hit.
    pub top_word_max: u32,
}

impl SearchInput<'_> {
    /// # Panics
    /// If there is no midstate or there are more than [`MIDSTATES_MAX`].
    pub(crate) fn assert_valid(&self) {
        let count = self.midstates.len();
        assert!((1..=MIDSTATES_MAX).contains(&count), "a search takes 1 to {MIDSTATES_MAX} midstates, not {count}");
    }
}

/// A nonce whose hash has a top word within the bound. Hits are ordered by midstate, then by nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// Index into [`SearchInput::midstates`].
    pub midstate: u8,
    /// The header's nonce field as a number (the field is little-endian).
    pub nonce: u32,
}

/// The first hits of a search, up to a limit, and whether there were more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HitBuffer {
    hits: Vec<Hit>,
    max: usize,
    overflow: bool,
}

impl HitBuffer {
    /// Creates a buffer for at most `max` hits. It grows as hits are pushed.
    pub const fn new(max: usize) -> Self {
        Self { hits: Vec::new(), max, overflow: false }
    }

    /// Adds `hit`, or sets the overflow flag if the buffer is full.
    #[inline]
    pub fn push(&mut self, hit: Hit) {
        if self.hits.len() < self.max {
            self.hits.push(hit);
        } else {
            self.overflow = true;
        }
    }

    /// The hits so far, in the order of the search: the nonces of one midstate ascend, the midstates are interleaved.
    pub fn as_slice(&self) -> &[Hit] {
        &self.hits
    }

    /// The hits, ascending by midstate, then nonce.
    pub fn into_sorted(mut self) -> Vec<Hit> {
        self.hits.sort_unstable();
        self.hits
    }

    /// Whether there were more hits than the limit. If so, split the range and search it again.
    pub const fn overflow(&self) -> bool {
        self.overflow
    }

    /// Clears hits and overflow flag, and keeps the memory.
    pub fn clear(&mut self) {
        self.hits.clear();
        self.overflow = false;
    }
}
