//! A small pseudo-random number generator: the same seed gives the same chain on every machine.

/// The generator splitmix64, with 64 bits of state. Fast, but not for secrets.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Creates the generator of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Creates the generator of one of many independent streams of a seed.
    pub fn of_stream(seed: u64, stream: u64) -> Self {
        let mut first = Self(seed);
        let mut second = Self(first.word() ^ stream.wrapping_mul(0xd134_2543_de82_ef95));
        Self(second.word())
    }

    /// Returns the next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, which must not be zero.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.word()) * u128::from(end)) >> 64) as u64
    }

    /// Returns a number from `first` to `last`.
    pub fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.below(last - first + 1)
    }

    /// Appends `count` random bytes.
    pub fn append(&mut self, count: usize, out: &mut Vec<u8>) {
        let end = out.len() + count;
        out.reserve(count + 8);
        while out.len() < end {
            out.extend_from_slice(&self.word().to_le_bytes());
        }
        out.truncate(end);
    }

    /// Returns `count` random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.append(count, &mut bytes);
        bytes
    }

    /// Returns 32 random bytes.
    pub fn node(&mut self) -> [u8; 32] {
        let mut node = [0; 32];
        for word in node.as_chunks_mut::<8>().0 {
            *word = self.word().to_le_bytes();
        }
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_published_numbers_of_splitmix64() {
        // Vigna's reference implementation, seed 1234567.
        let mut random = Random::new(1_234_567);
        let words: Vec<u64> = (0..3).map(|_| random.word()).collect();
        assert_eq!(words, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn streams_of_a_seed_differ_and_numbers_stay_in_their_range() {
        let mut words: Vec<u64> = (0..1000).map(|stream| Random::of_stream(7, stream).word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 1000);
        let mut random = Random::new(1);
        let numbers: Vec<u64> = (0..1000).map(|_| random.between(3, 5)).collect();
        assert!((3..=5).all(|number| numbers.contains(&number)) && numbers.iter().all(|n| (3..=5).contains(n)));
        assert_eq!([0, 1, 7, 8, 9].map(|count| random.bytes(count).len()), [0, 1, 7, 8, 9]);
    }
}
