//! Seal jobs as the service reports them: their state, and the result of an ended job.
//!
//! The fields are parsed but not checked: the seals of a [`ClaimedResult`] are claims. [`crate::check_seal`] checks
//! one; [`crate::Client::seal`] checks all.

use std::fmt;

use cityseal_chain::BlockHash;
use cityseal_proto::{ClaimedSeal, FieldError, FieldProblem, field, v1};

use crate::device::{DeviceShare, non_empty};

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealOutcome {
    /// At least one seal was found; with [`SealRequest::all`](crate::SealRequest::all), the whole space was also
    /// searched.
    Sealed,
    /// The whole space was searched and holds no seal.
    Exhausted,
    /// The job was cancelled.
    Cancelled {
        /// Who cancelled it.
        by: String,
    },
    /// The job's deadline passed.
    Expired,
    /// A newer job replaced it.
    Superseded {
        /// The newer job's id.
        by: String,
    },
    /// The job could not be completed.
    Failed {
        /// Why it failed.
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

/// The state of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// Accepted and not ended.
    Running,
    /// Ended.
    Ended(SealOutcome),
}

impl JobState {
    /// Returns how the job ended, or `None` while it runs.
    pub const fn outcome(&self) -> Option<&SealOutcome> {
        match self {
            Self::Running => None,
            Self::Ended(outcome) => Some(outcome),
        }
    }

    fn from_wire(number: i32, reason: String) -> Result<Self, FieldError> {
        let outcome = match v1::JobState::try_from(number).unwrap_or_default() {
            v1::JobState::Unspecified => {
                let expected = "a job state that this build knows";
                return Err(FieldError::new("state", FieldProblem::Unknown { expected, found: number.to_string() }));
            }
            v1::JobState::Running => return Ok(Self::Running),
            v1::JobState::Sealed => SealOutcome::Sealed,
            v1::JobState::Exhausted => SealOutcome::Exhausted,
            v1::JobState::Cancelled => SealOutcome::Cancelled { by: reason },
            v1::JobState::Expired => SealOutcome::Expired,
            v1::JobState::Superseded => SealOutcome::Superseded { by: reason },
            v1::JobState::Failed => SealOutcome::Failed { reason },
        };
        Ok(Self::Ended(outcome))
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::Ended(outcome) => outcome.fmt(f),
        }
    }
}

/// Which devices work on a job, and what happens without a GPU, as the service is configured for the tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenNoGpu {
    /// Every device, the CPU too.
    #[default]
    Cpu,
    /// Only GPUs; while none is usable the job waits.
    Wait,
    /// Only GPUs; the job fails when none is usable.
    Fail,
}

impl WhenNoGpu {
    /// A service that does not say has only the first of them.
    const fn from_wire(wire: v1::WhenNoGpu) -> Self {
        match wire {
            v1::WhenNoGpu::Unspecified | v1::WhenNoGpu::Cpu => Self::Cpu,
            v1::WhenNoGpu::Wait => Self::Wait,
            v1::WhenNoGpu::Fail => Self::Fail,
        }
    }
}

/// A job at one moment, as the service reports it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Job {
    /// Opaque id, unique across restarts of the service.
    pub id: String,
    /// The epoch of the service. It changes with every start. Without a journal, jobs of an earlier epoch are gone.
    pub epoch: u64,
    /// The id of the request that created it.
    pub request_id: String,
    /// On whose behalf it runs.
    pub tenant: String,
    /// Whether it runs, or how it ended.
    pub state: JobState,
    /// Its weight relative to other jobs.
    pub priority: u8,
    /// The caller's generation number for this work.
    pub generation: u64,
    /// Hashes searched so far, saturating at 2^64 - 1.
    pub hashes: u64,
    /// Hashes of the whole space.
    pub volume: u128,
    /// Seals found so far.
    pub seals: u64,
    /// The lowest hash found so far that meets the target.
    pub best: Option<BlockHash>,
    /// Hashes per second.
    pub rate_hz: f64,
    /// The sequence number of its latest event.
    pub latest_seq: u64,
    /// The chain that its template extends, named by the caller; may be empty.
    pub chain: String,
    /// The probability, 0 to 1, of a seal before its deadline, as the service predicted it at the submission; `None` if
    /// the service did not know.
    pub probability_by_deadline: Option<f64>,
    /// Which devices work on it.
    pub when_no_gpu: WhenNoGpu,
}

impl Job {
    pub(crate) fn from_wire(message: v1::Job) -> Result<Self, FieldError> {
        Self::parsed(message).map_err(|error| error.under("job"))
    }

