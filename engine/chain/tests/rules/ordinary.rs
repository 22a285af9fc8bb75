//! The end of a run of ordinary headers: each single fault deep inside a run is found at its own header.
//!
//! The chains here are as regular as possible, so that the judge accepts them in the longest possible runs.

use crate::chain::{Chain, EASY_BITS, LATE, sealed, summary_by_both};
use cityseal_chain::{BlockHash, BlockHeader, Difficulty, Rule};

/// A height deep inside a run, from which another version is required.
const AT: u64 = 40;

/// Grows the chain beyond `AT` with `header` there, and returns the rule that is broken at that height.
fn broken_at(chain: &Chain, header: BlockHeader) -> Option<Rule> {
    let mut grown = chain.clone();
    grown.push(sealed(header));
    grown.grow_to(AT + 20, 30);
    let fault = summary_by_both(&grown.parameters, 0, &[], &grown.headers, LATE).fault?;
    assert_eq!(fault.height, AT);
    Some(fault.rule)
}

fn grown(mut chain: Chain) -> Chain {
    chain.grow_to(AT - 1, 30);
    chain
}

fn after(chain: &Chain) -> BlockHeader {
    chain.next(chain.tip().time + 30)
}

#[test]
fn a_version_that_is_no_longer_allowed_ends_the_run_at_its_height() {
    let rules = format!("difficulty = \"fixed\"\n[[version]]\nmin = 5\nfrom_height = {AT}");
    let chain = grown(Chain::of_city(EASY_BITS, &rules));
    assert_eq!(broken_at(&chain, after(&chain)), Some(Rule::Version), "version 4, like all preceding headers");
    let mut allowed = chain.clone();
    for _ in 0..20 {
        allowed.push(sealed(BlockHeader { version: 5, ..after(&allowed) }));
    }
    let whole = summary_by_both(&allowed.parameters, 0, &[], &allowed.headers, LATE);
    assert_eq!((whole.fault, whole.count), (None, AT + 20));
}

#[test]
fn bits_that_would_be_right_after_an_earlier_parent_are_wrong() {
    let chain = grown(Chain::asert());
    let Difficulty::Asert(asert) = *chain.parameters.difficulty() else { panic!("a chain under ASERT") };
    let limit_bits = chain.parameters.limit_bits();
    for back in 2..12 {
        let earlier = chain.headers[chain.headers.len() - back].time;
        let stale = asert.required_bits(AT - 1, earlier, limit_bits);
        assert_ne!(stale, after(&chain).bits, "the chain changes its bits with every header");
        assert_eq!(broken_at(&chain, BlockHeader { bits: stale, ..after(&chain) }), Some(Rule::Difficulty));
    }
    assert_eq!(broken_at(&chain, after(&chain)), None);
}

#[test]
fn a_single_fault_deep_in_a_run_is_found_with_every_difficulty() {
    for chain in [Chain::fixed(), Chain::asert(), Chain::bitcoin(), Chain::test_network()].map(grown) {
        let right = after(&chain);
        let earliest = chain.headers[chain.headers.len() - 6].time;
        let cases = [
            (right, None),
            (BlockHeader { prev_block_hash: BlockHash::ZERO, ..right }, Some(Rule::Link)),
            (BlockHeader { time: earliest, ..chain.next(earliest) }, Some(Rule::MedianTime)),
            (chain.next(earliest + 1), None),
        ];
        for (header, expected) in cases {
            assert_eq!(broken_at(&chain, header), expected, "{}", chain.parameters.name());
        }
    }
}

#[test]
fn the_work_of_a_run_is_that_of_its_headers_one_by_one() {
    for mut chain in [Chain::fixed(), Chain::asert(), Chain::bitcoin()] {
        chain.grow_to(AT, 30);
        let works = chain.headers.iter().map(|header| header.bits.decode().unwrap().work().into());
        let sum = works.reduce(cityseal_chain::ChainWork::saturating_add);
        assert_eq!(Some(summary_by_both(&chain.parameters, 0, &[], &chain.headers, LATE).work), sum);
    }
}
