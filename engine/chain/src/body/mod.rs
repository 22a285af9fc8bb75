//! The rules of block bodies (R20 to R41): pure functions of the block's bytes and of the chain below it.
//!
//! A body is judged only for a header that passed R01 to R11. [`ParsedBlock`] parses a block in one pass,
//! [`BodyRoots::of`] computes the roots over its transactions one hash at a time (the engine does so with hash
//! kernels), and [`judge_body`] concludes. [`mod@reference`] is the reference implementation of all of that. Scripts,
//! signatures and unspent outputs are not checked: `docs/RULES.md` lists what is out of scope.
//!
//! ```
//! use cityseal_chain::body::{BodyContext, BodyRoots, ParsedBlock, judge_body};
//! use cityseal_chain::{Network, Parameters, hex};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let regtest = Parameters::of(Network::Regtest);
//! let mut block = regtest.genesis().to_wire().to_vec();
//! block.push(1); // one transaction: the coinbase of 2009
//! block.extend(hex::decode(concat!(
//!     "01000000010000000000000000000000000000000000000000000000000000000000000000ffffffff4d04ffff001d0104",
//!     "455468652054696d65732030332f4a616e2f32303039204368616e63656c6c6f72206f6e206272696e6b206f6620736563",
//!     "6f6e64206261696c6f757420666f722062616e6b73ffffffff0100f2052a01000000434104678afdb0fe5548271967f1a6",
//!     "7130b7105cd6a828e03909a67962e0ea1f61deb649f6bc3f4cef38c4f35504e51ec112de5c384df7ba0b8d578a4c702b6b",
//!     "f11d5fac00000000",
//! ))?);
//! let parsed = ParsedBlock::parse(&block)?;
//! let context = BodyContext { height: 0, median_time: None };
//! let roots = BodyRoots::of(&regtest, &context, &block, &parsed);
//! assert_eq!(judge_body(&regtest, &context, &block, &parsed, &roots).broken, None);
//! # Ok(())
//! # }
//! ```

mod judge;
mod judgement;
mod limits;
mod parsed;
pub mod reference;
mod repeats;
mod roots;
mod sigops;
mod span;
mod walk;

pub use crate::encoding::{BLOCK_BYTES_MAX, EncodingFault, EncodingKind, WEIGHT_MAX, WITNESS_SCALE};
pub use judge::judge_body;
pub use judgement::{BodyContext, BodyJudgement, BrokenBody, coinbase_height_script};
pub use limits::{LOCK_TIMES_FROM, MONEY_MAX, SIGOPS_COST_MAX, STRIPPED_BYTES_MAX};
pub use parsed::ParsedBlock;
pub use roots::BodyRoots;
pub use span::TransactionSpan;
pub use walk::{Extent, block_extent};
