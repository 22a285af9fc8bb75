//! What commands find out, as types of the chain and the engine. JSON (`json`) and text (in `commands`) are two
//! renderings of them.

mod receipt;
mod verify;

use cityseal_engine::{DeviceShare, SealOutcome};

pub(crate) use receipt::{CheckedReceipt, JudgedReceipt, NamedRules, SpotCheck, SpotCheckResult, Trust};
pub(crate) use verify::{Forks, Proof, ProofFault, ShardResult, StageShare, Verification};

/// The kind of items that a device worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nonces of a search.
    Hashes,
    /// Headers without bodies.
    Headers,
    /// Headers with bodies.
    Blocks,
}

impl Work {
    /// Number of items that a device did.
    pub(crate) fn done(self, share: &DeviceShare) -> u128 {
        match self {
            Self::Hashes => share.hashes,
            Self::Headers | Self::Blocks => share.headers.into(),
        }
    }

    /// The word for `count` items.
    pub(crate) const fn unit(self, count: u128) -> &'static str {
        match (self, count) {
            (Self::Hashes, 1) => "hash",
            (Self::Hashes, _) => "hashes",
            (Self::Headers, 1) => "header",
            (Self::Headers, _) => "headers",
            (Self::Blocks, 1) => "block",
            (Self::Blocks, _) => "blocks",
        }
    }
}

/// Why a search was cancelled or failed.
pub(crate) fn seal_reason(outcome: &SealOutcome) -> Option<String> {
    match outcome {
        SealOutcome::Sealed | SealOutcome::Exhausted | SealOutcome::Expired => None,
        SealOutcome::Failed { reason } => Some(reason.to_string()),
        // The outcomes that name another party, and any that are added.
        SealOutcome::Cancelled { .. } | SealOutcome::Superseded { .. } | _ => Some(outcome.to_string()),
    }
}

/// The result of the known-answer tests of one kernel or device.
#[derive(Debug)]
pub(crate) struct SelfTest {
    /// Name of the device.
    pub(crate) device: String,
    /// Name of its kernel or shader variant.
    pub(crate) kernel: String,
    /// Number of tests, which all passed; or the test that failed, with both answers.
    pub(crate) result: Result<usize, String>,
}
