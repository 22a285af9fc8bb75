//! Headers in any order, put together to a tree: the chain with the most work, what is stale beside it, what hangs in the air.
//!
//! Each header is judged here by the rules that need no history (R01 to R05). One that breaks one is *invalid*: it is told and
//! nothing is built on it, so that work which was not done moves no tip. The other rules are for whoever judges the best
//! chain. The hashes are arguments, as everywhere on this floor; the tree believes that they are those of the headers.
//!
//! It keeps 44 bytes a header: the hash, the parent, the depth, its place in the best chain. While it is built it takes about
//! 60 more, and the 80 of the header itself are the caller's. Nothing recurses. Each step is linear in the headers, but for
//! the sorting of arrivals where those are given.

mod build;
mod hash_index;
mod tree;

pub use tree::{Duplicate, Fork, HeaderTree, InvalidHeader, NEVER, Reorganisation, Root, StaleBranch, Unconnected};
