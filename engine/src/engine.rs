//! The engine: its devices, its threads, and the operations that a user calls.

#[cfg(test)]
mod tests;

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cityseal_device::known_answers::Case;

use crate::control::Control;
use crate::devices::{DeviceProfile, DeviceState, DeviceStatus, LeftOut, OpenDevice};
use crate::driver::Driver;
use crate::error::{BuildError, VerifyError, VerifyRequestError};
use crate::job::JobHandle;
use crate::policy::EnginePolicy;
use crate::probability::probability_within;
use crate::seal_job::SealJob;
use crate::seal_report::SealReport;
use crate::tenant::{TenantShare, TenantUsage, TenantsError, check_tenants};
use crate::usage::DeviceTime;
use crate::verifier::{BlockVerifier, ChainItems, HeaderVerifier, Verifier};
use crate::verify::{Progress, VerifyReport, VerifyRequest};
use crate::workers::Workers;

struct Inner {
    control: Control,
    workers: Mutex<Workers>,
    /// By device, in the driver's order.
    profiles: Vec<DeviceProfile>,
    left_out: Vec<LeftOut>,
    notes: Vec<String>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.control.with(|driver| driver.stop(Instant::now()));
        let policy = self.control.policy();
        let workers = self.workers.get_mut().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(workers, Workers::new()).join(policy.hang_after + policy.stuck_after);
        self.control.statuses().iter().zip(&self.profiles).for_each(|(status, profile)| profile.keep(&status.info));
    }
}

