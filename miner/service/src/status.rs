//! One snapshot of the running service: what `GetStatus` answers and the dashboard shows.
//!
//! The snapshot is the message itself, so that both show the same. A caller sees its own tenant, an operator all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use cityseal_cli::unix_now;
use cityseal_engine::{DeviceState, DeviceStatus, Engine, Stage, TenantUsage};
use cityseal_proto::v1;

use super::access::Access;
use super::advice::what_to_do;
use super::caller::{Caller, Scope};
use super::device_service::device_to_wire;
use super::history::History;
use super::jobs::{JobBook, JobSeen};
use super::limits::{STATUS_JOBS_MAX, STATUS_REFUSALS_MAX, STATUS_VERIFICATIONS_MAX};
use super::refusals::{Refusals, Refused};
use super::verifications::{Verification, Verifications};

/// Everything that a snapshot is taken of.
#[derive(Debug)]
pub(crate) struct StatusBoard {
    engine: Engine,
    book: Arc<JobBook>,
    access: Arc<Access>,
    pub(crate) verifications: Verifications,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) history: History,
    commit: &'static str,
    started: Instant,
    is_leaving: AtomicBool,
    listeners: OnceLock<Vec<v1::Listener>>,
}

/// A listener in a status.
pub(crate) fn listener(name: &str, address: SocketAddr, tls: bool) -> v1::Listener {
    v1::Listener { name: name.to_owned(), address: address.to_string(), tls }
}

impl StatusBoard {
    pub(crate) fn new(book: Arc<JobBook>, access: Arc<Access>, commit: &'static str) -> Self {
        Self {
            engine: book.engine().clone(),
            book,
            access,
            verifications: Verifications::default(),
            refusals: Arc::default(),
            history: History::default(),
            commit,
            started: Instant::now(),
            is_leaving: AtomicBool::new(false),
            listeners: OnceLock::new(),
        }
    }

    /// Names the listeners, once they are bound.
    pub(crate) fn set_listeners(&self, listeners: Vec<v1::Listener>) {
        // Set once, by the start of the service.
        let _set_before = self.listeners.set(listeners);
    }

