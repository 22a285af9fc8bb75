//! When to retry, and when to give up.
//!
//! Pauses double, with random jitter so that a thousand nodes do not reconnect at the same moment. Only idempotent
//! calls may be retried.

use std::error::Error;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use tonic::{Code, Status};
use tonic_types::StatusExt;

/// How long to keep trying, and how long to pause between two attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first pause; each later one is twice as long. Default 50 ms.
    pub pause_first: Duration,
    /// The longest pause. Default 5 s.
    pub pause_max: Duration,
    /// Time from the first failure after which no attempt is made. Zero: no second attempt. Default 30 s.
    pub give_up_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            pause_first: Duration::from_millis(50),
            pause_max: Duration::from_secs(5),
            give_up_after: Duration::from_secs(30),
        }
    }
}

/// Attempts at one call or connection.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    pause: Duration,
    failing_since: Option<Instant>,
}

impl Attempts {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self { policy, pause: policy.pause_first, failing_since: None }
    }

    /// Records a success: the next failure counts as the first one.
    pub(crate) fn succeeded(&mut self) {
        *self = Self::new(self.policy);
    }

    /// The pause after a failure at `now`, or `None` if it is time to give up. `wanted` is the pause requested by the
    /// service.
    fn next_pause(&mut self, now: Instant, wanted: Option<Duration>) -> Option<Duration> {
        let since = *self.failing_since.get_or_insert(now);
        if now.duration_since(since) >= self.policy.give_up_after {
            return None;
        }
        let pause = jittered(self.pause).max(wanted.unwrap_or_default()).min(self.policy.pause_max);
        self.pause = (self.pause * 2).min(self.policy.pause_max);
        Some(pause)
    }

    /// Waits before the next attempt. Returns `false` if it is time to give up.
    pub(crate) async fn wait(&mut self, wanted: Option<Duration>) -> bool {
        let Some(pause) = self.next_pause(Instant::now(), wanted) else { return false };
        tokio::time::sleep(pause).await;
        true
    }
}

/// Whether a call that failed with `status` may succeed later: the connection failed, or the service requests a retry.
pub(crate) fn is_transient(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable => true,
        Code::ResourceExhausted => status.get_details_retry_info().is_some(),
        // A connection that breaks during a call has one of these codes, with the transport error as its source.
        Code::Unknown | Code::Internal | Code::Cancelled => status.source().is_some(),
        Code::Ok
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

/// The pause that the service requests, if any.
pub(crate) fn wanted_pause(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}

/// A random pause between half of `pause` and all of it.
fn jittered(pause: Duration) -> Duration {
    pause / 2 + (pause / 2).mul_f64((random_u64() % 1024) as f64 / 1024.0)
}

/// A number that differs between calls and processes; not for secrets.
pub(crate) fn random_u64() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        pause_first: Duration::from_millis(100),
        pause_max: Duration::from_secs(1),
        give_up_after: Duration::from_secs(10),
    };

    #[test]
    fn pauses_double_up_to_the_longest_with_jitter_in_their_upper_half() {
        let (mut attempts, now) = (Attempts::new(POLICY), Instant::now());
        for nominal_ms in [100, 200, 400, 800, 1000, 1000] {
            let pause = attempts.next_pause(now, None).unwrap();
            let nominal = Duration::from_millis(nominal_ms);
            assert!(nominal / 2 <= pause && pause <= nominal, "{pause:?} of {nominal:?}");
        }
    }

    #[test]
    fn gives_up_at_the_limit_and_not_just_before() {
        let (mut attempts, now) = (Attempts::new(POLICY), Instant::now());
        assert!(attempts.next_pause(now, None).is_some());
        let (just_before, limit) = (Duration::from_millis(9_999), POLICY.give_up_after);
        assert!(attempts.next_pause(now + just_before, None).is_some());
        assert!(attempts.next_pause(now + limit, None).is_none());
    }

    #[test]
    fn a_success_resets_the_time_of_the_first_failure() {
        let (mut attempts, now) = (Attempts::new(POLICY), Instant::now());
        attempts.next_pause(now, None);
        attempts.succeeded();
        assert!(attempts.next_pause(now + POLICY.give_up_after, None).is_some());
    }

    #[test]
    fn waits_as_long_as_the_service_asks_but_never_longer_than_the_policy() {
        let mut attempts = Attempts::new(POLICY);
        let now = Instant::now();
        assert_eq!(attempts.next_pause(now, Some(Duration::from_millis(700))), Some(Duration::from_millis(700)));
        assert_eq!(attempts.next_pause(now, Some(Duration::from_secs(99))), Some(POLICY.pause_max));
    }

    #[test]
    fn only_transient_errors_are_retried() {
        assert!(is_transient(&Status::unavailable("down")));
        for lasting in [Status::invalid_argument("no"), Status::not_found("no"), Status::internal("bug")] {
            assert!(!is_transient(&lasting), "{lasting:?}");
        }
        assert!(!is_transient(&Status::resource_exhausted("message too large")));
    }
}
