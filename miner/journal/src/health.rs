//! Whether the journal can be written, for health checks and metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The state of the journal after its latest commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalHealth {
    /// Commits that succeeded.
    pub commits: u64,
    /// Commits that failed, and failed attempts to open the file again.
    pub failures: u64,
    /// The error of the latest attempt; `None`: it succeeded.
    pub failing: Option<String>,
}

/// One attempt to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Operations in the transaction.
    pub operations: usize,
    /// How long the transaction and its flush took.
    pub duration: Duration,
    /// Whether it is on the disk.
    pub is_written: bool,
}

/// The health that the writer updates and everybody reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedHealth(Arc<Mutex<JournalHealth>>);

impl SharedHealth {
    pub(crate) fn get(&self) -> JournalHealth {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note_commit(&self) {
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        health.commits += 1;
        health.failing = None;
    }

    pub(crate) fn note_failure(&self, message: &str) {
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        health.failures += 1;
        health.failing = Some(message.to_owned());
    }
}
