//! Limits how often an address may try to log in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::{LOGIN_ADDRESSES_MAX, LOGIN_PAUSE, LOGINS_BURST};
use crate::shares::group_of;

/// The attempts of each address: the time at which all of them are forgotten.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<HashMap<IpAddr, Instant>>);

impl Attempts {
    /// Counts an attempt; `false`: it is one too many.
    pub(super) fn take(&self, address: IpAddr, now: Instant) -> bool {
        // A poisoned lock is still usable: every change is one insertion or removal.
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= LOGIN_ADDRESSES_MAX {
            attempts.retain(|_, forgotten| *forgotten > now);
        }
        let address = group_of(address);
        if attempts.len() >= LOGIN_ADDRESSES_MAX && !attempts.contains_key(&address) {
            return false;
        }
        let forgotten = attempts.entry(address).or_insert(now);
        let next = (*forgotten).max(now) + LOGIN_PAUSE;
        let is_allowed = next.saturating_duration_since(now) <= longest();
        if is_allowed {
            *forgotten = next;
        }
        is_allowed
    }
}

/// The time after which a whole burst is forgotten.
fn longest() -> Duration {
    LOGIN_PAUSE * LOGINS_BURST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_try_a_burst_and_then_once_per_pause_and_others_are_not_affected() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let [one, two]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let taken = |address, now| (0..100).filter(|_| attempts.take(address, now)).count();
        assert_eq!((taken(one, now), taken(two, now)), (LOGINS_BURST as usize, LOGINS_BURST as usize));
        assert_eq!(taken(one, now + 3 * LOGIN_PAUSE), 3);
        assert_eq!(taken(one, now + Duration::from_hours(1)), LOGINS_BURST as usize);
    }

    #[test]
    fn the_number_of_addresses_is_limited_and_old_ones_are_forgotten() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let address = |number: usize| IpAddr::from((number as u32 + 1).to_be_bytes());
        assert!((0..LOGIN_ADDRESSES_MAX).all(|number| attempts.take(address(number), now)));
        assert!(!attempts.take(address(LOGIN_ADDRESSES_MAX), now));
        assert!(attempts.take(address(0), now), "a known address goes on");
        assert!(attempts.take(address(LOGIN_ADDRESSES_MAX), now + longest()));
    }
}
