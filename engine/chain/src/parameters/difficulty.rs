//! Computes the compact target required of the next header: Bitcoin's retarget and ASERT.
//!
//! Pure arithmetic on values of earlier headers. The judge and its reference implementation decide which headers those
//! are and whether they are known.

use crate::targets::{CompactTarget, Target};
use crate::u256::U256;

/// Headers between two retargets (Bitcoin Core: `DifficultyAdjustmentInterval`).
pub const PERIOD_HEADERS: u64 = 2016;
/// Intended duration of such a period: two weeks (`nPowTargetTimespan`).
pub const PERIOD_S: u64 = 14 * 24 * 60 * 60;
/// A test network requires a header at the limit if its time is more than this after its parent's: twice ten minutes.
pub const MIN_DIFFICULTY_AFTER_S: u64 = 2 * 10 * 60;
/// How far the first header of a period may be behind its parent (BIP94; `MAX_TIMEWARP`).
pub const TIMEWARP_MAX_S: u64 = 600;

/// How a chain sets its difficulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difficulty {
    /// Adjusted every 2016 headers by the time that they took (Bitcoin Core: `GetNextWorkRequired`).
    Bitcoin2016 {
        /// The test networks' rule: after 20 minutes a header at the limit is required.
        min_difficulty: bool,
        /// BIP94: the retarget starts from the first bits of the period, and the timewarp rule R09 applies.
        bip94: bool,
    },
    /// Adjusted at every header by its height and its parent's time (aserti3-2d).
    Asert(Asert),
    /// Never adjusted: every header carries the genesis header's bits.
    Fixed,
}

impl Difficulty {
    /// Whether the rule may need any number of preceding headers, as the test networks' walk back to the last header of
    /// ordinary difficulty does.
    pub const fn looks_far_back(&self) -> bool {
        matches!(self, Self::Bitcoin2016 { min_difficulty: true, .. })
    }
}

/// Computes the bits required after a full period, from `base` and the period's duration (Bitcoin Core:
/// `CalculateNextWorkRequired`).
///
/// The product is computed in full width. Bitcoin's 256 bits would overflow only above limits that none of its networks
/// has. A `base` that encodes no target counts as the limit.
pub fn retarget(base: CompactTarget, first_time: u32, last_time: u32, limit: Target) -> CompactTarget {
    let took_s = u64::try_from(i64::from(last_time) - i64::from(first_time)).unwrap_or(0);
    let took_s = took_s.clamp(PERIOD_S / 4, PERIOD_S * 4);
    let base = base.decode().unwrap_or(limit);
    match U256::div_wide_u64(base.to_number().widening_mul(took_s), PERIOD_S).map(Target::from_number) {
        Some(Some(target)) => target.min(limit).to_compact_lossy(),
        // A target of 1 to 3 may shrink to zero, whose compact form no header can meet.
        Some(None) => CompactTarget::from_bits(0),
        None => limit.to_compact_lossy(),
    }
}

/// Absolutely scheduled exponentially rising targets, in integers: aserti3-2d, as specified for Bitcoin Cash
/// (2020-11-15) and computed there by `CalculateASERT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asert {
    /// Intended spacing of headers in seconds; not zero.
    pub spacing_s: u32,
    /// Seconds by which the chain must be behind or ahead for the target to double or halve; not zero.
    pub half_life_s: u32,
    /// Height of the anchor. Headers up to and including it carry its bits.
    pub anchor_height: u64,
    /// Unix time of the anchor's parent in seconds; negative if the anchor is a genesis header whose time is below one
    /// spacing.
    pub anchor_parent_time: i64,
    /// The anchor's bits, which encode a target not above the limit.
    pub anchor_bits: CompactTarget,
}

impl Asert {
    /// Computes the bits required at `parent_height + 1`, after a parent with that time; the limit is in compact form.
    ///
    /// The anchor's target is a word of 23 bits and a shift, and the factor has 17 bits, so their product fits into 64
    /// bits and no 256-bit number is needed.
    #[inline]
    pub fn required_bits(&self, parent_height: u64, parent_time: u32, limit_bits: CompactTarget) -> CompactTarget {
        let Some(past_anchor) = parent_height.checked_sub(self.anchor_height) else { return self.anchor_bits };
        let Ok((word, anchor_shift)) = self.anchor_bits.decode_scaled() else { return limit_bits };
        let exponent = self.exponent(past_anchor, parent_time);
        let digits = u64::from(word) * (65536 + two_to_the_fraction(exponent as u16));
        // 16 bits of the shift undo the factor's scale.
        at_most(limit_bits, digits, i64::from(anchor_shift) + (exponent >> 16) - 16)
    }

