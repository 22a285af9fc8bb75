//! What the journal stores of a job.

use std::fmt;
use std::str::FromStr;

use prost::bytes::Bytes;

/// The id of a job: 16 random bytes, shown as 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub [u8; 16]);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is not 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 lower-case hex digits")]
pub struct ParseJobIdError;

impl FromStr for JobId {
    type Err = ParseJobIdError;

    /// Only the spelling of `Display` is accepted, so that a job has one id.
    fn from_str(text: &str) -> Result<Self, ParseJobIdError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(ParseJobIdError);
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| ParseJobIdError)
    }
}

/// A job as it was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Chosen at random by the service.
    pub id: JobId,
    /// The owner. A request id belongs to one tenant.
    pub tenant: String,
    /// Chosen by the caller; at most one job of a tenant has it.
    pub request_id: String,
    /// SHA-256 of the request: the same request id with another fingerprint is another request.
    pub fingerprint: [u8; 32],
    /// The request as the service encodes it. Empty once the job has ended: it is not needed then, and may be large.
    pub request: Bytes,
    /// The epoch in which it was submitted.
    pub epoch: u64,
    /// When it was accepted, as Unix time in milliseconds.
    pub submitted_unix_ms: u64,
    /// When it expires, as Unix time in milliseconds.
    pub expires_unix_ms: u64,
}

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// The job is on the disk.
    New,
    /// The tenant used this request id before. The job is the one of that time; its fingerprint tells whether the
    /// request is the same.
    Known(Box<StoredJob>),
}

/// A range of ranks in the job's search space that was searched; both ends are included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Rank of the first hash.
    pub first: u128,
    /// Rank of the last hash; not below `first`.
    pub last: u128,
    /// Name of the device that searched it; empty: several devices.
    pub device: String,
}

/// How far a running job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The service gives no event of the job a greater sequence number before the next progress is on the disk.
    pub seq: u64,
    /// The epoch in which `seq` was reserved.
    pub epoch: u64,
    /// What was searched: sorted and disjoint. Above [`RUNS_MAX`](crate::RUNS_MAX) runs, neighbours of different
    /// devices are joined.
    pub runs: Vec<Run>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The sequence number of its last event.
    pub seq: u64,
    /// When it ended, as Unix time in milliseconds.
    pub ended_unix_ms: u64,
    /// The result as the service encodes it.
    pub result: Bytes,
}

/// All that the journal stores of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    /// The job as it was submitted.
    pub submission: Submission,
    /// The latest progress that was written; the default if there is none, or the job has ended.
    pub progress: Progress,
    /// `None`: the job was running.
    pub end: Option<End>,
}

/// The tip of a chain, as the service reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The owner. Each tenant has chains of its own.
    pub tenant: String,
    /// The name of the chain.
    pub chain: String,
    /// Jobs of the chain with a lower generation are stale.
    pub generation: u64,
    /// When it was reported, as Unix time in milliseconds.
    pub advanced_unix_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = JobId(std::array::from_fn(|at| at as u8 * 17));
        let text = "00112233445566778899aabbccddeeff";
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
        for other in ["", "00112233445566778899AABBCCDDEEFF", "+0112233445566778899aabbccddeeff", &text[1..]] {
            assert_eq!(other.parse::<JobId>(), Err(ParseJobIdError), "{other}");
        }
    }
}
