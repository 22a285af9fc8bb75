//! Statuses that tonic and its health and reflection services make themselves: they get the reason, domain and limits that
//! the service's own have.
//!
//! tonic gives no type for what went wrong, only a code and a message, so this is the one place that tells them apart.

use std::collections::HashMap;

use cityseal_proto::ERROR_DOMAIN;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::echo::shown;
use super::limits::{ECHO_BYTES_MAX, STATUS_TEXT_BYTES_MAX};

/// A header that tonic sends with a refusal of the encoding, and with no other.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// How tonic begins its words about a flag or length of a message's frame that gRPC does not know.
const FRAME_PROBLEM: &str = "protocol error";

/// A status of tonic's with what a program needs to act on it; one of ours, which has details, and OK as they are.
/// `path` is the call's: `/package.Service/Method`.
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

/// The code that the caller gets, and the word for it.
fn cause_of(status: &Status) -> (Code, &'static str) {
    let code = status.code();
    match code {
        Code::OutOfRange | Code::ResourceExhausted => (code, "MESSAGE_TOO_LARGE"),
        Code::Unimplemented if status.metadata().contains_key(ACCEPT_ENCODING) => (code, "UNSUPPORTED_ENCODING"),
        Code::Unimplemented => (code, "UNKNOWN_METHOD"),
        // A message that is no protobuf, or ends in its middle, is the caller's fault. For an impossible flag of a frame gRPC
        // itself demands INTERNAL, and where the connection failed there is nobody left to read this.
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
    fn a_status_of_ours_and_ok_are_left_alone() {
        let ours = explained(Status::from(Refusal::Draining), "/a/b");
        assert_eq!((ours.code(), reason(&ours).as_str()), (Code::Unavailable, "DRAINING"));
        assert!(explained(Status::ok(""), "/a/b").details().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_an_invalid_argument_and_an_impossible_frame_stays_internal() {
        let bare = explained(Status::internal("failed to decode Protobuf message: invalid wire type value: 7"), "/a/b");
        assert_eq!((bare.code(), reason(&bare).as_str()), (Code::InvalidArgument, "UNREADABLE_MESSAGE"));
        let frame =
            explained(Status::internal("protocol error: received message with invalid compression flag: 9"), "/a");
        assert_eq!((frame.code(), reason(&frame).as_str()), (Code::Internal, "UNREADABLE_MESSAGE"));
    }

    #[test]
    fn a_method_that_is_not_there_is_named_and_cut() {
        let unknown = explained(Status::unimplemented(""), &format!("/{}", "x".repeat(5000)));
        assert_eq!(reason(&unknown), "UNKNOWN_METHOD");
        assert!(unknown.message().contains("'/xx") && unknown.message().contains("(5001 bytes)"), "{unknown}");
    }

    #[test]
    fn an_encoding_that_is_not_supported_is_told_apart_from_an_unknown_method() {
        let mut status = Status::unimplemented("Content is compressed with `gzip` which isn't supported");
        status.metadata_mut().insert(ACCEPT_ENCODING, "identity".parse().unwrap());
        assert_eq!(reason(&explained(status, "/a/b")), "UNSUPPORTED_ENCODING");
    }
}