/// The engine. Clones share its devices; dropping the last one ends its threads.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("devices", &self.devices()).finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts an engine on open devices.
    pub(crate) fn start(
        policy: EnginePolicy,
        canary: Arc<Case>,
        devices: Vec<OpenDevice>,
        left_out: Vec<LeftOut>,
        notes: Vec<String>,
    ) -> Result<Self, BuildError> {
        let mut driver = Driver::new(policy.clone(), canary);
        let (mut backends, mut profiles) = (Vec::new(), Vec::new());
        for OpenDevice { workers, profile } in devices {
            let info = workers[0].0.info().clone();
            let kind = info.kind;
            let device = driver.add_device(info);
            driver.set_cost_model(device, profile.cost_model(kind));
            profiles.push(profile);
            backends.extend(workers.into_iter().map(|(opener, backend)| (driver.add_worker(device), opener, backend)));
        }
        let control = Control::new(driver, policy);
        let workers = Workers::new();
        let started = workers.start_watchdog(control.clone()).and_then(|()| {
            let mut backends = backends.into_iter();
            backends.try_for_each(|(number, opener, backend)| {
                workers.start_worker(control.clone(), number, opener, backend)
            })
        });
        // If a thread could not be started, dropping the engine ends the others.
        let engine =
            Self { inner: Arc::new(Inner { control, workers: Mutex::new(workers), profiles, left_out, notes }) };
        started.map_err(|error| BuildError::NoThread { reason: error.to_string() })?;
        Ok(engine)
    }

    /// Every device found: those in use, and those left out with the reason.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        let left_out = self.inner.left_out.iter().map(|left| {
            let state = DeviceState::LeftOut { reason: left.reason.clone() };
            DeviceStatus::new(left.info.clone(), state)
        });
        let statuses = self.inner.control.statuses().into_iter().zip(&self.inner.profiles);
        statuses.map(|(status, profile)| profile.complete(status)).chain(left_out).collect()
    }

    /// Rounds of the engine's own thread so far. Each needs the lock under which every decision is made, and there is
    /// one at least every second ([`EnginePolicy::heartbeat`]). A count that does not change for longer shows that the
    /// engine is stuck. Does not wait for the lock.
    pub fn rounds(&self) -> u64 {
        self.inner.control.rounds()
    }

    /// Notes for the user, such as that there is no GPU.
    pub fn notes(&self) -> &[String] {
        &self.inner.notes
    }

    /// Submits a job and returns at once.
    pub fn submit(&self, job: SealJob) -> JobHandle {
        let (id, cell) = self.inner.control.submit(job);
        JobHandle::new(id, cell, self.inner.control.clone())
    }

    /// Replaces the shares of tenants. A tenant that is not listed has [`TenantShare::default`]. Running work goes on
    /// under the new shares.
    ///
    /// # Errors
    /// [`TenantsError`] if a weight or a reserved share is out of range; the shares stay as they were.
    pub fn set_tenants(&self, tenants: impl IntoIterator<Item = (String, TenantShare)>) -> Result<(), TenantsError> {
        let shares = check_tenants(tenants)?;
        self.inner.control.with(|driver| driver.set_tenants(shares));
        Ok(())
    }

    /// The tenants that had work within the last minute, by name, with the device time that they used.
    pub fn tenants(&self) -> Vec<TenantUsage> {
        self.inner.control.with(|driver| driver.usage(Instant::now()))
    }

    /// Whether a GPU takes tasks at present: it is ready, or on probation. Software adapters in use count.
    pub fn has_usable_gpu(&self) -> bool {
        self.inner.control.with(|driver| driver.has_usable_gpu())
    }

    /// The probability that a job, submitted now, finds a seal before its deadline: by the measured rates of the
    /// serving devices that may work on it, and the share that it would get at present ([`probability_within`]).
    /// `None` while no such device serves, or the rate of one of them is not known yet. `replaced`: a job of the same
    /// tenant that ends when this one begins.
    pub fn probability_by_deadline(&self, job: &SealJob, replaced: Option<&JobHandle>) -> Option<f64> {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now()).as_secs_f64();
        let seconds = job.deadline.map_or(f64::INFINITY, left);
        let replaced = replaced.map(JobHandle::number);
        let rate_hz = self.inner.control.with(|driver| driver.rate_of_new(job, replaced))?;
        // The rate is already that of the job's share.
        Some(probability_within(&job.template, seconds, rate_hz, 1.0))
    }

    /// Device time by tenant, device and kind of work since the engine started.
    pub fn device_times(&self) -> Vec<DeviceTime> {
        self.inner.control.with(|driver| driver.device_times())
    }

    /// How long the running job that has waited longest for its first device has waited; `None` if no job waits.
    pub fn longest_wait(&self) -> Option<Duration> {
        self.inner.control.with(|driver| driver.longest_wait(Instant::now()))
    }

    /// Submits a job and waits for its end.
    pub fn seal(&self, job: SealJob) -> SealReport {
        let handle = self.submit(job);
        loop {
            if let Some(report) = handle.wait(None) {
                return report;
            }
        }
    }

    /// Starts a verification of headers or of whole blocks, which the caller pushes.
    ///
    /// # Errors
    /// [`VerifyRequestError`] if the request contradicts itself.
    pub fn verifier(&self, items: ChainItems, request: VerifyRequest) -> Result<Verifier, VerifyRequestError> {
        Verifier::new(self.inner.control.clone(), items, request)
    }

    /// Starts a verification of headers, which the caller pushes as bytes.
    ///
    /// # Errors
    /// [`VerifyRequestError`] if the request contradicts itself.
    pub fn header_verifier(&self, request: VerifyRequest) -> Result<HeaderVerifier, VerifyRequestError> {
        HeaderVerifier::new(self.inner.control.clone(), request)
    }

    /// Starts a verification of whole blocks (headers and bodies), which the caller pushes in batches.
    ///
    /// # Errors
    /// [`VerifyRequestError`] if the request contradicts itself.
    pub fn block_verifier(&self, request: VerifyRequest) -> Result<BlockVerifier, VerifyRequestError> {
        BlockVerifier::new(self.inner.control.clone(), request)
    }

    /// Verifies the packed 80-byte headers from `reader` until its end, in constant memory.
    ///
    /// # Errors
    /// [`VerifyError`] if the request contradicts itself or the reader fails.
    pub fn verify(
        &self,
        request: VerifyRequest,
        mut reader: impl Read,
        mut on_progress: impl FnMut(&Progress),
    ) -> Result<VerifyReport, VerifyError> {
        let mut verifier = self.header_verifier(request)?;
        let mut offset = 0;
        loop {
            match verifier.read_from(&mut reader).map_err(|source| VerifyError::Read { offset, source })? {
                0 => return Ok(verifier.finish(None)),
                bytes => {
                    offset += bytes as u64;
                    on_progress(&verifier.progress());
                }
            }
        }
    }
}
