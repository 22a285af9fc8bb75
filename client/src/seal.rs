//! A block sealed by the service, and the answer held against the template.
//!
//! The job is submitted under one request id, so that a call made twice makes one job; it is found again after a reconnection and
//! submitted again when the service was restarted.

use std::fmt;
use std::time::Duration;

use cityseal_chain::{Seal, SealTemplate};
use cityseal_proto::{ClaimedSeal, FieldError, template_to_wire, v1};
use tonic::Code;
use tracing::info;

use crate::check::{FalseSeal, check_seals};
use crate::connection::Client;
use crate::error::ClientError;
use crate::retry::random_u64;
use crate::watch::JobEvent;

/// How often a job that the service lost is submitted again.
const RESUBMITS_MAX: u32 = 8;

/// What is to be sealed, for whom, and how far to go.
///
/// ```
/// use std::time::Duration;
///
/// use cityseal_client::SealRequest;
/// use cityseal_client::chain::{Network, Parameters, SealTemplate};
///
/// let genesis = *Parameters::of(Network::Regtest).genesis();
/// let template = SealTemplate::builder(genesis).version_mask(0x1fff_e000).time_window_s(60).build()?;
/// let request = SealRequest::new(template)
///     .request_id("land-registry-814302") // submitted again, it finds the same job
///     .tenant("land-registry")
///     .deadline(Duration::from_mins(10));
/// assert_eq!(request.template().header().time, genesis.time);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SealRequest {
    template: SealTemplate,
    request_id: String,
    tenant: String,
    priority: u8,
    deadline: Option<Duration>,
    generation: u64,
    supersedes_job_id: String,
    search_all: bool,
    seals_max: u32,
}

impl SealRequest {
    /// A request that ends with the first seal, under a request id of its own.
    pub fn new(template: SealTemplate) -> Self {
        Self {
            template,
            request_id: format!("{:016x}{:016x}", random_u64(), random_u64()),
            tenant: String::new(),
            priority: 1,
            deadline: None,
            generation: 0,
            supersedes_job_id: String::new(),
            search_all: false,
            seals_max: 0,
        }
    }

    /// A request id that the caller chose: a second request with it and the same content finds the job of the first.
    pub fn request_id(self, request_id: impl Into<String>) -> Self {
        Self { request_id: request_id.into(), ..self }
    }

    /// On whose behalf.
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), ..self }
    }

    /// The job's weight against others. Default 1.
    pub fn priority(self, priority: u8) -> Self {
        Self { priority, ..self }
    }

    /// How long the job may run. Default and most: the service's maximum. It counts anew when the job must be submitted again.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Which of the caller's tips this is for. An answer of another generation is refused.
    pub fn generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// A job that this one replaces.
    pub fn supersedes(self, job_id: impl Into<String>) -> Self {
        Self { supersedes_job_id: job_id.into(), ..self }
    }

    /// Search the whole space and return every hit, at most `seals_max` (0: the service's maximum).
    pub fn search_all(self, seals_max: u32) -> Self {
        Self { search_all: true, seals_max, ..self }
    }

    /// What is to be sealed.
    pub const fn template(&self) -> &SealTemplate {
        &self.template
    }

    fn to_wire(&self) -> v1::SubmitSealRequest {
        let (template, target) = template_to_wire(&self.template);
        v1::SubmitSealRequest {
            request_id: self.request_id.clone(),
            tenant: self.tenant.clone(),
            template: Some(template),
            target,
            priority: self.priority.into(),
            deadline_ms: self.deadline.map_or(0, |deadline| (deadline.as_millis() as u64).max(1)),
            generation: self.generation,
            supersedes_job_id: self.supersedes_job_id.clone(),
            search_all: self.search_all,
            seals_max: self.seals_max,
        }
    }
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealOutcome {
    /// At least one seal was found (with `search_all`: and the whole space was searched).
    Sealed,
    /// The whole space was searched and holds no seal.
    Exhausted,
    /// Somebody stopped it.
    Cancelled {
        /// Who.
        by: String,
    },
    /// Its deadline passed.
    Expired,
    /// A newer job took its place.
    Superseded {
        /// Which.
        by: String,
    },
    /// It could not be carried through.
    Failed {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for SealOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed => f.write_str("sealed"),
            Self::Exhausted => f.write_str("exhausted"),
            Self::Cancelled { by } => write!(f, "cancelled by {by}"),
            Self::Expired => f.write_str("expired"),
            Self::Superseded { by } => write!(f, "superseded by {by}"),
            Self::Failed { reason } => write!(f, "failed: {reason}"),
        }
    }
}

/// A job's end, checked: every seal was hashed again on this side.
#[derive(Clone, Debug)]
pub struct SealAnswer {
    /// The job's id at the service.
    pub job_id: String,
    /// The run of the service that did the work.
    pub epoch: u64,
    /// How it ended.
    pub outcome: SealOutcome,
    /// Confirmed seals, ascending by (extranonce, version index, time, nonce).
    pub seals: Vec<Seal>,
    /// Hashes done, by the service's word.
    pub hashes: u64,
    /// What was searched, by the service's word.
    pub coverage: Vec<v1::CoverageSpan>,
    /// Who did how much, by the service's word.
    pub devices: Vec<v1::DeviceShare>,
}

