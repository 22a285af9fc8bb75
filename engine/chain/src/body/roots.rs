//! The roots over a body's transactions on the plain path, one hash after another: what the engine computes in bulk.

use super::judgement::BodyContext;
use super::parsed::ParsedBlock;
use crate::merkle::rfc6962;
use crate::merkle::{self, MerkleError, Node};
use crate::parameters::{MerkleKind, Parameters};
use cityseal_hash::double_sha256;

/// What was computed over a body's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BodyRoots {
    /// The root of the tree that the chain's headers carry, in wire order: over the ids of the transactions, or with a
    /// transaction log (RFC 6962) over the whole transactions. Thirty-two zeros over none.
    pub merkle: [u8; 32],
    /// Whether two equal nodes stand under one parent of Bitcoin's tree, on any level (CVE-2012-2459).
    pub mutated: bool,
    /// The root over the witness ids, with zeros in the coinbase's place, in wire order. Needed where
    /// [`ParsedBlock::wants_witness_root`] says so.
    pub witness: Option<[u8; 32]>,
}

impl BodyRoots {
    /// Computes them one hash after another.
    ///
    /// # Panics
    /// If `parsed` is not of `block`.
    pub fn of(parameters: &Parameters, context: &BodyContext, block: &[u8], parsed: &ParsedBlock) -> Self {
        let wants_witness = parsed.wants_witness_root(parameters, context.height);
        let (merkle, mutated) = match parameters.merkle() {
            MerkleKind::Bitcoin => bitcoin_root(&ids(block, parsed)),
            MerkleKind::Rfc6962Sha256 => (log_root(block, parsed), false),
        };
        let witness = wants_witness.then(|| bitcoin_root(&witness_ids(block, parsed)).0);
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
