//! How each device stands, and who did how much.

use std::fmt;
use std::time::Instant;

use cityseal_device::{DeviceInfo, Tuned};

use crate::{Crossover, LeftOutReason, WorkKind};

/// Whether a device works, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceState {
    /// Passed its self-test and takes work.
    Ready,
    /// Not used, for a reason that a person can act on (not selected, software, duplicate, failed self-test).
    LeftOut {
        /// The reason.
        reason: LeftOutReason,
    },
    /// Was caught in a wrong answer and has served its quarantine: it takes work, and is asked a known question behind each
    /// batch.
    Probation {
        /// What it was caught in.
        reason: String,
    },
    /// Caught in a wrong answer; it takes no work.
    Quarantined {
        /// What it was caught in.
        reason: String,
        /// When it is tried again; `None`: never.
        until: Option<Instant>,
    },
    /// Its thread is stuck inside the driver; what it held is done by others.
    Hung {
        /// What happened.
        reason: String,
    },
    /// Lost or hung; it is opened again after a pause.
    Reopening {
        /// What happened.
        reason: String,
    },
    /// Lost for good.
    Failed {
        /// What happened.
        reason: String,
    },
}

impl DeviceState {
    /// The state as it stands in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::LeftOut { reason } => reason.name(),
            Self::Probation { .. } => "probation",
            Self::Quarantined { .. } => "quarantined",
            Self::Hung { .. } => "hung",
            Self::Reopening { .. } => "reopening",
            Self::Failed { .. } => "failed",
        }
    }

    /// Why the device is not ready.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Ready => None,
            Self::LeftOut { reason } => Some(reason.to_string()),
            Self::Probation { reason }
            | Self::Quarantined { reason, .. }
            | Self::Hung { reason }
            | Self::Reopening { reason }
            | Self::Failed { reason } => Some(reason.clone()),
        }
    }
}

impl fmt::Display for DeviceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            None => f.write_str(self.name()),
            Some(reason) => write!(f, "{} ({reason})", self.name()),
        }
    }
}

/// A device and its state.
#[derive(Clone, Debug)]
pub struct DeviceStatus {
    /// What it is.
    pub info: DeviceInfo,
    /// Whether it works.
    pub state: DeviceState,
    /// How many worker threads drive it: 0 where it is left out.
    pub workers: usize,
    /// Hashes of searches that it has completed.
    pub hashes: u128,
    /// Headers of chains that it has hashed.
    pub headers: u64,
    /// Its measured search rate over all its workers, in hashes per second.
    pub rate_hz: Option<f64>,
    /// How often it was caught in a wrong answer, less what was forgotten since.
    pub strikes: u32,
    /// Answers that were known to be there: nonces planted in its batches, and known questions. None for the CPU.
    pub canaries: u64,
    /// How many of them it missed.
    pub canaries_missed: u64,
    /// How large its dispatches are at present and how fast they are, where it tunes itself and has done so.
    pub tuned: Option<Tuned>,
    /// From how many items on it does a batch sooner than the CPU, by kind of work, where that was measured.
    pub crossovers: Vec<(WorkKind, Crossover)>,
}

impl DeviceStatus {
    /// A device that has done nothing.
    pub(crate) const fn new(info: DeviceInfo, state: DeviceState) -> Self {
        Self {
            info,
            state,
            workers: 0,
            hashes: 0,
            headers: 0,
            rate_hz: None,
            strikes: 0,
            canaries: 0,
            canaries_missed: 0,
            tuned: None,
            crossovers: Vec::new(),
        }
    }

    /// The share of known answers that the device missed; `None` where it was not tried.
    pub fn false_negative_rate(&self) -> Option<f64> {
        (self.canaries > 0).then(|| self.canaries_missed as f64 / self.canaries as f64)
    }
}

impl fmt::Display for DeviceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.info.id, self.info.name, self.state)
    }
}

/// What one device did for one job or one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceShare {
    /// The device's name.
    pub name: String,
    /// The kernel or shader variant that it ran.
    pub kernel: String,
    /// Hashes of a search: what the coverage holds of it.
    pub hashes: u128,
    /// Headers of a chain.
    pub headers: u64,
    /// The device's state at the end: `ready`, `quarantined`, …
    pub state: String,
}

impl fmt::Display for DeviceShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kernel, hashes, headers, state } = self;
        write!(f, "{name} ({kernel}, {state}): {hashes} hashes, {headers} headers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_shown_with_its_reason() {
        let hung = DeviceState::Hung { reason: "no answer for 4 s".to_owned() };
        assert_eq!(hung.to_string(), "hung (no answer for 4 s)");
        let left_out = DeviceState::LeftOut { reason: LeftOutReason::NotSelected };
        assert_eq!(
            (left_out.to_string().as_str(), DeviceState::Ready.to_string().as_str()),
            ("not-selected (not selected: other devices were named)", "ready")
        );
    }
}
