//! Bitcoin's block headers and blocks as types, and the rules that make them a valid chain.
//!
//! ```
//! use cityseal_chain::{BlockHeader, History, Network, Parameters, judge};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mainnet = Parameters::of(Network::Mainnet);
//! let block_1: BlockHeader = concat!(
//!     "010000006fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000982051fd",
//!     "1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e61bc6649ffff001d01e36299",
//! )
//! .parse()?;
//!
//! let history = History::before(&mainnet, 1, &[])?; // height 1: the genesis header is known from the parameters
//! let hashes = [block_1.hash().to_wire()];
//! let now = 1_231_500_000; // Unix time
//! let summary = judge(&mainnet, &history, &block_1.to_wire(), &hashes, now, 0);
//! assert_eq!((summary.count, summary.fault), (1, None));
//! # Ok(())
//! # }
//! ```
//!
//! This crate is the pure domain of `CitySeal`: headers, targets, work, Merkle trees, consensus parameters, the rules
//! of headers and of block bodies, and the search space of a block to be sealed. It does no I/O, reads no clock and
//! starts no thread: the time and every byte are arguments. Input from outside is parsed into types that record that
//! it was checked, and verdicts list what could not be checked.
//!
//! Conversions name their byte order: `wire` is the order inside a header, `display` the reversed order that block
//! explorers show. `Display` and `FromStr` of hashes, targets and work use the display order.
//!
//! # Cargo features
//! - `bitcoin`: `From` and `TryFrom` from and to the types of rust-bitcoin 0.32, without loss. [`BlockHeader`] is
//!   `bitcoin::block::Header`, [`MerkleRoot`] is `bitcoin::TxMerkleNode`, [`ChainWork`] is `bitcoin::Work`, and
//!   [`BlockHash`], [`CompactTarget`], [`Target`] and [`Network`] are the types of the same name. A `bitcoin::Target`
//!   may be zero, so it needs `TryFrom`; [`Work`] becomes a `bitcoin::Work` but is not made from one.
//!
#![cfg_attr(feature = "bitcoin", doc = "```")]
#![cfg_attr(not(feature = "bitcoin"), doc = "```ignore")]
//! use cityseal_chain::{BlockHeader, Network, SealTemplate};
//!
//! let block = bitcoin::constants::genesis_block(bitcoin::Network::Regtest);
//! let header = BlockHeader::from(block.header);
//! assert_eq!(header.hash().to_string(), block.block_hash().to_string());
//! assert_eq!(Network::from(bitcoin::Network::Bitcoin), Network::Mainnet);
//!
//! let template = SealTemplate::builder(header).build()?; // to be sealed by the engine or by a service
//! assert_eq!(bitcoin::Target::from(template.target()), block.header.target());
//! # Ok::<(), cityseal_chain::TemplateError>(())
//! ```
//!
//! # Modules
//! They import one way, from the bottom up: `hex`, `digest`, `u256`, `hash`, `target`, `header`, `encoding`, `merkle`,
//! `parameters`, `rust_bitcoin`, `rules`, `body` and `header_tree`, `search`.

pub mod body;
mod digest;
mod encoding;
mod hash;
mod header;
pub mod header_tree;
pub mod hex;
pub mod merkle;
mod parameters;
mod rules;
#[cfg(feature = "bitcoin")]
mod rust_bitcoin;
mod search;
mod targets;
mod u256;

pub use digest::Digest;
pub use hash::{BlockHash, MerkleRoot, Txid};
pub use header::{BlockHeader, HeaderHexError};
pub use hex::HexError;
pub use merkle::{CompactRange, RangeTextError, TreeOutline, partial_tree, rfc6962};
pub use parameters::{
    Asert, BodyRules, Difficulty, FUTURE_LIMIT_S, MIN_DIFFICULTY_AFTER_S, MerkleKind, NAME_BYTES_MAX, Network,
    PERIOD_HEADERS, PERIOD_S, Parameters, ParametersError, SIGNET_CHALLENGE_BYTES_MAX, TIMEWARP_MAX_S, UnknownNetwork,
    ValueFault, VersionRule, decode_signet_challenge, retarget,
};
pub use rules::{
    BLOCK_SIGNATURE, Bodies, BrokenRule, Commitments, Cut, Fault, FaultValue, History, HistoryError, Judgement,
    NotChecked, Rule, RuleSet, START_HEIGHT_MAX, ScriptHead, Summary, Tip, Unjudged, Verdict, VerdictKind, Wording,
    content_digest, judge, judge_alone, reference, rules_alone,
};
#[cfg(feature = "bitcoin")]
pub use rust_bitcoin::ZeroTarget;
pub use search::{
    Candidate, CandidateRefused, CoinbaseError, CoinbaseParts, Coverage, CoverageEntry, CoverageError, CoverageGap,
    CoverageRun, DeviceTag, ExtranonceSpan, Lease, LeaseBook, NonceSpan, Region, RegionInput, RollingVersion,
    RootedTemplate, Seal, SealTemplate, SealTemplateBuilder, SearchSpace, SpaceTooLarge, Span, SpanBackwards, Stretch,
    TemplateError, TemplateFileError, TimeSpan, VersionMaskError, VersionRun, stratum,
};
pub use targets::{ChainWork, CompactFault, CompactTarget, Target, TargetHexError, ThresholdHexError, Work};