    /// The service was told to stop.
    pub(crate) fn set_leaving(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// Takes a snapshot of what a caller may see. Waits for the engine's lock, so it must not be called from an async
    /// task.
    pub(crate) fn snapshot(&self, caller: &Caller, request: &v1::GetStatusRequest) -> v1::GetStatusResponse {
        let devices = self.engine.devices();
        let (jobs, jobs_running) = self.book.latest(caller, STATUS_JOBS_MAX);
        let max = (request.refusals_max as usize).min(STATUS_REFUSALS_MAX);
        let (refusals, kept) = self.refusals.newest(caller, request.refusals_before, max);
        v1::GetStatusResponse {
            taken_at_s: unix_now(),
            service: Some(self.service(caller, &devices)),
            devices: devices.iter().map(|device| self.device(device)).collect(),
            notes: self.engine.notes().to_vec(),
            tenants: self.tenants(caller),
            jobs: jobs.into_iter().map(job_to_wire).collect(),
            jobs_running: jobs_running as u32,
            verifications: self.verifications(caller),
            refusals: refusals.iter().map(|refused| refused_to_wire(refused)).collect(),
            refusals_kept: kept as u32,
        }
    }

    fn service(&self, caller: &Caller, devices: &[DeviceStatus]) -> v1::ServiceStatus {
        let is_ready = devices.iter().any(|device| device.state == DeviceState::Ready);
        let state = match (self.is_leaving.load(Ordering::Relaxed), is_ready) {
            (true, _) => v1::ServingState::Draining,
            (false, true) => v1::ServingState::Serving,
            (false, false) => v1::ServingState::NotServing,
        };
        let reload = self.access.status();
        // It names files of the service.
        let reload_error = reload.last_error.filter(|_| caller.has(Scope::Operate));
        v1::ServiceStatus {
            state: state.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: self.commit.to_owned(),
            epoch: self.book.epoch(),
            uptime_s: self.started.elapsed().as_secs(),
            listeners: self.listeners.get().cloned().unwrap_or_default(),
            certificate_not_after_s: reload.certificate_not_after,
            reload_error: reload_error.unwrap_or_default(),
        }
    }

    fn device(&self, device: &DeviceStatus) -> v1::DeviceStatus {
        let recent = self.history.of(&device.info.id);
        v1::DeviceStatus {
            device: Some(device_to_wire(device)),
            temperature_celsius: recent.temperature_celsius,
            recent_rates_hz: recent.rates_hz.into(),
        }
    }

    fn tenants(&self, caller: &Caller) -> Vec<v1::TenantStatus> {
        let usage = self.engine.tenants();
        let used_by_all: Duration = usage.iter().map(|tenant| tenant.used).sum();
        let configured = self.access.tenants();
        let idle = configured.iter().map(|tenant| {
            let (weight, reserved) = (tenant.weight, tenant.reserved);
            (
                tenant.name.clone(),
                v1::TenantStatus { name: tenant.name.clone(), weight, reserved, ..Default::default() },
            )
        });
        let mut tenants: BTreeMap<String, v1::TenantStatus> = idle.collect();
        tenants.extend(usage.into_iter().map(|tenant| (tenant.name.clone(), tenant_to_wire(tenant, used_by_all))));
        tenants.into_values().filter(|tenant| caller.may_see(&tenant.name)).collect()
    }

    fn verifications(&self, caller: &Caller) -> Vec<v1::VerificationStatus> {
        let may_see = |one: &Verification| match &one.tenant {
            Some(tenant) => caller.may_see(tenant),
            None => caller.has(Scope::Operate),
        };
        let seen = self.verifications.list().into_iter().filter(may_see).take(STATUS_VERIFICATIONS_MAX);
        seen.map(verification_to_wire).collect()
    }
}

fn tenant_to_wire(tenant: TenantUsage, used_by_all: Duration) -> v1::TenantStatus {
    let TenantUsage { name, share, used, due, has_work } = tenant;
    let used_s = used.as_secs_f64();
    let used_share = (!used_by_all.is_zero()).then(|| used_s / used_by_all.as_secs_f64());
    let (weight, reserved, due_share) = (share.weight, share.reserved, Some(due));
    v1::TenantStatus { name, weight, reserved, used_s, used_share, due_share, has_work }
}

fn job_to_wire(seen: JobSeen) -> v1::JobStatus {
    let JobSeen { job, progress, outlook } = seen;
    let seconds = |duration: Duration| duration.as_secs_f64();
    v1::JobStatus {
        job: Some(job),
        progress,
        age_s: outlook.map(|outlook| seconds(outlook.age)),
        deadline_s: outlook.and_then(|outlook| outlook.left).map(seconds),
        ends_in_s: outlook.and_then(|outlook| outlook.ends_in).map(seconds),
        probability_by_deadline: outlook.and_then(|outlook| outlook.probability),
    }
}

fn verification_to_wire(one: Verification) -> v1::VerificationStatus {
    let Verification { tenant, network, began, progress } = one;
    let age_s = began.elapsed().as_secs_f64();
    let busy: Duration = progress.stages.iter().map(|stage| stage.busy).sum();
    let share = |stage: &Stage| v1::StageShare {
        name: stage.name.as_str().to_owned(),
        share: stage.busy.as_secs_f64() / busy.as_secs_f64(),
    };
    // Without any time there are no shares.
    let stages = if busy.is_zero() { Vec::new() } else { progress.stages.iter().map(share).collect() };
    v1::VerificationStatus {
        tenant: tenant.map_or_else(String::new, |tenant| tenant.to_string()),
        network,
        items: progress.items.unwrap_or_default().to_owned(),
        age_s,
        received: progress.received,
        validated_through: progress.validated_through,
        received_bytes: progress.received_bytes,
        rate_bytes_hz: if age_s > 0.0 { progress.received_bytes as f64 / age_s } else { 0.0 },
        stages,
    }
}

fn refused_to_wire(refused: &Refused) -> v1::RefusedCall {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    v1::RefusedCall {
        seq: refused.seq,
        at_ms: refused.at_ms,
        tenant: text(&refused.tenant),
        method: refused.method.clone(),
        code: refused.code.to_owned(),
        reason: refused.reason.clone(),
        message: refused.message.clone(),
        field: text(&refused.field),
        expected: text(&refused.expected),
        found: text(&refused.found),
        request_id: text(&refused.request_id),
        job_id: text(&refused.job_id),
        peer: refused.peer.map_or_else(String::new, |peer| peer.to_string()),
        trace_id: refused.trace.map_or_else(String::new, |trace| trace.trace_id.to_string()),
        call_id: refused.trace.map_or_else(String::new, |trace| trace.call_id.to_string()),
        what_to_do: what_to_do(&refused.reason).to_owned(),
    }
}
