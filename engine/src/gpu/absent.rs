//! Replaces `cityseal-gpu` in a build without it: the same names and signatures, as far as the engine uses them.
#![allow(dead_code, reason = "most of these types have no values in such a build")]

use std::fmt;
use std::time::Duration;

use cityseal_device::{DeviceInfo, LeftOutReason, Opener, Tuned};

use super::NOT_BUILT;

/// A shader variant: never constructed in a build without GPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {}

impl Variant {
    pub(crate) const fn by_name(_name: &str) -> Option<Self> {
        None
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {}
    }
}

/// The names of the shader variants: none.
pub(crate) fn variant_names() -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum VariantChoice {
    Auto,
    Given(Variant),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct DiscoverOptions<'a> {
    pub(crate) allow_software: bool,
    pub(crate) variant: VariantChoice,
    pub(crate) remembered: &'a [Remembered],
    pub(crate) dispatch_time: Duration,
}

pub(crate) struct Discovered {
    pub(crate) info: DeviceInfo,
    pub(crate) state: DiscoveredState,
}

pub(crate) enum DiscoveredState {
    Ready(Box<dyn Opener>),
    LeftOut(LeftOutReason),
}

pub(crate) struct Discovery {
    pub(crate) devices: Vec<Discovered>,
    pub(crate) note: Option<NotBuilt>,
}

/// The note that explains the empty list.
pub(crate) struct NotBuilt;

impl fmt::Display for NotBuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NOT_BUILT)
    }
}

/// Finds nothing and explains why.
pub(crate) fn discover(_options: DiscoverOptions<'_>) -> Discovery {
    Discovery { devices: Vec::new(), note: Some(NotBuilt) }
}

/// An entry of the tuning cache. It is read and written as in a build with GPUs, but matches no device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) device: String,
    pub(crate) driver: String,
    pub(crate) shaders: String,
    pub(crate) variant: String,
    pub(crate) tuned: Option<Tuned>,
}

impl Remembered {
    pub(crate) fn of(info: &DeviceInfo, tuned: Option<Tuned>) -> Self {
        Self {
            device: info.id.clone(),
            driver: info.driver.clone().unwrap_or_default(),
            shaders: String::new(),
            variant: info.kernel.clone(),
            tuned,
        }
    }

    #[expect(clippy::unused_self, reason = "the same signature as in a build with GPU support")]
    pub(crate) const fn variant_for(&self, _info: &DeviceInfo) -> Option<Variant> {
        None
    }
}
