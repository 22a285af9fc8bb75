//! Builds a tree from headers in any order: the best chain (the one with the most work), stale branches, and
//! unconnected headers.
//!
//! Each header is judged by the rules that need no history (R01 to R05). A header that breaks one is *invalid*: it is
//! reported, and nothing is built on it, so that work that was not done cannot change the tip. The caller judges the
//! best chain by the other rules. Hashes are arguments; the caller guarantees that they are the hashes of the headers.
//!
//! The tree takes 44 bytes per header: hash, parent, depth, and position in the best chain. Building it takes about 60
//! more, in addition to the caller's 80 bytes of the header itself. Nothing recurses. Each step is linear in the number
//! of headers, except for sorting the arrivals if they are given.

mod build;
mod hash_index;
mod tree;

pub use tree::{Duplicate, Fork, HeaderTree, InvalidHeader, NEVER, Reorganisation, Root, StaleBranch, Unconnected};
