//! Device time that was used within a sliding window.

use std::time::Instant;

/// Device time of the last second: 20 buckets of 50 ms.
pub(super) type SlidingSecond = Sliding<20, 50>;

/// Device time of the last minute: 30 buckets of 2 s. They are 240 bytes for each tenant.
pub(super) type SlidingMinute = Sliding<30, 2_000>;

/// Device time used within the last `BUCKETS` buckets of `BUCKET_MS` milliseconds each, in microseconds.
#[derive(Debug)]
pub(super) struct Sliding<const BUCKETS: usize, const BUCKET_MS: u64> {
    begun: Option<Instant>,
    /// Number of the newest bucket since `begun`.
    newest: u64,
    buckets: [f64; BUCKETS],
}

impl<const BUCKETS: usize, const BUCKET_MS: u64> Default for Sliding<BUCKETS, BUCKET_MS> {
    fn default() -> Self {
        Self { begun: None, newest: 0, buckets: [0.0; BUCKETS] }
    }
}

impl<const BUCKETS: usize, const BUCKET_MS: u64> Sliding<BUCKETS, BUCKET_MS> {
    /// Adds device time; a negative time returns some of an estimate.
    pub(super) fn add(&mut self, time_us: f64, now: Instant) {
        let newest = self.advance(now);
        self.buckets[(newest % BUCKETS as u64) as usize] += time_us;
    }

    /// The device time within the window, in microseconds. An estimate and its correction may be in two buckets, of
    /// which only the second one is left; the sum is never below zero.
    pub(super) fn sum_us(&mut self, now: Instant) -> f64 {
        self.advance(now);
        self.buckets.iter().sum::<f64>().max(0.0)
    }

    /// Empties the buckets that are older than the window, and returns the number of the newest one.
    fn advance(&mut self, now: Instant) -> u64 {
        let begun = *self.begun.get_or_insert(now);
        let number = now.saturating_duration_since(begun).as_millis() as u64 / BUCKET_MS;
        for bucket in 1..=number.saturating_sub(self.newest).min(BUCKETS as u64) {
            self.buckets[((self.newest + bucket) % BUCKETS as u64) as usize] = 0.0;
        }
        self.newest = self.newest.max(number);
        self.newest
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the sums are exact in binary")]
mod tests {
    use std::time::Duration;

    use super::*;

    const BUCKET: Duration = Duration::from_millis(50);

    #[test]
    fn time_older_than_a_minute_is_not_in_the_sum_and_a_correction_never_makes_it_negative() {
        let (mut minute, start) = (SlidingMinute::default(), Instant::now());
        for step in 0..60 {
            minute.add(1e6, start + Duration::from_secs(step));
        }
        assert_eq!(minute.sum_us(start + Duration::from_secs(59)), 60e6);
        assert_eq!(minute.sum_us(start + Duration::from_secs(89)), 30e6);
        minute.add(-90e6, start + Duration::from_secs(90));
        assert_eq!(minute.sum_us(start + Duration::from_secs(90)), 0.0);
        assert_eq!(minute.sum_us(start + Duration::from_hours(9)), 0.0);
    }

    #[test]
    fn time_older_than_a_second_is_not_in_the_window() {
        let mut window = SlidingSecond::default();
        let start = Instant::now();
        for step in 0..40 {
            window.add(10.0, start + BUCKET * step);
        }
        assert_eq!(window.sum_us(start + BUCKET * 39), 200.0);
        assert_eq!(window.sum_us(start + BUCKET * 49), 100.0);
        assert_eq!(window.sum_us(start + BUCKET * 5_000), 0.0);
    }
}
