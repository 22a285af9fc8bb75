//! Batches for devices, and their answers. Plain data, validated by the constructors.

use std::sync::Arc;

use cityseal_hash::{HEADER_LEN, Hit, MIDSTATES_MAX, MerkleKind, Midstate, NODE_LEN, NonceSpan};

use crate::{TreeRoot, TreesBatch};

/// A nonce of a search that the device must report although its hash is no hit: a canary inside a normal batch.
///
/// A device that misses hits cannot be detected by its answers alone. The caller knows the hash of this one nonce, so
/// it can detect that the device did not compute it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Planted {
    /// The nonce and its midstate.
    pub at: Hit,
    /// The top word of its hash, computed by the caller.
    pub top_word: u32,
}

/// A search: which nonces of a range give, with one of up to eight midstates, a hash whose top word is within a bound?
#[derive(Clone, Debug)]
pub struct SearchBatch {
    midstates: Vec<Midstate>,
    /// Bytes 64..76 of the header: the last four of the Merkle root, time, bits.
    pub tail: [u8; 12],
    /// The nonces, searched with each midstate.
    pub nonces: NonceSpan,
    /// The largest top word (most significant 32 bits of the hash as a number) of a hit.
    pub top_word_max: u32,
    /// The most hits that may be reported; if there are more, the report's `overflow` is set.
    pub hits_max: usize,
    planted: Option<Planted>,
}

impl SearchBatch {
    /// Creates a search with 1 to 8 midstates that share their second block.
    ///
    /// # Panics
    /// If `midstates` is empty or longer than [`MIDSTATES_MAX`].
    pub fn new(
        midstates: Vec<Midstate>,
        tail: [u8; 12],
        nonces: NonceSpan,
        top_word_max: u32,
        hits_max: usize,
    ) -> Self {
        assert!(
            (1..=MIDSTATES_MAX).contains(&midstates.len()),
            "1 to {MIDSTATES_MAX} midstates, not {}",
            midstates.len()
        );
        Self { midstates, tail, nonces, top_word_max, hits_max, planted: None }
    }

    /// Adds a canary: in a correct answer [`SearchReport::planted_seen`] is true.
    ///
    /// # Panics
    /// If the planted nonce is not in the batch.
    #[must_use]
    pub fn with_planted(mut self, planted: Planted) -> Self {
        let Hit { midstate, nonce } = planted.at;
        let is_inside =
            usize::from(midstate) < self.midstates.len() && self.nonces.first() <= nonce && nonce <= self.nonces.last();
        assert!(is_inside, "{planted:?} is not in {:?}", self.nonces);
        self.planted = Some(planted);
        self
    }

    /// The canary, if there is one.
    pub const fn planted(&self) -> Option<Planted> {
        self.planted
    }

    /// The midstates, 1 to 8; a hit refers to one by its index.
    pub fn midstates(&self) -> &[Midstate] {
        &self.midstates
    }

    /// The number of hashes to compute: midstates × nonces.
    pub fn hashes(&self) -> u64 {
        self.midstates.len() as u64 * self.nonces.count()
    }
}

/// A request for the double SHA-256 of packed 80-byte headers.
#[derive(Clone, Debug)]
pub struct CheckBatch {
    headers: Arc<Vec<u8>>,
}

impl CheckBatch {
    /// Creates a batch of headers, packed without gaps.
    ///
    /// # Panics
    /// If the length is zero or not a multiple of 80.
    pub fn new(headers: Arc<Vec<u8>>) -> Self {
        let is_whole = !headers.is_empty() && headers.len().is_multiple_of(HEADER_LEN);
        assert!(is_whole, "expected whole 80-byte headers, found {} bytes", headers.len());
        Self { headers }
    }

    /// The packed headers, 80 bytes each.
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// The number of headers.
    pub fn count(&self) -> usize {
        self.headers.len() / HEADER_LEN
    }
}

/// A request for the hashes of packed 64-byte Merkle nodes.
#[derive(Clone, Debug)]
pub struct MerkleBatch {
    nodes: Arc<Vec<u8>>,
    rule: MerkleKind,
}

impl MerkleBatch {
    /// Creates a batch of nodes (left hash, right hash) of a Bitcoin tree, packed without gaps.
    ///
    /// # Panics
    /// If the length is zero or not a multiple of 64.
    pub fn new(nodes: Arc<Vec<u8>>) -> Self {
        Self::with_rule(nodes, MerkleKind::Bitcoin)
    }

    /// Creates a batch of nodes of a tree of either kind.
    ///
    /// # Panics
    /// As for [`Self::new`].
    pub fn with_rule(nodes: Arc<Vec<u8>>, rule: MerkleKind) -> Self {
        assert!(
            !nodes.is_empty() && nodes.len().is_multiple_of(NODE_LEN),
            "expected whole 64-byte nodes, found {} bytes",
            nodes.len()
        );
        Self { nodes, rule }
    }

    /// How the nodes are hashed.
    pub const fn rule(&self) -> MerkleKind {
        self.rule
    }

    /// The packed nodes, 64 bytes each.
    pub fn nodes(&self) -> &[u8] {
        &self.nodes
    }

    /// The number of nodes.
    pub fn count(&self) -> usize {
        self.nodes.len() / NODE_LEN
    }
}

/// One unit of work for a device. It always runs to its end.
#[derive(Clone, Debug)]
pub enum Batch {
    /// Search a nonce range.
    Search(SearchBatch),
    /// Hash headers.
    Check(CheckBatch),
    /// Hash Merkle nodes.
    Merkle(MerkleBatch),
    /// Compute the roots of whole Merkle trees.
    Trees(TreesBatch),
}

/// The hits of a search batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchReport {
    /// Every hit, ascending by (midstate, nonce). If `overflow` is set, the list is incomplete and must be dropped.
    pub hits: Vec<Hit>,
    /// There were more hits than the batch allowed.
    pub overflow: bool,
    /// The planted nonce was found with the given top word. False if nothing was planted. Independent of `overflow`.
    pub planted_seen: bool,
}

/// A device's answer to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// Answer to [`Batch::Search`].
    Search(SearchReport),
    /// Answer to [`Batch::Check`] and to [`Batch::Merkle`]: one hash per item, in order, 32 bytes in wire order.
    Hashes(Vec<[u8; 32]>),
    /// Answer to [`Batch::Trees`]: one root per tree, in order.
    Trees(Vec<TreeRoot>),
}

impl Report {
    /// Whether two reports state the same. The hits of an overflowed search are ignored, since their list is
    /// incomplete.
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Search(one), Self::Search(two)) if one.overflow && two.overflow => {
                one.planted_seen == two.planted_seen
            }
            _ => self == other,
        }
    }
}
