//! Templates and seals: every point of a space has the right header, kernels agree with it, and only true hits are
//! seals.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cmp::Ordering;
use std::sync::Arc;

use cityseal_chain::{
    BlockHeader, Candidate, CandidateRefused, CoinbaseParts, CompactFault, CompactTarget, ExtranonceSpan, LeaseBook,
    NonceSpan, RollingVersion, RootedTemplate, Seal, SealTemplate, Target, TemplateError, VersionMaskError, merkle,
};
use cityseal_hash::{HashKernel, HitBuffer, Midstate};
use proptest::prelude::*;

const GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e\
                       67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";

fn genesis() -> BlockHeader {
    BlockHeader::from_hex(GENESIS).unwrap()
}

fn point(version_index: u32, time: u32, nonce: u32) -> Candidate {
    Candidate { extranonce: 0, version_index, time, nonce }
}

fn nonces(first: u32, last: u32) -> NonceSpan {
    NonceSpan::new(first, last).unwrap()
}

/// Half of all hashes meet it, as on regtest.
fn easy() -> Target {
    CompactTarget::from_bits(0x207fffff).decode().unwrap()
}

/// A template in which everything rolls: 3 × 4 × 2 × 9 points.
fn rolling_template() -> SealTemplate {
    let coinbase = CoinbaseParts::new(vec![1; 40], vec![2; 60], 4).unwrap();
    let coinbase = coinbase.with_extranonces(ExtranonceSpan::new(0xfffe, 0x1_0000).unwrap()).unwrap();
    SealTemplate::builder(genesis())
        .coinbase(coinbase, vec![[7; 32], [8; 32]])
        .version_mask(0x1000_0010)
        .time_window_s(1)
        .nonces(nonces(u32::MAX - 8, u32::MAX))
        .target(easy())
        .build()
        .unwrap()
}

#[test]
fn the_genesis_header_is_a_seal_of_its_own_template() {
    let template = SealTemplate::builder(genesis()).build().unwrap();
    assert_eq!((template.header().nonce, template.space().volume()), (0, 1 << 32));
    assert_eq!((template.target(), template.top_word_max()), (genesis().bits.decode().unwrap(), 0));
    let seal = Seal::confirm(&template, point(0, genesis().time, 2083236893)).unwrap();
    assert_eq!((seal.header(), seal.hash(), seal.extranonce()), (&genesis(), genesis().hash(), None));
}

#[test]
fn refuses_a_candidate_that_misses_the_target_or_is_outside_the_space() {
    let template = SealTemplate::builder(genesis()).nonces(nonces(2083236893, 2083236894)).build().unwrap();
    let misses = point(0, genesis().time, 2083236894);
    let refused = Seal::confirm(&template, misses).unwrap_err();
    let found = BlockHeader { nonce: 2083236894, ..genesis() }.hash();
    assert_eq!(refused, CandidateRefused::AboveTarget { candidate: misses, expected: template.target(), found });
    for outside in [
        point(0, genesis().time, 2083236892),
        point(1, genesis().time, 2083236893),
        point(0, genesis().time + 1, 2083236893),
        Candidate { extranonce: 1, ..point(0, genesis().time, 2083236893) },
    ] {
        assert_eq!(Seal::confirm(&template, outside), Err(CandidateRefused::OutsideSpace { candidate: outside }));
    }
}

#[test]
fn a_hash_equal_to_the_target_is_a_seal_and_with_a_target_one_lower_it_is_not() {
    let candidate = point(0, genesis().time, 2083236893);
    let mut wire = genesis().hash().to_wire();
    let equal = SealTemplate::builder(genesis()).target(Target::from_wire(&wire).unwrap()).build().unwrap();
    assert!(Seal::confirm(&equal, candidate).is_ok());
    wire[0] -= 1;
    let lower = equal.with_target(Target::from_wire(&wire).unwrap());
    assert!(matches!(Seal::confirm(&lower, candidate), Err(CandidateRefused::AboveTarget { .. })));
}

#[test]
fn another_target_changes_only_the_threshold_and_never_the_bits() {
    let template = SealTemplate::builder(genesis()).build().unwrap().with_target(Target::MAX);
    assert_eq!((template.target(), template.top_word_max()), (Target::MAX, u32::MAX));
    let seal = Seal::confirm(&template, point(0, genesis().time, 5)).unwrap();
    assert_eq!(seal.header(), &BlockHeader { nonce: 5, ..genesis() });
}

