//! Time that the workers spent in each stage of a verification, as `--stats` shows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A stage of the verification of headers or blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StageName {
    /// Reading from a file, by a worker or by the thread that feeds the verifier.
    Read,
    /// Parsing blocks into transactions.
    Parse,
    /// Hashing headers, transactions and their witnesses.
    Hash,
    /// Hashing Merkle trees up to their roots.
    Trees,
    /// Judging the rules.
    Rules,
}

impl StageName {
    /// Every stage, in order.
    pub const ALL: [Self; 5] = [Self::Read, Self::Parse, Self::Hash, Self::Trees, Self::Rules];

    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Hash => "hash",
            Self::Trees => "trees",
            Self::Rules => "rules",
        }
    }
}

/// A stage, and the time spent in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The stage.
    pub name: StageName,
    /// Sum over all workers.
    pub busy: Duration,
}

/// The stages of one stream, updated by many threads.
#[derive(Debug, Default)]
pub(crate) struct Stages([AtomicU64; StageName::ALL.len()]);

impl Stages {
    /// Runs `work` and adds the time it takes to a stage.
    pub(crate) fn time<R>(&self, name: StageName, work: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = work();
        self.add(name, began.elapsed());
        result
    }

    /// Adds time that was measured elsewhere.
    pub(crate) fn add(&self, name: StageName, busy: Duration) {
        self.0[name as usize].fetch_add(busy.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(crate) fn all(&self) -> Vec<Stage> {
        let of =
            |name: StageName| Stage { name, busy: Duration::from_nanos(self.0[name as usize].load(Ordering::Relaxed)) };
        StageName::ALL.map(of).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_counted_under_its_own_stage() {
        let stages = Stages::default();
        stages.add(StageName::Hash, Duration::from_nanos(5));
        stages.add(StageName::Hash, Duration::from_nanos(6));
        assert_eq!(stages.time(StageName::Rules, || 7), 7);
        let busy = |index: usize| stages.all()[index].busy;
        assert_eq!((busy(0), busy(2), StageName::ALL[2].as_str()), (Duration::ZERO, Duration::from_nanos(11), "hash"));
    }
}
