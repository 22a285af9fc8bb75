//! Each rule accepts at its limit and refuses just beyond it, with the values that `docs/RULES.md` promises.

use crate::chain::{Chain, EASY_BITS, LATE, START_TIME, hashes_of, sealed, summary_by_both, unsealed};
use cityseal_chain::{
    BlockHash, BlockHeader, CompactTarget, FaultValue, History, Network, PERIOD_HEADERS, Parameters, Rule, judge,
};

fn bits(bits: u32) -> FaultValue {
    FaultValue::Bits(CompactTarget::from_bits(bits))
}

fn with_bits(header: BlockHeader, bits: u32) -> BlockHeader {
    BlockHeader { bits: CompactTarget::from_bits(bits), ..header }
}

/// A chain of eleven equally spaced headers, and the next one, valid but unsealed.
fn settled() -> (Chain, BlockHeader) {
    let mut chain = Chain::fixed();
    chain.grow_to(11, 600);
    let next = chain.next(chain.tip().time + 600);
    (chain, next)
}

#[test]
fn r01_refuses_a_negative_target_and_leaves_one_shifted_to_zero_to_r02() {
    let (chain, next) = settled();
    assert_eq!(chain.broken_by(&sealed(next)), None);
    let negative = with_bits(next, 0x01fe_dcba);
    assert_eq!(chain.broken_by(&negative), Some((Rule::TargetNegative, bits(EASY_BITS), bits(0x01fe_dcba))));
    let negative_past_256_bits = with_bits(next, 0xff80_0001);
    assert_eq!(chain.broken_by(&negative_past_256_bits).unwrap().0, Rule::TargetNegative);
}

#[test]
fn r02_refuses_a_target_of_zero_even_with_a_sign_bit() {
    let (chain, next) = settled();
    for zero in [0, 0x0180_3456, 0x0012_3456, 0x2080_0000, 0xff00_0000] {
        assert_eq!(chain.broken_by(&with_bits(next, zero)), Some((Rule::TargetZero, bits(EASY_BITS), bits(zero))));
    }
    assert_ne!(chain.broken_by(&with_bits(next, 0x0101_0000)).unwrap().0, Rule::TargetZero);
}

#[test]
fn r03_refuses_a_target_just_beyond_256_bits() {
    let (chain, next) = settled();
    for (fits, overflows) in [(0x2100_ffff, 0x2101_0000), (0x2200_00ff, 0x2200_0100)] {
        assert_eq!(chain.broken_by(&with_bits(next, fits)).unwrap().0, Rule::TargetAboveLimit);
        let expected = (Rule::TargetOverflow, bits(EASY_BITS), bits(overflows));
        assert_eq!(chain.broken_by(&with_bits(next, overflows)), Some(expected));
    }
}

#[test]
fn r04_accepts_the_limit_and_refuses_the_next_easier_target() {
    let mut chain = Chain::of_city(0x207f_ff00, "difficulty = \"fixed\"");
    chain.grow(START_TIME + 600);
    let next = chain.next(START_TIME + 1200);
    assert_eq!(chain.broken_by(&sealed(next)), None);
    let easier = sealed(with_bits(next, 0x207f_ff01));
    let limit = FaultValue::Target(chain.parameters.pow_limit());
    let found = FaultValue::Target(easier.bits.decode().unwrap());
    assert_eq!(chain.broken_by(&easier), Some((Rule::TargetAboveLimit, limit, found)));
}

#[test]
fn r05_accepts_a_hash_equal_to_the_target_and_refuses_the_next_one() {
    let chain = Chain::fixed();
    let target = chain.parameters.pow_limit();
    let header = chain.next(START_TIME + 600).to_wire();
    let history = History::before(&chain.parameters, 1, &[]).unwrap();
    let mut hash = target.to_wire();
    assert_eq!(judge(&chain.parameters, &history, &header, &[hash], LATE, 0).fault, None);
    // The target is 0x7fffff followed by zeros, so the next number ends in a one.
    hash[0] = 1;
    let fault = judge(&chain.parameters, &history, &header, &[hash], LATE, 160).fault.unwrap();
    assert_eq!((fault.height, fault.rule, fault.offset), (1, Rule::ProofOfWork, 160));
    assert_eq!(fault.expected, FaultValue::Target(target));
    assert_eq!(fault.found, FaultValue::Hash(BlockHash::from_wire(hash)));
}