#[test]
fn bits_without_a_target_are_refused_unless_a_target_is_given() {
    let bits = CompactTarget::from_bits(0x1d800001);
    let header = BlockHeader { bits, ..genesis() };
    let refused = SealTemplate::builder(header).build().unwrap_err();
    assert_eq!(refused, TemplateError::Bits { bits, fault: CompactFault::Negative });
    let template = SealTemplate::builder(header).target(Target::MAX).build().unwrap();
    assert_eq!(template.header().bits, bits);
}

#[test]
fn accepts_a_time_window_up_to_the_end_of_the_field_and_refuses_one_second_more() {
    let header = BlockHeader { time: u32::MAX - 60, ..genesis() };
    let template = SealTemplate::builder(header).time_window_s(60).build().unwrap();
    assert_eq!((template.space().times().last(), template.space().times().count()), (u32::MAX, 61));
    let refused = SealTemplate::builder(header).time_window_s(61).build().unwrap_err();
    assert_eq!(refused, TemplateError::TimeWindow { time: u32::MAX - 60, expected_max_s: 60, found_s: 61 });
}

#[test]
fn accepts_a_branch_of_32_hashes_and_refuses_33() {
    let with_branch = |len| {
        let coinbase = CoinbaseParts::new(Vec::new(), Vec::new(), 8).unwrap();
        SealTemplate::builder(genesis()).coinbase(coinbase, vec![[0; 32]; len]).nonces(NonceSpan::single(0)).build()
    };
    assert_eq!(with_branch(32).unwrap().merkle_branch().len(), 32);
    assert_eq!(with_branch(33), Err(TemplateError::BranchTooLong { expected_max: 32, found: 33 }));
}

#[test]
fn refuses_a_mask_that_rolls_the_top_bits_and_accepts_all_bits_below_them_on_any_version() {
    for version in [1, 4, 0x2000_0000] {
        let build = |mask| SealTemplate::builder(BlockHeader { version, ..genesis() }).version_mask(mask).build();
        for mask in [0x2000_0000, 0x4000_0000, 0x8000_0000, u32::MAX] {
            assert_eq!(build(mask), Err(TemplateError::VersionMask(VersionMaskError { mask })), "{mask:08x}");
        }
        assert_eq!(build(0x1fff_ffff).unwrap().space().versions().count(), 1 << 29);
        assert_eq!(build(0).unwrap().space().versions(), RollingVersion::fixed(version));
    }
}

#[test]
fn refuses_a_space_that_cannot_be_counted() {
    let coinbase = CoinbaseParts::new(Vec::new(), Vec::new(), 8).unwrap();
    let builder = SealTemplate::builder(BlockHeader { time: 0, ..genesis() }).coinbase(coinbase, Vec::new());
    let builder = builder.version_mask(0x1fffe000);
    assert!(builder.clone().time_window_s(u16::MAX.into()).build().is_err(), "2^64 x 2^16 x 2^16 x 2^32");
    assert!(builder.time_window_s((1 << 16) - 2).build().is_ok());
}

#[test]
fn the_merkle_root_follows_the_extranonce() {
    let template = rolling_template();
    assert_eq!(template.header().merkle_root, template.merkle_root(0xfffe));
    let leaf = template.coinbase().unwrap().leaf(0x1_0000);
    let root = merkle::parent(&merkle::parent(&leaf, &[7; 32]), &[8; 32]);
    assert_eq!(template.merkle_root(0x1_0000).to_wire(), root);
    assert_ne!(template.merkle_root(0xffff), template.merkle_root(0x1_0000));
}

#[test]
#[should_panic(expected = "extranonce 65537 is not open")]
fn refuses_the_merkle_root_of_an_extranonce_just_outside_the_space() {
    rolling_template().merkle_root(0x1_0001);
}

/// Every seal of a space, found by hashing each of its headers in order.
fn seals_of_the_reference(template: &SealTemplate) -> Vec<Seal> {
    let space = template.space();
    let mut seals = Vec::new();
    for extranonce in space.extranonces().map_or(0..=0, |all| all.first()..=all.last()) {
        for version_index in 0..space.versions().count() as u32 {
            for time in space.times().first()..=space.times().last() {
                for nonce in space.nonces().first()..=space.nonces().last() {
                    let candidate = Candidate { extranonce, version_index, time, nonce };
                    seals.extend(Seal::confirm(template, candidate));
                }
            }
        }
    }
    seals
}

