//! How long the workers were busy with each stage of a verification: what `--stats` shows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A stage that headers or blocks pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StageName {
    /// Bytes out of a file, by the worker that needs them or by whoever feeds the verifier.
    Read,
    /// Blocks are taken apart into transactions.
    Parse,
    /// Headers, transactions and their witnesses are hashed.
    Hash,
    /// Merkle trees are hashed up to their roots.
    Trees,
    /// The rules are judged.
    Rules,
}

impl StageName {
    /// Every stage, in the order in which they are passed.
    pub const ALL: [Self; 5] = [Self::Read, Self::Parse, Self::Hash, Self::Trees, Self::Rules];

    /// The name in answers.
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

/// A stage, and how long all workers together were busy with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Which one.
    pub name: StageName,
    /// The time of all workers together.
    pub busy: Duration,
}

/// The stages of one stream, counted by many threads.
#[derive(Debug, Default)]
pub(crate) struct Stages([AtomicU64; StageName::ALL.len()]);

impl Stages {
    /// Does a piece of work and counts how long it took.
    pub(crate) fn time<R>(&self, name: StageName, work: impl FnOnce() -> R) -> R {
        let began = Instant::now();
        let result = work();
        self.add(name, began.elapsed());
        result
    }

    /// Counts time that was measured elsewhere.
    pub(crate) fn add(&self, name: StageName, busy: Duration) {
        self.0[name as usize].fetch_add(busy.as_nanos() as u64, Ordering::Relaxed);
    }

    /// All stages, in order.
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