impl fmt::Display for SealAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}: {}; {} seals in {} hashes", self.job_id, self.outcome, self.seals.len(), self.hashes)
    }
}

impl Client {
    /// Submits a job without waiting for its end.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where the service does not take it.
    pub async fn submit(&self, request: &SealRequest) -> Result<v1::Job, ClientError> {
        self.submit_request(request.to_wire()).await
    }

    /// Seals: submits, waits for the end over reconnections and restarts of the service, and checks the answer.
    ///
    /// # Errors
    /// [`ClientError::FalseSeal`] where a seal is none; nothing of the answer is given out then. [`ClientError::Refused`] where
    /// the service does not take the job, [`ClientError::JobLost`] where it loses it again and again.
    pub async fn seal(&self, request: &SealRequest) -> Result<SealAnswer, ClientError> {
        self.seal_with(request, |_| ()).await
    }

    /// As [`Client::seal`], and tells the job's progress as the service sends it.
    ///
    /// # Errors
    /// As [`Client::seal`].
    pub async fn seal_with(
        &self,
        request: &SealRequest,
        mut on_progress: impl FnMut(&v1::Job),
    ) -> Result<SealAnswer, ClientError> {
        let mut message = request.to_wire();
        let mut times = 0;
        loop {
            let job = self.submit_request(message.clone()).await?;
            if let Some((job, result)) = self.wait_for_end(&job.id, &mut on_progress).await? {
                return answer(request, job, result);
            }
            times += 1;
            if times > RESUBMITS_MAX {
                return Err(ClientError::JobLost { job_id: job.id, times });
            }
            info!(job_id = job.id, epoch = job.epoch, "the service lost the job; submitting it again");
            // A service that lost this job has lost the one that it replaced too.
            message.supersedes_job_id.clear();
        }
    }

    /// The job's end, or `None` where the service no longer knows the job.
    async fn wait_for_end(
        &self,
        job_id: &str,
        on_progress: &mut impl FnMut(&v1::Job),
    ) -> Result<Option<(v1::Job, v1::SealResult)>, ClientError> {
        let mut watch = self.watch(job_id, 0);
        loop {
            match watch.next().await {
                Ok(Some(JobEvent::Ended { job, result })) => return Ok(Some((job, result))),
                Ok(Some(JobEvent::Accepted { job } | JobEvent::Progress { job })) => on_progress(&job),
                Ok(None) => return Err(ClientError::Cut { expected: "the job's end" }),
                Err(ClientError::Refused { code: Code::NotFound, .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

fn answer(request: &SealRequest, job: v1::Job, result: v1::SealResult) -> Result<SealAnswer, ClientError> {
    if job.generation != request.generation {
        return Err(FalseSeal::Generation { expected: request.generation, found: job.generation }.into());
    }
    let claims = claims(&result.seals)?;
    let seals = check_seals(&request.template, &claims)?;
    let outcome = outcome(&job)?;
    check_outcome(request, &outcome, &seals, job.hashes)?;
    Ok(SealAnswer {
        job_id: job.id,
        epoch: job.epoch,
        outcome,
        seals,
        hashes: job.hashes,
        coverage: result.coverage,
        devices: result.devices,
    })
}

fn claims(seals: &[v1::Seal]) -> Result<Vec<ClaimedSeal>, FieldError> {
    let claim = |(index, seal)| {
        ClaimedSeal::try_from(seal).map_err(|error: FieldError| error.under(&format!("result.seals[{index}]")))
    };
    seals.iter().enumerate().map(claim).collect()
}

fn outcome(job: &v1::Job) -> Result<SealOutcome, ClientError> {
    let reason = job.reason.clone();
    match job.state() {
        v1::JobState::Sealed => Ok(SealOutcome::Sealed),
        v1::JobState::Exhausted => Ok(SealOutcome::Exhausted),
        v1::JobState::Cancelled => Ok(SealOutcome::Cancelled { by: reason }),
        v1::JobState::Expired => Ok(SealOutcome::Expired),
        v1::JobState::Superseded => Ok(SealOutcome::Superseded { by: reason }),
        v1::JobState::Failed => Ok(SealOutcome::Failed { reason }),
        v1::JobState::Unspecified | v1::JobState::Running => Err(ClientError::Cut { expected: "the job's end state" }),
    }
}

/// SEALED needs a seal; the end of a whole search needs as many hashes as the space has points.
fn check_outcome(request: &SealRequest, outcome: &SealOutcome, seals: &[Seal], hashes: u64) -> Result<(), FalseSeal> {
    if *outcome == SealOutcome::Sealed && seals.is_empty() {
        return Err(FalseSeal::None);
    }
    let searched_all = match outcome {
        SealOutcome::Exhausted => true,
        SealOutcome::Sealed => request.search_all,
        SealOutcome::Cancelled { .. }
        | SealOutcome::Expired
        | SealOutcome::Superseded { .. }
        | SealOutcome::Failed { .. } => false,
    };
    let (expected, found) = (request.template.space().volume(), u128::from(hashes));
    if searched_all && expected != found {
        return Err(FalseSeal::NotExhausted { expected, found });
    }
    Ok(())
}
