//! Why a call is refused, and the one place where that becomes a gRPC status with its details.
//!
//! Every status that the service makes carries `ErrorInfo { reason, domain: "cityseal" }`, so that a program can act on it
//! without reading the message. It decides nothing.

use std::collections::HashMap;

use cityseal_proto::{ERROR_DOMAIN, FieldError};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::echo::shown;
use super::limits::{ECHO_BYTES_MAX, RETRY_DELAY, STATUS_TEXT_BYTES_MAX};

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Field(#[from] FieldError),
    #[error("request_id '{request_id}' was used before with other content, for job {job_id}")]
    RequestIdReused { request_id: String, job_id: String },
    #[error("no job {job_id}: it is unknown, forgotten, or of a service that has been restarted (epoch {epoch} now)")]
    JobNotFound { job_id: String, epoch: u64 },
    #[error("generation {found} is older than {expected_min}, the generation of job {job_id} that is to be superseded")]
    StaleGeneration { job_id: String, expected_min: u64, found: u64 },
    #[error("{subject}: at most {max} {what} at once")]
    Quota { subject: String, what: &'static str, max: usize },
    #[error("job {job_id}: event {from_seq} is not kept; {oldest}..={latest} are")]
    SeqOutOfRange { job_id: String, from_seq: u64, oldest: u64, latest: u64 },
    #[error("upload, message {message_index}: {problem}")]
    UploadOrder { message_index: u64, problem: &'static str },
    #[error("chunk {chunk_index} (from byte {offset} of the chain): {problem}")]
    Chunk { chunk_index: u64, offset: u64, problem: FieldError },
    #[error("begin.resume_token: {problem}")]
    ResumeToken { problem: String },
    #[error(
        "begin.resume_token: judged by {}, this service judges by {expected}; send the chain from its beginning",
        found.as_deref().unwrap_or("a build that did not record its rules")
    )]
    RulesDiffer { found: Option<String>, expected: String },
    #[error("the service signs no receipts: it was started without a key (`--key FILE`)")]
    NoReceiptKey,
    #[error("{problem}")]
    NoReceipt { problem: String },
    #[error("the upload was silent for {idle_s} s")]
    UploadIdle { idle_s: u64 },
    #[error("the deadline of the call passed")]
    Deadline,
    #[error("this port speaks gRPC: expected POST with content type 'application/grpc', found {found}")]
    NotGrpc { found: String },
    #[error("the service is shutting down")]
    Draining,
    #[error("a part of the service failed; the call can be made again")]
    Broken,
}

impl Refusal {
    /// The word that a program acts on.
    pub(crate) const fn reason(&self) -> &'static str {
        match self {
            Self::Field(_) => "INVALID_FIELD",
            Self::RequestIdReused { .. } => "REQUEST_ID_REUSED",
            Self::JobNotFound { .. } => "JOB_NOT_FOUND",
            Self::StaleGeneration { .. } => "STALE_GENERATION",
            Self::Quota { .. } => "QUOTA_EXCEEDED",
            Self::SeqOutOfRange { .. } => "SEQ_OUT_OF_RANGE",
            Self::UploadOrder { .. } => "UPLOAD_OUT_OF_ORDER",
            Self::Chunk { .. } => "INVALID_CHUNK",
            Self::ResumeToken { .. } => "RESUME_TOKEN_REFUSED",
            Self::RulesDiffer { .. } => "RULES_DIFFER",
            Self::NoReceiptKey => "NO_RECEIPT_KEY",
            Self::NoReceipt { .. } => "NO_RECEIPT",
            Self::UploadIdle { .. } => "UPLOAD_IDLE",
            Self::Deadline => "DEADLINE_PASSED",
            Self::NotGrpc { .. } => "NOT_GRPC",
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
            Self::StaleGeneration { .. } | Self::NoReceiptKey | Self::NoReceipt { .. } => Code::FailedPrecondition,
            Self::Quota { .. } => Code::ResourceExhausted,
            Self::SeqOutOfRange { .. } => Code::OutOfRange,
            Self::UploadIdle { .. } | Self::Deadline => Code::DeadlineExceeded,
            Self::Draining => Code::Unavailable,
            Self::Broken => Code::Internal,
        }
    }

    /// The numbers of the message, for programs.
    fn metadata(&self) -> HashMap<String, String> {
        let pairs: Vec<(&str, String)> = match self {
            Self::JobNotFound { epoch, .. } => vec![("epoch", epoch.to_string())],
            Self::StaleGeneration { expected_min, .. } => vec![("generation_min", expected_min.to_string())],
            Self::Quota { max, .. } => vec![("max", max.to_string())],
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
            Self::Field(_)
            | Self::ResumeToken { .. }
            | Self::NoReceiptKey
            | Self::NoReceipt { .. }
            | Self::UploadIdle { .. }
            | Self::Deadline
            | Self::NotGrpc { .. }
            | Self::Draining
            | Self::Broken => Vec::new(),
        };
        pairs.into_iter().map(|(key, value)| (key.to_owned(), name(&value))).collect()
    }

    /// The details that a person or a library expects beside the reason.
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
            Self::StaleGeneration { job_id, .. } => {
                details.add_precondition_failure_violation(self.reason(), name(job_id), text(self));
            }
            Self::RequestIdReused { request_id, .. } => {
                details.set_resource_info("request_id", name(request_id), "", text(self));
            }
            Self::JobNotFound { job_id, .. } | Self::SeqOutOfRange { job_id, .. } => {
                details.set_resource_info("job", name(job_id), "", text(self));
            }
            Self::Draining => {
                details.set_retry_info(Some(RETRY_DELAY));
            }
            Self::UploadIdle { .. } | Self::Deadline | Self::NotGrpc { .. } | Self::Broken => {}
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut details = ErrorDetails::with_error_info(refusal.reason(), ERROR_DOMAIN, refusal.metadata());
        refusal.add_details(&mut details);
        Self::with_error_details(refusal.code(), text(&refusal), details)
    }
}

