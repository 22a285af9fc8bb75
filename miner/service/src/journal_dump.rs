//! Reads the journal of a state folder for people and other programs. The file is not changed.

use std::path::Path;

use cityseal_chain::hex;
use cityseal_journal::{JournalError, StoredJob, read_all};
use cityseal_proto::{template_from_request, v1};
use prost::Message;

use super::jobs::{StoredEnd, StoredRequest};

/// What a journal has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalDump {
    /// How often a service was started with this journal.
    pub epoch: u64,
    /// The jobs, in the order of their submission.
    pub jobs: Vec<JournalJob>,
    /// The tips of chains, by tenant and chain.
    pub tips: Vec<JournalTip>,
}

/// A job in a journal. Times are Unix times in seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalJob {
    /// 32 hex digits.
    pub id: String,
    /// The owner.
    pub tenant: String,
    /// The caller's name for the submission.
    pub request_id: String,
    /// `running`, or how it ended: `sealed`, `exhausted`, `cancelled`, `expired`, `superseded`, `failed`.
    pub state: &'static str,
    /// Why it was cancelled, expired, superseded or failed. Otherwise empty.
    pub reason: String,
    /// The chain that the template extends, or empty.
    pub chain: String,
    /// The caller's counter of chain tips.
    pub generation: u64,
    /// 0 to 255.
    pub priority: u32,
    /// When it was submitted.
    pub submitted: u64,
    /// When it expires.
    pub expires: u64,
    /// When it ended.
    pub ended: Option<u64>,
    /// The sequence number of its last event; of a running job, none that the service has used is greater until the
    /// next start.
    pub seq: u64,
    /// Hashes that were computed; of a running job those that a resumed search would leave out.
    pub hashes: u128,
    /// Hashes of the whole search space; `None`: this version refuses the template.
    pub volume: Option<u128>,
    /// What was searched, of a running job: sorted and disjoint.
    pub runs: Vec<JournalRun>,
    /// The headers that were found, 160 hex digits each in wire order.
    pub seals: Vec<String>,
}

/// A range of ranks of a search space.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalRun {
    /// Rank of the first hash.
    pub first: u128,
    /// Rank of the last hash, inclusive.
    pub last: u128,
    /// The device; empty: several.
    pub device: String,
}

/// The tip of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalTip {
    /// The owner.
    pub tenant: String,
    /// The chain.
    pub chain: String,
    /// Jobs with a lower generation are stale.
    pub generation: u64,
    /// When it was reported, as Unix time in seconds.
    pub advanced: u64,
}

/// Reads the journal of a state folder.
///
/// # Errors
/// Returns [`JournalError`]; [`JournalError::InUse`] while a service uses the folder.
pub fn read_journal(folder: &Path) -> Result<JournalDump, JournalError> {
    let mut jobs = Vec::new();
    let mut broken = None;
    let contents = read_all(folder, |job| {
        let id = job.submission.id;
        match job_of(job) {
            Some(job) => jobs.push(job),
            None => broken = Some(id),
        }
    })?;
    if let Some(id) = broken {
        return Err(JournalError::Damaged {
            path: folder.into(),
            message: format!("the contents of job {id} are unreadable"),
        });
    }
    jobs.sort_by(|(one, _), (two, _)| one.cmp(two));
    let tips = contents.tips.into_iter().map(|tip| JournalTip {
        tenant: tip.tenant,
        chain: tip.chain,
        generation: tip.generation,
        advanced: tip.advanced_unix_ms / 1000,
    });
    Ok(JournalDump {
        epoch: contents.epoch,
        jobs: jobs.into_iter().map(|(_, job)| job).collect(),
        tips: tips.collect(),
    })
}

/// A job with its place in the order of submission; `None`: it is damaged.
fn job_of(stored: StoredJob) -> Option<((u64, String), JournalJob)> {
    let StoredJob { submission, progress, end } = stored;
    let mut job = match &end {
        Some(end) => ended(StoredEnd::decode(end.result.clone()).ok()?)?,
        None => running(&StoredRequest::decode(submission.request.clone()).ok()?)?,
    };
    job.id = submission.id.to_string();
    job.tenant = submission.tenant;
    job.request_id = submission.request_id;
    (job.submitted, job.expires) = (submission.submitted_unix_ms / 1000, submission.expires_unix_ms / 1000);
    if let Some(end) = end {
        (job.ended, job.seq) = (Some(end.ended_unix_ms / 1000), end.seq);
    } else {
        job.seq = progress.seq;
        job.hashes = progress.runs.iter().map(|run| run.last - run.first + 1).sum();
        let runs = progress.runs.into_iter();
        job.runs = runs.map(|run| JournalRun { first: run.first, last: run.last, device: run.device }).collect();
    }
    Some(((submission.submitted_unix_ms, job.id.clone()), job))
}

fn running(stored: &StoredRequest) -> Option<JournalJob> {
    let message = v1::SubmitSealRequest::decode(stored.message.clone()).ok()?;
    let volume = template_from_request(&message).ok().map(|template| template.space().volume());
    Some(JournalJob { volume, ..described("running", message.chain, message.generation, message.priority) })
}

fn ended(stored: StoredEnd) -> Option<JournalJob> {
    let job = stored.job?;
    let state = match job.state() {
        v1::JobState::Sealed => "sealed",
        v1::JobState::Exhausted => "exhausted",
        v1::JobState::Cancelled => "cancelled",
        v1::JobState::Expired => "expired",
        v1::JobState::Superseded => "superseded",
        v1::JobState::Failed => "failed",
        v1::JobState::Unspecified | v1::JobState::Running => return None,
    };
    let seals = stored.result.unwrap_or_default().seals;
    Some(JournalJob {
        reason: job.reason,
        hashes: job.hashes.into(),
        volume: Some(job.volume.parse().ok()?),
        seals: seals.iter().map(|seal| hex::encode(&seal.header)).collect(),
        ..described(state, job.chain, job.generation, job.priority)
    })
}

/// A job of which nothing else is known yet.
fn described(state: &'static str, chain: String, generation: u64, priority: u32) -> JournalJob {
    JournalJob {
        id: String::new(),
        tenant: String::new(),
        request_id: String::new(),
        state,
        reason: String::new(),
        chain,
        generation,
        priority,
        submitted: 0,
        expires: 0,
        ended: None,
        seq: 0,
        hashes: 0,
        volume: None,
        runs: Vec::new(),
        seals: Vec::new(),
    }
}
