//! The pure domain of `CitySeal`: headers, targets, work, Merkle trees, consensus parameters, the rules of a chain of
//! headers and of the bodies of its blocks, and what may roll while a block is sealed.
//!
//! It does no I/O, reads no clock and starts no thread: the time and every byte are arguments. It trusts nobody; what
//! comes from outside is parsed into types that remember that they were checked, and what cannot be checked is said.
//!
//! Conversions name their byte order: `wire` is the order inside a header, `display` the reversed order that block
//! explorers show.

pub mod body;
mod compact_range;
mod difficulty;
mod fault;
mod hash;
mod header;
pub mod header_tree;
pub mod hex;
mod history;
mod judge;
mod median;
pub mod merkle;
mod network;
mod parameters;
mod parameters_error;
mod parameters_file;
pub mod partial_tree;
pub mod reference;
pub mod rfc6962;
mod rule;
mod rule_set;
mod summary;
mod target;
mod tree_outline;
mod u256;
mod verdict;
mod work;

pub use compact_range::{CompactRange, RangeTextError};
pub use difficulty::{Asert, Difficulty, MIN_DIFFICULTY_AFTER_S, PERIOD_HEADERS, PERIOD_S, TIMEWARP_MAX_S, retarget};
pub use fault::{Fault, FaultValue, ScriptHead, Wording};
pub use hash::{BlockHash, MerkleRoot};
pub use header::{BlockHeader, HeaderHexError};
pub use hex::HexError;
pub use history::{History, HistoryError, START_HEIGHT_MAX};
pub use judge::judge;
pub use network::{Network, UnknownNetwork};
pub use parameters::{BodyRules, FUTURE_LIMIT_S, MerkleKind, Parameters, VersionRule};
pub use parameters_error::{NAME_BYTES_MAX, ParametersError, ValueFault};
pub use parameters_file::{SIGNET_CHALLENGE_BYTES_MAX, decode_signet_challenge};
pub use rule::{BLOCK_SIGNATURE, NotChecked, Rule, Unjudged};
pub use rule_set::RuleSet;
pub use summary::{Bodies, Commitments, Summary, content_digest};
pub use target::{CompactFault, CompactTarget, Target, TargetHexError};
pub use tree_outline::TreeOutline;
pub use verdict::{Cut, Judgement, Tip, Verdict};
pub use work::{ChainWork, Work};
mod coinbase;
mod coverage;
mod lease;
mod region;
mod rolling_version;
mod seal;
mod space;
mod span;
pub mod stratum;
mod template;
mod template_file;
mod threshold;
pub use coinbase::{CoinbaseError, CoinbaseParts};
pub use coverage::{Coverage, CoverageEntry, CoverageError, CoverageGap, DeviceTag};
pub use lease::{Lease, LeaseBook};
pub use region::Region;
pub use rolling_version::{RollingVersion, VersionMaskError, VersionRun};
pub use seal::{Candidate, CandidateRefused, Seal};
pub use space::{SearchSpace, SpaceTooLarge, Stretch};
pub use span::{ExtranonceSpan, NonceSpan, Span, SpanBackwards, TimeSpan};
pub use template::{RegionInput, SealTemplate, SealTemplateBuilder, TemplateError};
pub use template_file::TemplateFileError;
pub use threshold::ThresholdHexError;
