//! The state of each device, and what each one contributed.

use std::fmt;
use std::time::Instant;

use cityseal_device::{DeviceInfo, DeviceKind, Tuned};

use super::cost_model::{Crossover, WorkKind};
use super::select::LeftOutReason;

/// Whether a device works, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceState {
    /// Passed its self-test and takes tasks.
    Ready,
    /// Not used, for a reason that the user can act on (not selected, software, duplicate, failed self-test).
    LeftOut {
        /// The reason.
        reason: LeftOutReason,
    },
    /// Gave a wrong answer and has served its quarantine: takes tasks, and gets a canary after each batch.
    Probation {
        /// The wrong answer.
        reason: String,
    },
    /// Gave a wrong answer and takes no tasks.
    Quarantined {
        /// The wrong answer.
        reason: String,
        /// When it is tested again; `None`: never.
        until: Option<Instant>,
    },
    /// Its thread is stuck inside the driver; its tasks went to other devices.
    Hung {
        /// What happened.
        reason: String,
    },
    /// Lost or hung; it is reopened after a pause.
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
    /// The name in JSON.
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
    /// The device.
    pub info: DeviceInfo,
    /// Its state.
    pub state: DeviceState,
    /// Number of its worker threads; 0 if it is left out.
    pub workers: usize,
    /// Hashes of its completed searches.
    pub hashes: u128,
    /// Headers that it hashed for verifications.
    pub headers: u64,
    /// Its measured search rate, summed over its workers, in hashes per second.
    pub rate_hz: Option<f64>,
    /// Number of wrong answers, minus those that have expired.
    pub strikes: u32,
    /// Number of all wrong answers since the engine started.
    pub mismatches: u64,
    /// Known answers that it had to find: planted nonces and canaries. 0 for the CPU.
    pub canaries: u64,
    /// How many of them it missed.
    pub canaries_missed: u64,
    /// Size and rate of its dispatches, if it tunes itself and has done so.
    pub tuned: Option<Tuned>,
    /// The number of items from which it is faster than the CPU, for each kind of work that was measured.
    pub crossovers: Vec<(WorkKind, Crossover)>,
}

impl DeviceStatus {
    /// A device without any history.
    pub(crate) const fn new(info: DeviceInfo, state: DeviceState) -> Self {
        Self {
            info,
            state,
            workers: 0,
            hashes: 0,
            headers: 0,
            rate_hz: None,
            strikes: 0,
            mismatches: 0,
            canaries: 0,
            canaries_missed: 0,
            tuned: None,
            crossovers: Vec::new(),
        }
    }

    /// The fraction of known answers that the device missed, 0 to 1; `None` if it had none to find.
    pub fn false_negative_rate(&self) -> Option<f64> {
        (self.canaries > 0).then(|| self.canaries_missed as f64 / self.canaries as f64)
    }
}

impl fmt::Display for DeviceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.info.id, self.info.name, self.state)
    }
}

/// What one device contributed to one job or one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceShare {
    /// The device's name.
    pub name: String,
    /// CPU, GPU or software.
    pub kind: DeviceKind,
    /// The kernel or shader variant that it ran.
    pub kernel: String,
    /// Hashes of a search, as in its coverage.
    pub hashes: u128,
    /// Headers of a chain.
    pub headers: u64,
    /// The device's state at the end.
    pub state: DeviceState,
}

impl fmt::Display for DeviceShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kernel, hashes, headers, state, .. } = self;
        let state = state.name();
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