/// Every seal of a space, found by leases and a kernel, in the order of discovery.
fn seals_of_kernel(template: &SealTemplate, hashes: u64, versions_max: usize) -> Vec<Seal> {
    let mut book = LeaseBook::new(*template.space());
    let mut seals = Vec::new();
    while let Some(lease) = book.lend(hashes, versions_max) {
        let input = template.region_input(lease.region());
        let mut hits = HitBuffer::new(1 << 10);
        HashKernel::detect().scan(&input.as_search_input(), lease.nonces().first(), lease.nonces().last(), &mut hits);
        let claims = hits.into_sorted().into_iter().map(|hit| lease.region().candidate(hit).unwrap());
        seals.extend(claims.filter_map(|claim| Seal::confirm(template, claim).ok()));
        book.settle(lease);
    }
    seals
}

#[test]
fn leases_and_a_kernel_find_the_seals_of_the_reference() {
    let template = rolling_template();
    let expected = seals_of_the_reference(&template);
    assert!(expected.is_sorted() && expected.len() > 50, "{} seals", expected.len());
    assert!(expected.iter().any(|seal| seal.header().nonce == u32::MAX));
    for (hashes, versions_max) in [(u64::MAX, 8), (7, 1), (20, 3)] {
        let mut found = seals_of_kernel(&template, hashes, versions_max);
        found.sort();
        assert_eq!(found, expected, "{hashes} hashes, {versions_max} versions");
    }
}

#[test]
fn a_root_computed_once_confirms_the_same_seals_and_no_point_of_another_extranonce() {
    let template = Arc::new(rolling_template());
    let expected = seals_of_the_reference(&template);
    let rooted = |extranonce| RootedTemplate::new(Arc::clone(&template), extranonce);
    for seal in &expected {
        let at = *seal.found_at();
        assert_eq!(Seal::confirm_rooted(&rooted(at.extranonce), at).as_ref(), Ok(seal));
        let other = if at.extranonce == 0xfffe { 0xffff } else { 0xfffe };
        let refused = CandidateRefused::OutsideSpace { candidate: at };
        assert_eq!(Seal::confirm_rooted(&rooted(other), at), Err(refused));
    }
}

#[test]
fn with_the_largest_target_every_point_is_a_seal_including_the_first_and_last_nonce() {
    for span in [nonces(0, 5), nonces(u32::MAX - 5, u32::MAX)] {
        let template = SealTemplate::builder(genesis()).nonces(span).target(Target::MAX).build().unwrap();
        let found: Vec<u32> = seals_of_kernel(&template, 4, 1).iter().map(|seal| seal.header().nonce).collect();
        assert_eq!(found, (span.first()..=span.last()).collect::<Vec<_>>());
    }
}

#[test]
fn seals_are_ordered_like_the_space() {
    let template = rolling_template();
    let seals = seals_of_the_reference(&template);
    let [first, second] = [&seals[0], &seals[1]];
    assert_eq!(first.cmp(second), first.found_at().cmp(second.found_at()));
    assert_eq!(first.cmp(&first.clone()), Ordering::Equal);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn midstates_and_tail_are_those_of_the_header_at_each_point(
        version: i32, mask in 0..=RollingVersion::MASK_MAX, seed: u32,
        time in 0u32..1 << 31, later in 0u32..1000, nonce: u32,
        prefix: Vec<u8>, extranonce: u32, branch in prop::collection::vec(prop::array::uniform32(any::<u8>()), 0..4),
    ) {
        let header = BlockHeader { version, time, ..genesis() };
        let coinbase = CoinbaseParts::new(prefix, vec![9; 9], 4).unwrap();
        let template = SealTemplate::builder(header)
            .version_mask(mask).time_window_s(1000).nonces(NonceSpan::single(nonce)).coinbase(coinbase, branch)
            .build().unwrap();
        let version_index = (u64::from(seed) % template.space().versions().count()) as u32;
        let at = Candidate { extranonce: extranonce.into(), version_index, time: time + later, nonce };
        let wire = template.header_at(&at).to_wire();
        let run = cityseal_chain::VersionRun::single(version_index);
        let midstates = template.midstates(at.extranonce, run);
        prop_assert_eq!(&midstates, &[Midstate::of(wire.first_chunk().unwrap())]);
        let tail = template.tail(at.extranonce, at.time);
        prop_assert_eq!(&tail, &wire[64..76]);
        let region = cityseal_chain::Region {
            extranonce: at.extranonce, versions: run, time: at.time, nonces: NonceSpan::single(nonce),
        };
        let input = template.region_input(&region);
        let rooted = RootedTemplate::new(Arc::new(template.clone()), at.extranonce);
        prop_assert_eq!(&rooted.region_input(&region), &input);
        prop_assert_eq!(rooted.header_at(&at).to_wire(), wire);
        prop_assert_eq!((input.midstates, input.tail, input.top_word_max), (midstates, tail, template.top_word_max()));
    }
}
