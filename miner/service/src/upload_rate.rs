//! How slowly an upload may arrive: a minimum number of bytes per period, not counting the time in which the service
//! itself did not read.

use std::time::Duration;

use tokio::time::Instant;

use super::limit_table::Limits;
use super::refusal::Refusal;

/// The current period of an upload.
#[derive(Debug)]
pub(super) struct UploadRate {
    bytes_min: usize,
    period: Duration,
    ends: Instant,
    bytes: usize,
}

impl UploadRate {
    /// Starts a period.
    pub(super) fn new(limits: &Limits, now: Instant) -> Self {
        let (bytes_min, period) = (limits.upload_bytes_min, limits.upload_period);
        Self { bytes_min, period, ends: now + period, bytes: 0 }
    }

    /// When the upload is too slow, unless more arrives until then.
    pub(super) const fn ends(&self) -> Instant {
        self.ends
    }

    /// Counts a message of `bytes` bytes of the chain. The service then took until `now` to process it, which the
    /// caller does not answer for.
    pub(super) fn received(&mut self, bytes: usize, processing: Duration, now: Instant) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes >= self.bytes_min {
            self.ends = now + self.period;
            self.bytes = 0;
        } else {
            self.ends += processing;
        }
    }

    /// The refusal of an upload whose period has ended.
    pub(super) const fn too_slow(&self) -> Refusal {
        Refusal::UploadIdle { bytes: self.bytes, bytes_min: self.bytes_min, period_s: self.period.as_secs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{UPLOAD_BYTES_MIN, UPLOAD_PERIOD};

    const ZERO: Duration = Duration::ZERO;

    #[test]
    fn empty_and_small_chunks_do_not_extend_the_period() {
        let began = Instant::now();
        let mut rate = UploadRate::new(&Limits::default(), began);
        for second in 1..30 {
            rate.received(0, ZERO, began + Duration::from_secs(second));
        }
        rate.received(UPLOAD_BYTES_MIN - 1, ZERO, began + Duration::from_secs(29));
        assert_eq!(rate.ends(), began + UPLOAD_PERIOD);
        assert!(matches!(rate.too_slow(), Refusal::UploadIdle { bytes, .. } if bytes == UPLOAD_BYTES_MIN - 1));
    }

    #[test]
    fn the_minimum_of_bytes_starts_a_new_period() {
        let began = Instant::now();
        let mut rate = UploadRate::new(&Limits::default(), began);
        let later = began + Duration::from_secs(29);
        rate.received(UPLOAD_BYTES_MIN - 80, ZERO, later);
        rate.received(80, ZERO, later);
        assert_eq!(rate.ends(), later + UPLOAD_PERIOD);
    }

    #[test]
    fn the_time_in_which_the_service_did_not_read_does_not_count() {
        let began = Instant::now();
        let mut rate = UploadRate::new(&Limits::default(), began);
        let processing = Duration::from_mins(5);
        rate.received(80, processing, began + processing);
        assert_eq!(rate.ends(), began + UPLOAD_PERIOD + processing);
    }
}
