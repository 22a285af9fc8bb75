//! Parses a group of blocks and hashes it up to the leaves of the trees. The transactions of all its blocks are hashed
//! together, so that a kernel's lanes are full even if the blocks are small.

use std::sync::Arc;

use cityseal_chain::body::{EncodingFault, ParsedBlock};
use cityseal_chain::{BlockHash, MerkleKind, Parameters, content_digest, merkle};
use cityseal_device::{TreeRoot, TreesBatch};
use cityseal_hash::{HEADER_LEN, HashKernel, double_sha256};

use super::super::block_batch::BlockBatch;
use super::super::segment::Place;
use super::super::stages::StageName;
use super::super::stream::Stream;

/// A parsed and hashed group.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) batch: BlockBatch,
    /// The packed headers, and their hashes.
    pub(super) headers: Vec<u8>,
    pub(super) hashes: Vec<[u8; 32]>,
    pub(super) bodies: Vec<Body>,
    trees: Option<TreesBatch>,
}

/// The body of one block.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) parsed: Result<ParsedBlock, EncodingFault>,
    /// Index of the tree whose root is in the header; `None` for a body without transactions.
    pub(super) merkle: Option<usize>,
    pub(super) witness: Witness,
}

/// The root over the witness ids of a block's transactions, with zeros for the coinbase (BIP141).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Witness {
    /// No rule needs it.
    Unwanted,
    /// The root of the tree with this index.
    Tree(usize),
    /// The root itself.
    Root([u8; 32]),
}

/// A message to hash, as a range of the batch or of the stripped transactions (serialised without witness).
#[derive(Clone, Copy, Debug)]
enum Message {
    OfBatch(usize, usize),
    OfStripped(usize, usize),
}

/// What to hash of a group, and where the digests go.
#[derive(Debug, Default)]
struct Plan {
    stripped: Vec<u8>,
    messages: Vec<Message>,
    /// For each message, the index of the leaf for its digest.
    leaf_of: Vec<usize>,
    /// Leaves to copy, as (from, to): the witness id of a transaction without witness is its id.
    copies: Vec<(usize, usize)>,
    counts: Vec<u32>,
    leaves: usize,
}

impl Prepared {
    /// Parses the blocks and hashes everything but the inner nodes of their trees.
    pub(super) fn new(batch: BlockBatch, stream: &Stream, place: &Place, kernel: HashKernel) -> Self {
        let parameters = stream.parameters();
        let headers = batch.headers();
        let parsed = stream.stages.time(StageName::Parse, || parse(&batch));
        stream.stages.time(StageName::Hash, || {
            let mut hashes = vec![[0; 32]; headers.len() / HEADER_LEN];
            kernel.hash_headers(&headers, &mut hashes);
            let first_height = place.before.next_height();
            let (bodies, trees) = hash(parameters, first_height, &batch, parsed, kernel);
            Self { batch, headers, hashes, bodies, trees }
        })
    }

    /// The trees of all bodies; `None` if no body has transactions.
    pub(super) const fn trees(&self) -> Option<&TreesBatch> {
        self.trees.as_ref()
    }

    /// The bytes of block `index`.
    pub(super) fn block(&self, index: usize) -> &[u8] {
        let span = &self.batch.blocks[index];
        &self.batch.bytes[span.start..span.end]
    }

    /// The digest of every byte of a block that passed (see [`content_digest`]).
    pub(super) fn content(&self, index: usize, roots: &[TreeRoot]) -> [u8; 32] {
        let (hash, body) = (&self.hashes[index], &self.bodies[index]);
        let parsed = body.parsed.as_ref().ok().filter(|parsed| parsed.has_witness());
        let coinbase = parsed.and_then(|parsed| parsed.transactions().first());
        match coinbase.zip(body.roots(roots).witness) {
            Some((coinbase, root)) => {
                let id = double_sha256(coinbase.whole(self.block(index)));
                content_digest(hash, Some((&root, &id)))
            }
            None => content_digest(hash, None),
        }
    }

    /// The buffer of the blocks.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.batch.bytes
    }
}

fn parse(batch: &BlockBatch) -> Vec<Result<ParsedBlock, EncodingFault>> {
    batch.blocks.iter().map(|span| ParsedBlock::parse(&batch.bytes[span.start..span.end])).collect()
}

fn hash(
    parameters: &Parameters,
    first_height: u64,
    batch: &BlockBatch,
    parsed: Vec<Result<ParsedBlock, EncodingFault>>,
    kernel: HashKernel,
) -> (Vec<Body>, Option<TreesBatch>) {
    let mut plan = Plan::default();
    let mut bodies = Vec::with_capacity(parsed.len());
    for ((index, parsed), height) in parsed.into_iter().enumerate().zip(first_height..) {
        let (merkle, witness) = match &parsed {
            Ok(block) => plan.add(parameters, height, batch, index, block),
            Err(_) => (None, Witness::Unwanted),
        };
        bodies.push(Body { parsed, merkle, witness });
    }
    let trees = plan.hash(parameters.merkle(), batch, kernel);
    (bodies, trees)
}

