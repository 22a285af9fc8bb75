//! What a back end has found out about its own pace.

use std::sync::atomic::{AtomicU64, Ordering};

/// How large a dispatch of a device is at present, and how fast it searches: said by its back end, heard by its opener and
/// by whoever shows or keeps it. Zero where nothing was measured yet.
#[derive(Debug, Default)]
pub struct Tuning {
    dispatch_nonces: AtomicU64,
    rate_hz: AtomicU64,
}

/// One look at a [`Tuning`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuned {
    /// Nonces × midstates of one dispatch.
    pub dispatch_nonces: u64,
    /// Hashes of a search per second.
    pub rate_hz: u64,
}

impl Tuning {
    /// Says what was found out.
    pub fn set(&self, tuned: Tuned) {
        self.dispatch_nonces.store(tuned.dispatch_nonces, Ordering::Relaxed);
        self.rate_hz.store(tuned.rate_hz, Ordering::Relaxed);
    }

    /// What was said last; `None` before anything was measured.
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
    fn nothing_is_told_before_something_was_measured() {
        let tuning = Tuning::default();
        assert_eq!(tuning.get(), None);
        let tuned = Tuned { dispatch_nonces: 1 << 20, rate_hz: 1_000_000 };
        tuning.set(tuned);
        assert_eq!(tuning.get(), Some(tuned));
    }
}