    fn parsed(message: v1::Job) -> Result<Self, FieldError> {
        let when_no_gpu = WhenNoGpu::from_wire(message.when_no_gpu());
        Ok(Self {
            id: message.id,
            epoch: message.epoch,
            request_id: message.request_id,
            tenant: message.tenant,
            state: JobState::from_wire(message.state, message.reason)?,
            priority: field::at_most("priority", message.priority.into(), u8::MAX.into())? as u8,
            generation: message.generation,
            hashes: message.hashes,
            volume: volume(&message.volume)?,
            seals: message.seals_found,
            best: best(&message.best_hash)?,
            rate_hz: message.rate_hz,
            latest_seq: message.latest_seq,
            chain: message.chain,
            probability_by_deadline: probability(message.probability_by_deadline)?,
            when_no_gpu,
        })
    }
}

fn volume(decimal: &str) -> Result<u128, FieldError> {
    decimal.parse().map_err(|_| {
        FieldError::new("volume", FieldProblem::Unknown { expected: "a decimal number", found: decimal.to_owned() })
    })
}

fn probability(found: Option<f64>) -> Result<Option<f64>, FieldError> {
    match found {
        Some(found) if !(0.0..=1.0).contains(&found) => {
            let (expected, found) = ("a number from 0 to 1", found.to_string());
            Err(FieldError::new("probability_by_deadline", FieldProblem::Unknown { expected, found }))
        }
        found => Ok(found),
    }
}

fn best(bytes: &[u8]) -> Result<Option<BlockHash>, FieldError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    field::hash("best_hash", bytes).map(Some)
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, state, hashes, volume, seals, .. } = self;
        write!(f, "job {id}: {state}; {hashes} of {volume} hashes, {seals} seals")
    }
}

/// One run of nonces that one device searched, as the service reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CoverageSpan {
    /// The extranonce, if the template has a coinbase.
    pub extranonce: Option<u64>,
    /// The header's version.
    pub version: i32,
    /// The header's time.
    pub time: u32,
    /// The first nonce.
    pub nonce_first: u32,
    /// The last nonce, inclusive.
    pub nonce_last: u32,
    /// The device's name.
    pub device: String,
}

impl CoverageSpan {
    fn from_wire(span: &v1::CoverageSpan, devices: &[DeviceShare]) -> Result<Self, FieldError> {
        let v1::CoverageSpan { extranonce, version, time, nonce_first, nonce_last, device } = *span;
        let unknown = || FieldProblem::Unknown { expected: "the index of a device", found: device.to_string() };
        let share = devices.get(device as usize).ok_or_else(|| FieldError::new("device", unknown()))?;
        Ok(Self { extranonce, version, time, nonce_first, nonce_last, device: share.name.clone() })
    }
}

impl fmt::Display for CoverageSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(extranonce) = self.extranonce {
            write!(f, "extranonce {extranonce}, ")?;
        }
        let Self { version, time, nonce_first, nonce_last, device, .. } = self;
        write!(f, "version {version:08x}, time {time}, nonces {nonce_first}..={nonce_last} on {device}")
    }
}

/// The result of an ended job as the service claims it. Nothing in it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimedResult {
    /// The claimed seals.
    pub seals: Vec<ClaimedSeal>,
    /// What was searched.
    pub coverage: Vec<CoverageSpan>,
    /// Whether more spans were searched than one message may hold; the rest are not in `coverage`.
    pub coverage_truncated: bool,
    /// What each device contributed.
    pub devices: Vec<DeviceShare>,
}

impl ClaimedResult {
    pub(crate) fn from_wire(message: v1::SealResult) -> Result<Self, FieldError> {
        let v1::SealResult { seals, coverage, coverage_truncated, devices } = message;
        let devices: Vec<DeviceShare> = devices.into_iter().map(DeviceShare::from_wire).collect();
        Ok(Self {
            seals: each("result.seals", &seals, ClaimedSeal::try_from)?,
            coverage: each("result.coverage", &coverage, |span| CoverageSpan::from_wire(span, &devices))?,
            coverage_truncated,
            devices,
        })
    }
}

/// Converts the entries of a list; an error names the entry.
fn each<'a, M, T>(
    path: &str,
    messages: &'a [M],
    convert: impl Fn(&'a M) -> Result<T, FieldError>,
) -> Result<Vec<T>, FieldError> {
    let entry = |(index, message)| convert(message).map_err(|error| error.under(&format!("{path}[{index}]")));
    messages.iter().enumerate().map(entry).collect()
}

/// The answer to [`Client::job`](crate::Client::job).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobAnswer {
    /// The job.
    pub job: Job,
    /// Its result, once it has ended.
    pub result: Option<ClaimedResult>,
}

/// Which jobs to list, and how many per page.
///
/// ```no_run
/// use cityseal_client::{Client, ClientError, ListRequest};
///
/// async fn print_all(client: &Client) -> Result<(), ClientError> {
///     let mut request = ListRequest::new().tenant("land-registry");
///     loop {
///         let page = client.list(&request).await?;
///         page.jobs.iter().for_each(|job| println!("{job}"));
///         let Some(token) = page.next_page_token else { return Ok(()) };
///         request = request.page_token(token);
///     }
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ListRequest {
    page_size: u32,
    page_token: String,
    tenant: Option<String>,
}

