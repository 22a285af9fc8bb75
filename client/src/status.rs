//! What a running service does, as it reports it.
//!
//! Nothing here can be checked by the client. Names, reasons and messages are texts of the service and of its callers;
//! escape them before writing to a terminal or a log.

use std::fmt;
use std::time::Duration;

use cityseal_proto::{FieldError, FieldProblem, v1};

use crate::device::{DeviceStatus, non_empty};
use crate::job::Job;

/// What to report.
///
/// ```no_run
/// use cityseal_client::{Client, ClientError, StatusRequest};
///
/// async fn why_was_it_rejected(client: &Client) -> Result<(), ClientError> {
///     for refused in client.status(&StatusRequest::new().refusals(20)).await?.refusals {
///         println!("{refused} {}", refused.what_to_do.as_deref().unwrap_or_default());
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct StatusRequest {
    refusals_max: u32,
    refusals_before: u64,
}

impl StatusRequest {
    /// Reports everything but refusals.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also reports the newest refusals, at most this many and at most 256.
    pub fn refusals(self, max: u32) -> Self {
        Self { refusals_max: max, ..self }
    }

    /// Reports only refusals before the one with this number.
    pub fn before(self, seq: u64) -> Self {
        Self { refusals_before: seq, ..self }
    }

    pub(crate) fn to_wire(self) -> v1::GetStatusRequest {
        v1::GetStatusRequest { refusals_max: self.refusals_max, refusals_before: self.refusals_before }
    }
}

/// Whether a service takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServingState {
    /// It does.
    Serving,
    /// No device is ready.
    NotServing,
    /// It was told to stop.
    Draining,
    /// A state that this build does not know.
    Unknown,
}

impl ServingState {
    /// The name in JSON: `serving`, `not-serving`, `draining` or `unknown`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::NotServing => "not-serving",
            Self::Draining => "draining",
            Self::Unknown => "unknown",
        }
    }

    const fn from_wire(state: v1::ServingState) -> Self {
        match state {
            v1::ServingState::Serving => Self::Serving,
            v1::ServingState::NotServing => Self::NotServing,
            v1::ServingState::Draining => Self::Draining,
            v1::ServingState::Unspecified => Self::Unknown,
        }
    }
}

impl fmt::Display for ServingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The answer to [`Client::status`](crate::Client::status).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatusReport {
    /// The Unix time of the report in seconds.
    pub taken_at_s: u64,
    /// The service itself.
    pub service: ServiceReport,
    /// Every device that it found.
    pub devices: Vec<DeviceReport>,
    /// Notes for people about the choice of devices.
    pub notes: Vec<String>,
    /// The tenants that the caller may see.
    pub tenants: Vec<TenantReport>,
    /// Their jobs: the running ones, then those that ended last.
    pub jobs: Vec<JobReport>,
    /// How many of them run.
    pub jobs_running: u32,
    /// Their verifications in progress.
    pub verifications: Vec<VerificationReport>,
    /// Refused calls, the newest first.
    pub refusals: Vec<RefusedCall>,
    /// How many refusals the service keeps for this caller.
    pub refusals_kept: u32,
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceReport {
    /// Whether it takes work.
    pub state: ServingState,
    /// The version of its program.
    pub version: String,
    /// The commit that it was built from.
    pub commit: String,
    /// Changes with every start.
    pub epoch: u64,
    /// Time since its start.
    pub uptime: Duration,
    /// Its addresses.
    pub listeners: Vec<Listener>,
    /// The first second after the validity of its certificate, as Unix time; `None` without TLS.
    pub certificate_not_after_s: Option<u64>,
    /// Why the last reload of its files failed, for callers that see all tenants.
    pub reload_error: Option<String>,
}

/// An address on which a service listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listener {
    /// `grpc`, `metrics` or `dashboard`.
    pub name: String,
    /// IP address and port.
    pub address: String,
    /// Whether it needs TLS.
    pub has_tls: bool,
}

/// A device with its sensors.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceReport {
    /// The device.
    pub device: DeviceStatus,
    /// Its temperature in degrees Celsius, if a sensor reports it.
    pub temperature_celsius: Option<f64>,
    /// Hashes and headers per second, one value every 2 seconds, the newest last.
    pub recent_rates_hz: Vec<f64>,
}

/// A tenant and its share of device time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TenantReport {
    /// Its name; empty for the callers of a service without identities.
    pub name: String,
    /// Its weight.
    pub weight: u32,
    /// The fraction of device time that is kept for it, 0 to 1.
    pub reserved: f64,
    /// Device time that it used within the last minute, summed over all workers.
    pub used: Duration,
    /// The fraction of all used device time, 0 to 1; `None` if nobody used any.
    pub used_share: Option<f64>,
    /// The fraction that it is due; `None` without work within the last minute.
    pub due_share: Option<f64>,
    /// Whether it has work at present.
    pub has_work: bool,
}

