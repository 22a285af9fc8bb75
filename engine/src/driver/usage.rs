//! Device time that a tenant used within the last minute.

use std::time::{Duration, Instant};

/// Buckets of the sliding minute, 2 s each: 30 numbers are 240 bytes for each tenant.
const BUCKETS: usize = 30;
const BUCKET: Duration = Duration::from_secs(2);

/// Device time used within the last minute, in microseconds.
#[derive(Debug, Default)]
pub(super) struct SlidingMinute {
    begun: Option<Instant>,
    /// Number of the newest bucket since `begun`.
    newest: u64,
    buckets: [f64; BUCKETS],
}

impl SlidingMinute {
    /// Adds device time; a negative time returns some of an estimate.
    pub(super) fn add(&mut self, time_us: f64, now: Instant) {
        let number = self.advance(now);
        self.buckets[(number % BUCKETS as u64) as usize] += time_us;
    }

    /// The device time of the last minute. An estimate and its correction may be in two buckets, of which only the
    /// second one is left; the sum is never below zero.
    pub(super) fn sum(&mut self, now: Instant) -> Duration {
        self.advance(now);
        Duration::from_secs_f64(self.buckets.iter().sum::<f64>().max(0.0) / 1e6)
    }

    /// Empties the buckets that are older than a minute, and returns the number of the newest one.
    fn advance(&mut self, now: Instant) -> u64 {
        let begun = *self.begun.get_or_insert(now);
        let number = now.saturating_duration_since(begun).as_secs() / BUCKET.as_secs();
        for bucket in 1..=number.saturating_sub(self.newest).min(BUCKETS as u64) {
            self.buckets[((self.newest + bucket) % BUCKETS as u64) as usize] = 0.0;
        }
        self.newest = self.newest.max(number);
        self.newest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_older_than_a_minute_is_not_in_the_sum_and_a_correction_never_makes_it_negative() {
        let (mut minute, start) = (SlidingMinute::default(), Instant::now());
        for step in 0..60 {
            minute.add(1e6, start + Duration::from_secs(step));
        }
        assert_eq!(minute.sum(start + Duration::from_secs(59)), Duration::from_mins(1));
        assert_eq!(minute.sum(start + Duration::from_secs(89)), Duration::from_secs(30));
        minute.add(-90e6, start + Duration::from_secs(90));
        assert_eq!(minute.sum(start + Duration::from_secs(90)), Duration::ZERO);
        assert_eq!(minute.sum(start + Duration::from_hours(9)), Duration::ZERO);
    }
}
