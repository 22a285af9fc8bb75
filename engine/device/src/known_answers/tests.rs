//! The suite itself: its committed answers are right, and it rejects every kind of faulty device.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use cityseal_hash::Hit;

use super::searches::GENESIS_NONCE;
use super::*;
use crate::fake::{Behaviour, FakeOpener};
use crate::{Opener, TreeRoot};

fn all_cases() -> Vec<Case> {
    cases(&CpuBackend::new(HashKernel::portable()))
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[test]
fn the_committed_answers_are_those_of_the_portable_kernel() {
    let cases = all_cases();
    let table = |digest: fn(&Case) -> [u8; 32]| {
        let rows: Vec<String> =
            cases.iter().map(|case| format!("    ({:?}, {:?}),\n", case.name, hex(digest(case)))).collect();
        rows.concat()
    };
    let (committed, computed) = (table(|case| case.answer), table(|case| digest_of(&case.right_answer())));
    assert!(committed == computed, "replace the table in known_answers/answers.rs by:\n{computed}");
}

#[test]
fn every_case_has_its_own_name_and_every_answer_a_case() {
    let cases = all_cases();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!((names.len(), answers::ANSWERS.len()), (cases.len(), cases.len()));
}

#[test]
fn facts_that_need_no_kernel_are_among_the_answers() {
    let cases = all_cases();
    let is_answered = |name, fact: &Report| cases.iter().any(|case| case.name == name && case.is_answered_by(fact));
    let hits = vec![Hit { midstate: 0, nonce: GENESIS_NONCE }];
    let genesis = Report::Search(SearchReport { hits, ..SearchReport::default() });
    for name in ["hit in the first lane", "hit in a middle lane", "hit in the last lane"] {
        assert!(is_answered(name, &genesis), "{name}");
    }
    assert!(is_answered("no hit", &Report::Search(SearchReport::default())));
    let block_100000 = Report::Trees(vec![TreeRoot { root: trees::ROOT_100000, mutated: false }]);
    assert!(is_answered("the tree of block 100,000", &block_100000));
}

#[test]
fn digests_are_equal_exactly_where_reports_agree() {
    let hit = |nonce| Hit { midstate: 0, nonce };
    let search = |hits: &[Hit], overflow, planted_seen| {
        Report::Search(SearchReport { hits: hits.to_vec(), overflow, planted_seen })
    };
    let tree = |root, mutated| Report::Trees(vec![TreeRoot { root: [root; 32], mutated }]);
    let reports = [
        search(&[], false, false),
        search(&[], false, true),
        search(&[], true, false),
        search(&[hit(1)], true, false),
        search(&[hit(1)], true, true),
        search(&[hit(1)], false, false),
        search(&[Hit { midstate: 1, nonce: 1 }], false, false),
        search(&[hit(1), hit(2)], false, false),
        Report::Hashes(vec![[1; 32]]),
        Report::Hashes(vec![[1; 32]; 2]),
        Report::Hashes(Vec::new()),
        tree(1, false),
        tree(1, true),
        tree(2, false),
        Report::Trees(Vec::new()),
    ];
    for one in &reports {
        for other in &reports {
            assert_eq!(digest_of(one) == digest_of(other), one.agrees(other), "{one:?}, {other:?}");
        }
    }
}

#[test]
fn every_cpu_kernel_passes() {
    for kernel in HashKernel::all_available() {
        let passed = run(&mut CpuBackend::new(kernel)).unwrap();
        assert!(passed.len() >= 16, "{}: {} cases", kernel.name(), passed.len());
    }
}

#[test]
fn a_device_that_gives_wrong_answers_does_not_pass() {
    for behaviour in [Behaviour::MissedHits, Behaviour::FalseHits, Behaviour::Zeros, Behaviour::WrongHashes] {
        let mut opener = FakeOpener::new("fake").from_batch(0, behaviour);
        let failure = run(&mut *opener.open().unwrap());
        assert!(matches!(failure, Err(Failure::Wrong { .. })), "{behaviour:?}: {failure:?}");
    }
}

#[test]
fn the_cases_of_each_kind_alone_detect_each_wrong_behaviour() {
    let kinds: [fn(&Batch) -> bool; 3] = [
        |batch| matches!(batch, Batch::Search(_)),
        |batch| matches!(batch, Batch::Check(_) | Batch::Merkle(_)),
        |batch| matches!(batch, Batch::Trees(_)),
    ];
    for behaviour in [Behaviour::MissedHits, Behaviour::FalseHits, Behaviour::Zeros, Behaviour::WrongHashes] {
        let mut faulty = FakeOpener::new("fake").from_batch(0, behaviour).open().unwrap();
        for (kind, is_of_kind) in kinds.iter().enumerate() {
            let mut own = cases(faulty.as_ref()).into_iter().filter(|case| is_of_kind(&case.batch));
            let is_wrong = |case: Case| matches!(run_case(faulty.as_mut(), &case), Err(Failure::Wrong { .. }));
            assert!(own.any(is_wrong), "{behaviour:?}, kind {kind}");
        }
    }
}

#[test]
fn a_device_that_is_lost_does_not_pass() {
    let mut opener = FakeOpener::new("fake").from_batch(3, Behaviour::Lost);
    let failure = run(&mut *opener.open().unwrap());
    assert!(matches!(failure, Err(Failure::Device { source: DeviceError::Lost { .. }, .. })), "{failure:?}");
}
