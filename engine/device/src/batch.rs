//! What a device is asked and what it answers. Plain data; validity is established by the constructors.

use std::sync::Arc;

use cityseal_hash::{HEADER_LEN, Hit, MIDSTATES_MAX, MerkleKind, Midstate, NODE_LEN, NonceSpan};

use crate::{TreeRoot, TreesBatch};

/// A nonce of a search that the device must notice although its hash is no hit: a canary inside the running work.
///
/// A device that misses hits leaves no trace of it. Of this one nonce whoever asks knows the hash, so that its absence shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Planted {
    /// Which nonce of which midstate.
    pub at: Hit,
    /// The top word of its hash, as its planter computed it.
    pub top_word: u32,
}

/// A question: which nonces of a range give, with one of up to eight midstates, a hash whose top word is small?
#[derive(Clone, Debug)]
pub struct SearchBatch {
    midstates: Vec<Midstate>,
    /// Bytes 64..76 of the header: the last four of the Merkle root, time, bits.
    pub tail: [u8; 12],
    /// The nonces, tried with each midstate.
    pub nonces: NonceSpan,
    /// The largest top word (most significant 32 bits of the hash as a number) that is a hit.
    pub top_word_max: u32,
    /// How many hits may be reported; with more the report's `overflow` is set.
    pub hits_max: usize,
    planted: Option<Planted>,
}

impl SearchBatch {
    /// A batch over 1 to 8 midstates that share their second block.
    ///
    /// # Panics
    /// If `midstates` is empty or longer than [`MIDSTATES_MAX`]: a broken promise of the caller.
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

    /// The same question with a canary in it: [`SearchReport::planted_seen`] is to be true.
    ///
    /// # Panics
    /// If the planted nonce is not one of the batch's: a broken promise of the caller.
    #[must_use]
    pub fn with_planted(mut self, planted: Planted) -> Self {
        let Hit { midstate, nonce } = planted.at;
        let is_inside =
            usize::from(midstate) < self.midstates.len() && self.nonces.first() <= nonce && nonce <= self.nonces.last();
        assert!(is_inside, "{planted:?} is not in {:?}", self.nonces);
        self.planted = Some(planted);
        self
    }

    /// The canary, where there is one.
    pub const fn planted(&self) -> Option<Planted> {
        self.planted
    }

    /// The midstates, 1 to 8; a hit names one by its index.
    pub fn midstates(&self) -> &[Midstate] {
        &self.midstates
    }

    /// How many hashes the batch asks for: midstates × nonces.
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
    /// A batch over whole headers, packed without gaps.
    ///
    /// # Panics
    /// If the length is zero or not a multiple of 80.
    pub fn new(headers: Arc<Vec<u8>>) -> Self {
        assert!(
            !headers.is_empty() && headers.len().is_multiple_of(HEADER_LEN),
            "whole headers, not {} bytes",
            headers.len()
        );
        Self { headers }
    }

    /// The packed headers, 80 bytes each.
    pub fn headers(&self) -> &[u8] {
        &self.headers
    }

    /// How many headers the batch holds.
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
    /// A batch over whole nodes (left hash, right hash) of a tree of Bitcoin's, packed without gaps.
    ///
    /// # Panics
    /// If the length is zero or not a multiple of 64: a broken promise of the caller.
    pub fn new(nodes: Arc<Vec<u8>>) -> Self {
        Self::with_rule(nodes, MerkleKind::Bitcoin)
    }

    /// A batch over whole nodes of a tree of either kind.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn with_rule(nodes: Arc<Vec<u8>>, rule: MerkleKind) -> Self {
        assert!(!nodes.is_empty() && nodes.len().is_multiple_of(NODE_LEN), "whole nodes, not {} bytes", nodes.len());
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

    /// How many nodes the batch holds.
    pub fn count(&self) -> usize {
        self.nodes.len() / NODE_LEN
    }
}

/// One unit of work for a device; it runs to its end.
#[derive(Clone, Debug)]
pub enum Batch {
    /// Search a nonce range.
    Search(SearchBatch),
    /// Hash headers.
    Check(CheckBatch),
    /// Hash Merkle nodes.
    Merkle(MerkleBatch),
    /// Find the roots of whole Merkle trees.
    Trees(TreesBatch),
}

/// The hits of a search batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchReport {
    /// Every hit, ascending by (midstate, nonce). Where `overflow` is set, the list is not complete and must be dropped.
    pub hits: Vec<Hit>,
    /// There were more hits than the batch allowed.
    pub overflow: bool,
    /// The planted nonce was met and has the top word that was told. False where nothing was planted. An overflow does not
    /// touch it.
    pub planted_seen: bool,
}

/// What a device claims about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// Answer to [`Batch::Search`].
    Search(SearchReport),
    /// Answer to [`Batch::Check`] and to [`Batch::Merkle`]: one hash per item, in order, 32 bytes in wire order.
    Hashes(Vec<[u8; 32]>),
    /// Answer to [`Batch::Trees`]: one root a tree, in order.
    Trees(Vec<TreeRoot>),
}

impl Report {
    /// Whether two reports make the same claim. Two overflows agree, since an overflowed list means nothing.
    pub fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Search(one), Self::Search(two)) if one.overflow && two.overflow => {
                one.planted_seen == two.planted_seen
            }
            _ => self == other,
        }
    }
}
