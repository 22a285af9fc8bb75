//! What the configuration of a tenant means for its calls: its limits, and which work it wants at all.

use cityseal_proto::v1;
use serde::Deserialize;

/// What happens to a tenant's jobs while no GPU is usable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WhenNoGpu {
    /// All devices work on them, the CPU too, whether or not there is a GPU.
    #[default]
    Cpu,
    /// Only GPUs work on them; they wait for one until their deadline.
    Wait,
    /// Only GPUs work on them; they are refused, and running ones fail.
    Fail,
}

impl WhenNoGpu {
    pub(crate) const fn to_engine(self) -> cityseal_engine::WhenNoGpu {
        match self {
            Self::Cpu => cityseal_engine::WhenNoGpu::Cpu,
            Self::Wait => cityseal_engine::WhenNoGpu::Wait,
            Self::Fail => cityseal_engine::WhenNoGpu::Fail,
        }
    }

    /// The default for a value that this version does not know.
    pub(crate) const fn from_wire(value: v1::WhenNoGpu) -> Self {
        match value {
            v1::WhenNoGpu::Wait => Self::Wait,
            v1::WhenNoGpu::Fail => Self::Fail,
            v1::WhenNoGpu::Cpu | v1::WhenNoGpu::Unspecified => Self::Cpu,
        }
    }

    pub(crate) const fn to_wire(self) -> v1::WhenNoGpu {
        match self {
            Self::Cpu => v1::WhenNoGpu::Cpu,
            Self::Wait => v1::WhenNoGpu::Wait,
            Self::Fail => v1::WhenNoGpu::Fail,
        }
    }
}

/// Limits of one tenant; `None`: the limit of the service. The limits of all tenants together hold in addition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TenantLimits {
    /// Running jobs.
    pub jobs: Option<usize>,
    /// Open uploads.
    pub uploads: Option<usize>,
    /// Open watchers of jobs.
    pub watchers: Option<usize>,
    /// The highest priority of a job, 0 to 255; a higher one is lowered to it.
    pub priority_max: Option<u8>,
}

/// The terms of a caller. The default is that of a local caller: no limits of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Terms {
    pub(crate) limits: TenantLimits,
    /// A submission whose deadline is met with a smaller probability is refused; 0: none.
    pub(crate) refuse_below: f64,
    pub(crate) when_no_gpu: WhenNoGpu,
}
