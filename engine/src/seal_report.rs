//! How a search ended, with everything needed to believe it.

use cityseal_chain::Seal;

use crate::DeviceShare;

/// How a seal job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealOutcome {
    /// At least one seal was found (with `all`: and the whole space was searched).
    Sealed,
    /// The whole space was searched, as its coverage proves, and holds no seal.
    Exhausted,
    /// Somebody stopped it.
    Cancelled {
        /// Who.
        by: String,
    },
    /// Its deadline passed.
    Expired,
    /// A newer job took its place.
    Superseded {
        /// Which.
        by: String,
    },
    /// It could not be carried through.
    Failed {
        /// Why.
        reason: SealFailure,
    },
}

impl SealOutcome {
    /// The outcome as it stands in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sealed => "sealed",
            Self::Exhausted => "exhausted",
            Self::Cancelled { .. } => "cancelled",
            Self::Expired => "expired",
            Self::Superseded { .. } => "superseded",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Why a seal job could not be carried through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealFailure {
    /// All seals were asked for, and there are more than may be kept.
    #[error("more than {max} seals; narrow the space or the target, or allow more")]
    TooManySeals {
        /// How many may be kept.
        max: usize,
    },
    /// No device is left that could go on.
    #[error("no device is left to search with: {reason}")]
    NoDevice {
        /// What happened to the last one.
        reason: String,
    },
    /// Everything was lent and returned, and yet the ledger has a gap: a promise between our own parts is broken.
    #[error("the coverage has a gap at {gap}")]
    CoverageGap {
        /// The first gap.
        gap: String,
    },
    /// The engine was shut down.
    #[error("the engine was shut down")]
    ShutDown,
}

/// One run of nonces that one device searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageSpan {
    /// The extranonce, where the template has a coinbase.
    pub extranonce: Option<u64>,
    /// The header's version.
    pub version: i32,
    /// The header's time.
    pub time: u32,
    /// The first nonce.
    pub nonce_first: u32,
    /// The last nonce, itself searched.
    pub nonce_last: u32,
    /// The device's name.
    pub device: String,
}

/// How a seal job ended: its seals, what was searched, and by whom.
#[derive(Clone, Debug)]
pub struct SealReport {
    /// How it ended.
    pub outcome: SealOutcome,
    /// Verified seals, ascending by (extranonce, version index, time, nonce).
    pub seals: Vec<Seal>,
    /// The volume of `coverage`.
    pub hashes: u128,
    /// What was searched: sorted by (extranonce, version index, time, nonce), disjoint.
    pub coverage: Vec<CoverageSpan>,
    /// What each device did.
    pub devices: Vec<DeviceShare>,
}
