//! The devices of the service, as it reports them.
//!
//! Nothing here is checked: the service alone knows its devices. Names and reasons are the service's texts; escape them
//! before writing to a terminal or a log.

use std::fmt;
use std::time::Duration;

use cityseal_proto::v1;

/// The kind of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceKind {
    /// Threads of the machine's processor.
    Cpu,
    /// A graphics processor.
    Gpu,
    /// A software implementation of a graphics API (lavapipe, WARP).
    Software,
    /// A kind that this build does not know.
    Unknown,
}

impl DeviceKind {
    /// Returns the name in JSON: `cpu`, `gpu`, `software`, or `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Software => "software",
            Self::Unknown => "unknown",
        }
    }

    const fn from_wire(kind: v1::DeviceKind) -> Self {
        match kind {
            v1::DeviceKind::Cpu => Self::Cpu,
            v1::DeviceKind::Gpu => Self::Gpu,
            v1::DeviceKind::Software => Self::Software,
            v1::DeviceKind::Unspecified => Self::Unknown,
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a device works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceState {
    /// Passed its self-test and takes tasks.
    Ready,
    /// Not used: other devices were named.
    NotSelected,
    /// Not used: a software adapter.
    Software,
    /// Not used: the same device as another one, through another API.
    Duplicate,
    /// Not used: its driver or its limits do not suffice.
    Unfit,
    /// Not used: its self-test failed.
    FailedSelfTest,
    /// Not used, for another reason.
    LeftOut,
    /// Gave a wrong answer and has served its quarantine: takes tasks, and gets a known-answer test after each batch.
    Probation,
    /// Gave a wrong answer and takes no tasks.
    Quarantined,
    /// Its thread is stuck inside the driver.
    Hung,
    /// Lost or hung; it is reopened after a pause.
    Reopening,
    /// Could not be opened, or was lost for good.
    Failed,
    /// A state that this build does not know.
    Unknown,
}

impl DeviceState {
    const ALL: [Self; 13] = [
        Self::Ready,
        Self::NotSelected,
        Self::Software,
        Self::Duplicate,
        Self::Unfit,
        Self::FailedSelfTest,
        Self::LeftOut,
        Self::Probation,
        Self::Quarantined,
        Self::Hung,
        Self::Reopening,
        Self::Failed,
        Self::Unknown,
    ];

    /// Returns the name in JSON, such as `failed-self-test`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotSelected => "not-selected",
            Self::Software => "software",
            Self::Duplicate => "duplicate",
            Self::Unfit => "unfit",
            Self::FailedSelfTest => "failed-self-test",
            Self::LeftOut => "left-out",
            Self::Probation => "probation",
            Self::Quarantined => "quarantined",
            Self::Hung => "hung",
            Self::Reopening => "reopening",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the state word. `coarse` is used if the word is empty or unknown to this build.
    fn from_wire(word: &str, coarse: v1::DeviceState) -> Self {
        let named = Self::ALL.into_iter().find(|state| state.name() == word);
        named.unwrap_or(match coarse {
            v1::DeviceState::Unspecified => Self::Unknown,
            v1::DeviceState::Ready => Self::Ready,
            v1::DeviceState::LeftOut => Self::LeftOut,
            v1::DeviceState::Quarantined => Self::Quarantined,
            v1::DeviceState::Reopening => Self::Reopening,
            v1::DeviceState::Failed => Self::Failed,
            v1::DeviceState::Probation => Self::Probation,
            v1::DeviceState::Hung => Self::Hung,
        })
    }
}

impl fmt::Display for DeviceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The smallest batches that a device finishes sooner than the CPU. `None`: the CPU is as fast for any size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crossovers {
    /// Nonces of a search.
    pub search: Option<u64>,
    /// Headers.
    pub headers: Option<u64>,
    /// Merkle nodes.
    pub nodes: Option<u64>,
}

/// A device of the service and its state.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceStatus {
    /// Stable id, as the service's `--device` takes it.
    pub id: String,
    /// Name for people, such as `NVIDIA GeForce RTX 4090`.
    pub name: String,
    /// CPU, GPU or software.
    pub kind: DeviceKind,
    /// The API through which the service uses it: `cpu`, `vulkan`, `metal`, `dx12` or `gl`.
    pub api: String,
    /// The kernel or shader variant that it runs.
    pub kernel: String,
    /// Driver name and version, if there is one.
    pub driver: Option<String>,
    /// PCI address and vendor:device, if it has them.
    pub pci: Option<String>,
    /// Size of its own memory in bytes, if the system reports it.
    pub memory_bytes: Option<u64>,
    /// Its state.
    pub state: DeviceState,
    /// Why it is not ready.
    pub reason: Option<String>,
    /// Id of the device that is used instead of this duplicate.
    pub duplicate_of: Option<String>,
    /// Time until its quarantine ends; `None` if it is not in quarantine, or if the quarantine has no end.
    pub quarantine_left: Option<Duration>,
    /// Hashes of its searches since the service started, saturating at 2^64 - 1.
    pub hashes: u64,
    /// Headers that it checked since the service started.
    pub headers: u64,
    /// Its measured search rate, in hashes per second.
    pub rate_hz: Option<f64>,
    /// Number of wrong answers, less those forgotten since.
    pub strikes: u32,
    /// Known answers that it had to find.
    pub canaries: u64,
    /// How many of them it missed.
    pub canaries_missed: u64,
    /// The current size of a dispatch, in nonces × midstates, if it was measured.
    pub dispatch_nonces: Option<u64>,
    /// From which sizes on it is faster than the CPU, if that was measured.
    pub crossovers: Option<Crossovers>,
}

impl DeviceStatus {
    pub(crate) fn from_wire(message: v1::Device) -> Self {
        let state = DeviceState::from_wire(&message.state_word, message.state());
        let kind = DeviceKind::from_wire(message.kind());
        Self {
            id: message.id,
            name: message.name,
            kind,
            api: message.api,
            kernel: message.kernel,
            driver: non_empty(message.driver),
            pci: non_empty(message.pci),
            memory_bytes: message.memory_bytes,
            state,
            reason: non_empty(message.reason),
            duplicate_of: non_empty(message.duplicate_of),
            quarantine_left: message.quarantine_s.map(Duration::from_secs),
            hashes: message.hashes,
            headers: message.headers,
            rate_hz: message.rate_hz,
            strikes: message.strikes,
            canaries: message.canaries,
            canaries_missed: message.canaries_missed,
            dispatch_nonces: message.dispatch_nonces,
            crossovers: message.crossover.map(|v1::Crossover { search, headers, nodes }| Crossovers {
                search,
                headers,
                nodes,
            }),
        }
    }
}

impl fmt::Display for DeviceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.id, self.name, self.state)?;
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// The answer to [`Client::devices`](crate::Client::devices).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceList {
    /// Every device that the service found.
    pub devices: Vec<DeviceStatus>,
    /// Notes for people about the choice of devices, such as why no GPU is used.
    pub notes: Vec<String>,
}