#[test]
fn r05_refuses_an_unsealed_header() {
    let (chain, next) = settled();
    let target = next.bits.decode().unwrap();
    let unsealed = unsealed(next);
    let expected = (Rule::ProofOfWork, FaultValue::Target(target), FaultValue::Hash(unsealed.hash()));
    assert_eq!(chain.broken_by(&unsealed), Some(expected));
}

#[test]
fn r06_refuses_a_header_that_names_its_grandparent() {
    let (chain, next) = settled();
    let grandparent = chain.headers[10].hash();
    let stray = sealed(BlockHeader { prev_block_hash: grandparent, ..next });
    let expected = (Rule::Link, FaultValue::Hash(chain.tip().hash()), FaultValue::Hash(grandparent));
    assert_eq!(chain.broken_by(&stray), Some(expected));
}

#[test]
fn r06_at_height_0_accepts_only_the_genesis_header() {
    let chain = Chain::fixed();
    let genesis = *chain.parameters.genesis();
    assert_eq!(summary_by_both(&chain.parameters, 0, &[], &[genesis], LATE).count, 1);
    let other = sealed(BlockHeader { nonce: genesis.nonce + 1, ..genesis });
    let fault = summary_by_both(&chain.parameters, 0, &[], &[other], LATE).fault.unwrap();
    assert_eq!((fault.height, fault.rule), (0, Rule::Link));
    assert_eq!(fault.expected, FaultValue::Hash(genesis.hash()));
    assert_eq!(fault.found, FaultValue::Hash(other.hash()));
}

#[test]
fn r07_with_fixed_difficulty_refuses_even_a_harder_target() {
    let (chain, next) = settled();
    let harder = sealed(with_bits(next, 0x207f_fffe));
    assert_eq!(chain.broken_by(&harder), Some((Rule::Difficulty, bits(EASY_BITS), bits(0x207f_fffe))));
}

#[test]
fn r07_retargets_at_the_first_header_of_a_period_and_at_no_other() {
    let mut chain = Chain::bitcoin();
    chain.grow_to(PERIOD_HEADERS - 2, 300);
    let early = sealed(with_bits(chain.next(chain.tip().time + 300), 0x203f_ffff));
    assert_eq!(chain.broken_by(&early), Some((Rule::Difficulty, bits(EASY_BITS), bits(0x203f_ffff))));
    chain.grow(chain.tip().time + 300);
    let next = chain.next(chain.tip().time + 300);
    // 2015 spacings of half the length: the period took 2015 / 4032 of two weeks.
    assert_eq!(next.bits.to_bits(), 0x203f_f7de);
    assert_eq!(chain.broken_by(&sealed(next)), None);
    for other in [0x203f_f7dd, 0x203f_f7df, EASY_BITS] {
        let expected = (Rule::Difficulty, bits(0x203f_f7de), bits(other));
        assert_eq!(chain.broken_by(&sealed(with_bits(next, other))), Some(expected));
    }
}

#[test]
fn r07_on_a_test_network_requires_the_limit_only_after_more_than_20_minutes() {
    let mut chain = Chain::test_network();
    chain.grow_to(PERIOD_HEADERS, 300);
    let ordinary = chain.tip().bits.to_bits();
    assert_ne!(ordinary, EASY_BITS);
    let at = |chain: &Chain, after_s: u32, bits: u32| {
        chain.broken_by(&sealed(with_bits(chain.next(chain.tip().time + after_s), bits)))
    };
    assert_eq!(at(&chain, 1200, ordinary), None);
    assert_eq!(at(&chain, 1200, EASY_BITS), Some((Rule::Difficulty, bits(ordinary), bits(EASY_BITS))));
    assert_eq!(at(&chain, 1201, EASY_BITS), None);
    assert_eq!(at(&chain, 1201, ordinary), Some((Rule::Difficulty, bits(EASY_BITS), bits(ordinary))));
    // After headers at the limit the ordinary bits apply again.
    chain.grow(chain.tip().time + 1201);
    chain.grow(chain.tip().time + 1201);
    assert_eq!(chain.tip().bits.to_bits(), EASY_BITS);
    assert_eq!(at(&chain, 1200, ordinary), None);
    assert_eq!(at(&chain, 1200, EASY_BITS), Some((Rule::Difficulty, bits(ordinary), bits(EASY_BITS))));
}

/// A full period at half the limit whose last header is at the limit.
fn period_that_ends_at_the_limit(rest: &str) -> Chain {
    let mut chain = Chain::of_city(EASY_BITS, rest);
    chain.grow_to(2 * PERIOD_HEADERS - 2, 300);
    chain.grow(chain.tip().time + 1201);
    assert_eq!(chain.tip().bits.to_bits(), EASY_BITS);
    chain
}

