//! What was measured of a device before: a plain value that the floors above may keep and give back. Nothing here opens files.

use cityseal_device::{DeviceInfo, Tuned};

use crate::pace::PLANNED_MAX;
use crate::shader::{self, Variant};

/// No device searches faster: a hundred times the fastest GPU that there is.
const RATE_MAX_HZ: u64 = 1_000_000_000_000;

/// The variant that won on a device and how it was tuned, with all that it holds for: the device, its driver, the shaders' text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remembered {
    /// [`DeviceInfo::id`].
    pub device: String,
    /// [`DeviceInfo::driver`]; empty where it is not told.
    pub driver: String,
    /// [`shader::digest`].
    pub shaders: String,
    /// [`Variant::name`].
    pub variant: String,
    /// How large its dispatches were and how fast it searched, where that was measured.
    pub tuned: Option<Tuned>,
}

/// Whether a tuning can be of any device at all: its dispatch is one that would be planned.
pub(crate) fn is_plausible(tuned: &Tuned) -> bool {
    let takes = tuned.dispatch_nonces as f64 / tuned.rate_hz as f64;
    tuned.rate_hz <= RATE_MAX_HZ && takes > 0.0 && takes <= PLANNED_MAX.as_secs_f64()
}

impl Remembered {
    /// What to remember of a device that was opened and measured.
    pub fn of(info: &DeviceInfo, tuned: Option<Tuned>) -> Self {
        Self {
            device: info.id.clone(),
            driver: info.driver.clone().unwrap_or_default(),
            shaders: shader::digest(),
            variant: info.kernel.clone(),
            tuned,
        }
    }

    /// The variant, where this is about just that device with just that driver and these shaders.
    pub fn variant_for(&self, info: &DeviceInfo) -> Option<Variant> {
        let is_device = self.device == info.id && self.driver == info.driver.as_deref().unwrap_or_default();
        if is_device && self.shaders == shader::digest() { Variant::by_name(&self.variant) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cityseal_device::Opener;
    use cityseal_device::fake::FakeOpener;

    fn info() -> DeviceInfo {
        let mut info = FakeOpener::new("card").info().clone();
        (info.driver, info.kernel) = (Some("driver 1.2".to_owned()), "wgsl-loaded-or".to_owned());
        info
    }

    #[test]
    fn what_was_remembered_of_a_device_is_found_again() {
        assert_eq!(Remembered::of(&info(), None).variant_for(&info()), Variant::by_name("wgsl-loaded-or"));
    }

    #[test]
    fn another_device_driver_shader_or_name_is_not_taken() {
        let remembered = Remembered::of(&info(), None);
        let mut driver = info();
        driver.driver = Some("driver 1.3".to_owned());
        assert_eq!(remembered.variant_for(&driver), None);
        let mut device = info();
        device.id = "other".to_owned();
        assert_eq!(remembered.variant_for(&device), None);
        assert_eq!(Remembered { shaders: "0".repeat(64), ..remembered.clone() }.variant_for(&info()), None);
        assert_eq!(Remembered { variant: "wgsl-of-tomorrow".to_owned(), ..remembered }.variant_for(&info()), None);
    }
    #[test]
    fn a_tuning_that_no_device_can_have_is_told_apart() {
        let is = |dispatch_nonces, rate_hz| is_plausible(&Tuned { dispatch_nonces, rate_hz });
        assert!(is(100_000_000, 5_000_000_000) && is(1 << 16, 400_000) && is(1, 1_000));
        assert!(!is(u64::MAX, 5_000_000_000) && !is(100_000_000, 1) && !is(100_000_000, u64::MAX));
        assert!(!is(0, 5_000_000_000) && !is(1, 0) && !is(0, 0) && !is(1_000, 4_999));
    }
}
