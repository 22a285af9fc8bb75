//! An opened device with its pipelines and buffers. Sends single dispatches, which `backend` chooses, and waits for
//! them with a timeout.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cityseal_device::{DeviceError, OpenError};
use wgpu::{CommandEncoder, Device, PollError, PollType, Queue, SubmissionIndex};

use crate::faults::Faults;
use crate::pipelines::{Pipelines, under_scopes};
use crate::shader::{Shader, Variant};
use crate::slot::Slot;

/// Invocations of a workgroup: two to four waves on every GPU, and well below every limit.
pub(crate) const WORKGROUP: u32 = 128;

/// How long a dropped device may take to finish its work before it is leaked.
const DROP_TIMEOUT: Duration = Duration::from_millis(250);

/// A device, its shaders and its slots.
#[derive(Debug)]
pub(crate) struct Machine {
    device: Device,
    queue: Queue,
    faults: Faults,
    /// The compiled shaders.
    pub(crate) pipelines: Pipelines,
    /// The buffers, one set for each batch in flight.
    pub(crate) slots: Vec<Slot>,
    last: Option<SubmissionIndex>,
}

impl Machine {
    /// Builds everything that the given shaders need on the device.
    ///
    /// # Errors
    /// [`OpenError::Refused`] with the driver's message.
    pub(crate) fn new(
        device: Device,
        queue: Queue,
        (variant, shaders): (Variant, &[Shader]),
        workgroup: u32,
        slots: usize,
    ) -> Result<Self, OpenError> {
        let faults = Faults::of(&device);
        let pipelines = Pipelines::build(&device, (variant, shaders), workgroup)?;
        let slots = under_scopes(&device, || (0..slots).map(|_| Slot::new(&device, &pipelines)).collect())?;
        let machine = Self { device, queue, faults, pipelines, slots, last: None };
        machine.check().map_err(|fault| OpenError::Refused { reason: fault.to_string() })?;
        Ok(machine)
    }

    /// Checks that the device has reported no fault.
    ///
    /// # Errors
    /// The first fault that it reported.
    pub(crate) fn check(&self) -> Result<(), DeviceError> {
        self.faults.check()
    }

    /// Writes bytes, a multiple of four, to a buffer: after everything that was sent before, and before everything that
    /// is sent later.
    pub(crate) fn write(&self, buffer: &wgpu::Buffer, bytes: &[u8]) {
        self.queue.write_buffer(buffer, 0, bytes);
    }

    /// Submits the commands that `record` adds to the encoder.
    ///
    /// # Errors
    /// The first fault that the device reported.
    pub(crate) fn send(
        &mut self,
        record: impl FnOnce(&Self, &mut CommandEncoder),
    ) -> Result<SubmissionIndex, DeviceError> {
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        record(self, &mut encoder);
        let index = self.queue.submit([encoder.finish()]);
        self.last = Some(index.clone());
        self.check().map(|()| index)
    }

    /// Waits until a submission is finished, for at most `timeout`. Returns false if it is not finished by then.
    ///
    /// # Errors
    /// The first fault that the device reported.
    pub(crate) fn wait(&self, index: &SubmissionIndex, timeout: Duration) -> Result<bool, DeviceError> {
        let poll = PollType::Wait { submission_index: Some(index.clone()), timeout: Some(timeout) };
        // wgpu panics if a poll finds the device lost, after it has released its locks and called its callbacks.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(poll)));
        self.check()?;
        match polled {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(PollError::Timeout)) => Ok(false),
            Ok(Err(error @ PollError::WrongSubmissionIndex(..))) => {
                Err(DeviceError::Lost { reason: error.to_string() })
            }
            Err(_) => Err(DeviceError::Lost { reason: "the driver panicked during a wait".to_owned() }),
        }
    }

    /// Requests the mapping of a slot's readback buffer; [`Mapping::is_ready`] is true after the wait for it.
    pub(crate) fn map(&self, slot: usize, bytes: usize) -> Mapping {
        let mapping = Mapping::default();
        let answer = Arc::clone(&mapping.0);
        self.slots[slot].readback.map_async(wgpu::MapMode::Read, 0..bytes as u64, move |result| {
            let _first = answer.set(result.is_ok());
        });
        mapping
    }

    /// Calls `read` with the first `bytes` of a slot's mapped readback buffer, and unmaps the buffer.
    ///
    /// # Errors
    /// [`DeviceError::Lost`] if it is not mapped, or the error of `read`.
    pub(crate) fn read<T>(
        &self,
        slot: usize,
        bytes: usize,
        read: impl FnOnce(&[u8]) -> Result<T, DeviceError>,
    ) -> Result<T, DeviceError> {
        let readback = &self.slots[slot].readback;
        let result = match readback.get_mapped_range(0..bytes as u64) {
            Ok(view) => read(&view),
            Err(error) => Err(DeviceError::Lost { reason: error.to_string() }),
        };
        readback.unmap();
        result
    }

    fn is_idle(&self) -> bool {
        self.last.as_ref().is_none_or(|last| matches!(self.wait(last, DROP_TIMEOUT), Ok(true)))
    }
}

impl Drop for Machine {
    /// Leaks a device that does not finish its work: wgpu would wait for it for ever, and resources in flight must not
    /// be destroyed. The memory stays allocated until the process ends.
    fn drop(&mut self) {
        if !self.is_idle() {
            std::mem::forget((self.device.clone(), self.queue.clone()));
        }
    }
}

/// Whether a readback buffer was mapped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping(Arc<OnceLock<bool>>);

impl Mapping {
    /// Whether the buffer can be read.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.get().copied().unwrap_or(false)
    }
}
