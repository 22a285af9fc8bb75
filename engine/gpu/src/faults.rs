//! Errors that a device reports. wgpu reports them through callbacks; its default is to panic.

use std::sync::{Arc, Mutex, PoisonError};

use cityseal_device::DeviceError;

/// The first fault of one device, reported on any thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Option<DeviceError>>>);

impl Faults {
    /// Installs the callbacks of the device.
    pub(crate) fn of(device: &wgpu::Device) -> Self {
        let faults = Self::default();
        let lost = faults.clone();
        device.set_device_lost_callback(move |reason, message| {
            lost.store(DeviceError::Lost { reason: format!("{reason:?}: {message}") });
        });
        let uncaptured = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error| uncaptured.store(device_error(&error))));
        faults
    }

    /// Stores a fault, unless there is one already.
    pub(crate) fn store(&self, fault: DeviceError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    /// Checks that the device has reported no fault.
    ///
    /// # Errors
    /// The first fault, at every call: a device does not recover.
    pub(crate) fn check(&self) -> Result<(), DeviceError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }
}

fn device_error(error: &wgpu::Error) -> DeviceError {
    match error {
        wgpu::Error::OutOfMemory { source } => DeviceError::OutOfMemory { reason: source.to_string() },
        wgpu::Error::Validation { description, .. } | wgpu::Error::Internal { description, .. } => {
            DeviceError::Lost { reason: description.clone() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_stays() {
        let faults = Faults::default();
        assert_eq!(faults.check(), Ok(()));
        let first = DeviceError::Lost { reason: "unplugged".to_owned() };
        faults.store(first.clone());
        faults.store(DeviceError::OutOfMemory { reason: "later".to_owned() });
        assert_eq!(faults.check(), Err(first.clone()));
        assert_eq!(faults.check(), Err(first));
    }
}