/// A job with what is to be expected of it. The durations are `None` if it has ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobReport {
    /// The job.
    pub job: Job,
    /// The searched fraction of its space, 0 to 1.
    pub progress: f64,
    /// Time since its submission.
    pub age: Option<Duration>,
    /// Time until its deadline.
    pub deadline_left: Option<Duration>,
    /// The expected time until it ends.
    pub ends_in: Option<Duration>,
    /// The probability, 0 to 1, of a seal by its deadline.
    pub probability_by_deadline: Option<f64>,
}

/// A verification in progress.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VerificationReport {
    /// Its tenant; empty for callers without an identity.
    pub tenant: String,
    /// The name of its network.
    pub network: String,
    /// `headers` or `blocks`; `None` before the first chunk.
    pub items: Option<String>,
    /// Time since its begin.
    pub age: Duration,
    /// Headers or blocks received.
    pub received: u64,
    /// The height up to which every checked rule holds.
    pub validated_through: Option<u64>,
    /// Bytes of the chain received.
    pub received_bytes: u64,
    /// Bytes per second since its begin.
    pub rate_bytes_hz: f64,
    /// The fraction of the workers' time for each stage, 0 to 1.
    pub stages: Vec<(String, f64)>,
}

/// A call that the service refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefusedCall {
    /// Numbers the refusals of the service from 1.
    pub seq: u64,
    /// Unix time in milliseconds.
    pub at_ms: u64,
    /// The tenant that made the call.
    pub tenant: Option<String>,
    /// `package.Service/Method`.
    pub method: String,
    /// The name of the gRPC code.
    pub code: String,
    /// The reason, such as `STALE_GENERATION`.
    pub reason: String,
    /// The message of the status.
    pub message: String,
    /// The path of the refused field.
    pub field: Option<String>,
    /// What was expected.
    pub expected: Option<String>,
    /// What was found.
    pub found: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The id of the job.
    pub job_id: Option<String>,
    /// The caller's address.
    pub peer: Option<String>,
    /// The W3C trace id of the call.
    pub trace_id: Option<String>,
    /// The id of the call in the service's log.
    pub call_id: Option<String>,
    /// What the caller can do.
    pub what_to_do: Option<String>,
}

impl fmt::Display for RefusedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, reason, message, .. } = self;
        write!(f, "{method}: {reason}: {message}")
    }
}

impl StatusReport {
    pub(crate) fn from_wire(message: v1::GetStatusResponse) -> Result<Self, FieldError> {
        let service = message.service.ok_or_else(|| FieldError::missing("service", "the service itself"))?;
        Ok(Self {
            taken_at_s: message.taken_at_s,
            service: ServiceReport::from_wire(service),
            devices: each("devices", message.devices, DeviceReport::from_wire)?,
            notes: message.notes,
            tenants: each("tenants", message.tenants, TenantReport::from_wire)?,
            jobs: each("jobs", message.jobs, JobReport::from_wire)?,
            jobs_running: message.jobs_running,
            verifications: each("verifications", message.verifications, VerificationReport::from_wire)?,
            refusals: message.refusals.into_iter().map(RefusedCall::from_wire).collect(),
            refusals_kept: message.refusals_kept,
        })
    }
}

impl ServiceReport {
    fn from_wire(message: v1::ServiceStatus) -> Self {
        let listener = |one: v1::Listener| Listener { name: one.name, address: one.address, has_tls: one.tls };
        Self {
            state: ServingState::from_wire(message.state()),
            version: message.version,
            commit: message.commit,
            epoch: message.epoch,
            uptime: Duration::from_secs(message.uptime_s),
            listeners: message.listeners.into_iter().map(listener).collect(),
            certificate_not_after_s: message.certificate_not_after_s,
            reload_error: non_empty(message.reload_error),
        }
    }
}

impl DeviceReport {
    fn from_wire(message: v1::DeviceStatus) -> Result<Self, FieldError> {
        let device = message.device.ok_or_else(|| FieldError::missing("device", "a device"))?;
        Ok(Self {
            device: DeviceStatus::from_wire(device),
            temperature_celsius: message.temperature_celsius,
            recent_rates_hz: message.recent_rates_hz,
        })
    }
}

