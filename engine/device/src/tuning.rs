//! Measurements that a back end makes of its own speed.

use std::sync::atomic::{AtomicU64, Ordering};

/// The current size of a device's dispatches and its search rate. The back end writes it; the opener and callers that
/// show or store it read it. Both values are zero before the first measurement.
#[derive(Debug, Default)]
pub struct Tuning {
    dispatch_nonces: AtomicU64,
    rate_hz: AtomicU64,
}

/// The values of a [`Tuning`] at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuned {
    /// Nonces × midstates per dispatch.
    pub dispatch_nonces: u64,
    /// Searched hashes per second.
    pub rate_hz: u64,
}

impl Tuning {
    /// Stores new values.
    pub fn set(&self, tuned: Tuned) {
        self.dispatch_nonces.store(tuned.dispatch_nonces, Ordering::Relaxed);
        self.rate_hz.store(tuned.rate_hz, Ordering::Relaxed);
    }

    /// The latest values; `None` before the first measurement.
    pub fn get(&self) -> Option<Tuned> {
        let dispatch_nonces = self.dispatch_nonces.load(Ordering::Relaxed);
        let rate_hz = self.rate_hz.load(Ordering::Relaxed);
        (dispatch_nonces > 0 && rate_hz > 0).then_some(Tuned { dispatch_nonces, rate_hz })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_values_before_the_first_measurement() {
        let tuning = Tuning::default();
        assert_eq!(tuning.get(), None);
        let tuned = Tuned { dispatch_nonces: 1 << 20, rate_hz: 1_000_000 };
        tuning.set(tuned);
        assert_eq!(tuning.get(), Some(tuned));
    }
}
