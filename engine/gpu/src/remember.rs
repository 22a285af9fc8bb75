//! What was measured of a device before: a plain value that the floors above may keep and give back. Nothing here opens files.

use cityseal_device::DeviceInfo;

use crate::shader::{self, Variant};

/// The variant that won on a device, with all that it holds for: the device, its driver, the shaders' text.
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
}

impl Remembered {
    /// What to remember of a device that was opened and measured.
    pub fn of(info: &DeviceInfo) -> Self {
        Self {
            device: info.id.clone(),
            driver: info.driver.clone().unwrap_or_default(),
            shaders: shader::digest(),
            variant: info.kernel.clone(),
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
        assert_eq!(Remembered::of(&info()).variant_for(&info()), Variant::by_name("wgsl-loaded-or"));
    }

    #[test]
    fn another_device_driver_shader_or_name_is_not_taken() {
        let remembered = Remembered::of(&info());
        let mut driver = info();
        driver.driver = Some("driver 1.3".to_owned());
        assert_eq!(remembered.variant_for(&driver), None);
        let mut device = info();
        device.id = "other".to_owned();
        assert_eq!(remembered.variant_for(&device), None);
        assert_eq!(Remembered { shaders: "0".repeat(64), ..remembered.clone() }.variant_for(&info()), None);
        assert_eq!(Remembered { variant: "wgsl-of-tomorrow".to_owned(), ..remembered }.variant_for(&info()), None);
    }
}
