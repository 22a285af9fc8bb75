//! What is injected, and into which batches. Plain data.

use crate::fake::Behaviour;

/// What befalls a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The device is gone, with all that it has in flight, until it is opened again.
    Loss,
    /// The device never answers again, until it is opened again.
    Hang,
    /// Whoever waits for the device waits for ever: it never comes back from the driver.
    Stuck,
    /// The worker that asks for the answer panics.
    Panic,
    /// The hits of a search are left out; the first of several hashes is wrong; no tree is reported as mutated.
    MissedHits,
    /// A search has a false hit; the first of several hashes is wrong; every tree is reported as mutated.
    FalseHits,
    /// The answer of an untouched buffer: no hits, hashes of zero.
    Zeros,
    /// Of hashes the first is wrong; a search has a hit that is none.
    WrongHashes,
    /// One bit of the answer, anywhere in it, is the other one. The seed and the batch's number say which.
    BitFlip {
        /// Where the bits come from.
        seed: u64,
    },
}

impl Fault {
    /// How many kinds there are.
    pub(super) const KINDS: usize = 9;

    /// The kind's number, below [`Self::KINDS`].
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

    /// The lie that the scripted fake tells too, where it is one.
    pub(super) const fn lie(self) -> Option<Behaviour> {
        match self {
            Self::MissedHits => Some(Behaviour::MissedHits),
            Self::FalseHits => Some(Behaviour::FalseHits),
            Self::Zeros => Some(Behaviour::Zeros),
            Self::WrongHashes => Some(Behaviour::WrongHashes),
            Self::Loss | Self::Hang | Self::Stuck | Self::Panic | Self::BitFlip { .. } => None,
        }
    }
}

/// Which batches a fault befalls. They are counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// This one.
    Batch(u64),
    /// This one and all that come after it.
    From(u64),
    /// The last of each so many.
    Every(u64),
    /// One in so many on average, as a generator with this seed has it.
    OneIn {
        /// How many.
        batches: u64,
        /// Where the choice comes from.
        seed: u64,
    },
}

impl When {
    pub(super) const fn fits(self, number: u64) -> bool {
        match self {
            Self::Batch(only) => number == only,
            Self::From(first) => number >= first,
            Self::Every(period) => (number + 1).is_multiple_of(period),
            Self::OneIn { batches, seed } => random(seed, number).is_multiple_of(batches),
        }
    }
}

/// A fault, and when it is injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Injection {
    /// Into which batches.
    pub when: When,
    /// What.
    pub fault: Fault,
}

/// The `index`-th number of a generator (`SplitMix64`), which needs no state to be asked out of turn.
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
    fn a_plan_says_of_each_batch_whether_it_is_meant() {
        let meant = |when: When| (0..8).filter(|&number| when.fits(number)).collect::<Vec<_>>();
        assert_eq!(meant(When::Batch(3)), [3]);
        assert_eq!(meant(When::From(6)), [6, 7]);
        assert_eq!(meant(When::Every(3)), [2, 5]);
        assert_eq!(meant(When::Every(1)).len(), 8);
    }

    #[test]
    fn one_in_so_many_is_about_that_and_the_same_each_time() {
        let when = When::OneIn { batches: 10, seed: 7 };
        let meant: Vec<u64> = (0..10_000).filter(|&number| when.fits(number)).collect();
        assert!((900..1_100).contains(&meant.len()), "{}", meant.len());
        assert!(meant.iter().all(|&number| when.fits(number)));
        let other = When::OneIn { batches: 10, seed: 8 };
        assert_ne!(meant, (0..10_000).filter(|&number| other.fits(number)).collect::<Vec<_>>());
    }

    #[test]
    fn the_generator_gives_the_published_numbers_of_splitmix64() {
        assert_eq!(
            [random(1_234_567, 0), random(1_234_567, 1)],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
    }
}
