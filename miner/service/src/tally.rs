//! Counters and histograms of what the service does, for its metrics: what nothing else keeps.
//!
//! Every label has a fixed set of values, so no caller can add a series.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tonic::Code;

use super::rpcs::method_of;

/// The label of everything that a fixed set of labels does not have.
pub(crate) const OTHER: &str = "other";

/// Bounds of the histogram of calls, in seconds: from a unary call (a few milliseconds) to a watch of a job (minutes).
const CALL_SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 10.0, 60.0, 600.0];

/// Bounds of the histograms of jobs, in seconds. A deadline may be a day away.
const JOB_SECONDS: [f64; 10] = [0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

/// Bounds of the histogram from the request to end a job to its end, in seconds: one batch of a device is 20 ms.
const PREEMPT_SECONDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// Bounds of the histogram of commits, in seconds: a flush takes some milliseconds.
const COMMIT_SECONDS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// The reasons in the statuses of the service. A test compares them with its refusals.
const REASONS: [&str; 31] = [
    "CALL_CANCELLED",
    "DEADLINE_PASSED",
    "DRAINING",
    "FOREIGN_TENANT",
    "INFEASIBLE_DEADLINE",
    "INTERNAL",
    "INVALID_CHUNK",
    "INVALID_FIELD",
    "JOB_NOT_FOUND",
    "JOURNAL_UNAVAILABLE",
    "MESSAGE_TOO_LARGE",
    "NOT_FOUND",
    "NOT_GRPC",
    "NO_GPU",
    "NO_RECEIPT",
    "NO_RECEIPT_KEY",
    "QUOTA_EXCEEDED",
    "REFUSED",
    "REQUEST_ID_REUSED",
    "RESUME_TOKEN_REFUSED",
    "RULES_DIFFER",
    "SCOPE_MISSING",
    "SEQ_OUT_OF_RANGE",
    "STALE_GENERATION",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNKNOWN_METHOD",
    "UNREADABLE_MESSAGE",
    "UNSUPPORTED_ENCODING",
    "UPLOAD_IDLE",
    "UPLOAD_OUT_OF_ORDER",
];

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The counters and histograms.
#[derive(Debug)]
pub(crate) struct Tally {
    calls: Family<Labels<2>, Counter>,
    call_seconds: Family<Labels<1>, Histogram>,
    rejections: Family<Labels<1>, Counter>,
    job_seconds: Family<Labels<1>, Histogram>,
    wait_seconds: Histogram,
    preempt_seconds: Histogram,
    upload_bytes: Counter,
    commit_seconds: Histogram,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            rejections: Family::default(),
            job_seconds: Family::new_with_constructor(|| Histogram::new(JOB_SECONDS)),
            wait_seconds: Histogram::new(JOB_SECONDS),
            preempt_seconds: Histogram::new(PREEMPT_SECONDS),
            upload_bytes: Counter::default(),
            commit_seconds: Histogram::new(COMMIT_SECONDS),
        }
    }
}

impl Tally {
    /// A call has ended. `code` is `None` if the caller disconnected before; `reason` is that of a refusal.
    pub(crate) fn call(&self, path: &str, code: Option<Code>, reason: Option<&str>, took: Duration) {
        let method = method_of(path).unwrap_or(OTHER);
        let code = code.map_or("DISCONNECTED", code_name);
        self.calls.get_or_create(&[("method", method), ("code", code)]).inc();
        self.call_seconds.get_or_create(&[("method", method)]).observe(took.as_secs_f64());
        reason.into_iter().for_each(|reason| self.rejection(reason));
    }

    /// Something was refused for this reason.
    pub(crate) fn rejection(&self, reason: &str) {
        let known = REASONS.into_iter().find(|known| *known == reason);
        self.rejections.get_or_create(&[("reason", known.unwrap_or(OTHER))]).inc();
    }

    /// A job has ended in this state. `waited`: until its first device; `preempted`: since its end was requested.
    pub(crate) fn job(
        &self,
        state: &'static str,
        took: Duration,
        waited: Option<Duration>,
        preempted: Option<Duration>,
    ) {
        self.job_seconds.get_or_create(&[("state", state)]).observe(took.as_secs_f64());
        waited.into_iter().for_each(|waited| self.wait_seconds.observe(waited.as_secs_f64()));
        preempted.into_iter().for_each(|preempted| self.preempt_seconds.observe(preempted.as_secs_f64()));
    }

    /// Bytes of a chain were received.
    pub(crate) fn upload(&self, bytes: u64) {
        self.upload_bytes.inc_by(bytes);
    }

    /// A transaction of the journal was written.
    pub(crate) fn commit(&self, took: Duration) {
        self.commit_seconds.observe(took.as_secs_f64());
    }

    /// Adds everything to a registry, the journal only if there is one.
    pub(crate) fn register(&self, registry: &mut Registry, has_journal: bool) {
        registry.register("grpc_calls", "gRPC calls that have ended, by method and status code", self.calls.clone());
        registry.register_with_unit(
            "grpc_duration",
            "Duration of gRPC calls, streams included, by method",
            Unit::Seconds,
            self.call_seconds.clone(),
        );
        let rejections = self.rejections.clone();
        registry.register("rejections", "Refused calls and scrapes by the reason in the status", rejections);
        registry.register_with_unit(
            "job_duration",
            "Time from the submission of a job to its end, by the state in which it ended",
            Unit::Seconds,
            self.job_seconds.clone(),
        );
        registry.register_with_unit(
            "job_wait",
            "Time from the submission of a job to its first device",
            Unit::Seconds,
            self.wait_seconds.clone(),
        );
        registry.register_with_unit(
            "preempt",
            "Time from the request to cancel or supersede a job to its end",
            Unit::Seconds,
            self.preempt_seconds.clone(),
        );
        let upload_bytes = self.upload_bytes.clone();
        registry.register_with_unit("upload", "Bytes of chains that were received", Unit::Bytes, upload_bytes);
        if has_journal {
            let commits = self.commit_seconds.clone();
            registry.register_with_unit("journal_commit", "Duration of the journal's commits", Unit::Seconds, commits);
        }
    }
}

/// The name of a status code in the gRPC specification.
pub(crate) const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// Whether a reason has a label of its own.
#[cfg(test)]
pub(crate) fn is_known_reason(reason: &str) -> bool {
    REASONS.contains(&reason)
}
