//! Difficulty by periods of 2016 headers in unbounded integers: the clamps, the test networks' minimum, and BIP94 with
//! its retarget from a period's first bits and its timewarp rule.

use crate::chain::{Chain, LIMIT_BITS};
use crate::number::{decoded, encoded, number};
use crate::random::Random;
use cityseal_chain::{CompactTarget, FaultValue, Network, Parameters, Rule, retarget};
use num_bigint::BigUint;

const PERIOD: u64 = 2016;
const TWO_WEEKS_S: i64 = 1_209_600;
const RETARGETS: usize = 50_000;
const PERIODS: u64 = 6;

/// Bitcoin Core's `CalculateNextWorkRequired`, without wrapping.
fn retargeted(base: u32, first_time: u32, last_time: u32, limit: &BigUint) -> u32 {
    let span = i64::from(last_time) - i64::from(first_time);
    let span = span.clamp(TWO_WEEKS_S / 4, TWO_WEEKS_S * 4);
    let moved = decoded(base).unwrap() * BigUint::from(span as u64) / BigUint::from(TWO_WEEKS_S as u64);
    encoded(&moved.min(limit.clone()))
}

#[test]
fn fifty_thousand_random_retargets_equal_the_oracle_with_every_edge_of_the_clamps() {
    let mut random = Random::new(3);
    let limits = [Network::Mainnet, Network::Signet, Network::Regtest].map(|of| Parameters::of(of).pow_limit());
    let quarter = TWO_WEEKS_S / 4;
    let mut edges = Vec::new();
    for edge in [0, quarter, TWO_WEEKS_S, 4 * TWO_WEEKS_S] {
        edges.extend([edge - 1, edge, edge + 1]);
    }
    for step in 0..RETARGETS {
        let limit = limits[step % 3];
        let bits = (random.between(3, 32) as u32) << 24 | (random.word() as u32 & 0x7f_ffff).max(8);
        let bits = if step % 50 == 0 { limit.to_compact_lossy().to_bits() } else { bits };
        if !decoded(bits).is_ok_and(|base| base <= number(limit)) {
            continue;
        }
        let span = match random.between(0, 2) {
            0 => edges[random.between(0, edges.len() as i64 - 1) as usize],
            1 => random.between(-TWO_WEEKS_S, 6 * TWO_WEEKS_S),
            _ => random.between(quarter, 4 * TWO_WEEKS_S),
        };
        let first = random.between(2 * TWO_WEEKS_S, 4_000_000_000);
        let (first_time, last_time) = (first as u32, (first + span) as u32);
        let found = retarget(CompactTarget::from_bits(bits), first_time, last_time, limit).to_bits();
        assert_eq!(found, retargeted(bits, first_time, last_time, &number(limit)), "{bits:08x} over {span} s");
    }
}

/// The rules of a chain of periods.
#[derive(Clone, Copy)]
struct Kind {
    min_difficulty: bool,
    bip94: bool,
}

const KINDS: [Kind; 4] = [
    Kind { min_difficulty: false, bip94: false },
    Kind { min_difficulty: false, bip94: true },
    Kind { min_difficulty: true, bip94: false },
    Kind { min_difficulty: true, bip94: true },
];

impl Kind {
    fn chain(self) -> Chain {
        let Self { min_difficulty, bip94 } = self;
        let toml = format!("[difficulty]\nkind = \"bitcoin-2016\"\nmin_difficulty = {min_difficulty}\nbip94 = {bip94}");
        Chain::of_city(LIMIT_BITS, &toml)
    }

    /// Bitcoin Core's `GetNextWorkRequired`.
    fn required(self, chain: &Chain, time: u32) -> u32 {
        let bits_at = |height: u64| chain.headers[height as usize].bits.to_bits();
        let (last, height) = (chain.height(), chain.height() + 1);
        if height.is_multiple_of(PERIOD) {
            let first = height - PERIOD;
            let base = if self.bip94 { bits_at(first) } else { bits_at(last) };
            let limit = number(chain.parameters.pow_limit());
            return retargeted(base, chain.headers[first as usize].time, chain.tip().time, &limit);
        }
        if !self.min_difficulty {
            return bits_at(last);
        }
        if i64::from(time) > i64::from(chain.tip().time) + 1_200 {
            return LIMIT_BITS;
        }
        let mut back = last;
        while !back.is_multiple_of(PERIOD) && bits_at(back) == LIMIT_BITS {
            back -= 1;
        }
        bits_at(back)
    }