impl ListRequest {
    /// Creates a request for the first page over the jobs of all tenants.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of jobs per page. Default and upper limit: the service's maximum.
    pub fn page_size(self, page_size: u32) -> Self {
        Self { page_size, ..self }
    }

    /// Requests the page after the one that returned this token.
    pub fn page_token(self, page_token: impl Into<String>) -> Self {
        Self { page_token: page_token.into(), ..self }
    }

    /// Lists the jobs of this tenant only. The empty text is a tenant like any other.
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..self }
    }

    pub(crate) fn to_wire(&self) -> v1::ListJobsRequest {
        let Self { page_size, page_token, tenant } = self.clone();
        v1::ListJobsRequest { page_size, page_token, tenant }
    }
}

/// One page of jobs, in the order of their submission.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// The token of the next page; `None` after the last one.
    pub next_page_token: Option<String>,
    /// The epoch of the service; it changes with every start of the service.
    pub epoch: u64,
}

impl JobPage {
    pub(crate) fn from_wire(message: v1::ListJobsResponse) -> Result<Self, FieldError> {
        let v1::ListJobsResponse { jobs, next_page_token, epoch } = message;
        let job = |(index, job)| Job::parsed(job).map_err(|error| error.under(&format!("jobs[{index}]")));
        let jobs = jobs.into_iter().enumerate().map(job).collect::<Result<_, _>>()?;
        Ok(Self { jobs, next_page_token: non_empty(next_page_token), epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> v1::Job {
        let state = v1::JobState::Running.into();
        v1::Job { id: "1-2".to_owned(), state, hashes: 7, volume: "9".to_owned(), ..Default::default() }
    }

    #[test]
    fn a_job_is_displayed_with_its_state_and_counts() {
        assert_eq!(Job::from_wire(message()).unwrap().to_string(), "job 1-2: running; 7 of 9 hashes, 0 seals");
        let (state, reason) = (v1::JobState::Cancelled.into(), "the operator".to_owned());
        let job = Job::from_wire(v1::Job { state, reason, ..message() }).unwrap();
        assert_eq!(job.to_string(), "job 1-2: cancelled by the operator; 7 of 9 hashes, 0 seals");
        assert_eq!(job.state.outcome(), Some(&SealOutcome::Cancelled { by: "the operator".to_owned() }));
    }

    #[test]
    fn a_malformed_job_is_refused_with_the_field() {
        let volume = "one million".to_owned();
        let malformed = [
            (v1::Job { state: 0, ..message() }, "job.state: expected a job state that this build knows, found '0'"),
            (v1::Job { state: 99, ..message() }, "job.state: expected a job state that this build knows, found '99'"),
            (v1::Job { priority: 256, ..message() }, "job.priority: expected at most 255, found 256"),
            (v1::Job { volume, ..message() }, "job.volume: expected a decimal number, found 'one million'"),
            (
                v1::Job { probability_by_deadline: Some(f64::NAN), ..message() },
                "job.probability_by_deadline: expected a number from 0 to 1, found 'NaN'",
            ),
            (v1::Job { best_hash: vec![0; 31].into(), ..message() }, "job.best_hash: expected 32 bytes, found 31"),
        ];
        for (message, refusal) in malformed {
            assert_eq!(Job::from_wire(message).unwrap_err().to_string(), refusal);
        }
        let volume = u128::MAX.to_string();
        assert_eq!(Job::from_wire(v1::Job { volume, ..message() }).unwrap().volume, u128::MAX);
    }

    #[test]
    fn a_span_names_its_device_and_an_index_without_a_device_is_refused() {
        let share = v1::DeviceShare { name: "a CPU".to_owned(), ..Default::default() };
        let span = |device| v1::CoverageSpan { nonce_last: 9, device, ..Default::default() };
        let result = |coverage| v1::SealResult { coverage, devices: vec![share.clone()], ..Default::default() };
        let parsed = ClaimedResult::from_wire(result(vec![span(0)])).unwrap();
        assert_eq!(parsed.coverage[0].to_string(), "version 00000000, time 0, nonces 0..=9 on a CPU");
        let refusal = ClaimedResult::from_wire(result(vec![span(0), span(1)])).unwrap_err().to_string();
        assert_eq!(refusal, "result.coverage[1].device: expected the index of a device, found '1'");
    }

    #[test]
    fn the_last_page_has_no_token_and_a_malformed_job_is_named_by_its_index() {
        let page = JobPage::from_wire(v1::ListJobsResponse { jobs: vec![message()], ..Default::default() }).unwrap();
        assert_eq!((page.jobs.len(), page.next_page_token), (1, None));
        let jobs = vec![message(), v1::Job::default()];
        let refusal = JobPage::from_wire(v1::ListJobsResponse { jobs, ..Default::default() }).unwrap_err();
        assert_eq!(refusal.path, "jobs[1].state");
    }
}