impl Plan {
    /// Adds a block's trees; returns the index of its main tree, and where its witness root comes from.
    fn add(
        &mut self,
        parameters: &Parameters,
        height: u64,
        batch: &BlockBatch,
        index: usize,
        parsed: &ParsedBlock,
    ) -> (Option<usize>, Witness) {
        let count = parsed.transactions().len();
        if count == 0 {
            return (None, Witness::Unwanted);
        }
        let wants_witness = parsed.needs_witness_root(parameters, height);
        match parameters.merkle() {
            MerkleKind::Bitcoin => {
                let txids = self.add_ids(batch, index, parsed);
                let tree = self.counts.len() - 1;
                let witness =
                    if wants_witness { self.add_witness_ids(batch, index, parsed, txids) } else { Witness::Unwanted };
                (Some(tree), witness)
            }
            MerkleKind::Rfc6962Sha256 => {
                self.add_log(batch, index, parsed);
                let witness =
                    if wants_witness { Witness::Root(witness_root(batch, index, parsed)) } else { Witness::Unwanted };
                (Some(self.counts.len() - 1), witness)
            }
        }
    }

    /// Adds the tree over transaction ids; returns the index of its first leaf.
    fn add_ids(&mut self, batch: &BlockBatch, index: usize, parsed: &ParsedBlock) -> usize {
        let span = batch.blocks[index];
        let block = &batch.bytes[span.start..span.end];
        let first = self.add_tree(parsed.transactions().len());
        for (leaf, transaction) in (first..).zip(parsed.transactions()) {
            let message = if transaction.has_witness() {
                let range = transaction.append_stripped(block, &mut self.stripped);
                Message::OfStripped(range.start, range.end)
            } else {
                let range = transaction.range();
                Message::OfBatch(span.start + range.start, span.start + range.end)
            };
            self.messages.push(message);
            self.leaf_of.push(leaf);
        }
        first
    }

    /// Adds the tree over witness ids. `txids` is the first leaf of the tree over transaction ids.
    fn add_witness_ids(&mut self, batch: &BlockBatch, index: usize, parsed: &ParsedBlock, txids: usize) -> Witness {
        let start = batch.blocks[index].start;
        let first = self.add_tree(parsed.transactions().len());
        for (at, transaction) in parsed.transactions().iter().enumerate().skip(1) {
            if transaction.has_witness() {
                let range = transaction.range();
                self.messages.push(Message::OfBatch(start + range.start, start + range.end));
                self.leaf_of.push(first + at);
            } else {
                self.copies.push((txids + at, first + at));
            }
        }
        Witness::Tree(self.counts.len() - 1)
    }

    /// Adds the tree over whole transactions (RFC 6962).
    fn add_log(&mut self, batch: &BlockBatch, index: usize, parsed: &ParsedBlock) {
        let start = batch.blocks[index].start;
        let first = self.add_tree(parsed.transactions().len());
        for (leaf, transaction) in (first..).zip(parsed.transactions()) {
            let range = transaction.range();
            self.messages.push(Message::OfBatch(start + range.start, start + range.end));
            self.leaf_of.push(leaf);
        }
    }

    fn add_tree(&mut self, count: usize) -> usize {
        let first = self.leaves;
        self.counts.push(count as u32);
        self.leaves += count;
        first
    }

    fn hash(self, kind: MerkleKind, batch: &BlockBatch, kernel: HashKernel) -> Option<TreesBatch> {
        if self.counts.is_empty() {
            return None;
        }
        let bytes_of = |message: &Message| match *message {
            Message::OfBatch(start, end) => &batch.bytes[start..end],
            Message::OfStripped(start, end) => &self.stripped[start..end],
        };
        let messages: Vec<&[u8]> = self.messages.iter().map(bytes_of).collect();
        let mut digests = vec![[0; 32]; messages.len()];
        match kind {
            MerkleKind::Bitcoin => kernel.hash_each(&messages, &mut digests),
            MerkleKind::Rfc6962Sha256 => kernel.hash_leaves_rfc6962(&messages, &mut digests),
        }
        // The coinbase's leaf among the witness ids has no message and stays zero.
        let mut leaves = vec![0; self.leaves * 32];
        let rows = leaves.as_chunks_mut::<32>().0;
        self.leaf_of.iter().zip(digests).for_each(|(leaf, digest)| rows[*leaf] = digest);
        self.copies.iter().for_each(|(from, to)| rows[*to] = rows[*from]);
        Some(TreesBatch::new(Arc::new(leaves), Arc::new(self.counts), kind))
    }
}

/// The witness root of a block whose main tree is an RFC 6962 tree, one hash at a time: no known chain combines the
/// two.
fn witness_root(batch: &BlockBatch, index: usize, parsed: &ParsedBlock) -> [u8; 32] {
    let span = batch.blocks[index];
    let block = &batch.bytes[span.start..span.end];
    let mut leaves: Vec<[u8; 32]> =
        parsed.transactions().iter().map(|span| double_sha256(&block[span.range()])).collect();
    leaves[0] = BlockHash::ZERO.to_wire();
    match merkle::root(&leaves) {
        Ok(root) | Err(merkle::MerkleError::Duplicated { root, .. }) => root.to_wire(),
        // Unreachable: there is at least one leaf.
        Err(_) => [0; 32],
    }
}
