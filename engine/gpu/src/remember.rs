//! Earlier measurements of a device, as a plain value that the caller can store and pass back.

use cityseal_device::{DeviceInfo, Tuned};

use crate::pace::PLANNED_MAX;
use crate::shader::{self, Variant};

/// Upper limit of plausible search rates: a hundred times that of the fastest GPU.
const RATE_MAX_HZ: u64 = 1_000_000_000_000;

/// The fastest variant and the tuning of a device, with everything they depend on: the device, its driver, the shaders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Remembered {
    /// [`DeviceInfo::id`].
    pub device: String,
    /// [`DeviceInfo::driver`]; empty if unknown.
    pub driver: String,
    /// [`shader::digest`].
    pub shaders: String,
    /// [`Variant::name`].
    pub variant: String,
    /// Size of its dispatches and search rate, if measured.
    pub tuned: Option<Tuned>,
}

/// Whether a tuning is plausible: the rate is possible, and the duration of its dispatches would be planned.
pub(crate) fn is_plausible(tuned: &Tuned) -> bool {
    let takes = tuned.dispatch_nonces as f64 / tuned.rate_hz as f64;
    tuned.rate_hz <= RATE_MAX_HZ && takes > 0.0 && takes <= PLANNED_MAX.as_secs_f64()
}

impl Remembered {
    /// The measurements of a device that was opened and measured.
    pub fn of(info: &DeviceInfo, tuned: Option<Tuned>) -> Self {
        Self {
            device: info.id.clone(),
            driver: info.driver.clone().unwrap_or_default(),
            shaders: shader::digest(),
            variant: info.kernel.clone(),
            tuned,
        }
    }

    /// The variant, if the measurements are of this device with this driver and the current shaders.
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
    fn a_remembered_variant_is_used_for_the_same_device() {
        assert_eq!(Remembered::of(&info(), None).variant_for(&info()), Variant::by_name("wgsl-loaded-or"));
    }

    #[test]
    fn a_variant_of_another_device_driver_or_shader_is_ignored() {
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
    fn an_implausible_tuning_is_detected() {
        let is = |dispatch_nonces, rate_hz| is_plausible(&Tuned { dispatch_nonces, rate_hz });
        assert!(is(100_000_000, 5_000_000_000) && is(1 << 16, 400_000) && is(1, 1_000));
        assert!(!is(u64::MAX, 5_000_000_000) && !is(100_000_000, 1) && !is(100_000_000, u64::MAX));
        assert!(!is(0, 5_000_000_000) && !is(1, 0) && !is(0, 0) && !is(1_000, 4_999));
    }
}
