//! The answer of `journal dump`.

use cityseal_service::journal_dump::{JournalDump, JournalJob, JournalRun, JournalTip};
use serde::Serialize;

/// The answer of `journal dump`.
#[derive(Debug, Serialize)]
pub(crate) struct JournalAnswer<'a> {
    /// How often a service was started with this journal.
    epoch: u64,
    /// In the order of their submission.
    jobs: Vec<JobRow<'a>>,
    tips: Vec<TipRow<'a>>,
}

/// A job.
#[derive(Debug, Serialize)]
struct JobRow<'a> {
    id: &'a str,
    tenant: &'a str,
    request_id: &'a str,
    state: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    chain: &'a str,
    /// A decimal string.
    generation: String,
    priority: u32,
    submitted: u64,
    expires: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<u64>,
    seq: u64,
    /// A decimal string.
    hashes: String,
    /// A decimal string.
    #[serde(skip_serializing_if = "Option::is_none")]
    volume: Option<String>,
    runs: Vec<RunRow<'a>>,
    seals: &'a [String],
}

/// A range of ranks, as decimal strings.
#[derive(Debug, Serialize)]
struct RunRow<'a> {
    first: String,
    last: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    device: &'a str,
}

/// The tip of a chain.
#[derive(Debug, Serialize)]
struct TipRow<'a> {
    tenant: &'a str,
    chain: &'a str,
    /// A decimal string.
    generation: String,
    advanced: u64,
}

impl<'a> From<&'a JournalDump> for JournalAnswer<'a> {
    fn from(dump: &'a JournalDump) -> Self {
        Self {
            epoch: dump.epoch,
            jobs: dump.jobs.iter().map(JobRow::from).collect(),
            tips: dump.tips.iter().map(TipRow::from).collect(),
        }
    }
}

impl<'a> From<&'a JournalJob> for JobRow<'a> {
    fn from(job: &'a JournalJob) -> Self {
        Self {
            id: &job.id,
            tenant: &job.tenant,
            request_id: &job.request_id,
            state: job.state,
            reason: &job.reason,
            chain: &job.chain,
            generation: job.generation.to_string(),
            priority: job.priority,
            submitted: job.submitted,
            expires: job.expires,
            ended: job.ended,
            seq: job.seq,
            hashes: job.hashes.to_string(),
            volume: job.volume.map(|volume| volume.to_string()),
            runs: job.runs.iter().map(RunRow::from).collect(),
            seals: &job.seals,
        }
    }
}

impl<'a> From<&'a JournalRun> for RunRow<'a> {
    fn from(run: &'a JournalRun) -> Self {
        Self { first: run.first.to_string(), last: run.last.to_string(), device: &run.device }
    }
}

impl<'a> From<&'a JournalTip> for TipRow<'a> {
    fn from(tip: &'a JournalTip) -> Self {
        let JournalTip { tenant, chain, generation, advanced, .. } = tip;
        Self { tenant, chain, generation: generation.to_string(), advanced: *advanced }
    }
}
