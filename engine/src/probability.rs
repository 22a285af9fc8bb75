//! How likely a search finds a seal in time. Pure functions.

use cityseal_chain::{SealTemplate, Target};

/// The probability that a hash meets a target: (target + 1) / 2^256.
pub fn probability_per_hash(target: Target) -> f64 {
    // Horner's scheme from the least significant byte: each step divides by 256.
    target.to_wire().iter().fold(1.0, |fraction, &byte| (fraction + f64::from(byte)) / 256.0)
}

/// The probability that a search of a template finds a seal within `seconds`, if devices of `rate_hz` hashes per second
/// give it `share` (0 to 1) of their time: P = 1 - exp(-n p), where n = min(rate x share x seconds, volume of the
/// space) and p is the probability of one hash. Values below zero and NaN count as zero.
pub fn probability_within(template: &SealTemplate, seconds: f64, rate_hz: f64, share: f64) -> f64 {
    let hashes = rate_hz.max(0.0) * share.clamp(0.0, 1.0) * seconds.max(0.0);
    let volume = template.space().volume() as f64;
    // `min` takes the volume if the product is no number.
    let hashes = if hashes.is_nan() { 0.0 } else { hashes.min(volume) };
    // exp_m1 keeps small probabilities exact.
    -f64::exp_m1(-hashes * probability_per_hash(template.target()))
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the edges are exact in binary")]
mod tests {
    use cityseal_chain::{BlockHeader, Network, NonceSpan, Parameters};
    use proptest::prelude::*;

    use super::*;

    fn template(target: Target, nonces: u32) -> SealTemplate {
        let header: BlockHeader = *Parameters::of(Network::Mainnet).genesis();
        let nonces = NonceSpan::new(0, nonces - 1).unwrap();
        SealTemplate::builder(header).nonces(nonces).target(target).build().unwrap()
    }

    fn hex(digits: &str) -> Target {
        Target::from_display_hex(&format!("{digits}{}", "f".repeat(64 - digits.len()))).unwrap()
    }

    #[test]
    fn one_hash_meets_the_largest_target_for_certain_and_the_smallest_almost_never() {
        assert_eq!(probability_per_hash(Target::MAX), 1.0);
        assert_eq!(probability_per_hash(hex("7")), 0.5);
        assert_eq!(probability_per_hash(hex("000")), 2_f64.powi(-12));
        let one = Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
        assert_eq!(probability_per_hash(one), 2_f64.powi(-255));
    }

    #[test]
    fn the_expected_number_of_seals_gives_the_probability() {
        // 2^12 hashes at 2^-12 each: one seal is expected.
        let of = |seconds, rate, share| probability_within(&template(hex("000"), 1 << 20), seconds, rate, share);
        let one_expected = 1.0 - (-1.0_f64).exp();
        assert!((of(1.0, 4_096.0, 1.0) - one_expected).abs() < 1e-12);
        assert!((of(8.0, 4_096.0, 0.125) - one_expected).abs() < 1e-12);
        assert_eq!(of(0.0, 4_096.0, 1.0), 0.0);
        assert_eq!(of(1.0, 0.0, 1.0), 0.0);
        assert_eq!(of(1.0, 4_096.0, 0.0), 0.0);
    }

    #[test]
    fn no_more_hashes_count_than_the_space_has() {
        let small = template(hex("000"), 4_096);
        let whole = probability_within(&small, 1.0, 4_096.0, 1.0);
        for seconds in [2.0, 1e300, f64::INFINITY] {
            assert_eq!(probability_within(&small, seconds, 4_096.0, 1.0), whole, "{seconds}");
        }
        assert_eq!(probability_within(&small, f64::INFINITY, 0.0, 1.0), 0.0, "no device, however long");
    }

    #[test]
    fn a_share_above_one_counts_as_one_and_a_negative_time_as_none() {
        let small = template(hex("000"), 1 << 20);
        assert_eq!(probability_within(&small, 1.0, 100.0, 2.0), probability_within(&small, 1.0, 100.0, 1.0));
        assert_eq!(probability_within(&small, -1.0, 100.0, 1.0), 0.0);
        assert_eq!(probability_within(&small, f64::NAN, 100.0, 1.0), 0.0);
    }

    proptest! {
        #[test]
        fn it_is_a_probability_that_grows_with_time_rate_and_share(
            seconds in 0.0..1e6_f64, rate in 0.0..1e12_f64, share in 0.0..1.0_f64, more in 1.0..10.0_f64,
        ) {
            let template = template(hex("00000000"), u32::MAX);
            let of = |seconds, rate, share| probability_within(&template, seconds, rate, share);
            let now = of(seconds, rate, share);
            prop_assert!((0.0..=1.0).contains(&now));
            prop_assert!(of(seconds * more, rate, share) >= now);
            prop_assert!(of(seconds, rate * more, share) >= now);
            prop_assert!(of(seconds, rate, share * more) >= now);
        }
    }
}
