//! Reasons for refusing a call, and their conversion to a gRPC status with details.
//!
//! Every status of the service carries `ErrorInfo { reason, domain: "cityseal" }`, so that a program can act on it
//! without parsing the message.

use std::collections::HashMap;

use cityseal_proto::{ERROR_DOMAIN, FieldError, FieldProblem};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::caller::ForeignTenant;
use super::echo::shown;
use super::limits::{ECHO_BYTES_MAX, RETRY_DELAY, STATUS_TEXT_BYTES_MAX};

/// The reason of refusals, and the first word of the reason of failed jobs, that need a GPU.
pub(crate) const NO_GPU: &str = "NO_GPU";

/// Keys of `ErrorInfo.metadata`: what was expected and what was found, if the refusal knows them.
pub(crate) const EXPECTED: &str = "expected";
pub(crate) const FOUND: &str = "found";

/// Reason for refusing a call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Field(#[from] FieldError),
    #[error("request_id '{request_id}' was already used with different content, for job {job_id}")]
    RequestIdReused { request_id: String, job_id: String },
    #[error("job {job_id} not found: unknown, dropped, or from before a restart of the service (epoch {epoch} now)")]
    JobNotFound { job_id: String, epoch: u64 },
    #[error("generation {found} is older than generation {expected_min} of job {job_id}, which it would supersede")]
    StaleGeneration { job_id: String, expected_min: u64, found: u64 },
    #[error("generation {found} is older than generation {expected_min}, the tip of chain '{chain}'")]
    StaleTip { chain: String, expected_min: u64, found: u64 },
    #[error(
        "a seal before the deadline has a probability of {predicted:.3}; expected at least {wanted}: allow more time, or \
         choose an easier target"
    )]
    Infeasible { predicted: f64, wanted: f64 },
    #[error("this tenant's jobs need a GPU, and none is usable; retry later")]
    NoGpu,
    #[error(transparent)]
    ForeignTenant(#[from] ForeignTenant),
    #[error("{subject}: limit of {max} {what} reached, retry later")]
    Quota { subject: String, what: &'static str, max: usize },
    #[error("ended to make room for another caller, because this one held the most of the {max} {what}; retry later")]
    Displaced { what: &'static str, max: usize },
    #[error("{subject}: limit of {max} bytes of incomplete requests reached, retry later")]
    Bodies { subject: &'static str, max: usize },
    #[error("the request was not complete after {limit_s} s")]
    BodyDeadline { limit_s: u64 },
    #[error("job {job_id}: event {from_seq} is not available, the service keeps {oldest}..={latest}")]
    SeqOutOfRange { job_id: String, from_seq: u64, oldest: u64, latest: u64 },
    #[error("upload message {message_index}: {problem}")]
    UploadOrder { message_index: u64, problem: &'static str },
    #[error("chunk {chunk_index} (from byte {offset} of the chain): {problem}")]
    Chunk { chunk_index: u64, offset: u64, problem: FieldError },
    #[error("begin.resume_token: {problem}")]
    ResumeToken { problem: String },
    #[error(
        "begin.resume_token: expected a token for rules {expected}, found {}; send the chain from its beginning",
        found.as_deref().unwrap_or("one without recorded rules")
    )]
    RulesDiffer { found: Option<String>, expected: String },
    #[error("the service cannot sign receipts: it was started without a key (`--key FILE`)")]
    NoReceiptKey,
    #[error("{problem}")]
    NoReceipt { problem: String },
    #[error("the upload is too slow: expected at least {bytes_min} bytes in {period_s} s, found {bytes}")]
    UploadIdle { bytes: usize, bytes_min: usize, period_s: u64 },
    #[error("this call has no credential that is valid here: present a client certificate or a bearer token")]
    Unauthenticated,
    #[error("this call needs the scope '{scope}', which its credential does not have")]
    ScopeMissing { scope: &'static str },
    #[error("the deadline of the call has passed")]
    Deadline,
    #[error("this port speaks gRPC: expected POST with content type 'application/grpc', found {found}")]
    NotGrpc { found: String },
    #[error("the journal cannot be written, so nothing new is accepted: {problem}; retry later")]
    Journal { problem: String },
    #[error("the service is shutting down")]
    Draining,
    #[error("internal error: a part of the service failed, the call can be retried")]
    Broken,
}

impl Refusal {
    /// Returns the reason that a program acts on.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Field(_) => "INVALID_FIELD",
            Self::RequestIdReused { .. } => "REQUEST_ID_REUSED",
            Self::JobNotFound { .. } => "JOB_NOT_FOUND",
            Self::StaleGeneration { .. } | Self::StaleTip { .. } => "STALE_GENERATION",
            Self::Infeasible { .. } => "INFEASIBLE_DEADLINE",
            Self::NoGpu => NO_GPU,
            Self::ForeignTenant(_) => "FOREIGN_TENANT",
            Self::Quota { .. } | Self::Displaced { .. } | Self::Bodies { .. } => "QUOTA_EXCEEDED",
            Self::SeqOutOfRange { .. } => "SEQ_OUT_OF_RANGE",
            Self::UploadOrder { .. } => "UPLOAD_OUT_OF_ORDER",
            Self::Chunk { .. } => "INVALID_CHUNK",
            Self::ResumeToken { .. } => "RESUME_TOKEN_REFUSED",
            Self::RulesDiffer { .. } => "RULES_DIFFER",
            Self::NoReceiptKey => "NO_RECEIPT_KEY",
            Self::NoReceipt { .. } => "NO_RECEIPT",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::ScopeMissing { .. } => "SCOPE_MISSING",
            Self::UploadIdle { .. } => "UPLOAD_IDLE",
            Self::Deadline | Self::BodyDeadline { .. } => "DEADLINE_PASSED",
            Self::NotGrpc { .. } => "NOT_GRPC",
            Self::Journal { .. } => "JOURNAL_UNAVAILABLE",
            Self::Draining => "DRAINING",
            Self::Broken => "INTERNAL",
        }
    }

    const fn code(&self) -> Code {
        match self {
            Self::Field(_)
            | Self::UploadOrder { .. }
            | Self::Chunk { .. }
            | Self::ResumeToken { .. }
            | Self::RulesDiffer { .. }
            | Self::NotGrpc { .. } => Code::InvalidArgument,
            Self::RequestIdReused { .. } => Code::AlreadyExists,
            Self::JobNotFound { .. } => Code::NotFound,
            Self::StaleGeneration { .. }
            | Self::StaleTip { .. }
            | Self::Infeasible { .. }
            | Self::NoReceiptKey
            | Self::NoReceipt { .. } => Code::FailedPrecondition,
            Self::Quota { .. } | Self::Displaced { .. } | Self::Bodies { .. } => Code::ResourceExhausted,
            Self::SeqOutOfRange { .. } => Code::OutOfRange,
            Self::UploadIdle { .. } | Self::Deadline | Self::BodyDeadline { .. } => Code::DeadlineExceeded,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::ScopeMissing { .. } | Self::ForeignTenant(_) => Code::PermissionDenied,
            Self::Journal { .. } | Self::Draining | Self::NoGpu => Code::Unavailable,
            Self::Broken => Code::Internal,
        }
    }

    /// Returns the values of the message for programs.
    fn metadata(&self) -> HashMap<String, String> {
        let pairs: Vec<(&str, String)> = match self {
            Self::JobNotFound { epoch, .. } => vec![("epoch", epoch.to_string())],
            Self::StaleGeneration { expected_min, .. } | Self::StaleTip { expected_min, .. } => {
                vec![("generation_min", expected_min.to_string())]
            }
            Self::Quota { subject, what, max } => {
                vec![("max", max.to_string()), ("limit", (*what).to_owned()), ("of", subject.clone())]
            }
            Self::Displaced { what, max } => vec![("max", max.to_string()), ("limit", (*what).to_owned())],
            Self::Bodies { max, subject } => {
                let limit = "bytes of incomplete requests".to_owned();
                vec![("max", max.to_string()), ("limit", limit), ("of", (*subject).to_owned())]
            }
            Self::Infeasible { predicted, wanted } => {
                vec![("probability_predicted", predicted.to_string()), ("probability_wanted", wanted.to_string())]
            }
            Self::SeqOutOfRange { oldest, latest, .. } => {
                vec![("oldest_seq", oldest.to_string()), ("latest_seq", latest.to_string())]
            }
            Self::Chunk { chunk_index, offset, .. } => {
                vec![("chunk_index", chunk_index.to_string()), ("offset", offset.to_string())]
            }
            Self::UploadOrder { message_index, .. } => vec![("message_index", message_index.to_string())],
            Self::RequestIdReused { job_id, .. } => vec![("job_id", job_id.clone())],
            Self::RulesDiffer { found, expected } => {
                vec![("rules_found", found.clone().unwrap_or_default()), ("rules_expected", expected.clone())]
            }
            Self::ScopeMissing { scope } => vec![("scope", (*scope).to_owned())],
            Self::Field(_)
            | Self::Unauthenticated
            | Self::ResumeToken { .. }
            | Self::NoReceiptKey
            | Self::NoReceipt { .. }
            | Self::ForeignTenant(_)
            | Self::UploadIdle { .. }
            | Self::Deadline
            | Self::BodyDeadline { .. }
            | Self::NotGrpc { .. }
            | Self::NoGpu
            | Self::Journal { .. }
            | Self::Draining
            | Self::Broken => Vec::new(),
        };
        let (expected, found) = self.expected_and_found();
        let values = [(EXPECTED, expected), (FOUND, found)].into_iter().filter_map(|(key, value)| Some((key, value?)));
        pairs.into_iter().chain(values).map(|(key, value)| (key.to_owned(), name(&value))).collect()
    }

    /// What was expected and what was found, as far as they are known.
    fn expected_and_found(&self) -> (Option<String>, Option<String>) {
        let both = |expected: String, found: String| (Some(expected), Some(found));
        match self {
            Self::Field(error) | Self::Chunk { problem: error, .. } => values_of(&error.problem),
            Self::StaleGeneration { expected_min, found, .. } | Self::StaleTip { expected_min, found, .. } => {
                both(format!("generation {expected_min} or greater"), found.to_string())
            }
            Self::ForeignTenant(ForeignTenant { expected, found }) => both(expected.to_string(), found.clone()),
            Self::Quota { what, max, .. } | Self::Displaced { what, max } => {
                (Some(format!("at most {max} {what}")), None)
            }
            Self::Bodies { max, .. } => (Some(format!("at most {max} bytes of incomplete requests")), None),
            Self::SeqOutOfRange { from_seq, oldest, latest, .. } => {
                both(format!("{oldest}..={latest}"), from_seq.to_string())
            }
            Self::Infeasible { predicted, wanted } => {
                both(format!("a probability of at least {wanted}"), predicted.to_string())
            }
            Self::NoGpu => (Some("a GPU that is ready".to_owned()), None),
            Self::Journal { problem } => both("a journal that can be written".to_owned(), problem.clone()),
            Self::UploadIdle { bytes, bytes_min, period_s } => {
                both(format!("at least {bytes_min} bytes in {period_s} s"), bytes.to_string())
            }
            Self::NotGrpc { found } => both("POST with content type 'application/grpc'".to_owned(), found.clone()),
            Self::ScopeMissing { scope } => (Some(format!("the scope {scope}")), None),
            Self::BodyDeadline { limit_s } => (Some(format!("a complete request after {limit_s} s")), None),
            // `RulesDiffer` has both under its own keys.
            Self::RulesDiffer { .. }
            | Self::RequestIdReused { .. }
            | Self::JobNotFound { .. }
            | Self::UploadOrder { .. }
            | Self::ResumeToken { .. }
            | Self::NoReceiptKey
            | Self::NoReceipt { .. }
            | Self::Unauthenticated
            | Self::Deadline
            | Self::Draining
            | Self::Broken => (None, None),
        }
    }

    /// Adds the standard gRPC details in addition to the reason.
    fn add_details(&self, details: &mut ErrorDetails) {
        match self {
            Self::Field(error) => {
                details.add_bad_request_violation(name(&error.path), text(&error.problem));
            }
            Self::Chunk { chunk_index, problem, .. } => {
                let path = format!("chunk[{chunk_index}].{}", problem.path);
                details.add_bad_request_violation(name(&path), text(&problem.problem));
            }
            Self::ResumeToken { problem } => {
                details.add_bad_request_violation("begin.resume_token", text(problem));
            }
            Self::RulesDiffer { .. } => {
                details.add_bad_request_violation("begin.resume_token", text(self));
            }
            Self::NoReceiptKey | Self::NoReceipt { .. } => {
                details.add_precondition_failure_violation(self.reason(), "receipt", text(self));
            }
            Self::UploadOrder { problem, .. } => {
                details.add_bad_request_violation("part", *problem);
            }
            Self::Quota { subject, .. } => {
                details.add_quota_failure_violation(name(subject), text(self));
                details.set_retry_info(Some(RETRY_DELAY));
            }
            Self::Displaced { .. } => {
                details.add_quota_failure_violation("caller", text(self));
                details.set_retry_info(Some(RETRY_DELAY));
            }
            Self::Bodies { subject, .. } => {
                details.add_quota_failure_violation(*subject, text(self));
                details.set_retry_info(Some(RETRY_DELAY));
            }
            Self::Infeasible { .. } => {
                details.add_precondition_failure_violation(self.reason(), "deadline_ms", text(self));
            }
            Self::StaleGeneration { job_id: subject, .. } | Self::StaleTip { chain: subject, .. } => {
                details.add_precondition_failure_violation(self.reason(), name(subject), text(self));
            }
            Self::ForeignTenant(ForeignTenant { found, .. }) => {
                details.set_resource_info("tenant", name(found), "", text(self));
            }
            Self::RequestIdReused { request_id, .. } => {
                details.set_resource_info("request_id", name(request_id), "", text(self));
            }
            Self::JobNotFound { job_id, .. } | Self::SeqOutOfRange { job_id, .. } => {
                details.set_resource_info("job", name(job_id), "", text(self));
            }
            Self::Journal { .. } | Self::Draining | Self::NoGpu => {
                details.set_retry_info(Some(RETRY_DELAY));
            }
            Self::Unauthenticated
            | Self::ScopeMissing { .. }
            | Self::UploadIdle { .. }
            | Self::Deadline
            | Self::BodyDeadline { .. }
            | Self::NotGrpc { .. }
            | Self::Broken => {}
        }
    }
}

/// What a field should hold and what it holds.
fn values_of(problem: &FieldProblem) -> (Option<String>, Option<String>) {
    let both = |expected: String, found: String| (Some(expected), Some(found));
    match problem {
        FieldProblem::Missing { expected } => both((*expected).to_owned(), "nothing".to_owned()),
        FieldProblem::Length { expected, found } => both(format!("{expected} bytes"), found.to_string()),
        FieldProblem::NotWhole { expected_unit, found } => {
            both(format!("a multiple of {expected_unit} bytes"), found.to_string())
        }
        FieldProblem::TooLarge { expected_max, found } => both(format!("at most {expected_max}"), found.to_string()),
        FieldProblem::Unknown { expected, found } => both((*expected).to_owned(), found.clone()),
        // The text of a domain type names both, in its own words.
        FieldProblem::Refused(_) | _ => (None, None),
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut details = ErrorDetails::with_error_info(refusal.reason(), ERROR_DOMAIN, refusal.metadata());
        refusal.add_details(&mut details);
        Self::with_error_details(refusal.code(), text(&refusal), details)
    }
}

/// Limits a message or a description to a size that clients accept.
fn text(words: &impl ToString) -> String {
    shown(&words.to_string(), STATUS_TEXT_BYTES_MAX)
}

/// Limits a path, a name or a value to a size that clients accept.
fn name(words: &str) -> String {
    shown(words, ECHO_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::STATUS_BYTES_MAX;

    fn one_of_each() -> Vec<Refusal> {
        let field = FieldError::new("priority", FieldProblem::TooLarge { expected_max: 255, found: 256 });
        let id = || "1-2".to_owned();
        vec![
            Refusal::Field(field.clone()),
            Refusal::RequestIdReused { request_id: "r".into(), job_id: id() },
            Refusal::JobNotFound { job_id: id(), epoch: 7 },
            Refusal::StaleGeneration { job_id: id(), expected_min: 4, found: 3 },
            Refusal::Quota { subject: "tenant a".into(), what: "running jobs", max: 64 },
            Refusal::SeqOutOfRange { job_id: id(), from_seq: 1, oldest: 5, latest: 9 },
            Refusal::UploadOrder { message_index: 0, problem: "expected Begin" },
            Refusal::Chunk { chunk_index: 3, offset: 240, problem: field },
            Refusal::ResumeToken { problem: "cut".into() },
            Refusal::RulesDiffer { found: None, expected: "00".repeat(32) },
            Refusal::NoReceiptKey,
            Refusal::NoReceipt { problem: "no date".into() },
            Refusal::StaleTip { chain: "main".into(), expected_min: 4, found: 3 },
            Refusal::ForeignTenant(ForeignTenant { expected: "a".into(), found: "b".into() }),
            Refusal::Displaced { what: "uploads", max: 16 },
            Refusal::Bodies { subject: "service", max: 1 },
            Refusal::BodyDeadline { limit_s: 10 },
            Refusal::UploadIdle { bytes: 0, bytes_min: 1, period_s: 30 },
            Refusal::Unauthenticated,
            Refusal::ScopeMissing { scope: "seal" },
            Refusal::Deadline,
            Refusal::NotGrpc { found: "GET".into() },
            Refusal::Infeasible { predicted: 0.01, wanted: 0.2 },
            Refusal::NoGpu,
            Refusal::Journal { problem: "disk full".into() },
            Refusal::Draining,
            Refusal::Broken,
        ]
    }

    #[test]
    fn every_refusal_carries_its_reason_and_our_domain() {
        for refusal in one_of_each() {
            let status = Status::from(refusal.clone());
            let info = status.get_details_error_info().unwrap();
            assert_eq!((info.reason.as_str(), info.domain.as_str()), (refusal.reason(), "cityseal"));
            assert_eq!(status.message(), refusal.to_string());
        }
    }

    #[test]
    fn every_reason_has_a_label_of_its_own_in_the_metrics() {
        for refusal in one_of_each() {
            assert!(crate::tally::is_known_reason(refusal.reason()), "{}", refusal.reason());
        }
    }

    #[test]
    fn a_quota_names_who_exceeded_it_and_when_to_retry() {
        let status = Status::from(Refusal::Quota { subject: "tenant a".into(), what: "running jobs", max: 64 });
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, "tenant a");
        let metadata = status.get_details_error_info().unwrap().metadata;
        assert_eq!([&metadata["limit"], &metadata["of"], &metadata["max"]], ["running jobs", "tenant a", "64"]);
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(RETRY_DELAY));
    }

    #[test]
    fn an_infeasible_deadline_shows_the_predicted_and_the_wanted_probability() {
        let status = Status::from(Refusal::Infeasible { predicted: 0.01, wanted: 0.2 });
        assert_eq!(status.code(), Code::FailedPrecondition);
        let metadata = status.get_details_error_info().unwrap().metadata;
        assert_eq!([&metadata["probability_predicted"], &metadata["probability_wanted"]], ["0.01", "0.2"]);
        assert_eq!(status.get_details_precondition_failure().unwrap().violations[0].subject, "deadline_ms");
    }

    #[test]
    fn a_bad_field_is_named_by_its_path() {
        let error = FieldError::missing("template.header", "80 bytes");
        let violations = Status::from(Refusal::from(error)).get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "template.header");
    }

    /// Refusals whose texts are as long as a message may be, of characters that grow the most on the wire.
    fn one_of_each_at_its_worst() -> Vec<Refusal> {
        let long = || "\u{20ac}\u{1b}".repeat(1 << 18);
        let unknown = FieldProblem::Unknown { expected: "a word", found: long() };
        vec![
            Refusal::Field(FieldError::new(long(), unknown.clone())),
            Refusal::RequestIdReused { request_id: long(), job_id: long() },
            Refusal::JobNotFound { job_id: long(), epoch: u64::MAX },
            Refusal::StaleGeneration { job_id: long(), expected_min: u64::MAX, found: u64::MAX },
            Refusal::StaleTip { chain: long(), expected_min: u64::MAX, found: u64::MAX },
            Refusal::ForeignTenant(ForeignTenant { expected: long().into(), found: long() }),
            Refusal::Quota { subject: long(), what: "running jobs", max: usize::MAX },
            Refusal::SeqOutOfRange { job_id: long(), from_seq: u64::MAX, oldest: u64::MAX, latest: u64::MAX },
            Refusal::Chunk { chunk_index: u64::MAX, offset: u64::MAX, problem: FieldError::new(long(), unknown) },
            Refusal::ResumeToken { problem: long() },
            Refusal::NoReceipt { problem: long() },
            Refusal::NotGrpc { found: long() },
            Refusal::Journal { problem: long() },
        ]
    }

    #[test]
    fn a_status_stays_within_the_size_that_clients_accept_whatever_a_caller_sends() {
        for refusal in one_of_each_at_its_worst() {
            let status = Status::from(refusal.clone());
            let response = status.clone().into_http::<()>();
            // RFC 9113 section 6.5.2: 32 bytes for each, in addition to name and value. ":status" and "date" are added
            // to them.
            let bytes: usize =
                response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(bytes + 42 + 65 <= STATUS_BYTES_MAX, "{bytes} bytes for {}", refusal.reason());
            assert!(status.message().contains("bytes)"), "truncation is reported: {}", status.message());
            assert!(!status.message().contains('\u{1b}'), "{}", status.message());
        }
    }
}
