//! Errors between a node and the service.

use std::io;
use std::time::Duration;

use cityseal_proto::FieldError;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::address::AddressProblem;
use crate::check::{FalseReceipt, FalseSeal, FalseVerdict};
use crate::credentials::CredentialProblem;

/// Errors between a node and the service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Invalid service address. No connection was attempted.
    #[error("invalid service address {found:?}: {problem}; expected one like 127.0.0.1:50051")]
    Address {
        /// The address given.
        found: String,
        /// What is wrong with it.
        #[source]
        problem: AddressProblem,
    },
    /// TLS or the token cannot be used. No connection was attempted.
    #[error("cannot use these credentials: {0}")]
    Credential(#[from] CredentialProblem),
    /// No connection was made within the time of the retry policy, or the first attempt failed permanently.
    #[error("no connection to {address}{}: {reason}; is `cityseal serve` running there?", after(*within))]
    Unreachable {
        /// The service's address.
        address: String,
        /// How long the client tried. Zero: another attempt would have been useless, or the policy allows none.
        within: Duration,
        /// Why the last attempt failed.
        reason: String,
    },
    /// The service refused the call.
    #[error("refused by the service ({code:?}, {reason}): {message}")]
    Refused {
        /// gRPC status code.
        code: Code,
        /// The reason from the service's `ErrorInfo`, or gRPC's description of the code if there is none.
        reason: String,
        /// Human-readable message.
        message: String,
    },
    /// A seal in the answer is not a seal of the template. The whole answer was discarded.
    #[error("the service returned a false seal: {0}")]
    FalseSeal(#[from] FalseSeal),
    /// The verdict does not match the chain that was sent. The whole answer was discarded.
    #[error("the service returned a false verdict: {0}")]
    FalseVerdict(#[from] FalseVerdict),
    /// The receipt is missing or invalid, or does not match the chain that was sent. The whole answer was discarded.
    #[error("the service returned a false receipt: {0}")]
    FalseReceipt(#[from] FalseReceipt),
    /// The service's answer cannot be parsed.
    #[error("cannot parse the service's answer: {0}")]
    Malformed(#[from] FieldError),
    /// The service ended a stream without its final message.
    #[error("the service ended the call without {expected}")]
    Cut {
        /// What is missing.
        expected: &'static str,
    },
    /// The service lost the job too many times.
    #[error("job {job_id} was lost {times} times; the service restarts too often or drops ended jobs too early")]
    JobLost {
        /// The job's last id.
        job_id: String,
        /// How often it was lost.
        times: u32,
    },
    /// The source of the chain's bytes failed. The upload was not closed, so the service cannot report it as valid.
    #[error("reading the chain failed: {0}")]
    Source(#[from] io::Error),
}

fn after(within: Duration) -> String {
    if within.is_zero() { String::new() } else { format!(" within {within:?}") }
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        let reason = reason_of(&status).unwrap_or_else(|| status.code().description().to_owned());
        Self::Refused { code: status.code(), reason, message: status.message().to_owned() }
    }
}

/// The reason that the service gives for a refusal.
pub(crate) fn reason_of(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// A number from the metadata of the service's `ErrorInfo`.
pub(crate) fn number_of(status: &Status, key: &str) -> Option<u64> {
    status.get_details_error_info()?.metadata.get(key)?.parse().ok()
}
