//! Computes the roots over a body's transactions one hash at a time; the engine computes them in bulk.

use super::judgement::BodyContext;
use super::parsed::ParsedBlock;
use crate::merkle::rfc6962;
use crate::merkle::{self, MerkleError, Node};
use crate::parameters::{MerkleKind, Parameters};
use cityseal_hash::double_sha256;

/// The roots over a body's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BodyRoots {
    /// The root of the kind of tree that the chain's headers commit to, in wire order: over the ids of the
    /// transactions, or for a transaction log (RFC 6962) over the whole transactions. 32 zero bytes if there are none.
    pub merkle: [u8; 32],
    /// Whether two equal nodes share a parent in Bitcoin's tree, on any level (CVE-2012-2459).
    pub mutated: bool,
    /// The root over the witness ids, with zeros for the coinbase's, in wire order. Required if
    /// [`ParsedBlock::needs_witness_root`] returns true.
    pub witness: Option<[u8; 32]>,
}

impl BodyRoots {
    /// Computes the roots one hash at a time.
    ///
    /// # Panics
    /// If `parsed` is not the result of parsing `block`.
    pub fn of(parameters: &Parameters, context: &BodyContext, block: &[u8], parsed: &ParsedBlock) -> Self {
        let needs_witness = parsed.needs_witness_root(parameters, context.height);
        let (merkle, mutated) = match parameters.merkle() {
            MerkleKind::Bitcoin => bitcoin_root(&ids(block, parsed)),
            MerkleKind::Rfc6962Sha256 => (log_root(block, parsed), false),
        };
        let witness = needs_witness.then(|| bitcoin_root(&witness_ids(block, parsed)).0);
        Self { merkle, mutated, witness }
    }
}

fn bitcoin_root(leaves: &[Node]) -> (Node, bool) {
    match merkle::root(leaves) {
        Ok(root) => (root.to_wire(), false),
        Err(MerkleError::Duplicated { root, .. }) => (root.to_wire(), true),
        Err(MerkleError::Empty | MerkleError::NoSuchLeaf { .. }) => ([0; 32], false),
    }
}

fn ids(block: &[u8], parsed: &ParsedBlock) -> Vec<Node> {
    let mut message = Vec::new();
    let id = |span: &super::TransactionSpan| {
        message.clear();
        span.append_stripped(block, &mut message);
        double_sha256(&message)
    };
    parsed.transactions().iter().map(id).collect()
}

fn witness_ids(block: &[u8], parsed: &ParsedBlock) -> Vec<Node> {
    let mut ids: Vec<Node> = parsed.transactions().iter().map(|span| double_sha256(span.whole(block))).collect();
    if let Some(coinbase) = ids.first_mut() {
        *coinbase = [0; 32];
    }
    ids
}

fn log_root(block: &[u8], parsed: &ParsedBlock) -> Node {
    let leaves: Vec<Node> = parsed.transactions().iter().map(|span| rfc6962::leaf_hash(span.whole(block))).collect();
    rfc6962::root(&leaves)
}
