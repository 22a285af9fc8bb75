//! A header without its place in the chain is judged by the rules that hold at every height, and by no other.

use crate::chain::{Chain, EASY_BITS, sealed, unsealed};
use cityseal_chain::{
    BlockHeader, BrokenRule, CompactTarget, FaultValue, Network, Parameters, Rule, judge_alone, rules_alone,
};
use cityseal_testkit::shipped::{mainnet_block, mainnet_headers};

const NOW: u64 = 4_000_000_000;

fn rule_broken_by(parameters: &Parameters, header: &BlockHeader, now: u64) -> Option<Rule> {
    judge_alone(parameters, header, now).err().map(|broken| broken.rule)
}

fn with_bits(header: BlockHeader, bits: u32) -> BlockHeader {
    BlockHeader { bits: CompactTarget::from_bits(bits), ..header }
}

#[test]
fn every_genesis_header_and_every_real_header_passes_alone() {
    for network in Network::ALL {
        let parameters = Parameters::of(network);
        assert_eq!(judge_alone(&parameters, parameters.genesis(), NOW), Ok(()), "{network}");
    }
    let mainnet = Parameters::of(Network::Mainnet);
    let headers = mainnet_headers();
    let last = mainnet_block().first_chunk().unwrap();
    for header in headers.as_chunks().0.iter().chain([last]) {
        assert_eq!(judge_alone(&mainnet, &BlockHeader::from_wire(header), NOW), Ok(()));
    }
}

#[test]
fn bits_and_work_are_judged_without_a_chain() {
    let city = Chain::of_city(0x207f_ff00, "difficulty = \"fixed\"").parameters;
    let header = *city.genesis();
    let broken_by = |header: &BlockHeader| rule_broken_by(&city, header, NOW);
    assert_eq!(broken_by(&with_bits(header, 0x01fe_dcba)), Some(Rule::TargetNegative));
    assert_eq!(broken_by(&with_bits(header, 0)), Some(Rule::TargetZero));
    assert_eq!(broken_by(&with_bits(header, 0x2101_0000)), Some(Rule::TargetOverflow));
    assert_eq!(broken_by(&with_bits(header, 0x207f_ff01)), Some(Rule::TargetAboveLimit));
    assert_eq!(broken_by(&unsealed(header)), Some(Rule::ProofOfWork));
}

#[test]
fn bits_other_than_the_fixed_ones_are_refused_and_those_that_a_chain_decides_pass() {
    let harder = |chain: &Chain| sealed(with_bits(*chain.parameters.genesis(), 0x1f7f_ffff));
    let fixed = Chain::fixed();
    let (expected, found) = (CompactTarget::from_bits(EASY_BITS), CompactTarget::from_bits(0x1f7f_ffff));
    let broken =
        BrokenRule { rule: Rule::Difficulty, expected: FaultValue::Bits(expected), found: FaultValue::Bits(found) };
    assert_eq!(judge_alone(&fixed.parameters, &harder(&fixed), NOW), Err(broken));
    for chain in [Chain::asert(), Chain::bitcoin()] {
        assert_eq!(judge_alone(&chain.parameters, &harder(&chain), NOW), Ok(()));
    }
}

#[test]
fn a_time_at_the_limit_passes_and_one_second_more_breaks_r10() {
    let mainnet = Parameters::of(Network::Mainnet);
    let genesis = mainnet.genesis();
    let now = u64::from(genesis.time) - mainnet.future_limit_s();
    assert_eq!(rule_broken_by(&mainnet, genesis, now), None);
    assert_eq!(rule_broken_by(&mainnet, genesis, now - 1), Some(Rule::FutureTime));
}

#[test]
fn the_rules_named_are_those_judged() {
    let codes = |parameters: &Parameters| rules_alone(parameters).into_iter().map(Rule::code).collect::<Vec<_>>();
    let mainnet = Parameters::of(Network::Mainnet);
    assert_eq!(codes(&mainnet), ["R01", "R02", "R03", "R04", "R05", "R10"]);
    assert_eq!(codes(&Parameters::of(Network::Regtest)), ["R01", "R02", "R03", "R04", "R05", "R07", "R10"]);
}
