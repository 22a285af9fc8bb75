//! A submission after validation: every field has the form that the protocol requires, and the template can be
//! searched.
//!
//! Callers' input is not trusted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::SealTemplate;
use cityseal_engine::SealJob;
use cityseal_proto::{FieldError, field, template_from_request, v1};
use prost::Message;

use crate::caller::Caller;
use crate::limits::{COINBASE_BYTES_MAX, JOB_DEADLINE_MAX, NAME_BYTES_MAX, SEALS_MAX};
use crate::refusal::Refusal;
use crate::trace::CallTrace;

/// A submission that was checked.
#[derive(Clone, Debug)]
pub(crate) struct JobRequest {
    pub(crate) about: JobAbout,
    pub(crate) supersedes: Option<String>,
    template: SealTemplate,
    deadline: Duration,
    search_all: bool,
    seals_max: usize,
    /// The tenant whose share of the devices pays.
    paid_by: Arc<str>,
}

/// What the service keeps of a submission, also after the job has ended. The template is not part of it: the engine
/// holds it while the job runs.
#[derive(Clone, Debug)]
pub(crate) struct JobAbout {
    pub(crate) request_id: String,
    pub(crate) tenant: Arc<str>,
    pub(crate) chain: String,
    pub(crate) priority: u8,
    pub(crate) generation: u64,
    /// SHA-256 of the message: two submissions with the same request id are the same if this is equal.
    pub(crate) fingerprint: [u8; 32],
    /// Hashes of the whole search space.
    pub(crate) volume: u128,
    /// How many seals the result may have: only one unless the whole space is searched. A batch with an easy target
    /// finds many.
    pub(crate) seals_returned_max: usize,
    /// The ids of the call that submitted it, if they are known.
    pub(crate) trace: Option<CallTrace>,
}

impl JobRequest {
    /// Reads the submission of a caller.
    ///
    /// # Errors
    /// Returns [`Refusal::Field`], or [`Refusal::ForeignTenant`] if it names a tenant that is not the caller's.
    pub(crate) fn read(mut message: v1::SubmitSealRequest, caller: &Caller) -> Result<Self, Refusal> {
        if message.request_id.is_empty() {
            return Err(FieldError::missing("request_id", "a name chosen by the caller for this submission").into());
        }
        name("request_id", &message.request_id)?;
        name("tenant", &message.tenant)?;
        name("chain", &message.chain)?;
        let tenant = caller.tenant_for(&message.tenant)?;
        // The same submission has the same fingerprint, whether or not it names the caller's tenant.
        (*tenant).clone_into(&mut message.tenant);
        let priority = field::at_most("priority", message.priority.into(), u8::MAX.into())?;
        check_coinbase(&message)?;
        let template = template_from_request(&message)?;
        let seals_max = at_most_or_max(message.seals_max);
        Ok(Self {
            about: JobAbout {
                tenant,
                priority: priority as u8,
                generation: message.generation,
                fingerprint: cityseal_hash::sha256(&message.encode_to_vec()),
                volume: template.space().volume(),
                seals_returned_max: if message.search_all { seals_max } else { 1 },
                request_id: message.request_id,
                chain: message.chain,
                trace: None,
            },
            template,
            deadline: clamped(message.deadline_ms),
            search_all: message.search_all,
            seals_max,
            paid_by: caller.pays_as(),
            supersedes: Some(message.supersedes_job_id).filter(|id| !id.is_empty()),
        })
    }

    /// Adds the ids of the call that submits it.
    pub(crate) fn traced(mut self, trace: Option<CallTrace>) -> Self {
        self.about.trace = trace;
        self
    }

    /// Returns the engine's job, whose deadline counts from `now`.
    pub(crate) fn into_job(self, now: Instant) -> SealJob {
        SealJob::new(self.template)
            .all(self.search_all)
            .seals_max(self.seals_max)
            .deadline(now + self.deadline)
            .tenant(&*self.paid_by)
            .priority(self.about.priority)
    }
}

/// Checks the length of a coinbase before it is copied and hashed.
fn check_coinbase(message: &v1::SubmitSealRequest) -> Result<(), FieldError> {
    let coinbase = message.template.as_ref().and_then(|template| template.coinbase.as_ref());
    let found = coinbase.map_or(0, |coinbase| coinbase.prefix.len() + coinbase.suffix.len());
    if found > COINBASE_BYTES_MAX {
        let problem = format!("prefix and suffix of {found} bytes; expected at most {COINBASE_BYTES_MAX}");
        return Err(FieldError::refused("template.coinbase", &problem));
    }
    Ok(())
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
    use crate::caller::Scope;

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

    fn read(message: v1::SubmitSealRequest) -> Result<JobRequest, Refusal> {
        JobRequest::read(message, &Caller::local())
    }

    fn refused_path(message: v1::SubmitSealRequest) -> String {
        match read(message) {
            Err(Refusal::Field(error)) => error.path,
            other => panic!("expected a refused field, got {other:?}"),
        }
    }

    #[test]
    fn accepts_names_at_their_limit_and_refuses_one_byte_more() {
        let of_len = |len: usize| v1::SubmitSealRequest { request_id: "x".repeat(len), ..message() };
        assert!(read(of_len(NAME_BYTES_MAX)).is_ok());
        assert_eq!(refused_path(of_len(NAME_BYTES_MAX + 1)), "request_id");
        assert_eq!(refused_path(of_len(0)), "request_id");
        let tenant = v1::SubmitSealRequest { tenant: "x".repeat(NAME_BYTES_MAX + 1), ..message() };
        assert_eq!(refused_path(tenant), "tenant");
    }

    #[test]
    fn accepts_the_highest_priority_and_refuses_the_next() {
        let of = |priority| v1::SubmitSealRequest { priority, ..message() };
        assert_eq!(read(of(255)).unwrap().about.priority, 255);
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
        let print = |message| read(message).unwrap().about.fingerprint;
        assert_eq!(print(message()), print(message()));
        assert_ne!(print(message()), print(v1::SubmitSealRequest { generation: 1, ..message() }));
    }
    #[test]
    fn a_caller_with_an_identity_submits_only_for_its_own_tenant() {
        let caller = Caller::new("north", [Scope::Seal].into_iter().collect());
        let of = |tenant: &str| v1::SubmitSealRequest { tenant: tenant.to_owned(), ..message() };
        let (named, unnamed) =
            (JobRequest::read(of("north"), &caller).unwrap(), JobRequest::read(of(""), &caller).unwrap());
        assert_eq!((&*unnamed.about.tenant, unnamed.about.fingerprint), ("north", named.about.fingerprint));
        assert!(matches!(JobRequest::read(of("south"), &caller), Err(Refusal::ForeignTenant(_))));
    }

    #[test]
    fn accepts_the_longest_coinbase_and_refuses_one_byte_more() {
        let of_len = |len: usize| {
            let coinbase = v1::Coinbase {
                prefix: vec![0; len / 2].into(),
                suffix: vec![0; len - len / 2].into(),
                extranonce_size_bytes: 4,
                ..Default::default()
            };
            let mut message = message();
            message.template.as_mut().unwrap().coinbase = Some(coinbase);
            message
        };
        assert!(read(of_len(COINBASE_BYTES_MAX)).is_ok());
        assert_eq!(refused_path(of_len(COINBASE_BYTES_MAX + 1)), "template.coinbase");
    }
}
