//! Limits the number of log lines about calls, so that no caller can flood the log: a burst, then a fixed number per
//! second.
//!
//! The caller writes the lines, and passes the time as an argument.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::limits::{LOG_LINES_BURST, LOG_LINES_PER_SECOND};

/// A token bucket of log lines.
#[derive(Debug)]
pub(crate) struct LogBudget(Mutex<Bucket>);

#[derive(Debug)]
struct Bucket {
    lines: f64,
    filled_at: Instant,
    left_out: u64,
}

impl LogBudget {
    /// Creates a full budget.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(Bucket { lines: LOG_LINES_BURST.into(), filled_at: now, left_out: 0 }))
    }

    /// Takes one line. `Some(n)`: the line may be written, and `n` lines were suppressed since the last one. `None`:
    /// the line is suppressed.
    pub(crate) fn take(&self, now: Instant) -> Option<u64> {
        // A poisoned lock is still usable: the worst case is one line too many.
        let mut bucket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(bucket.filled_at).as_secs_f64();
        bucket.lines = (bucket.lines + since * f64::from(LOG_LINES_PER_SECOND)).min(LOG_LINES_BURST.into());
        bucket.filled_at = bucket.filled_at.max(now);
        if bucket.lines < 1.0 {
            bucket.left_out += 1;
            return None;
        }
        bucket.lines -= 1.0;
        Some(std::mem::take(&mut bucket.left_out))
    }
}

/// One budget for the lines about admitted calls and one for those about refusals, so that neither can silence the
/// other.
#[derive(Debug)]
pub(crate) struct LogBudgets {
    pub(crate) admitted: LogBudget,
    pub(crate) refused: Arc<LogBudget>,
}

impl LogBudgets {
    /// Creates two full budgets.
    pub(crate) fn new(now: Instant) -> Self {
        Self { admitted: LogBudget::new(now), refused: Arc::new(LogBudget::new(now)) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn taken(budget: &LogBudget, tries: u32, now: Instant) -> u32 {
        (0..tries).filter(|_| budget.take(now).is_some()).count() as u32
    }

    #[test]
    fn a_burst_is_written_and_then_as_many_each_second_as_the_limit() {
        let now = Instant::now();
        let budget = LogBudget::new(now);
        assert_eq!(taken(&budget, 10 * LOG_LINES_BURST, now), LOG_LINES_BURST);
        assert_eq!(taken(&budget, 1000, now + Duration::from_secs(1)), LOG_LINES_PER_SECOND);
        assert_eq!(taken(&budget, 1000, now + Duration::from_secs(3)), 2 * LOG_LINES_PER_SECOND);
    }

    #[test]
    fn the_line_after_a_gap_counts_the_suppressed_lines() {
        let now = Instant::now();
        let budget = LogBudget::new(now);
        assert_eq!(taken(&budget, LOG_LINES_BURST + 7, now), LOG_LINES_BURST);
        let later = now + Duration::from_secs(1);
        assert_eq!((budget.take(later), budget.take(later)), (Some(7), Some(0)));
    }

    #[test]
    fn a_pause_refills_at_most_one_burst() {
        let now = Instant::now();
        let budget = LogBudget::new(now);
        assert_eq!(taken(&budget, 10_000, now + Duration::from_hours(1)), LOG_LINES_BURST);
    }
}
