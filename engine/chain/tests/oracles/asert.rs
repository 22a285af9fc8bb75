//! aserti3-2d (the specification of 2020-11-15) in unbounded integers: thousands of single steps, and whole chains.

use crate::chain::{Chain, LIMIT_BITS, START_TIME};
use crate::number::{decoded, encoded};
use crate::random::Random;
use cityseal_chain::{Asert, CompactTarget};
use num_bigint::{BigInt, BigUint};

const STEPS: usize = 50_000;
const CHAINS: u64 = 6;
const CHAIN_HEADERS: usize = 3_000;

/// The specification's function, line by line.
fn required(asert: &Asert, parent_height: u64, parent_time: u32) -> u32 {
    let time_delta = BigInt::from(parent_time) - asert.anchor_parent_time;
    let height_delta = BigInt::from(parent_height) - asert.anchor_height;
    let radix = BigInt::from(65536);
    // Division of big integers rounds towards zero, as the specification requires.
    let exponent = (time_delta - BigInt::from(asert.spacing_s) * (height_delta + 1)) * &radix / asert.half_life_s;
    // An arithmetic shift rounds down.
    let shifts: BigInt = &exponent >> 16;
    let x: BigInt = exponent - &shifts * &radix;
    let cubic = BigInt::from(195_766_423_245_049_i64) * &x
        + BigInt::from(971_821_376) * x.pow(2)
        + BigInt::from(5_127) * x.pow(3)
        + (BigInt::from(1) << 47);
    let factor: BigInt = (cubic >> 48) + radix;
    let anchor = decoded(asert.anchor_bits.to_bits()).unwrap();
    let next = BigInt::from(anchor) * factor;
    // A shift by more than 300 in either direction is beyond every target.
    let places = i64::try_from(shifts).unwrap_or(i64::MIN).clamp(-600, 600);
    let next: BigInt = if places < 0 { next >> places.unsigned_abs() } else { next << places.unsigned_abs() };
    let next: BigInt = next >> 16;
    let next = next.to_biguint().unwrap();
    encoded(&next.clamp(BigUint::from(1_u32), decoded(LIMIT_BITS).unwrap()))
}

/// Bits of a target of any size up to the limit.
fn any_bits(random: &mut Random) -> u32 {
    loop {
        let bits = (random.between(1, 32) as u32) << 24 | (random.word() as u32 & 0x7f_ffff);
        if decoded(bits).is_ok_and(|target| target <= decoded(LIMIT_BITS).unwrap()) {
            return bits;
        }
    }
}

#[test]
fn fifty_thousand_random_steps_equal_the_specification() {
    let mut random = Random::new(2);
    let mut moved = 0;
    for _ in 0..STEPS {
        let spacing_s = random.between(1, 1_200) as u32;
        let half_life_s = random.between(1, 400_000) as u32;
        let anchor_height = random.between(0, 1 << 40) as u64;
        let anchor_parent_time = random.between(0, 2_000_000_000);
        let asert = Asert {
            spacing_s,
            half_life_s,
            anchor_height,
            anchor_parent_time,
            anchor_bits: CompactTarget::from_bits(any_bits(&mut random)),
        };
        let past = random.between(0, 1_000_000);
        // From far ahead of the schedule to far behind it, in half-lives.
        let late_s = random.between(-40, 40) * i64::from(half_life_s) + random.between(-900_000, 900_000);
        let due = anchor_parent_time + i64::from(spacing_s) * (past + 1);
        let parent_time = (due + late_s).clamp(0, i64::from(u32::MAX)) as u32;
        let parent_height = anchor_height + past as u64;
        let found = asert.required_bits(parent_height, parent_time, CompactTarget::from_bits(LIMIT_BITS)).to_bits();
        assert_eq!(found, required(&asert, parent_height, parent_time), "{asert:?} {parent_height} {parent_time}");
        moved += usize::from(![asert.anchor_bits.to_bits(), LIMIT_BITS, 0x0101_0000].contains(&found));
    }
    assert!(moved > STEPS / 2, "most steps end between the bounds: {moved}");
}

#[test]
fn the_oracle_itself_follows_the_exponential_that_it_approximates() {
    // The specification: the cubic is within 0.013 % of the exponential; bits keep 15 bits at least.
    let bits = CompactTarget::from_bits(0x1b7f_ffff);
    let asert =
        Asert { spacing_s: 600, half_life_s: 172_800, anchor_height: 0, anchor_parent_time: 0, anchor_bits: bits };
    let logarithm = |bits: u32| f64::from(bits & 0x7f_ffff).log2() + 8.0 * f64::from(bits >> 24);
    for late_s in (-1_000_000..1_000_000_i64).step_by(997) {
        let parent_time = (600 * 10_001 + late_s) as u32;
        let expected = logarithm(bits.to_bits()) + late_s as f64 / 172_800.0;
        let off = logarithm(required(&asert, 10_000, parent_time)) - expected;
        assert!(off.abs() < 0.0004, "{late_s}: {off}");
    }
}

/// A chain that is alternately fast and slow, with a clock that is sometimes set back, and bits by the oracle.
fn random_chain(random: &mut Random) -> Chain {
    let spacing_s = random.between(10, 900);
    let half_life_s = spacing_s * random.between(20, 300);
    let anchor = match random.between(0, 1) {
        0 => String::new(),
        _ => format!(
            "\nanchor_height = {}\nanchor_parent_time = {}\nanchor_bits = \"{LIMIT_BITS:08x}\"",
            random.between(1, 900),
            i64::from(START_TIME) + random.between(-50_000, 200_000),
        ),
    };
    let toml = format!("[difficulty]\nkind = \"asert\"\nspacing_s = {spacing_s}\nhalf_life_s = {half_life_s}{anchor}");
    let mut chain = Chain::of_city(LIMIT_BITS, &toml);
    let cityseal_chain::Difficulty::Asert(asert) = *chain.parameters.difficulty() else { panic!("asert") };
    let mut pace_percent = 100;
    while chain.headers.len() < CHAIN_HEADERS {
        let (height, parent_time) = (chain.height(), chain.tip().time);
        let due_s = spacing_s * (height as i64 + 1 - asert.anchor_height as i64);
        let late_s = i64::from(parent_time) - asert.anchor_parent_time - due_s;
        if random.between(0, 60) == 0 {
            pace_percent = if late_s > 0 { random.between(2, 90) } else { random.between(20, 400) };
        }
        let step_s = random.between(0, 2 * spacing_s) * pace_percent / 100;
        let step_s = if random.between(0, 20) == 0 { -step_s } else { step_s };
        let time = (i64::from(parent_time) + step_s).max(i64::from(chain.median()) + 1);
        let bits = if height < asert.anchor_height { LIMIT_BITS } else { required(&asert, height, parent_time) };
        chain.push(time as u32, bits);
    }
    chain
}

#[test]
fn random_chains_with_bits_by_the_specification_pass_and_other_bits_are_refused() {
    let mut different = 0;
    for stream in 0..CHAINS {
        let mut random = Random::new(100 + stream);
        let chain = random_chain(&mut random);
        assert_eq!(chain.fault(), None);
        let mut bits: Vec<u32> = chain.headers.iter().map(|header| header.bits.to_bits()).collect();
        for _ in 0..40 {
            let height = random.between(1, CHAIN_HEADERS as i64 - 1) as u64;
            chain.assert_refuses(height, bits[height as usize] - 1);
        }
        bits.sort_unstable();
        bits.dedup();
        different += bits.len();
    }
    // A chain that is always late stays at its limit; not all of them are.
    assert!(different > CHAIN_HEADERS / 10, "{different} different bits");
}
