//! What is to be expected of a running job: when it ends, and whether it finds a seal in time.

use std::time::{Duration, Instant};

use cityseal_chain::SealTemplate;

use crate::probability::probability_per_hash;

/// The longest duration that is given; longer ones are cut to it. A search without any hope takes 10^60 years.
const DURATION_MAX: Duration = Duration::from_hours(24 * 365 * 1_000);

/// What is to be expected of a running job, by its rate so far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobOutlook {
    /// Time since its submission.
    pub age: Duration,
    /// Time until its deadline; `None`: it has none.
    pub left: Option<Duration>,
    /// The expected time until it ends: with its first seal, at the end of its space or at its deadline, whatever comes
    /// first; a job for all seals ends with its space or at its deadline. At most 1,000 years. `None` before it has a
    /// rate.
    pub ends_in: Option<Duration>,
    /// The probability, 0 to 1, that it has at least one seal by its deadline. `None` before it has a rate.
    pub probability: Option<f64>,
}

/// The part of a job's request on which its outlook depends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prospects {
    submitted: Instant,
    deadline: Option<Instant>,
    per_hash: f64,
    all: bool,
}

impl Prospects {
    pub(crate) fn new(template: &SealTemplate, all: bool, deadline: Option<Instant>, now: Instant) -> Self {
        Self { submitted: now, deadline, per_hash: probability_per_hash(template.target()), all }
    }

    /// The outlook of a job with that many hashes left in its space.
    pub(crate) fn outlook(&self, hashes_left: u128, has_seal: bool, rate_hz: f64, now: Instant) -> JobOutlook {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        let age = now.saturating_duration_since(self.submitted);
        if rate_hz <= 0.0 {
            return JobOutlook { age, left, ends_in: None, probability: has_seal.then_some(1.0) };
        }
        let to_end = hashes_left as f64 / rate_hz;
        let limit_s = left.map_or(to_end, |left| to_end.min(left.as_secs_f64()));
        // Hits arrive at random: 1 - exp(-n p) for at least one among n hashes.
        let by_limit = -f64::exp_m1(-limit_s * rate_hz * self.per_hash);
        let hits_hz = rate_hz * self.per_hash;
        // The mean of an exponential time cut at the limit: (1 - exp(-hits x limit)) / hits.
        let ends_s = if self.all || hits_hz <= 0.0 { limit_s } else { by_limit / hits_hz };
        let ends_in = Duration::try_from_secs_f64(ends_s).unwrap_or(DURATION_MAX).min(DURATION_MAX);
        JobOutlook { age, left, ends_in: Some(ends_in), probability: Some(if has_seal { 1.0 } else { by_limit }) }
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the edges are exact in binary")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn prospects(per_hash: f64, all: bool, left: Option<Duration>) -> (Prospects, Instant) {
        let now = Instant::now();
        let submitted = now.checked_sub(SECOND).unwrap();
        (Prospects { submitted, deadline: left.map(|left| now + left), per_hash, all }, now)
    }

    #[test]
    fn a_job_ends_at_its_first_seal_or_its_deadline_or_with_its_space() {
        let ends_in = |per_hash, all, left, hashes: u128| {
            let (job, now) = prospects(per_hash, all, left);
            job.outlook(hashes, false, 1_000.0, now).ends_in.unwrap().as_secs_f64()
        };
        assert_eq!(ends_in(0.0, false, None, 5_000), 5.0, "its space");
        assert_eq!(ends_in(0.0, false, Some(3 * SECOND), 5_000), 3.0, "its deadline");
        assert_eq!(ends_in(1.0, true, Some(3 * SECOND), 1_000), 1.0, "all seals: its space");
        let soon = ends_in(1e-3, false, Some(1_000 * SECOND), 1 << 60);
        assert!((0.99..1.01).contains(&soon), "one hit per second is expected: {soon}");
        assert_eq!(ends_in(0.0, false, None, u128::MAX), DURATION_MAX.as_secs_f64());
    }

    #[test]
    fn the_probability_is_that_of_a_hit_among_the_hashes_that_are_left() {
        let of = |left, hashes: u128| {
            let (job, now) = prospects(1e-3, false, Some(left));
            job.outlook(hashes, false, 1_000.0, now).probability.unwrap()
        };
        let one_expected = 1.0 - (-1.0_f64).exp();
        assert!((of(SECOND, 1 << 60) - one_expected).abs() < 1e-9, "limited by the deadline");
        assert!((of(9 * SECOND, 1_000) - one_expected).abs() < 1e-9, "limited by the space");
        assert_eq!(of(9 * SECOND, 0), 0.0);
        let (job, now) = prospects(0.0, true, None);
        assert_eq!(job.outlook(7, true, 1.0, now).probability, Some(1.0), "it has a seal");
        let fresh = job.outlook(7, false, 0.0, now);
        assert_eq!((fresh.age, fresh.left, fresh.ends_in, fresh.probability), (SECOND, None, None, None));
    }
}