/// A message or a description, within what clients take.
fn text(words: &impl ToString) -> String {
    shown(&words.to_string(), STATUS_TEXT_BYTES_MAX)
}

/// A path, a name or a value beside the reason, within what clients take.
fn name(words: &str) -> String {
    shown(words, ECHO_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use cityseal_proto::FieldProblem;

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
            Refusal::UploadIdle { idle_s: 60 },
            Refusal::Deadline,
            Refusal::NotGrpc { found: "GET".into() },
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
    fn a_quota_names_who_passed_it_and_when_to_come_again() {
        let status = Status::from(Refusal::Quota { subject: "tenant a".into(), what: "running jobs", max: 64 });
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, "tenant a");
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(RETRY_DELAY));
    }

    #[test]
    fn a_bad_field_is_named_by_its_path() {
        let error = FieldError::missing("template.header", "80 bytes");
        let violations = Status::from(Refusal::from(error)).get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "template.header");
    }

    /// Every text of a caller is as long as a message may be, and of characters that grow the most on the wire.
    fn one_of_each_at_its_worst() -> Vec<Refusal> {
        let long = || "\u{20ac}\u{1b}".repeat(1 << 18);
        let unknown = FieldProblem::Unknown { expected: "a word", found: long() };
        vec![
            Refusal::Field(FieldError::new(long(), unknown.clone())),
            Refusal::RequestIdReused { request_id: long(), job_id: long() },
            Refusal::JobNotFound { job_id: long(), epoch: u64::MAX },
            Refusal::StaleGeneration { job_id: long(), expected_min: u64::MAX, found: u64::MAX },
            Refusal::Quota { subject: long(), what: "running jobs", max: usize::MAX },
            Refusal::SeqOutOfRange { job_id: long(), from_seq: u64::MAX, oldest: u64::MAX, latest: u64::MAX },
            Refusal::Chunk { chunk_index: u64::MAX, offset: u64::MAX, problem: FieldError::new(long(), unknown) },
            Refusal::ResumeToken { problem: long() },
            Refusal::NoReceipt { problem: long() },
            Refusal::NotGrpc { found: long() },
        ]
    }

    #[test]
    fn whatever_a_caller_sends_a_status_stays_within_what_clients_take() {
        for refusal in one_of_each_at_its_worst() {
            let status = Status::from(refusal.clone());
            let response = status.clone().into_http::<()>();
            // As RFC 9113 section 6.5.2 counts: 32 bytes for each, beside its name and value. ":status" and "date" come with them.
            let bytes: usize =
                response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(bytes + 42 + 65 <= STATUS_BYTES_MAX, "{bytes} bytes for {}", refusal.reason());
            assert!(status.message().contains("bytes)"), "what was cut is named: {}", status.message());
            assert!(!status.message().contains('\u{1b}'), "{}", status.message());
        }
    }
}
