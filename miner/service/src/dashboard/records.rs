//! Benchmark records of this machine, as the program that runs the service reads them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::limits::{DASHBOARD_ROWS_MAX, RECORDS_INTERVAL};

/// One measured rate.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordRow {
    /// The device.
    pub device: String,
    /// The kernel or shader variant that it ran.
    pub kernel: String,
    /// What was measured, such as `search`.
    pub mode: String,
    /// CPU threads.
    pub threads: usize,
    /// The median rate, in `unit`.
    pub median: f64,
    /// The lowest rate.
    pub min: f64,
    /// The highest rate.
    pub max: f64,
    /// `hash/s`, `header/s` or `node/s`.
    pub unit: String,
    /// Whether all answers were right.
    pub is_right: bool,
    /// The commit that was measured.
    pub commit: String,
    /// When, as a UTC date with or without a time of day; empty if unknown.
    pub when: String,
}

/// Why there are no records to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RecordsError(String);

impl RecordsError {
    /// An error in words, for operators.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

pub(super) type Source = Arc<dyn Fn() -> Result<Vec<RecordRow>, RecordsError> + Send + Sync>;

/// What a folder of records last held.
pub(super) type Read = Arc<Result<Vec<RecordRow>, RecordsError>>;

/// The records, read again once a minute.
pub(super) struct Records {
    source: Option<Source>,
    last: Mutex<Option<(Instant, Read)>>,
}

impl Records {
    pub(super) fn new(source: Option<Source>) -> Self {
        Self { source, last: Mutex::default() }
    }

    /// The records; `None` if none were configured. Reads files, so it must not be called from an async task.
    pub(super) fn now(&self, now: Instant) -> Option<Read> {
        let source = self.source.as_ref()?;
        // Held while it reads, so that one page reads and the others wait for it. A poisoned lock holds an older state.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, read)) = &*last
            && now.saturating_duration_since(*at) < RECORDS_INTERVAL
        {
            return Some(Arc::clone(read));
        }
        let cut = |mut rows: Vec<RecordRow>| {
            rows.truncate(DASHBOARD_ROWS_MAX);
            rows
        };
        let read = Arc::new(source().map(cut));
        *last = Some((now, Arc::clone(&read)));
        Some(read)
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("has_source", &self.source.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_folder_is_read_once_a_minute_and_its_rows_are_limited() {
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        let row = RecordRow {
            device: "cpu".into(),
            kernel: "avx2".into(),
            mode: "search".into(),
            threads: 1,
            median: 2.0,
            min: 1.0,
            max: 3.0,
            unit: "hash/s".into(),
            is_right: true,
            commit: "abc".into(),
            when: String::new(),
        };
        let records = Records::new(Some(Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(vec![row.clone(); 2 * DASHBOARD_ROWS_MAX])
        })));
        let now = Instant::now();
        for at in [now, now + RECORDS_INTERVAL / 2, now + RECORDS_INTERVAL] {
            let read = records.now(at).unwrap();
            assert_eq!(read.as_ref().as_ref().unwrap().len(), DASHBOARD_ROWS_MAX);
        }
        assert_eq!(reads.load(Ordering::Relaxed), 2);
        assert_eq!(Records::new(None).now(now), None);
    }
}