impl TenantReport {
    fn from_wire(message: v1::TenantStatus) -> Result<Self, FieldError> {
        Ok(Self {
            name: message.name,
            weight: message.weight,
            reserved: fraction("reserved", message.reserved)?,
            used: seconds("used_s", message.used_s)?,
            used_share: message.used_share.map(|share| fraction("used_share", share)).transpose()?,
            due_share: message.due_share.map(|share| fraction("due_share", share)).transpose()?,
            has_work: message.has_work,
        })
    }
}

impl JobReport {
    fn from_wire(message: v1::JobStatus) -> Result<Self, FieldError> {
        let job = message.job.ok_or_else(|| FieldError::missing("job", "a job"))?;
        let optional = |path, value: Option<f64>| value.map(|value| seconds(path, value)).transpose();
        let probability = message.probability_by_deadline;
        Ok(Self {
            job: Job::from_wire(job)?,
            progress: fraction("progress", message.progress)?,
            age: optional("age_s", message.age_s)?,
            deadline_left: optional("deadline_s", message.deadline_s)?,
            ends_in: optional("ends_in_s", message.ends_in_s)?,
            probability_by_deadline: probability.map(|value| fraction("probability_by_deadline", value)).transpose()?,
        })
    }
}

impl VerificationReport {
    fn from_wire(message: v1::VerificationStatus) -> Result<Self, FieldError> {
        let stage = |stage: v1::StageShare| Ok((stage.name, fraction("share", stage.share)?));
        Ok(Self {
            tenant: message.tenant,
            network: message.network,
            items: non_empty(message.items),
            age: seconds("age_s", message.age_s)?,
            received: message.received,
            validated_through: message.validated_through,
            received_bytes: message.received_bytes,
            rate_bytes_hz: message.rate_bytes_hz,
            stages: each("stages", message.stages, stage)?,
        })
    }
}

impl RefusedCall {
    fn from_wire(message: v1::RefusedCall) -> Self {
        Self {
            seq: message.seq,
            at_ms: message.at_ms,
            tenant: non_empty(message.tenant),
            method: message.method,
            code: message.code,
            reason: message.reason,
            message: message.message,
            field: non_empty(message.field),
            expected: non_empty(message.expected),
            found: non_empty(message.found),
            request_id: non_empty(message.request_id),
            job_id: non_empty(message.job_id),
            peer: non_empty(message.peer),
            trace_id: non_empty(message.trace_id),
            call_id: non_empty(message.call_id),
            what_to_do: non_empty(message.what_to_do),
        }
    }
}

/// Converts the entries of a list; an error names the entry.
fn each<M, T>(
    path: &str,
    messages: Vec<M>,
    convert: impl Fn(M) -> Result<T, FieldError>,
) -> Result<Vec<T>, FieldError> {
    let entry = |(index, message)| convert(message).map_err(|error| error.under(&format!("{path}[{index}]")));
    messages.into_iter().enumerate().map(entry).collect()
}

fn fraction(path: &str, value: f64) -> Result<f64, FieldError> {
    // A sum of shares may be above 1 by the last digit.
    if (0.0..=1.0 + 1e-9).contains(&value) { Ok(value.min(1.0)) } else { Err(unknown(path, "0 to 1", value)) }
}

fn seconds(path: &str, value: f64) -> Result<Duration, FieldError> {
    Duration::try_from_secs_f64(value).map_err(|_| unknown(path, "a number of seconds", value))
}

fn unknown(path: &str, expected: &'static str, found: f64) -> FieldError {
    FieldError::new(path, FieldProblem::Unknown { expected, found: found.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_report_is_refused_with_the_field() {
        let service = Some(v1::ServiceStatus { state: v1::ServingState::Serving.into(), ..Default::default() });
        let good = v1::GetStatusResponse { service, ..Default::default() };
        assert_eq!(StatusReport::from_wire(good.clone()).unwrap().service.state, ServingState::Serving);
        let job = |job| v1::GetStatusResponse { jobs: vec![v1::JobStatus::default(), job], ..good.clone() };
        let tenant = v1::TenantStatus { used_share: Some(f64::NAN), ..Default::default() };
        let malformed = [
            (v1::GetStatusResponse::default(), "service: missing; expected the service itself"),
            (job(v1::JobStatus::default()), "jobs[0].job: missing; expected a job"),
            (
                v1::GetStatusResponse { tenants: vec![tenant], ..good.clone() },
                "tenants[0].used_share: expected 0 to 1, found 'NaN'",
            ),
        ];
        for (message, refusal) in malformed {
            assert_eq!(StatusReport::from_wire(message).unwrap_err().to_string(), refusal);
        }
        assert_eq!(seconds("age_s", -1.0).unwrap_err().to_string(), "age_s: expected a number of seconds, found '-1'");
        assert!(fraction("progress", 1.0 + 1e-12).is_ok() && fraction("progress", 1.1).is_err());
    }
}
