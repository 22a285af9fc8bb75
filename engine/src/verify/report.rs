//! The progress of a verification and its report.

use std::time::Duration;

use cityseal_chain::{BlockHash, Digest, NotChecked, Tip, Verdict};

use super::request::RunState;
use super::stages::Stage;
use crate::devices::DeviceShare;

/// The progress of a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whole headers or blocks received.
    pub received: u64,
    /// The height up to which every judged rule is known to hold.
    pub validated_through: Option<u64>,
    /// Whether a fault was found; the rest of the input cannot change the verdict.
    pub fault_found: bool,
    /// Whether no further input can change the verdict: a fault, an unreadable part, or no device left.
    pub is_decided: bool,
}

/// The sender's closing statement about a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish {
    /// How many headers were sent.
    pub count: u64,
    /// The hash of the last header, which through the links is a digest of them all. `None` for no headers.
    pub last_hash: Option<BlockHash>,
}

/// The verdict over a chain, and its evidence.
#[derive(Clone, Debug)]
pub struct VerifyReport {
    /// VALID, the first fault, or INCOMPLETE.
    pub verdict: Verdict,
    /// Headers that passed every judged rule, from the first one on.
    pub count: u64,
    /// The last of them.
    pub tip: Option<Tip>,
    /// Rules that were not judged, with heights and reasons.
    pub not_checked: Vec<NotChecked>,
    /// The digest of the chain's parameters.
    pub parameters: Digest,
    /// What each device did.
    pub devices: Vec<DeviceShare>,
    /// Time from the request to the verdict.
    pub took: Duration,
    /// What was proved and the state at the end, from which another verification can resume.
    pub state: RunState,
    /// How long the workers were busy with each stage.
    pub stages: Vec<Stage>,
}
