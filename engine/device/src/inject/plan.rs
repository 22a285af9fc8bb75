//! The plan of an injector: which faults, and into which batches. Plain data.

use crate::fake::Behaviour;

/// A fault of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The device is lost with all its batches in flight, until it is reopened.
    Loss,
    /// The device does not answer any more, until it is reopened.
    Hang,
    /// `collect` never returns, as if the driver blocked for ever.
    Stuck,
    /// The worker panics in `collect`.
    Panic,
    /// The hits of a search are left out; the first of several hashes is wrong; no tree is reported as mutated.
    MissedHits,
    /// A search has a false hit; the first of several hashes is wrong; every tree is reported as mutated.
    FalseHits,
    /// The content of an unused buffer: no hits, hashes of zero.
    Zeros,
    /// The first of several hashes is wrong; a search has a false hit.
    WrongHashes,
    /// One bit of the answer is flipped. The seed and the batch's number select it.
    BitFlip {
        /// Seed of the bit positions.
        seed: u64,
    },
}

impl Fault {
    /// The number of kinds.
    pub(super) const KINDS: usize = 9;

    /// The kind's index, below [`Self::KINDS`].
    pub(super) const fn kind(self) -> usize {
        match self {
            Self::Loss => 0,
            Self::Hang => 1,
            Self::Panic => 2,
            Self::MissedHits => 3,
            Self::FalseHits => 4,
            Self::Zeros => 5,
            Self::WrongHashes => 6,
            Self::BitFlip { .. } => 7,
            Self::Stuck => 8,
        }
    }

    /// The behaviour of the scripted fake that gives the same wrong answer, if there is one.
    pub(super) const fn behaviour(self) -> Option<Behaviour> {
        match self {
            Self::MissedHits => Some(Behaviour::MissedHits),
            Self::FalseHits => Some(Behaviour::FalseHits),
            Self::Zeros => Some(Behaviour::Zeros),
            Self::WrongHashes => Some(Behaviour::WrongHashes),
            Self::Loss | Self::Hang | Self::Stuck | Self::Panic | Self::BitFlip { .. } => None,
        }
    }
}

/// The batches that a fault applies to. They are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// This batch.
    Batch(u64),
    /// This batch and all later ones.
    From(u64),
    /// Every n-th batch, beginning with batch n − 1.
    Every(u64),
    /// One in `batches` batches on average, chosen by a random number generator.
    OneIn {
        /// Batches per fault, on average.
        batches: u64,
        /// Seed of the generator.
        seed: u64,
    },
}

impl When {
    pub(super) const fn matches(self, number: u64) -> bool {
        match self {
            Self::Batch(only) => number == only,
            Self::From(first) => number >= first,
            Self::Every(period) => (number + 1).is_multiple_of(period),
            Self::OneIn { batches, seed } => random(seed, number).is_multiple_of(batches),
        }
    }
}

/// A fault and the batches that it is injected into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Injection {
    /// The batches.
    pub when: When,
    /// The fault.
    pub fault: Fault,
}

/// The `index`-th number of the generator `SplitMix64`, computed without the numbers before it.
pub(super) const fn random(seed: u64, index: u64) -> u64 {
    let state = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_matches_the_batches_that_it_describes() {
        let matched = |when: When| (0..8).filter(|&number| when.matches(number)).collect::<Vec<_>>();
        assert_eq!(matched(When::Batch(3)), [3]);
        assert_eq!(matched(When::From(6)), [6, 7]);
        assert_eq!(matched(When::Every(3)), [2, 5]);
        assert_eq!(matched(When::Every(1)).len(), 8);
    }

    #[test]
    fn one_in_ten_is_about_a_tenth_and_the_same_in_every_run() {
        let when = When::OneIn { batches: 10, seed: 7 };
        let matched: Vec<u64> = (0..10_000).filter(|&number| when.matches(number)).collect();
        assert!((900..1_100).contains(&matched.len()), "{}", matched.len());
        assert!(matched.iter().all(|&number| when.matches(number)));
        let other = When::OneIn { batches: 10, seed: 8 };
        assert_ne!(matched, (0..10_000).filter(|&number| other.matches(number)).collect::<Vec<_>>());
    }

    #[test]
    fn the_generator_gives_the_published_numbers_of_splitmix64() {
        assert_eq!(
            [random(1_234_567, 0), random(1_234_567, 1)],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }
}
