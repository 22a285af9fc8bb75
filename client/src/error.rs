//! What can go wrong between a node and the service, and who is to blame.

use std::fmt;
use std::io;
use std::time::Duration;

use cityseal_proto::FieldError;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::address::AddressProblem;
use crate::check::{FalseSeal, FalseVerdict};
use crate::receipt_check::FalseReceipt;

/// Who must act on an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blame {
    /// What the caller asked for is wrong.
    Input,
    /// The service, or the way to it.
    Peer,
    /// The source of the bytes that were to be sent.
    Disk,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Peer => "peer",
            Self::Disk => "disk",
        })
    }
}

/// What can go wrong between a node and the service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Invalid service address. No connection was tried.
    #[error("invalid service address {found:?}: {problem}; expected one like 127.0.0.1:50051")]
    Address {
        /// The address given.
        found: String,
        /// What is wrong with it.
        #[source]
        problem: AddressProblem,
    },
    /// No connection was made in the time that the retry policy gives, or the first attempt failed for good.
    #[error("no connection to {address}{}: {reason}; is `cityseal serve` running there?", after(*within))]
    Unreachable {
        /// The service's address.
        address: String,
        /// How long it was tried. Zero: a second attempt was useless, or the policy allows none.
        within: Duration,
        /// What went wrong the last time.
        reason: String,
    },
    /// The service refused the call.
    #[error("refused by the service ({code:?}, {reason}): {message}")]
    Refused {
        /// gRPC's code.
        code: Code,
        /// The service's word for it, from its `ErrorInfo`; gRPC's description of the code where it gave none.
        reason: String,
        /// For people.
        message: String,
    },
    /// The service calls something a seal that is none. Nothing of its answer was used.
    #[error("the service returned a false seal: {0}")]
    FalseSeal(#[from] FalseSeal),
    /// The service speaks of another chain than was sent. Nothing of its answer was used.
    #[error("the service returned a false verdict: {0}")]
    FalseVerdict(#[from] FalseVerdict),
    /// The receipt is none, or not one of the chain that was sent. Nothing of the service's answer was used.
    #[error("the service returned a false receipt: {0}")]
    FalseReceipt(#[from] FalseReceipt),
    /// The service sent something that cannot be taken apart.
    #[error("the service's answer cannot be read: {0}")]
    Malformed(#[from] FieldError),
    /// The service ended a stream before what must stand at its end.
    #[error("the service ended the call without {expected}")]
    Cut {
        /// What should have come.
        expected: &'static str,
    },
    /// The job was lost more often than it is submitted again.
    #[error("job {job_id} was lost {times} times; the service restarts too often or forgets too soon")]
    JobLost {
        /// The last id that the job had.
        job_id: String,
        /// How often it was lost.
        times: u32,
    },
    /// The source of the chain's bytes failed; the service was told nothing that it could call valid.
    #[error("reading the chain failed: {0}")]
    Source(#[from] io::Error),
}

impl ClientError {
    /// Who must act.
    pub const fn blame(&self) -> Blame {
        match self {
            Self::Address { .. } => Blame::Input,
            Self::Refused { code, .. } => blame_of(*code),
            Self::Source(_) => Blame::Disk,
            Self::Unreachable { .. }
            | Self::FalseSeal(_)
            | Self::FalseVerdict(_)
            | Self::FalseReceipt(_)
            | Self::Malformed(_)
            | Self::Cut { .. }
            | Self::JobLost { .. } => Blame::Peer,
        }
    }
}

fn after(within: Duration) -> String {
    if within.is_zero() { String::new() } else { format!(" within {within:?}") }
}

/// A refusal that the caller brought about is one of the request's content or of its moment; all others are the service's.
const fn blame_of(code: Code) -> Blame {
    match code {
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unauthenticated => Blame::Input,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Blame::Peer,
    }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        let reason = reason_of(&status).unwrap_or_else(|| status.code().description().to_owned());
        Self::Refused { code: status.code(), reason, message: status.message().to_owned() }
    }
}

/// The service's word for a refusal.
pub(crate) fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// A number that the service put beside its reason.
pub(crate) fn number_of(status: &Status, key: &str) -> Option<u64> {
    status.get_details_error_info()?.metadata.get(key)?.parse().ok()
}