    /// The number of half-lives by which the chain is behind its schedule, times 65536, rounded towards zero.
    ///
    /// Saturation does not change the result: half-lives fit into 32 bits, so a saturated exponent still shifts every
    /// target out.
    fn exponent(&self, past_anchor: u64, parent_time: u32) -> i64 {
        let due_s =
            i64::try_from(past_anchor.saturating_add(1)).unwrap_or(i64::MAX).saturating_mul(i64::from(self.spacing_s));
        let late_s = (i64::from(parent_time) - self.anchor_parent_time).saturating_sub(due_s);
        late_s.saturating_mul(65536) / i64::from(self.half_life_s)
    }
}

/// 65536 * (2^(fraction / 65536) - 1), by the cubic of the specification; the product fits into 64 bits.
fn two_to_the_fraction(fraction: u16) -> u64 {
    let x = u64::from(fraction);
    (195_766_423_245_049 * x + 971_821_376 * x * x + 5_127 * x * x * x + (1 << 47)) >> 48
}

/// `digits * 2^shift` in compact form, rounded down and clamped to at least 1 and at most the limit. `digits` must not
/// be zero.
///
/// Encoding preserves order, and compact targets above zero are ordered like their bits, so the smaller of two
/// encodings is that of the smaller number.
fn at_most(limit_bits: CompactTarget, digits: u64, shift: i64) -> CompactTarget {
    let down = shift.min(0).unsigned_abs().min(64) as u32;
    let digits = digits.checked_shr(down).unwrap_or(0).max(1);
    let shift = shift.max(0);
    if i64::from(64 - digits.leading_zeros()) + shift > 256 {
        return limit_bits;
    }
    let bits = CompactTarget::of_scaled(digits, shift as u32);
    CompactTarget::from_bits(bits.to_bits().min(limit_bits.to_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::{BigInt, BigUint};
    use proptest::prelude::*;

    const LIMIT_BITS: u32 = 0x1d00_ffff;

    fn bits(bits: u32) -> CompactTarget {
        CompactTarget::from_bits(bits)
    }

    fn target(of: u32) -> Target {
        bits(of).decode().unwrap()
    }

    fn mainnet_limit() -> Target {
        Target::from_display_hex(&format!("00000000{}", "f".repeat(56))).unwrap()
    }

    fn big(target: Target) -> BigUint {
        BigUint::from_bytes_be(&target.to_number().to_be_bytes())
    }

    fn compact(number: &BigUint) -> CompactTarget {
        let digits = format!("{number:0>64x}");
        Target::from_display_hex(&digits).unwrap().to_compact_lossy()
    }

    fn city_asert(anchor_height: u64, anchor_parent_time: i64, anchor_bits: u32) -> Asert {
        let anchor_bits = bits(anchor_bits);
        Asert { spacing_s: 600, half_life_s: 172_800, anchor_height, anchor_parent_time, anchor_bits }
    }

    fn assert_asert_run(asert: Asert, rows: &[(u64, u32, u32)]) {
        for &(height, time, expected) in rows {
            assert_eq!(asert.required_bits(height, time, bits(LIMIT_BITS)), bits(expected), "after height {height}");
        }
    }

    #[test]
    fn matches_the_retargets_of_bitcoin_core() {
        // Bitcoin Core, pow_tests.cpp: an ordinary one, the limit, the lower and the upper clamp.
        let rows = [
            (0x1d00_ffff, 1_261_130_161, 1_262_152_739, 0x1d00_d86a),
            (0x1d00_ffff, 1_231_006_505, 1_233_061_996, 0x1d00_ffff),
            (0x1c05_a3f4, 1_279_008_237, 1_279_297_671, 0x1c01_68fd),
            (0x1c38_7f6f, 1_263_163_443, 1_269_211_443, 0x1d00_e1fd),
        ];
        for (base, first, last, expected) in rows {
            assert_eq!(retarget(bits(base), first, last, mainnet_limit()), bits(expected));
        }
    }

    #[test]
    fn a_period_is_clamped_exactly_at_a_quarter_and_at_four_times_two_weeks() {
        let base = bits(0x1b00_8000);
        let after = |seconds: u64| retarget(base, 1_000_000, 1_000_000 + seconds as u32, mainnet_limit());
        assert_eq!(after(PERIOD_S / 4 - 1), after(PERIOD_S / 4));
        assert_ne!(after(PERIOD_S / 4 + 500), after(PERIOD_S / 4));
        assert_eq!(after(PERIOD_S * 4 + 1), after(PERIOD_S * 4));
        assert_ne!(after(PERIOD_S * 4 - 1000), after(PERIOD_S * 4));
        assert_eq!(
            retarget(base, 2_000_000, 1_000_000, mainnet_limit()),
            after(0),
            "a negative duration is clamped too"
        );
    }

    #[test]
    fn a_base_without_a_target_counts_as_the_limit() {
        let (first, last) = (0, PERIOD_S as u32);
        assert_eq!(retarget(bits(0), first, last, mainnet_limit()), bits(LIMIT_BITS));
    }

    #[test]
    fn asert_keeps_its_target_while_the_chain_keeps_its_schedule() {
        // Official runs 1 and 2 of aserti3-2d.
        for anchor in [0x1d00_ffff, 0x1a2b_3c4d] {
            let rows: Vec<_> = (2..12).map(|height| (height, height as u32 * 600, anchor)).collect();
            assert_asert_run(city_asert(1, 0, anchor), &rows);
        }
    }

    #[test]
    fn asert_halves_its_target_with_every_half_life_down_to_one() {
        // Official run 5: 288 blocks without time are one half-life of two days.
        let rows = [
            (2, 0, 0x1d00_fec5),
            (290, 0, 0x1c7f_62c0),
            (578, 0, 0x1c3f_b160),
            (2306, 0, 0x1c00_fec5),
            (59906, 0, 0x0300_fec5),
            (60194, 0, 0x027f_6200),
            (62210, 0, 0x0200_fe00),
            (62498, 0, 0x017f_0000),
            (63938, 0, 0x0103_0000),
            (64226, 0, 0x0101_0000),
            (64514, 0, 0x0101_0000),
        ];
        assert_asert_run(city_asert(1, 0, LIMIT_BITS), &rows);
    }

    #[test]
    fn asert_follows_random_solve_times_like_the_official_run() {
        // Official run 6, its first rows.
        let rows = [
            (2, 1200, 0x1802_aee8),
            (3, 1310, 0x1802_ad91),
            (4, 1327, 0x1802_abf8),
            (5, 1739, 0x1802_ab73),
            (6, 2219, 0x1802_ab20),
            (7, 2604, 0x1802_aa89),
            (8, 2746, 0x1802_a94b),
            (9, 7099, 0x1802_b39c),
            (10, 7099, 0x1802_b1f2),
            (14, 9632, 0x1802_b252),
            (57, 39072, 0x1802_bc7d),
            (388, 239_252, 0x1802_c0f4),
            (600, 369_787, 0x1802_ca76),
        ];
        assert_asert_run(city_asert(1, 0, 0x1802_aee8), &rows);
    }

    #[test]
    fn asert_crosses_the_largest_signed_32_bit_height() {
        // Official run 9: blocks of 300 s.
        let expected = [
            0x1802_ae16,
            0x1802_ad44,
            0x1802_ac71,
            0x1802_ab9e,
            0x1802_aacd,
            0x1802_a9fa,
            0x1802_a929,
            0x1802_a858,
            0x1802_a787,
            0x1802_a6b7,
        ];
        let rows: Vec<_> = (0u32..)
            .zip(expected)
            .map(|(i, bits)| (2_147_483_643 + u64::from(i), 1_234_568_190 + 300 * i, bits))
            .collect();
        assert_asert_run(city_asert(2_147_483_642, 1_234_567_290, 0x1802_aee8), &rows);
    }

    #[test]
    fn asert_requires_the_anchor_bits_up_to_the_anchor_and_the_limit_when_far_behind() {
        let asert = city_asert(100, 1_000_000, 0x1c00_8000);
        assert_eq!(asert.required_bits(99, 4_000_000, bits(LIMIT_BITS)), bits(0x1c00_8000));
        assert_ne!(asert.required_bits(100, 4_000_000, bits(LIMIT_BITS)), bits(0x1c00_8000));
        assert_eq!(asert.required_bits(101, u32::MAX, bits(LIMIT_BITS)), bits(LIMIT_BITS));
        assert_eq!(asert.required_bits(u64::MAX, 0, bits(LIMIT_BITS)), bits(0x0101_0000));
        let quick = Asert { half_life_s: 1, spacing_s: u32::MAX, ..asert };
        assert_eq!(quick.required_bits(u64::MAX, 0, bits(LIMIT_BITS)), bits(0x0101_0000));
    }

    #[test]
    fn asert_above_two_to_the_240_neither_wraps_nor_loses_bits() {
        let limit = bits(0x207f_ffff);
        let asert = Asert { anchor_bits: bits(0x207f_ffff), ..city_asert(0, 0, 0) };
        assert_eq!(asert.required_bits(10, 11 * 600, limit), bits(0x207f_ffff));
        assert_eq!(asert.required_bits(10, 11 * 600 + 172_800, limit), bits(0x207f_ffff));
        assert_eq!(asert.required_bits(576, 577 * 600 - 172_800, limit), bits(0x203f_ffff));
    }

    /// aserti3-2d in unbounded integers, which cannot wrap.
    fn asert_by_oracle(asert: &Asert, parent_height: u64, parent_time: u32, limit: Target) -> CompactTarget {
        let late = BigInt::from(parent_time)
            - asert.anchor_parent_time
            - BigInt::from(asert.spacing_s) * (BigInt::from(parent_height - asert.anchor_height) + 1);
        let exponent = late * 65536 / asert.half_life_s;
        let fraction: BigInt = ((&exponent % 65536) + 65536) % 65536;
        let whole: BigInt = (&exponent - &fraction) / 65536;
        let x = fraction.to_biguint().unwrap();
        let cubic = &x * 195_766_423_245_049u64 + x.pow(2) * 971_821_376u64 + x.pow(3) * 5_127u64 + (1u64 << 47);
        let scaled = big(asert.anchor_bits.decode().unwrap()) * ((cubic >> 48u32) + 65536u32);
        let shift: BigInt = whole - 16;
        let shift = i64::try_from(shift.clamp(BigInt::from(-1000), BigInt::from(1000))).unwrap();
        let number = if shift < 0 { scaled >> shift.unsigned_abs() } else { scaled << shift.unsigned_abs() };
        compact(&number.clamp(BigUint::from(1u8), big(limit)))
    }

    proptest! {
        #[test]
        fn asert_equals_the_oracle(
            spacing_s in 1u32.., half_life_s in 1u32.., time: u32, anchor_parent_time in 0i64..1 << 32,
            past in prop_oneof![0u64..5000, any::<u64>()],
            exponent in 3u32..32, mantissa in 1u32..0x0080_0000,
        ) {
            let anchor_bits = bits(exponent << 24 | mantissa);
            let asert = Asert { spacing_s, half_life_s, anchor_height: 0, anchor_parent_time, anchor_bits };
            let limit = target(0x207f_ffff);
            let found = asert.required_bits(past, time, limit.to_compact_lossy());
            prop_assert_eq!(found, asert_by_oracle(&asert, past, time, limit));
        }

        #[test]
        fn asert_near_its_schedule_equals_the_oracle(
            past in 0u64..100_000, late in -2_000_000i64..2_000_000,
            exponent in 3u32..33, mantissa in 1u32..0x0080_0000,
        ) {
            prop_assume!(exponent < 32 || mantissa <= 0x7f_ffff);
            let limit = target(0x207f_ffff);
            let anchor_bits = bits(exponent << 24 | mantissa);
            prop_assume!(anchor_bits.decode().is_ok_and(|anchor| anchor <= limit));
            let asert = Asert { anchor_bits, ..city_asert(0, 0, 0) };
            let time = u32::try_from(i64::try_from(past).unwrap() * 600 + 600 + late).unwrap_or(0);
            let found = asert.required_bits(past, time, limit.to_compact_lossy());
            prop_assert_eq!(found, asert_by_oracle(&asert, past, time, limit));
        }

        #[test]
        fn retarget_equals_the_oracle(
            first: u32, last: u32, exponent in 1u32..33, mantissa in 1u32..0x0080_0000, easy: bool,
        ) {
            let limit = if easy { target(0x207f_ffff) } else { mainnet_limit() };
            let base = bits(exponent << 24 | mantissa);
            prop_assume!(base.decode().is_ok_and(|base| base <= limit));
            let span = (BigInt::from(last) - first).clamp(BigInt::from(PERIOD_S / 4), BigInt::from(PERIOD_S * 4));
            let moved = big(base.decode().unwrap()) * span.to_biguint().unwrap() / PERIOD_S;
            let expected = if moved == BigUint::ZERO { bits(0) } else { compact(&moved.min(big(limit))) };
            prop_assert_eq!(retarget(base, first, last, limit), expected);
        }
    }
}
