//! The pure domain of `CitySeal`: headers, targets, work, Merkle trees, consensus parameters, the rules of a chain of
//! headers and of the bodies of its blocks, and what may roll while a block is sealed.
//!
//! It does no I/O, reads no clock and starts no thread: the time and every byte are arguments. It trusts nobody; what
//! comes from outside is parsed into types that remember that they were checked, and what cannot be checked is said.
//!
//! Conversions name their byte order: `wire` is the order inside a header, `display` the reversed order that block
//! explorers show.

pub mod body;
mod encoding;
mod hash;
mod header;
pub mod header_tree;
pub mod hex;
pub mod merkle;
mod parameters;
mod rules;
mod search;
mod target;
mod u256;

pub use hash::{BlockHash, MerkleRoot};
pub use header::{BlockHeader, HeaderHexError};
pub use hex::HexError;
pub use merkle::{CompactRange, RangeTextError, TreeOutline, partial_tree, rfc6962};
pub use parameters::{
    Asert, BodyRules, Difficulty, FUTURE_LIMIT_S, MIN_DIFFICULTY_AFTER_S, MerkleKind, NAME_BYTES_MAX, Network,
    PERIOD_HEADERS, PERIOD_S, Parameters, ParametersError, SIGNET_CHALLENGE_BYTES_MAX, TIMEWARP_MAX_S, UnknownNetwork,
    ValueFault, VersionRule, decode_signet_challenge, retarget,
};
pub use rules::{
    BLOCK_SIGNATURE, Bodies, Commitments, Cut, Fault, FaultValue, History, HistoryError, Judgement, NotChecked, Rule,
    RuleSet, START_HEIGHT_MAX, ScriptHead, Summary, Tip, Unjudged, Verdict, Wording, content_digest, judge, reference,
};
pub use search::{
    Candidate, CandidateRefused, CoinbaseError, CoinbaseParts, Coverage, CoverageEntry, CoverageError, CoverageGap,
    DeviceTag, ExtranonceSpan, Lease, LeaseBook, NonceSpan, Region, RegionInput, RollingVersion, Seal, SealTemplate,
    SealTemplateBuilder, SearchSpace, SpaceTooLarge, Span, SpanBackwards, Stretch, TemplateError, TemplateFileError,
    TimeSpan, VersionMaskError, VersionRun, stratum,
};
pub use target::{ChainWork, CompactFault, CompactTarget, Target, TargetHexError, ThresholdHexError, Work};
