//! Statuses made by tonic and its health and reflection services: adds the reason, domain and limits that the service's
//! own statuses have.
//!
//! tonic provides only a code and a message, no error type, so this is the only place that distinguishes the causes.

use std::collections::HashMap;

use cityseal_proto::ERROR_DOMAIN;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::echo::shown;
use super::limits::{ECHO_BYTES_MAX, STATUS_TEXT_BYTES_MAX};

/// A header that tonic sends only if it refuses an encoding.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// Prefix of tonic's message about an unknown flag or length of a gRPC frame.
const FRAME_PROBLEM: &str = "protocol error";

/// Adds the details that a program needs to a status of tonic; leaves OK and the service's own statuses, which have
/// details, unchanged. `path` is that of the call: `/package.Service/Method`.
pub(crate) fn explained(status: Status, path: &str) -> Status {
    if status.code() == Code::Ok || !status.details().is_empty() {
        return status;
    }
    let (code, reason) = cause_of(&status);
    let message = match (reason, status.message()) {
        ("UNKNOWN_METHOD", _) => format!("this service has no method '{}'", shown(path, ECHO_BYTES_MAX)),
        (_, "") => code.description().to_owned(),
        (_, message) => shown(message, STATUS_TEXT_BYTES_MAX),
    };
    let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(code, message, details)
}

/// Returns the code for the caller, and the reason.
fn cause_of(status: &Status) -> (Code, &'static str) {
    let code = status.code();
    match code {
        Code::OutOfRange | Code::ResourceExhausted => (code, "MESSAGE_TOO_LARGE"),
        Code::Unimplemented if status.metadata().contains_key(ACCEPT_ENCODING) => (code, "UNSUPPORTED_ENCODING"),
        Code::Unimplemented => (code, "UNKNOWN_METHOD"),
        // A message that is not protobuf, or is truncated, is the caller's fault. For an impossible flag of a frame
        // gRPC itself requires INTERNAL, and after a failed connection the status has no reader.
        Code::Internal if is_of_message(status) => (Code::InvalidArgument, "UNREADABLE_MESSAGE"),
        Code::Internal | Code::Unknown | Code::InvalidArgument | Code::DataLoss => (code, "UNREADABLE_MESSAGE"),
        Code::Cancelled => (code, "CALL_CANCELLED"),
        Code::DeadlineExceeded => (code, "DEADLINE_PASSED"),
        Code::NotFound => (code, "NOT_FOUND"),
        Code::Unavailable => (code, "UNAVAILABLE"),
        Code::Ok
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unauthenticated => (code, "REFUSED"),
    }
}

fn is_of_message(status: &Status) -> bool {
    std::error::Error::source(status).is_none() && !status.message().starts_with(FRAME_PROBLEM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    fn reason(status: &Status) -> String {
        status.get_details_error_info().unwrap().reason
    }

    #[test]
    fn every_reason_has_a_label_of_its_own_in_the_metrics() {
        for code in (1..=16).map(Code::from) {
            let reason = reason(&explained(Status::new(code, ""), "/a/b"));
            assert!(crate::tally::is_known_reason(&reason), "{reason}");
        }
        assert!(crate::tally::is_known_reason("UNSUPPORTED_ENCODING"));
    }

    #[test]
    fn ok_and_the_services_own_statuses_stay_unchanged() {
        let ours = explained(Status::from(Refusal::Draining), "/a/b");
        assert_eq!((ours.code(), reason(&ours).as_str()), (Code::Unavailable, "DRAINING"));
        assert!(explained(Status::ok(""), "/a/b").details().is_empty());
    }

    #[test]
    fn an_unreadable_message_is_an_invalid_argument_and_an_impossible_frame_stays_internal() {
        let bare = explained(Status::internal("failed to decode Protobuf message: invalid wire type value: 7"), "/a/b");
        assert_eq!((bare.code(), reason(&bare).as_str()), (Code::InvalidArgument, "UNREADABLE_MESSAGE"));
        let frame =
            explained(Status::internal("protocol error: received message with invalid compression flag: 9"), "/a");
        assert_eq!((frame.code(), reason(&frame).as_str()), (Code::Internal, "UNREADABLE_MESSAGE"));
    }

    #[test]
    fn an_unknown_method_is_named_and_truncated() {
        let unknown = explained(Status::unimplemented(""), &format!("/{}", "x".repeat(5000)));
        assert_eq!(reason(&unknown), "UNKNOWN_METHOD");
        assert!(unknown.message().contains("'/xx") && unknown.message().contains("(5001 bytes)"), "{unknown}");
    }

    #[test]
    fn an_unsupported_encoding_is_distinguished_from_an_unknown_method() {
        let mut status = Status::unimplemented("Content is compressed with `gzip` which isn't supported");
        status.metadata_mut().insert(ACCEPT_ENCODING, "identity".parse().unwrap());
        assert_eq!(reason(&explained(status, "/a/b")), "UNSUPPORTED_ENCODING");
    }
}
