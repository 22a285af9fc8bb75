//! The answer of `status`.

use cityseal_client::{
    DeviceReport, JobReport, JobState, RefusedCall, SealOutcome, StatusReport, TenantReport, VerificationReport,
};
use serde::Serialize;

/// The answer of `status`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct StatusAnswer {
    /// `serving`, `not-serving`, `draining` or `unknown`.
    state: &'static str,
    taken_at: u64,
    version: String,
    commit: String,
    /// A decimal string, since it has 64 bits.
    epoch: String,
    uptime_s: u64,
    listeners: Vec<ListenerRow>,
    /// The first second after the validity of the certificate, as Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate_not_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reload_error: Option<String>,
    devices: Vec<DeviceRow>,
    notes: Vec<String>,
    tenants: Vec<TenantRow>,
    jobs: Vec<JobRow>,
    jobs_running: u32,
    verifications: Vec<VerificationRow>,
    refusals: Vec<RefusalRow>,
    refusals_kept: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct ListenerRow {
    /// `grpc`, `metrics` or `dashboard`.
    name: String,
    address: String,
    tls: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct DeviceRow {
    id: String,
    name: String,
    kind: &'static str,
    kernel: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_hz: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature_celsius: Option<f64>,
    canaries: u64,
    canaries_missed: u64,
    /// Hashes and headers per second, one value every 2 s, the newest last.
    recent_rates_hz: Vec<f64>,
}

impl From<DeviceReport> for DeviceRow {
    fn from(report: DeviceReport) -> Self {
        let DeviceReport { device, temperature_celsius, recent_rates_hz, .. } = report;
        Self {
            id: device.id,
            name: device.name,
            kind: device.kind.name(),
            kernel: device.kernel,
            state: device.state.name(),
            reason: device.reason,
            rate_hz: device.rate_hz,
            temperature_celsius,
            canaries: device.canaries,
            canaries_missed: device.canaries_missed,
            recent_rates_hz,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct TenantRow {
    /// Empty for the callers of a service without identities.
    name: String,
    weight: u32,
    reserved: f64,
    used_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    used_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_share: Option<f64>,
    has_work: bool,
}

impl From<TenantReport> for TenantRow {
    fn from(report: TenantReport) -> Self {
        let TenantReport { name, weight, reserved, used, used_share, due_share, has_work, .. } = report;
        Self { name, weight, reserved, used_s: used.as_secs_f64(), used_share, due_share, has_work }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct JobRow {
    id: String,
    request_id: String,
    tenant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<String>,
    /// A decimal string: the caller chooses it.
    generation: String,
    priority: u8,
    /// `running`, or the outcome.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Decimal strings: numbers that can exceed 2^53.
    hashes: String,
    volume: String,
    seals: u64,
    rate_hz: f64,
    progress: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_in_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probability_by_deadline: Option<f64>,
}

impl From<JobReport> for JobRow {
    fn from(report: JobReport) -> Self {
        let JobReport { job, progress, age, deadline_left, ends_in, probability_by_deadline, .. } = report;
        let (state, reason) = match job.state {
            JobState::Ended(outcome) => (outcome_name(&outcome), outcome_reason(outcome)),
            JobState::Running | _ => ("running", None),
        };
        let seconds = |duration: std::time::Duration| duration.as_secs_f64();
        Self {
            id: job.id,
            request_id: job.request_id,
            tenant: job.tenant,
            chain: Some(job.chain).filter(|chain| !chain.is_empty()),
            generation: job.generation.to_string(),
            priority: job.priority,
            state,
            reason,
            hashes: job.hashes.to_string(),
            volume: job.volume.to_string(),
            seals: job.seals,
            rate_hz: job.rate_hz,
            progress,
            age_s: age.map(seconds),
            deadline_s: deadline_left.map(seconds),
            ends_in_s: ends_in.map(seconds),
            probability_by_deadline,
        }
    }
}

/// The word for an outcome, as in the answer of `seal`.
pub(crate) const fn outcome_name(outcome: &SealOutcome) -> &'static str {
    match outcome {
        SealOutcome::Sealed => "sealed",
        SealOutcome::Exhausted => "exhausted",
        SealOutcome::Cancelled { .. } => "cancelled",
        SealOutcome::Expired => "expired",
        SealOutcome::Superseded { .. } => "superseded",
        SealOutcome::Failed { .. } | _ => "failed",
    }
}

fn outcome_reason(outcome: SealOutcome) -> Option<String> {
    match outcome {
        SealOutcome::Cancelled { by } | SealOutcome::Superseded { by } => Some(by),
        SealOutcome::Failed { reason } => Some(reason),
        SealOutcome::Sealed | SealOutcome::Exhausted | SealOutcome::Expired | _ => None,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct VerificationRow {
    tenant: String,
    network: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<String>,
    age_s: f64,
    received: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    validated_through: Option<u64>,
    received_bytes: u64,
    /// Bytes per second.
    rate_hz: f64,
    stages: Vec<StageRow>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct StageRow {
    name: String,
    share: f64,
}

impl From<VerificationReport> for VerificationRow {
    fn from(report: VerificationReport) -> Self {
        Self {
            tenant: report.tenant,
            network: report.network,
            items: report.items,
            age_s: report.age.as_secs_f64(),
            received: report.received,
            validated_through: report.validated_through,
            received_bytes: report.received_bytes,
            rate_hz: report.rate_bytes_hz,
            stages: report.stages.into_iter().map(|(name, share)| StageRow { name, share }).collect(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct RefusalRow {
    seq: u64,
    /// Unix time in milliseconds.
    at_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    method: String,
    code: String,
    reason: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    what_to_do: Option<String>,
}

impl From<RefusedCall> for RefusalRow {
    fn from(refused: RefusedCall) -> Self {
        Self {
            seq: refused.seq,
            at_ms: refused.at_ms,
            tenant: refused.tenant,
            method: refused.method,
            code: refused.code,
            reason: refused.reason,
            message: refused.message,
            field: refused.field,
            expected: refused.expected,
            found: refused.found,
            request_id: refused.request_id,
            job_id: refused.job_id,
            peer: refused.peer,
            trace_id: refused.trace_id,
            call_id: refused.call_id,
            what_to_do: refused.what_to_do,
        }
    }
}

impl From<StatusReport> for StatusAnswer {
    fn from(report: StatusReport) -> Self {
        let service = report.service;
        let listener =
            |one: cityseal_client::Listener| ListenerRow { name: one.name, address: one.address, tls: one.has_tls };
        Self {
            state: service.state.name(),
            taken_at: report.taken_at_s,
            version: service.version,
            commit: service.commit,
            epoch: service.epoch.to_string(),
            uptime_s: service.uptime.as_secs(),
            listeners: service.listeners.into_iter().map(listener).collect(),
            certificate_not_after: service.certificate_not_after_s,
            reload_error: service.reload_error,
            devices: report.devices.into_iter().map(DeviceRow::from).collect(),
            notes: report.notes,
            tenants: report.tenants.into_iter().map(TenantRow::from).collect(),
            jobs: report.jobs.into_iter().map(JobRow::from).collect(),
            jobs_running: report.jobs_running,
            verifications: report.verifications.into_iter().map(VerificationRow::from).collect(),
            refusals: report.refusals.into_iter().map(RefusalRow::from).collect(),
            refusals_kept: report.refusals_kept,
        }
    }
}
