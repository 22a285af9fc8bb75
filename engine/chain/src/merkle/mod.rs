//! Merkle trees: Bitcoin's, with branches and partial trees, and that of RFC 6962, with ranges that commit to a stream.

mod bitcoin;
mod compact_range;
pub mod partial_tree;
pub mod rfc6962;
mod tree_outline;

pub use bitcoin::{MerkleBranch, MerkleError, Node, fold_leftmost, parent, root};
pub use compact_range::{CompactRange, RangeTextError};
pub use tree_outline::TreeOutline;
