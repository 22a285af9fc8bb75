//! The report of a seal job: its outcome, its seals and the evidence of what was searched.

use std::fmt;
use std::time::Duration;

use cityseal_chain::Seal;

use crate::coverage::SealCoverage;
use crate::devices::DeviceShare;

/// How a seal job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealOutcome {
    /// At least one seal was found; with `all`, the whole space was also searched.
    Sealed,
    /// The whole space was searched, as the coverage proves, and has no seal.
    Exhausted,
    /// It was cancelled.
    Cancelled {
        /// Who cancelled it.
        by: String,
    },
    /// Its deadline passed.
    Expired,
    /// A newer job replaced it.
    Superseded {
        /// The newer job.
        by: String,
    },
    /// It could not be completed.
    Failed {
        /// Why.
        reason: SealFailure,
    },
}

impl SealOutcome {
    /// The name in JSON.
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

impl fmt::Display for SealOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled { by } | Self::Superseded { by } => write!(f, "{} by {by}", self.name()),
            Self::Failed { reason } => write!(f, "{}: {reason}", self.name()),
            Self::Sealed | Self::Exhausted | Self::Expired => f.write_str(self.name()),
        }
    }
}

/// Why a seal job could not be completed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealFailure {
    /// A job for all seals found more than it may keep.
    #[error("more than {max} seals; narrow the space or the target, or allow more")]
    TooManySeals {
        /// The limit.
        max: usize,
    },
    /// No device is left.
    #[error("no device is left to search with: {reason}")]
    NoDevice {
        /// What happened to the last one.
        reason: String,
    },
    /// The job needs a GPU ([`WhenNoGpu::Fail`](crate::WhenNoGpu::Fail)), and none is usable.
    #[error("no GPU is usable: {reason}")]
    NoGpu {
        /// What happened to the last one.
        reason: String,
    },
    /// Every lease was returned but the coverage has a gap: a bug in the engine.
    #[error("the coverage has a gap at {gap}")]
    CoverageGap {
        /// The first gap.
        gap: String,
    },
    /// The engine was shut down.
    #[error("the engine was shut down")]
    ShutDown,
}

/// The report of a seal job.
#[derive(Clone, Debug)]
pub struct SealReport {
    /// The outcome.
    pub outcome: SealOutcome,
    /// Verified seals, ascending by (extranonce, version index, time, nonce).
    pub seals: Vec<Seal>,
    /// Number of hashes in `coverage`.
    pub hashes: u128,
    /// What was searched.
    pub coverage: SealCoverage,
    /// What each device contributed.
    pub devices: Vec<DeviceShare>,
    /// How long the job waited for its first device; `None` if it ended before.
    pub waited: Option<Duration>,
}

impl fmt::Display for SealReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {} seals in {} hashes", self.outcome, self.seals.len(), self.hashes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_shows_its_json_name_and_its_reason() {
        let by = || "a caller".to_owned();
        let shown = [
            (SealOutcome::Sealed, "sealed"),
            (SealOutcome::Exhausted, "exhausted"),
            (SealOutcome::Cancelled { by: by() }, "cancelled by a caller"),
            (SealOutcome::Expired, "expired"),
            (SealOutcome::Superseded { by: by() }, "superseded by a caller"),
            (SealOutcome::Failed { reason: SealFailure::ShutDown }, "failed: the engine was shut down"),
        ];
        for (outcome, text) in shown {
            assert_eq!(outcome.to_string(), text);
        }
    }
}
