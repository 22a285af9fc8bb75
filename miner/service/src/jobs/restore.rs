//! The jobs of an earlier run of the service: those that ended are shown again, the others continue.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::Stretch;
use cityseal_engine::{Engine, SearchedRun};
use cityseal_journal::{JournalError, JournalOptions, Recovered, Run, StoredJob, Tip};
use cityseal_proto::v1;
use prost::Message;
use tracing::{info, warn};

use super::follow::OpenJob;
use super::log::{Counts, Event, EventKind, EventLog};
use super::record::{JobRecord, saturated};
use super::request::{Agreed, JobAbout, JobRequest};
use super::stored::{StoredEnd, StoredRequest, unix_ms};
use super::{EXPIRED, JobBook, by_tip};
use crate::limit_table::Limits;
use crate::limits::{SEQS_RESERVED, TIP_KEPT_MAX};
use crate::observer::Observer;
use crate::refusal::Refusal;

/// A job of an earlier run that had not ended.
#[derive(Debug)]
pub(crate) struct Unfinished {
    open: OpenJob,
    next: Next,
}

#[derive(Debug)]
enum Next {
    Search(Box<JobRequest>),
    End(v1::JobState, String),
}

/// A job of the journal with its contents.
enum Decoded {
    Ended(StoredJob, StoredEnd),
    Running(StoredJob, v1::SubmitSealRequest, Agreed),
}

/// When the journal was opened, by both clocks.
#[derive(Clone, Copy)]
struct Opened {
    at: Instant,
    unix_ms: u64,
}

impl Opened {
    fn now() -> Self {
        Self { at: Instant::now(), unix_ms: unix_ms() }
    }

    /// The instant at that time of the wall clock, at the latest now.
    fn instant_of(self, unix_ms: u64) -> Instant {
        let age = Duration::from_millis(self.unix_ms.saturating_sub(unix_ms));
        self.at.checked_sub(age).unwrap_or(self.at)
    }
}

impl JobBook {
    /// Opens the journal of a state folder, with the jobs in it. Those that had not ended are returned; they continue
    /// after [`Self::resume`]. Blocks on the disk.
    ///
    /// # Errors
    /// Returns [`OpenError`].
    pub(crate) fn open(
        engine: Engine,
        limits: &Limits,
        observer: Arc<Observer>,
        folder: &Path,
    ) -> Result<(Arc<Self>, Vec<Unfinished>), OpenError> {
        let watching = Arc::clone(&observer);
        let options = JournalOptions::new(folder).observe(move |commit| {
            if commit.is_written {
                watching.tally.commit(commit.duration);
            }
        });
        let (journal, recovered) = options.open()?;
        let book = Self::new(engine, limits.job_events).map_err(OpenError::Random)?;
        let mut book = book.limited(limits).observed_by(observer);
        book.epoch = recovered.epoch;
        book.journal = Some(journal);
        let book = Arc::new(book);
        let unfinished = book.restore(recovered, folder)?;
        Ok((book, unfinished))
    }

    fn restore(self: &Arc<Self>, recovered: Recovered, folder: &Path) -> Result<Vec<Unfinished>, JournalError> {
        let opened = Opened::now();
        self.restore_tips(recovered.tips, opened);
        let decoded: Result<Vec<Decoded>, JournalError> =
            recovered.jobs.into_iter().map(|job| decoded(job, folder)).collect();
        let decoded = decoded?;
        let superseded = superseded(&decoded);
        let mut unfinished = Vec::new();
        let mut ended = Vec::new();
        for job in decoded {
            match job {
                Decoded::Ended(job, end) => {
                    let at = job.end.as_ref().map_or(0, |end| end.ended_unix_ms);
                    let id = job.submission.id.to_string();
                    let parts = end.into_parts(job.submission.fingerprint);
                    let (about, event) = parts.ok_or_else(|| damaged(folder, &id))?;
                    ended.push((at, self.add(id, about, EventLog::starting_with(event, self.events_max))));
                }
                Decoded::Running(job, message, agreed) => {
                    let by = superseded.get(&job.submission.id.to_string()).cloned();
                    unfinished.push(self.continued(job, message, &agreed, by, opened));
                }
            }
        }
        // In the order of their ends, as the retention expects them.
        ended.sort_by_key(|(at, record)| (*at, record.number));
        let mut shelf = self.lock();
        let mut dropped = Vec::new();
        for (at, record) in &ended {
            dropped.extend(shelf.ended(record, opened.instant_of(*at)));
        }
        dropped.extend(shelf.expire(opened.at));
        drop(shelf);
        self.forget(&dropped);
        info!(epoch = self.epoch, unfinished = unfinished.len(), ended = ended.len() - dropped.len(), "journal opened");
        Ok(unfinished)
    }

    fn restore_tips(&self, tips: Vec<Tip>, opened: Opened) {
        let mut old = Vec::new();
        let mut shelf = self.lock();
        for Tip { tenant, chain, generation, advanced_unix_ms } in tips {
            if opened.unix_ms.saturating_sub(advanced_unix_ms) >= TIP_KEPT_MAX.as_millis() as u64 {
                old.push((tenant, chain));
            } else {
                shelf.tips.restore(tenant.into(), chain, generation, opened.instant_of(advanced_unix_ms));
            }
        }
        drop(shelf);
        if let Some(journal) = self.journal.as_ref().filter(|_| !old.is_empty()) {
            journal.forget_tips(old);
        }
    }

    fn add(&self, id: String, about: JobAbout, log: EventLog) -> Arc<JobRecord> {
        let mut shelf = self.lock();
        let record = Arc::new(JobRecord::new(shelf.next_number(), id, self.epoch, about, log));
        shelf.insert(Arc::clone(&record));
        record
    }