    /// Periods of random speed, with bits by the oracle.
    fn random_chain(self, random: &mut Random) -> Chain {
        let mut chain = self.chain();
        let mut pace_s = 300;
        while chain.height() < PERIODS * PERIOD + 20 {
            if (chain.height() + 1).is_multiple_of(PERIOD) {
                pace_s = [60, 140, 300, 580, 1_000][random.between(0, 4) as usize];
            }
            let step_s = match random.between(0, 30) {
                0 => -random.between(0, 2 * pace_s),
                1 => random.between(1_199, 1_202),
                _ => random.between(0, 2 * pace_s),
            };
            let mut time = (i64::from(chain.tip().time) + step_s).max(i64::from(chain.median()) + 1);
            if (chain.height() + 1).is_multiple_of(PERIOD) {
                time = time.max(i64::from(chain.tip().time) - 600);
            }
            let bits = self.required(&chain, time as u32);
            chain.push(time as u32, bits);
        }
        chain
    }
}

#[test]
fn random_chains_of_each_kind_with_bits_by_the_oracle_pass_and_other_bits_are_refused() {
    for (stream, kind) in (200..).zip(KINDS) {
        let mut random = Random::new(stream);
        let chain = kind.random_chain(&mut random);
        assert_eq!(chain.fault(), None);
        let around_edges = (1..=PERIODS).flat_map(|period| [period * PERIOD - 1, period * PERIOD, period * PERIOD + 1]);
        for height in around_edges.collect::<Vec<_>>() {
            let right = chain.headers[height as usize].bits.to_bits();
            chain.assert_refuses(height, right - 1);
            if right != LIMIT_BITS {
                chain.assert_refuses(height, LIMIT_BITS);
            }
        }
    }
}

/// A chain whose next header begins a period, whose tip is far above the median, and whose tip has the limit's bits
/// while the period's first header does not.
fn at_the_edge_of_a_period(kind: Kind) -> Chain {
    let mut chain = kind.chain();
    while chain.height() + 2 < 2 * PERIOD {
        let time = chain.tip().time + 300;
        chain.push(time, kind.required(&chain, time));
    }
    let time = chain.tip().time + 2_000;
    chain.push(time, kind.required(&chain, time));
    assert_eq!(chain.fault(), None);
    chain
}

#[test]
fn under_bip94_the_first_header_of_a_period_may_be_600_s_behind_its_parent_but_not_601() {
    for kind in KINDS {
        let chain = at_the_edge_of_a_period(kind);
        let parent = chain.tip().time;
        let broken = |behind_s: u32| {
            let time = parent - behind_s;
            chain.broken_by(time, kind.required(&chain, time))
        };
        assert_eq!(broken(600), None);
        let earliest = FaultValue::Time(u64::from(parent) - 600);
        assert_eq!(broken(601), kind.bip94.then_some((Rule::Timewarp, earliest)));
    }
}

#[test]
fn the_limit_of_600_s_applies_only_at_the_start_of_a_period() {
    let kind = Kind { min_difficulty: true, bip94: true };
    for pushed in [1, 2] {
        let mut chain = at_the_edge_of_a_period(kind);
        for _ in 0..pushed {
            let time = chain.tip().time + 900;
            chain.push(time, kind.required(&chain, time));
        }
        let time = chain.tip().time - 1_000;
        assert!(time > chain.median());
        assert_eq!(chain.broken_by(time, kind.required(&chain, time)), None);
    }
}

#[test]
fn under_bip94_a_retarget_starts_from_the_first_bits_of_the_period_and_without_it_from_the_last() {
    let [plain, with] = [false, true].map(|bip94| Kind { min_difficulty: true, bip94 });
    for (kind, other) in [(plain, with), (with, plain)] {
        let chain = at_the_edge_of_a_period(kind);
        assert_eq!(chain.tip().bits.to_bits(), LIMIT_BITS);
        assert_ne!(chain.headers[PERIOD as usize].bits.to_bits(), LIMIT_BITS);
        let time = chain.tip().time + 1;
        let (right, wrong) = (kind.required(&chain, time), other.required(&chain, time));
        assert_ne!(right, wrong);
        assert_eq!(chain.broken_by(time, right), None);
        let expected = FaultValue::Bits(CompactTarget::from_bits(right));
        assert_eq!(chain.broken_by(time, wrong), Some((Rule::Difficulty, expected)));
    }
}
