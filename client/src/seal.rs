//! Seals a block by the service and checks the answer against the template.
//!
//! The job is submitted under one request id, so that a repeated call creates one job only. The client reattaches to
//! the job after a reconnection and resubmits it after a restart of the service.

use std::fmt;
use std::time::Duration;

use cityseal_chain::{Seal, SealTemplate};
use cityseal_proto::{template_to_wire, v1};
use tonic::Code;
use tracing::info;

use crate::check::{FalseSeal, check_seals};
use crate::connection::Client;
use crate::device::DeviceShare;
use crate::error::ClientError;
use crate::job::{ClaimedResult, CoverageSpan, Job, JobState, SealOutcome};
use crate::retry::random_u64;
use crate::watch::JobEvent;

/// How often a job that the service has lost is resubmitted.
const RESUBMITS_MAX: u32 = 8;

/// A request to seal one template.
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
    chain: String,
    supersedes: String,
    all: bool,
    seals_max: u32,
}

impl SealRequest {
    /// Creates a request that ends with the first seal, under a random request id.
    pub fn new(template: SealTemplate) -> Self {
        Self {
            template,
            request_id: format!("{:016x}{:016x}", random_u64(), random_u64()),
            tenant: String::new(),
            priority: 1,
            deadline: None,
            generation: 0,
            chain: String::new(),
            supersedes: String::new(),
            all: false,
            seals_max: 0,
        }
    }

    /// Sets a request id chosen by the caller: a second request with the same id and content returns the first one's
    /// job.
    pub fn request_id(self, request_id: impl Into<String>) -> Self {
        Self { request_id: request_id.into(), ..self }
    }

    /// The tenant on whose behalf the job runs.
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), ..self }
    }

    /// The priority among the jobs and uploads of the tenant; the weight is 1 + priority / 32. Default 1.
    pub fn priority(self, priority: u8) -> Self {
        Self { priority, ..self }
    }

    /// How long the job may run. Default and upper limit: the service's maximum. It starts again if the job must be
    /// resubmitted.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// The caller's generation number for this work (for example its chain tip). An answer of another generation is
    /// refused.
    pub fn generation(self, generation: u64) -> Self {
        Self { generation, ..self }
    }

    /// The chain that the template extends, named by the caller; see [`Client::advance_tip`].
    pub fn chain(self, chain: impl Into<String>) -> Self {
        Self { chain: chain.into(), ..self }
    }

    /// The job that this one replaces.
    pub fn supersedes(self, job_id: impl Into<String>) -> Self {
        Self { supersedes: job_id.into(), ..self }
    }

    /// Whether to search the whole space and return every seal. Default false.
    pub fn all(self, all: bool) -> Self {
        Self { all, ..self }
    }

    /// Most seals that a job with [`Self::all`] may find; it fails if it finds more. Default and upper limit: the
    /// service's maximum.
    pub fn seals_max(self, seals_max: u32) -> Self {
        Self { seals_max, ..self }
    }

    /// Returns the template to seal.
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
            supersedes_job_id: self.supersedes.clone(),
            search_all: self.all,
            seals_max: self.seals_max,
            chain: self.chain.clone(),
        }
    }
}

/// The checked result of a job: every seal was hashed again by the client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SealAnswer {
    /// The job's id at the service.
    pub job_id: String,
    /// The epoch of the service that did the work; it changes with every start of the service.
    pub epoch: u64,
    /// How it ended.
    pub outcome: SealOutcome,
    /// Confirmed seals, ascending by (extranonce, version index, time, nonce).
    pub seals: Vec<Seal>,
    /// Hashes done, as reported by the service.
    pub hashes: u64,
    /// What was searched, as reported by the service.
    pub coverage: Vec<CoverageSpan>,
    /// Whether more spans were searched than an answer may hold; the rest are not in `coverage`.
    pub coverage_truncated: bool,
    /// What each device contributed, as reported by the service.
    pub devices: Vec<DeviceShare>,
    /// The probability, 0 to 1, of a seal before the deadline, as the service predicted it at the submission; `None` if
    /// the service did not know.
    pub probability_by_deadline: Option<f64>,
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
    /// [`ClientError::Refused`] if the service does not accept it.
    pub async fn submit(&self, request: &SealRequest) -> Result<Job, ClientError> {
        self.submit_request(request.to_wire()).await
    }

    /// Submits a job, waits for its end across reconnections and restarts of the service, and checks the answer.
    ///
    /// # Errors
    /// [`ClientError::FalseSeal`] if a seal is invalid; the whole answer is then discarded. [`ClientError::Refused`] if
    /// the service does not accept the job. [`ClientError::JobLost`] if the service loses it repeatedly.
    pub async fn seal(&self, request: &SealRequest) -> Result<SealAnswer, ClientError> {
        self.seal_with(request, |_| ()).await
    }

    /// Like [`Client::seal`], and calls `on_progress` with each progress message of the service.
    ///
    /// # Errors
    /// As [`Client::seal`].
    pub async fn seal_with(
        &self,
        request: &SealRequest,
        mut on_progress: impl FnMut(&Job),
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
            info!(job_id = job.id, epoch = job.epoch, "the service lost the job; resubmitting it");
            // The service has lost the replaced job too, and would refuse its id.
            message.supersedes_job_id.clear();
        }
    }

    /// Waits for the job's end. Returns `None` if the service no longer knows the job.
    async fn wait_for_end(
        &self,
        job_id: &str,
        on_progress: &mut impl FnMut(&Job),
    ) -> Result<Option<(Job, ClaimedResult)>, ClientError> {
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

fn answer(request: &SealRequest, job: Job, result: ClaimedResult) -> Result<SealAnswer, ClientError> {
    if job.generation != request.generation {
        return Err(FalseSeal::Generation { expected: request.generation, found: job.generation }.into());
    }
    let seals = check_seals(&request.template, &result.seals)?;
    let JobState::Ended(outcome) = job.state else { return Err(ClientError::Cut { expected: "the job's end state" }) };
    check_outcome(request, &outcome, &seals, job.hashes)?;
    let ClaimedResult { coverage, coverage_truncated, devices, .. } = result;
    Ok(SealAnswer {
        job_id: job.id,
        epoch: job.epoch,
        outcome,
        seals,
        hashes: job.hashes,
        coverage,
        coverage_truncated,
        devices,
        probability_by_deadline: job.probability_by_deadline,
    })
}

/// SEALED requires a seal; a search of the whole space requires as many hashes as the space has points.
fn check_outcome(request: &SealRequest, outcome: &SealOutcome, seals: &[Seal], hashes: u64) -> Result<(), FalseSeal> {
    if *outcome == SealOutcome::Sealed && seals.is_empty() {
        return Err(FalseSeal::None);
    }
    let searched_all = match outcome {
        SealOutcome::Exhausted => true,
        SealOutcome::Sealed => request.all,
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
