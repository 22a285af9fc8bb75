//! Notes of running jobs in the journal: what was searched, and which numbers their events may have.

use std::sync::Arc;
use std::time::Duration;

use cityseal_journal::{Journal, Progress};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::info;

use super::stored::{id_of, runs_of};
use super::{JobBook, JobRecord, SHUTDOWN};
use crate::limits::{CHECKPOINT_INTERVAL, SEQS_RESERVED};

/// Notes the coverage of all running jobs at an interval; never ends. Does nothing without a journal.
pub(crate) async fn checkpoints(book: Arc<JobBook>) {
    let mut ticks = interval(CHECKPOINT_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let book = Arc::clone(&book);
        // Waits for the engine's lock, once for each job.
        drop(tokio::task::spawn_blocking(move || book.checkpoint()).await);
    }
}

impl JobBook {
    /// Notes the coverage of the running jobs. Blocks on the engine, so it must not be called from an async task.
    pub(super) fn checkpoint(&self) {
        let Some(journal) = &self.journal else { return };
        let running = self.lock().running();
        running.iter().for_each(|record| self.note(journal, record));
    }

    fn note(&self, journal: &Journal, record: &Arc<JobRecord>) {
        let Some(handle) = record.handle() else { return };
        // Without a coverage of now, the last one stays: the job has ended, or has found seals that a search of the
        // rest would miss.
        let coverage = handle.resumable_coverage();
        let before = record.noted();
        let (latest, needs_numbers) = record.numbers_left(SEQS_RESERVED / 2);
        let volume = |coverage: &Option<_>| coverage.as_ref().map_or(0, cityseal_engine::SealCoverage::volume);
        if !needs_numbers && (coverage.is_none() || volume(&coverage) == volume(&before)) {
            return;
        }
        let coverage = coverage.or(before);
        let runs = coverage.as_ref().map(runs_of).unwrap_or_default();
        if let Some(coverage) = &coverage {
            record.keep_noted(coverage);
        }
        let seq = latest + SEQS_RESERVED;
        let noted = Arc::clone(record);
        journal.note_progress(id_of(record), Progress { seq, epoch: self.epoch, runs }, move |is_written| {
            if is_written {
                noted.reserve(seq);
            }
        });
    }

    /// Stops all jobs so that the next run of the service continues them, and closes the journal. Ends that the engine
    /// has reached are recorded first, for at most `limit`.
    pub(crate) async fn suspend(self: &Arc<Self>, limit: Duration) {
        self.suspended.send_replace(true);
        drop(timeout(limit, self.open.all_left()).await);
        let book = Arc::clone(self);
        let close = move || {
            book.checkpoint();
            let running = book.lock().running();
            for record in &running {
                if let Some(handle) = record.handle() {
                    handle.cancel(SHUTDOWN);
                }
            }
            if let Some(journal) = &book.journal {
                journal.close();
            }
            info!(jobs = running.len(), "running jobs stay in the journal");
        };
        drop(tokio::task::spawn_blocking(close).await);
    }
}