    /// Prepares a job that had not ended: it is searched further, unless it is stale, late or refused by this build.
    fn continued(
        self: &Arc<Self>,
        job: StoredJob,
        message: v1::SubmitSealRequest,
        agreed: &Agreed,
        superseded_by: Option<String>,
        opened: Opened,
    ) -> Unfinished {
        let StoredJob { submission, progress, .. } = job;
        let remaining = Duration::from_millis(submission.expires_unix_ms.saturating_sub(opened.unix_ms));
        let hashes: u128 = progress.runs.iter().map(|run| run.last - run.first + 1).sum();
        let runs = progress.runs.into_iter().filter_map(searched).collect();
        let (about, next) = match JobRequest::restore(message.clone(), agreed.clone(), runs, remaining) {
            Err(error) => {
                warn!(job_id = %submission.id, %error, "a job of the journal is refused by this version");
                let reason = format!("this version of the service refuses the job: {error}");
                (about_of(message, agreed), Next::End(v1::JobState::Failed, reason))
            }
            Ok(request) => {
                let about = request.about.clone();
                let next = match (superseded_by, self.stale(&about, opened.at)) {
                    (Some(by), _) | (None, Some(by)) => Next::End(v1::JobState::Superseded, by),
                    (None, None) if remaining.is_zero() => Next::End(v1::JobState::Expired, EXPIRED.to_owned()),
                    (None, None) => Next::Search(Box::new(request)),
                };
                (about, next)
            }
        };
        let about = JobAbout { fingerprint: submission.fingerprint, ..about };
        // Each run of the service in between may have used as many numbers without a note.
        let noted_in = progress.epoch.max(submission.epoch);
        let used = progress.seq + SEQS_RESERVED * self.epoch.saturating_sub(noted_in);
        let counts = Counts { hashes: saturated(hashes), ..Counts::default() };
        let event = Event { seq: used + 1, counts, kind: EventKind::Progress };
        let log = EventLog::starting_with(event, self.events_max).with_progress_max(used + SEQS_RESERVED);
        let record = self.add(submission.id.to_string(), about, log);
        Unfinished { open: OpenJob::new(self, record), next }
    }

    /// Returns what superseded a job of that chain and generation, if its chain has a later tip.
    fn stale(&self, about: &JobAbout, now: Instant) -> Option<String> {
        match self.lock().tips.check(&about.tenant, &about.chain, about.generation, now) {
            Err(Refusal::StaleTip { chain, expected_min, .. }) => Some(by_tip(&chain, expected_min)),
            Ok(()) | Err(_) => None,
        }
    }

    /// Gives the jobs of the earlier run to the engine, in the order of their submission.
    pub(crate) async fn resume(self: Arc<Self>, unfinished: Vec<Unfinished>) {
        // Waits for the engine, on a thread that may block.
        let resume = move || {
            for Unfinished { open, next } in unfinished {
                if *self.suspended.borrow() {
                    return;
                }
                match next {
                    Next::Search(request) => self.start(open, &request, None),
                    Next::End(state, reason) => drop(tokio::spawn(open.end_without_report(state, reason))),
                }
            }
        };
        drop(tokio::task::spawn_blocking(resume).await);
    }
}

/// Why a state folder cannot be used.
#[derive(Debug)]
pub(crate) enum OpenError {
    Journal(JournalError),
    Random(std::io::Error),
}

impl From<JournalError> for OpenError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

fn decoded(job: StoredJob, folder: &Path) -> Result<Decoded, JournalError> {
    let broken = || damaged(folder, &job.submission.id.to_string());
    if let Some(end) = &job.end {
        let stored = StoredEnd::decode(end.result.clone()).map_err(|_| broken())?;
        return Ok(Decoded::Ended(job, stored));
    }
    let stored = StoredRequest::decode(job.submission.request.clone()).map_err(|_| broken())?;
    let agreed = stored.agreed();
    let message = v1::SubmitSealRequest::decode(stored.message).map_err(|_| broken())?;
    Ok(Decoded::Running(job, message, agreed))
}

fn damaged(folder: &Path, id: &str) -> JournalError {
    JournalError::Damaged { path: PathBuf::from(folder), message: format!("the contents of job {id} are unreadable") }
}

/// The jobs that were replaced, each with the job that replaced it.
fn superseded(jobs: &[Decoded]) -> HashMap<String, String> {
    let pairs = jobs.iter().map(|job| match job {
        Decoded::Ended(job, end) => (end.supersedes.clone(), job.submission.id.to_string()),
        Decoded::Running(job, message, _) => (message.supersedes_job_id.clone(), job.submission.id.to_string()),
    });
    pairs.filter(|(old, _)| !old.is_empty()).collect()
}

fn searched(run: Run) -> Option<SearchedRun> {
    Some(SearchedRun { stretch: Stretch::new(run.first, run.last)?, device: run.device })
}

/// What is known of a job that this build refuses.
fn about_of(message: v1::SubmitSealRequest, agreed: &Agreed) -> JobAbout {
    JobAbout {
        tenant: message.tenant.as_str().into(),
        priority: u8::try_from(message.priority).unwrap_or(u8::MAX),
        generation: message.generation,
        fingerprint: [0; 32],
        volume: 0,
        seals_returned_max: 0,
        probability_by_deadline: agreed.probability_by_deadline,
        when_no_gpu: agreed.when_no_gpu,
        trace: None,
        request_id: message.request_id,
        chain: message.chain,
        supersedes: Some(message.supersedes_job_id).filter(|id| !id.is_empty()),
    }
}
