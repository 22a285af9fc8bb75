//! Differential tests: generated regtest blocks and headers, valid and mutated. The verdict of CitySeal is compared
//! with the rules broken by construction, with an oracle built on the crate `bitcoin`, and, if `CITYSEAL_BITCOIND` is
//! set, with Bitcoin Core.
//!
//! R09 (BIP 94) applies on testnet4 only and R41 in cities only, so regtest blocks cannot break them. R28 is never the
//! lowest broken rule.

#![allow(clippy::unwrap_used, reason = "a wrong value fails the test")]

mod against_core;
mod branch;
mod cases;
mod draft;
mod judge;
mod mutate_bytes;
mod mutate_coinbase;
mod mutate_header;
mod mutate_transactions;
mod mutation;
mod node;
mod oracle;
mod reasons;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::LazyLock;

use cityseal_engine::chain::Rule;
use cityseal_tests::program::Program;

use crate::branch::Base;
use crate::cases::{Case, cases, mutations};
use crate::oracle::Finding;

/// Seed of the cases, unless `CITYSEAL_SEED` is set.
const DEFAULT_SEED: u64 = 11;
/// Minimum number of cases.
const CASES_MIN: usize = 2_000;
/// Minimum number of cases in which a rule is the lowest broken one; rules that only the largest blocks break have
/// fewer.
const CASES_PER_RULE_MIN: usize = 10;
const BROKEN_BY_THE_LARGEST: [&str; 2] = ["R23", "R40"];
const CASES_OF_THE_LARGEST_MIN: usize = 3;
/// Rules that cannot be the lowest broken one in a regtest block.
const NEVER_FIRST: [&str; 3] = ["R09", "R28", "R41"];
/// In one of this many cases, the whole base chain is verified instead of a context.
const WHOLE_EVERY: usize = 50;
/// In one of this many cases, the binary is run too.
const BINARY_EVERY: usize = 45;

static SEED: LazyLock<u64> = LazyLock::new(|| {
    let given = std::env::var("CITYSEAL_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or(DEFAULT_SEED);
    // Write to stderr directly, because the test runner captures what passing tests print.
    let _ = writeln!(std::io::stderr(), "differential: repeat with CITYSEAL_SEED={seed}");
    seed
});

/// The binary under test.
fn cityseal() -> Program {
    Program::at(env!("CARGO_BIN_EXE_cityseal-under-test"))
}

fn name_of(number: usize, case: &Case) -> String {
    format!("case {number}, {}, CITYSEAL_SEED={}", case.name, *SEED)
}

/// Asserts that the oracle finds the rule and the block that are broken by construction.
fn assert_oracle_agrees(case: &Case, now: u64, what: &str) {
    for (at, block) in case.blocks.iter().enumerate() {
        let expected = match &case.fault {
            Some(fault) if fault.block == at => Finding::Breaks(fault.rule),
            Some(fault) if fault.block < at => return,
            _ => Finding::Accepted,
        };
        let found = oracle::judge(block, now, case.headers_only);
        let is_expected = found == expected || found == Finding::Unread;
        assert!(is_expected, "{what}: block {at}: expected {expected:?}, the oracle found {found:?}");
    }
}

#[test]
fn each_case_gets_the_verdict_of_its_construction_and_of_the_oracle() {
    let base = Base::new(*SEED);
    let engine = judge::engine();
    let mut lowest: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut count, mut accepted, mut combined, mut of_headers) = (0, 0, 0, 0);
    for (number, case) in cases(&base, *SEED).enumerate() {
        let what = name_of(number, &case);
        assert_oracle_agrees(&case, base.now, &what);
        let report = judge::judge(&engine, &base, &case, number % WHOLE_EVERY == 0);
        judge::assert_as_expected(&report, &case, &what);
        count += 1;
        accepted += usize::from(case.fault.is_none());
        combined += usize::from(case.changes > 1);
        of_headers += usize::from(case.headers_only);
        if let Some(fault) = &case.fault {
            *lowest.entry(fault.rule).or_default() += 1;
        }
    }
    let _ = writeln!(
        std::io::stderr(),
        "differential: {count} cases ({accepted} valid, {combined} with several changes, {of_headers} of headers): \
         {lowest:?}"
    );
    assert!(count >= CASES_MIN && accepted >= 300 && combined >= 500 && of_headers >= 200);
    for rule in Rule::all().map(Rule::code).filter(|rule| !NEVER_FIRST.contains(rule)) {
        let is_rare = BROKEN_BY_THE_LARGEST.contains(&rule);
        let least = if is_rare { CASES_OF_THE_LARGEST_MIN } else { CASES_PER_RULE_MIN };
        let found = lowest.get(rule).copied().unwrap_or_default();
        assert!(found >= least, "{rule} is the lowest rule in {found} cases; expected at least {least}: {lowest:?}");
    }
    assert!(NEVER_FIRST.iter().all(|rule| !lowest.contains_key(rule)), "{lowest:?}");
}

#[test]
fn the_binary_prints_the_same_verdicts_for_a_sample() {
    let base = Base::new(*SEED);
    let mut count = 0;
    // The block file reader refuses frames of more than 4,000,000 bytes before any rule is checked.
    let fits = |case: &Case| case.blocks.iter().all(|block| block.bytes.len() <= 4_000_000);
    for (number, case) in cases(&base, *SEED).enumerate().step_by(BINARY_EVERY).filter(|(_, case)| fits(case)) {
        judge::assert_binary_agrees(&cityseal(), &base, &case, &name_of(number, &case));
        count += 1;
    }
    assert!(count >= 40, "the sample has {count} cases");
}

#[test]
fn every_mutation_has_a_unique_name_and_declares_existing_rules() {
    let base = Base::new(*SEED);
    let mut names: Vec<&str> = mutations().iter().map(|one| one.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for mutation in mutations() {
        let mut random = cityseal_tests::synthetic::Random::new(*SEED);
        let parent = mutation.height_max.min(branch::BASE_TIP) - 1;
        let mut draft = draft::Draft::next(&base.at(parent), &mut random);
        let effect = (mutation.apply)(&mut draft, &mut random);
        assert!(effect.breaks.iter().all(|rule| Rule::from_code(rule).is_some()), "{}", mutation.name);
    }
}