#[test]
fn r07_under_bip94_retargets_from_the_first_bits_of_the_period_and_without_it_from_the_last() {
    let retargeted = |rest| {
        let chain = period_that_ends_at_the_limit(rest);
        let next = chain.next(chain.tip().time + 300);
        assert_eq!(chain.broken_by(&sealed(next)), None);
        next.bits.decode().unwrap()
    };
    let from_first = retargeted("[difficulty]\nkind = \"bitcoin-2016\"\nmin_difficulty = true\nbip94 = true");
    let from_last = retargeted("[difficulty]\nkind = \"bitcoin-2016\"\nmin_difficulty = true");
    // Half of a half against half of the limit.
    assert!(from_first < CompactTarget::from_bits(0x2021_0000).decode().unwrap());
    assert!(from_last > CompactTarget::from_bits(0x203f_0000).decode().unwrap());
}

#[test]
fn r07_under_asert_follows_each_parent() {
    let mut chain = Chain::asert();
    chain.grow_to(50, 30);
    let next = chain.next(chain.tip().time + 30);
    assert!(next.bits.decode().unwrap() < chain.headers[10].bits.decode().unwrap(), "a fast chain becomes harder");
    assert_eq!(chain.broken_by(&sealed(next)), None);
    let stale = sealed(with_bits(next, EASY_BITS));
    assert_eq!(chain.broken_by(&stale), Some((Rule::Difficulty, FaultValue::Bits(next.bits), bits(EASY_BITS))));
}

#[test]
fn r08_refuses_a_header_whose_time_equals_the_median() {
    let (chain, _) = settled();
    let median = chain.headers[6].time;
    let at = |time: u32| chain.broken_by(&sealed(chain.next(time)));
    assert_eq!(at(median + 1), None);
    let earliest = FaultValue::Time(u64::from(median) + 1);
    assert_eq!(at(median), Some((Rule::MedianTime, earliest, FaultValue::Time(u64::from(median)))));
}

#[test]
fn r08_near_the_genesis_header_uses_the_upper_median_of_all_preceding_headers() {
    let mut chain = Chain::fixed();
    let at = |chain: &Chain, time: u32| chain.broken_by(&sealed(chain.next(time))).map(|(rule, ..)| rule);
    assert_eq!(at(&chain, START_TIME + 1), None);
    assert_eq!(at(&chain, START_TIME), Some(Rule::MedianTime));
    chain.grow(START_TIME + 500);
    assert_eq!(at(&chain, START_TIME + 501), None);
    assert_eq!(at(&chain, START_TIME + 500), Some(Rule::MedianTime));
    chain.grow(START_TIME + 900);
    assert_eq!(at(&chain, START_TIME + 501), None, "of three, the middle one");
}

#[test]
fn r08_requires_more_than_32_bits_if_the_median_is_the_largest_time() {
    let mut chain = Chain::fixed();
    for behind in (0..11).rev() {
        chain.grow(u32::MAX - behind);
    }
    for _ in 0..5 {
        chain.grow(u32::MAX);
    }
    let stuck = sealed(chain.next(u32::MAX));
    let expected = (Rule::MedianTime, FaultValue::Time(1 << 32), FaultValue::Time(u64::from(u32::MAX)));
    assert_eq!(chain.broken_by(&stuck), Some(expected));
}

#[test]
fn r09_accepts_a_first_header_600_s_behind_its_parent_and_refuses_601() {
    let mut chain = Chain::test_network();
    chain.grow_to(PERIOD_HEADERS - 2, 300);
    chain.grow(chain.tip().time + 5000);
    let parent = chain.tip().time;
    let at = |time: u32| chain.broken_by(&sealed(chain.next(time)));
    assert_eq!(at(parent - 600), None);
    let earliest = FaultValue::Time(u64::from(parent) - 600);
    assert_eq!(at(parent - 601), Some((Rule::Timewarp, earliest, FaultValue::Time(u64::from(parent) - 601))));
}

#[test]
fn r09_applies_to_no_other_header_and_not_without_bip94() {
    let mut inside = Chain::test_network();
    inside.grow_to(20, 300);
    inside.grow(inside.tip().time + 5000);
    assert_eq!(inside.broken_by(&sealed(inside.next(inside.tip().time - 5000))), None);
    let mut old = Chain::bitcoin();
    old.grow_to(PERIOD_HEADERS - 2, 300);
    old.grow(old.tip().time + 5000);
    assert_eq!(old.broken_by(&sealed(old.next(old.tip().time - 5000))), None);
}

