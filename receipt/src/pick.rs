//! Chooses items at random from a given seed. For an unpredictable choice the caller must pass an unpredictable seed.

use std::collections::BTreeSet;

use cityseal_hash::sha256;

/// Chooses `wanted` distinct items out of `count`, or all of them if there are fewer; every such set is equally likely.
///
/// Returns indices from 0 to `count - 1` in ascending order. The same seed gives the same choice.
pub fn pick(seed: &[u8; 32], count: u64, wanted: u64) -> Vec<u64> {
    let mut stream = Stream { seed: *seed, drawn: 0 };
    let mut chosen = BTreeSet::new();
    // Floyd's sampling needs one draw per item, however close `wanted` is to `count`.
    for last in count.saturating_sub(wanted)..count {
        let drawn = stream.up_to(last);
        if !chosen.insert(drawn) {
            chosen.insert(last);
        }
    }
    chosen.into_iter().collect()
}

/// A stream of numbers: SHA-256 over the seed and a counter.
struct Stream {
    seed: [u8; 32],
    drawn: u64,
}

impl Stream {
    fn next(&mut self) -> u64 {
        let mut message = [0; 40];
        message[..32].copy_from_slice(&self.seed);
        message[32..].copy_from_slice(&self.drawn.to_le_bytes());
        self.drawn += 1;
        let [a, b, c, d, e, f, g, h, ..] = sha256(&message);
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    /// A uniform number from 0 to `last`. Numbers above the last whole multiple of the range are drawn again, to avoid
    /// bias.
    fn up_to(&mut self, last: u64) -> u64 {
        let Some(size) = last.checked_add(1) else { return self.next() };
        let whole = u64::MAX - u64::MAX % size;
        loop {
            let number = self.next();
            if number < whole {
                return number % size;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_seed_gives_the_same_items_and_another_seed_gives_others() {
        assert_eq!(pick(&[1; 32], 1 << 40, 9), pick(&[1; 32], 1 << 40, 9));
        assert_ne!(pick(&[1; 32], 1 << 40, 9), pick(&[2; 32], 1 << 40, 9));
        assert_eq!(pick(&[1; 32], u64::MAX, 3).len(), 3);
    }

    #[test]
    fn all_items_are_chosen_about_equally_often() {
        let mut times = [0_u32; 10];
        for seed in 0..1000_u32 {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&seed.to_le_bytes());
            pick(&bytes, 10, 3).into_iter().for_each(|item| times[item as usize] += 1);
        }
        assert!(times.iter().all(|count| (240..=360).contains(count)), "{times:?}");
    }

    proptest! {
        #[test]
        fn chosen_items_are_distinct_ascending_and_as_many_as_wanted(
            seed: [u8; 32], count in 0_u64..300, wanted in 0_u64..320,
        ) {
            let chosen = pick(&seed, count, wanted);
            prop_assert_eq!(chosen.len() as u64, wanted.min(count));
            prop_assert!(chosen.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(chosen.iter().all(|item| *item < count));
        }
    }
}
