//! A submission after validation: every field has the form that the protocol requires, and the template can be
//! searched.
//!
//! Callers' input is not trusted.

use std::time::{Duration, Instant};

use cityseal_chain::SealTemplate;
use cityseal_engine::SealJob;
use cityseal_proto::{FieldError, field, template_from_request, v1};
use prost::Message;

use crate::limits::{JOB_DEADLINE_MAX, NAME_BYTES_MAX, SEALS_MAX};

/// A submission that was checked.
#[derive(Clone, Debug)]
pub(crate) struct JobRequest {
    pub(crate) request_id: String,
    pub(crate) tenant: String,
    pub(crate) template: SealTemplate,
    pub(crate) priority: u8,
    pub(crate) generation: u64,
    pub(crate) supersedes: Option<String>,
    /// SHA-256 of the message: two submissions with the same request id are the same if this is equal.
    pub(crate) fingerprint: [u8; 32],
    deadline: Duration,
    search_all: bool,
    seals_max: usize,
}

impl TryFrom<v1::SubmitSealRequest> for JobRequest {
    type Error = FieldError;

    fn try_from(message: v1::SubmitSealRequest) -> Result<Self, FieldError> {
        if message.request_id.is_empty() {
            return Err(FieldError::missing("request_id", "a name chosen by the caller for this submission"));
        }
        name("request_id", &message.request_id)?;
        name("tenant", &message.tenant)?;
        let priority = field::at_most("priority", message.priority.into(), u8::MAX.into())?;
        Ok(Self {
            template: template_from_request(&message)?,
            priority: priority as u8,
            generation: message.generation,
            deadline: clamped(message.deadline_ms),
            search_all: message.search_all,
            seals_max: at_most_or_max(message.seals_max),
            fingerprint: cityseal_hash::sha256(&message.encode_to_vec()),
            supersedes: Some(message.supersedes_job_id).filter(|id| !id.is_empty()),
            request_id: message.request_id,
            tenant: message.tenant,
        })
    }
}

impl JobRequest {
    /// Returns how many seals the result may have: only one unless the whole space is searched. A batch with an easy
    /// target finds many.
    pub(crate) const fn seals_returned_max(&self) -> usize {
        if self.search_all { self.seals_max } else { 1 }
    }

    /// Returns the engine's job, whose deadline counts from `now`.
    pub(crate) fn to_job(&self, now: Instant) -> SealJob {
        SealJob::new(self.template.clone())
            .all(self.search_all)
            .seals_max(self.seals_max)
            .deadline(now + self.deadline)
            .tenant(self.tenant.clone())
            .priority(self.priority)
    }
}

/// Checks the length of a name.
///
/// # Errors
/// Returns [`FieldError`] with both lengths.
pub(crate) fn name(path: &str, name: &str) -> Result<(), FieldError> {
    field::at_most(path, name.len() as u64, NAME_BYTES_MAX as u64)
        .map(drop)
        .map_err(|error| FieldError::refused(path, &format!("name of {} bytes: {}", name.len(), error.problem)))
}

fn clamped(deadline_ms: u64) -> Duration {
    match deadline_ms {
        0 => JOB_DEADLINE_MAX,
        some => Duration::from_millis(some).min(JOB_DEADLINE_MAX),
    }
}

fn at_most_or_max(seals_max: u32) -> usize {
    match seals_max as usize {
        0 => SEALS_MAX,
        some => some.min(SEALS_MAX),
    }
}

#[cfg(test)]
mod tests {
    use prost::bytes::Bytes;

    use super::*;

    /// The header of Bitcoin's regtest genesis block, whose target is met by every second hash.
    fn message() -> v1::SubmitSealRequest {
        let mut header = [0; 80];
        header[0] = 1;
        header[72..76].copy_from_slice(&0x207f_ffff_u32.to_le_bytes());
        v1::SubmitSealRequest {
            request_id: "r".to_owned(),
            template: Some(v1::SealTemplate { header: Bytes::copy_from_slice(&header), ..Default::default() }),
            ..Default::default()
        }
    }

    fn refused_path(message: v1::SubmitSealRequest) -> String {
        JobRequest::try_from(message).unwrap_err().path
    }

    #[test]
    fn accepts_names_at_their_limit_and_refuses_one_byte_more() {
        let of_len = |len: usize| v1::SubmitSealRequest { request_id: "x".repeat(len), ..message() };
        assert!(JobRequest::try_from(of_len(NAME_BYTES_MAX)).is_ok());
        assert_eq!(refused_path(of_len(NAME_BYTES_MAX + 1)), "request_id");
        assert_eq!(refused_path(of_len(0)), "request_id");
        let tenant = v1::SubmitSealRequest { tenant: "x".repeat(NAME_BYTES_MAX + 1), ..message() };
        assert_eq!(refused_path(tenant), "tenant");
    }

    #[test]
    fn accepts_the_highest_priority_and_refuses_the_next() {
        let of = |priority| v1::SubmitSealRequest { priority, ..message() };
        assert_eq!(JobRequest::try_from(of(255)).unwrap().priority, 255);
        assert_eq!(refused_path(of(256)), "priority");
    }

    #[test]
    fn no_deadline_and_a_deadline_past_the_maximum_are_the_maximum() {
        assert_eq!(clamped(0), JOB_DEADLINE_MAX);
        assert_eq!(clamped(u64::MAX), JOB_DEADLINE_MAX);
        assert_eq!(clamped(1), Duration::from_millis(1));
    }

    #[test]
    fn no_limit_of_seals_and_one_past_the_maximum_are_the_maximum() {
        assert_eq!((at_most_or_max(0), at_most_or_max(u32::MAX)), (SEALS_MAX, SEALS_MAX));
        assert_eq!(at_most_or_max(3), 3);
    }

    #[test]
    fn any_other_content_has_another_fingerprint() {
        let print = |message| JobRequest::try_from(message).unwrap().fingerprint;
        assert_eq!(print(message()), print(message()));
        assert_ne!(print(message()), print(v1::SubmitSealRequest { generation: 1, ..message() }));
    }
}
