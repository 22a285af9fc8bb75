//! The probability that a search finds a seal. Every hash is an independent trial that meets the target with the same
//! probability.

use cityseal_chain::Target;

/// 2^256: the number of possible hashes.
const HASHES: f64 = 1.157_920_892_373_162e77;

/// The odds of one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Odds {
    /// The probability that one hash meets the target: (target + 1) / 2^256, above 0 and at most 1.
    per_hash: f64,
}

impl Odds {
    /// The odds of a target.
    pub(crate) fn of(target: Target) -> Self {
        let number = target.to_wire().iter().rev().fold(0.0, |number, byte| number * 256.0 + f64::from(*byte));
        Self { per_hash: ((number + 1.0) / HASHES).min(1.0) }
    }

    /// The probability of at least one seal among `hashes` hashes.
    pub(crate) fn of_a_seal(self, hashes: u128) -> f64 {
        -self.exponent(hashes).exp_m1()
    }

    /// The probability of no seal among `hashes` hashes.
    pub(crate) fn of_none(self, hashes: u128) -> f64 {
        self.exponent(hashes).exp()
    }

    /// The average number of hashes per seal: 1 to 2^255.
    pub(crate) const fn hashes_per_seal(self) -> f64 {
        1.0 / self.per_hash
    }

    /// The average number of seals among `hashes` hashes.
    pub(crate) fn expected_seals(self, hashes: u128) -> f64 {
        self.per_hash * hashes as f64
    }

    /// `ln((1 - p)^hashes)`. With `p = 1` the logarithm is infinite, so 0 hashes are a special case.
    fn exponent(self, hashes: u128) -> f64 {
        if hashes == 0 { 0.0 } else { (-self.per_hash).ln_1p() * hashes as f64 }
    }
}

/// Seconds that `hashes` hashes take at this rate; `None` if the rate is unknown.
pub(crate) fn seconds_for(hashes: f64, rate_hz: f64) -> Option<f64> {
    (rate_hz > 0.0 && rate_hz.is_finite()).then(|| hashes / rate_hz)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn odds(bits: u32) -> Odds {
        Odds::of(cityseal_chain::CompactTarget::from_bits(bits).decode().unwrap())
    }

    fn is_close(found: f64, expected: f64) -> bool {
        (found / expected - 1.0).abs() < 1e-9
    }

    #[test]
    fn the_first_target_of_bitcoin_needs_about_two_to_the_32_hashes() {
        // The difficulty 1 of Bitcoin: 0xffff * 2^208, so a hash meets it with 65535 / 2^48.
        let first = odds(0x1d00_ffff);
        assert!(is_close(first.hashes_per_seal(), 2_f64.powi(48) / 65_535.0));
        assert!((first.of_a_seal(1 << 32) - 0.632_115).abs() < 1e-5);
        assert!((first.of_a_seal(1 << 32) + first.of_none(1 << 32) - 1.0).abs() < 1e-12);
        assert!(is_close(first.expected_seals(1 << 33), 2.0 * 65_535.0 / 65_536.0));
    }

    #[test]
    fn every_hash_meets_the_largest_target_and_zero_hashes_have_no_seal() {
        let all = Odds::of(Target::MAX);
        assert_eq!((all.hashes_per_seal(), all.of_a_seal(0), all.of_none(0)), (1.0, 0.0, 1.0));
        assert_eq!((all.of_a_seal(1), all.of_none(1)), (1.0, 0.0));
        assert_eq!((all.of_a_seal(u128::MAX), all.of_none(u128::MAX)), (1.0, 0.0));
    }

    #[test]
    fn two_of_all_possible_hashes_meet_the_smallest_target() {
        let smallest = Odds::of(Target::ONE);
        assert!(is_close(smallest.hashes_per_seal(), 2_f64.powi(255)));
        assert!(is_close(smallest.of_a_seal(1 << 32), 2_f64.powi(32 - 255)), "not rounded to 0");
        assert!(is_close(smallest.of_a_seal(u128::MAX), 2_f64.powi(128 - 255)));
        assert!(is_close(smallest.of_none(u128::MAX), 1.0));
    }

    #[test]
    fn every_second_hash_meets_the_easiest_target() {
        let easy = odds(0x207f_ffff);
        assert!((easy.of_a_seal(1) - 0.5).abs() < 1e-6 && (easy.of_a_seal(2) - 0.75).abs() < 1e-6);
        assert!(easy.of_none(1_000) > 0.0, "small and not 0: {}", easy.of_none(1_000));
    }

    #[test]
    fn an_unknown_rate_gives_no_time() {
        assert_eq!([0.0, -1.0, f64::NAN, f64::INFINITY].map(|rate| seconds_for(10.0, rate)), [None; 4]);
        assert_eq!(seconds_for(10.0, 4.0), Some(2.5));
    }

    proptest! {
        #[test]
        fn any_target_and_any_number_of_hashes_give_a_probability(wire: [u8; 32], hashes: u128) {
            if let Some(target) = Target::from_wire(&wire) {
                let odds = Odds::of(target);
                for probability in [odds.of_a_seal(hashes), odds.of_none(hashes)] {
                    prop_assert!((0.0..=1.0).contains(&probability), "{probability}");
                }
                prop_assert!(odds.hashes_per_seal() >= 1.0 && odds.hashes_per_seal().is_finite());
            }
        }
    }
}