#[test]
fn r10_accepts_a_time_at_the_limit_and_refuses_the_next_second() {
    let (chain, _) = settled();
    let now = u64::from(chain.tip().time) + 1000;
    let limit = u64::from(chain.tip().time) + 1000 + 7200;
    let next = |time: u64| [sealed(chain.next(u32::try_from(time).unwrap()))];
    assert_eq!(chain.fault_after(&next(limit), now), None);
    let fault = chain.fault_after(&next(limit + 1), now).unwrap();
    assert_eq!((fault.height, fault.rule), (12, Rule::FutureTime));
    assert_eq!((fault.expected, fault.found), (FaultValue::Time(limit), FaultValue::Time(limit + 1)));
}

#[test]
fn r10_uses_the_limit_of_custom_parameters_and_never_overflows() {
    let chain = Chain::of_city(EASY_BITS, "future_limit_s = 10\ndifficulty = \"fixed\"");
    let now = u64::from(START_TIME);
    assert_eq!(chain.fault_after(&[sealed(chain.next(START_TIME + 10))], now), None);
    let late = chain.fault_after(&[sealed(chain.next(START_TIME + 11))], now);
    assert_eq!(late.map(|fault| fault.rule), Some(Rule::FutureTime));
    assert_eq!(chain.fault_after(&[sealed(chain.next(u32::MAX))], u64::MAX), None);
}

#[test]
fn r11_applies_exactly_from_its_height_and_compares_signed() {
    let rules = "difficulty = \"fixed\"\n[[version]]\nmin = 2\nfrom_height = 3\n[[version]]\nmin = 4\nfrom_height = 5";
    let mut chain = Chain::of_city(EASY_BITS, rules);
    let at = |chain: &Chain, version: i32| {
        let header = BlockHeader { version, ..chain.next(chain.tip().time + 600) };
        chain.broken_by(&sealed(header))
    };
    let refused = |min: i32, found: i32| Some((Rule::Version, FaultValue::Version(min), FaultValue::Version(found)));
    chain.grow_to(1, 600);
    assert_eq!(at(&chain, i32::MIN), None, "height 2");
    chain.grow_to(2, 600);
    assert_eq!(at(&chain, 2), None, "height 3");
    assert_eq!(at(&chain, 1), refused(2, 1));
    assert_eq!(at(&chain, i32::MIN), refused(2, i32::MIN));
    chain.grow_to(3, 600);
    assert_eq!(at(&chain, 2), None, "height 4");
    chain.grow_to(4, 600);
    assert_eq!(at(&chain, 3), refused(4, 3), "height 5");
    assert_eq!(at(&chain, i32::MAX), None);
}

#[test]
fn regtest_requires_the_limit_at_every_height_and_version_4_after_its_genesis() {
    let regtest = Parameters::of(Network::Regtest);
    let genesis = *regtest.genesis();
    let next = |version: i32, bits: u32| {
        let header = BlockHeader { version, prev_block_hash: genesis.hash(), time: genesis.time + 1, ..genesis };
        let headers = [genesis, sealed(with_bits(header, bits))];
        summary_by_both(&regtest, 0, &[], &headers, LATE).fault.map(|fault| fault.rule)
    };
    assert_eq!(next(4, EASY_BITS), None);
    assert_eq!(next(4, 0x207f_fffe), Some(Rule::Difficulty));
    assert_eq!(next(3, EASY_BITS), Some(Rule::Version));
}

#[test]
fn the_fault_is_the_first_rule_of_the_lowest_header() {
    let (chain, next) = settled();
    // Wrong link, wrong bits, an old time and, because of `now`, a future time at once: the link is judged first.
    let broken = sealed(with_bits(BlockHeader { prev_block_hash: BlockHash::ZERO, time: 0, ..next }, 0x207f_fffe));
    assert_eq!(chain.broken_by(&broken).unwrap().0, Rule::Link);
    let later = BlockHeader { bits: CompactTarget::from_bits(0), ..broken };
    let fault = chain.fault_after(&[broken, later], LATE).unwrap();
    assert_eq!((fault.height, fault.rule), (12, Rule::Link));
}

#[test]
#[should_panic(expected = "a segment has one hash for each 80 bytes")]
fn a_segment_without_its_hashes_panics() {
    let chain = Chain::fixed();
    let header = chain.parameters.genesis().to_wire();
    let _ = judge(&chain.parameters, &History::before_genesis(), &header, &hashes_of(&[]), LATE, 0);
}