impl DeviceList {
    pub(crate) fn from_wire(message: v1::ListDevicesResponse) -> Self {
        let devices = message.devices.into_iter().map(DeviceStatus::from_wire).collect();
        Self { devices, notes: message.notes }
    }
}

/// What one device contributed to one job or one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceShare {
    /// The device's name.
    pub name: String,
    /// CPU, GPU or software; unknown if the service does not say.
    pub kind: DeviceKind,
    /// The kernel or shader variant that it ran.
    pub kernel: String,
    /// Hashes of a search, saturating at 2^64 - 1.
    pub hashes: u64,
    /// Headers of a chain.
    pub headers: u64,
    /// The device's state at the end.
    pub state: DeviceState,
}

impl DeviceShare {
    pub(crate) fn from_wire(message: v1::DeviceShare) -> Self {
        let state = DeviceState::from_wire(&message.state, v1::DeviceState::Unspecified);
        let kind = DeviceKind::from_wire(message.kind());
        let v1::DeviceShare { name, kernel, hashes, headers, .. } = message;
        Self { name, kind, kernel, hashes, headers, state }
    }
}

impl fmt::Display for DeviceShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kernel, hashes, headers, state, .. } = self;
        write!(f, "{name} ({kernel}, {state}): {hashes} hashes, {headers} headers")
    }
}

/// Reads a text field in which the empty text means "none".
pub(crate) fn non_empty(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_by_its_name() {
        for state in DeviceState::ALL {
            assert_eq!(DeviceState::from_wire(state.name(), v1::DeviceState::Unspecified), state);
        }
    }

    #[test]
    fn a_missing_or_unknown_word_falls_back_to_the_coarse_state() {
        let coarse = [
            (v1::DeviceState::Ready, DeviceState::Ready),
            (v1::DeviceState::LeftOut, DeviceState::LeftOut),
            (v1::DeviceState::Hung, DeviceState::Hung),
            (v1::DeviceState::Unspecified, DeviceState::Unknown),
        ];
        for (wire, state) in coarse {
            assert_eq!(DeviceState::from_wire("", wire), state);
            assert_eq!(DeviceState::from_wire("asleep", wire), state);
        }
    }

    #[test]
    fn a_device_is_displayed_with_its_state_and_reason() {
        let message = v1::Device {
            id: "cpu".to_owned(),
            name: "A CPU".to_owned(),
            state_word: "not-selected".to_owned(),
            reason: "other devices were named".to_owned(),
            quarantine_s: Some(3),
            ..Default::default()
        };
        let device = DeviceStatus::from_wire(message);
        assert_eq!(device.to_string(), "cpu (A CPU): not-selected (other devices were named)");
        assert_eq!((device.driver, device.quarantine_left), (None, Some(Duration::from_secs(3))));
        let ready = v1::Device { state: v1::DeviceState::Ready.into(), ..Default::default() };
        assert_eq!(DeviceStatus::from_wire(ready).to_string(), " (): ready");
    }
}
