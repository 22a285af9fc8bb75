//! Statements: their text to the byte, inconsistent parts, and how headers are checked against them.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod common;

use cityseal_chain::{BlockHash, BlockHeader, CompactTarget};
use cityseal_receipt::{
    FaultRow, ItemKind, Made, NotCheckedRow, OpeningError, ROWS_MAX, SecretKey, Statement, StatementError,
    StatementParts, VerdictKind,
};
use common::{FIRST_HEIGHT, chain, fault, full_parts, key, openings, packed, parts, sealed, work};

fn refused(change: impl FnOnce(&mut StatementParts)) -> StatementError {
    let mut changed = full_parts(&chain(3, 1));
    change(&mut changed);
    Statement::new(changed).unwrap_err()
}

#[test]
fn the_text_is_fixed_to_the_byte() {
    let headers = chain(3, 1);
    let root = cityseal_chain::hex::encode(&openings(&headers).root());
    let expected = format!(
        "receipt: cityseal-receipt-2\n\
         verdict: fault\n\
         kind: blocks\n\
         network: riverside\n\
         parameters: {}\n\
         first_height: 20\n\
         count: 3\n\
         parent: {}\n\
         start_work: {:064x}\n\
         tip.height: 22\n\
         tip.hash: {}\n\
         tip.chain_work: {:064x}\n\
         transactions: 12\n\
         body_bytes: 3456\n\
         fault.height: 23\n\
         fault.rule: R07\n\
         fault.name: difficulty\n\
         fault.expected: 207fffff\n\
         fault.found: 20700000\n\
         fault.offset: 240\n\
         fault.transaction: 3\n\
         checked: R01 R05 R06\n\
         rules: {}\n\
         not_checked: R08 from 20 to 30: not all of the 11 headers before were given\n\
         out_of_scope: scripts unspent-outputs amounts\n\
         headers_root: {root}\n\
         contents_root: {}\n\
         openings.level: 0\n\
         build.version: 0.1.0\n\
         build.commit: 0123456789ab\n\
         devices: 1 items, avx2, cpu\n\
         devices: 2 items, -, llvmpipe (LLVM 15, 256 bits)\n\
         now: 1800000000\n\
         made: 1795618328 2026-11-25T14:52:08Z\n\
         signer: {}\n\
         signer.label: Harbour office\n",
        "ab".repeat(32),
        "01".repeat(32),
        40,
        headers[2].hash(),
        46,
        "ef".repeat(32),
        "cd".repeat(32),
        key().public_key(),
    );
    assert_eq!(Statement::new(full_parts(&headers)).unwrap().text(), expected);
}

#[test]
fn absent_parts_have_no_line_in_the_text() {
    let mut parts = parts(&chain(3, 1));
    (parts.out_of_scope, parts.not_checked, parts.devices) = (Vec::new(), Vec::new(), Vec::new());
    parts.signer.label = None;
    let text = Statement::new(parts).unwrap().text();
    for key in ["fault", "contents_root", "not_checked", "out_of_scope", "devices", "signer.label"] {
        assert!(!text.contains(&format!("\n{key}")), "{key}");
    }
    assert!(text.lines().all(|line| line.trim() == line && line.contains(": ")));
}

#[test]
fn a_change_of_any_part_changes_the_text() {
    let changes: [fn(&mut StatementParts); 27] = [
        |parts| parts.verdict = VerdictKind::Valid,
        |parts| parts.kind = ItemKind::Headers,
        |parts| parts.network.push('x'),
        |parts| parts.parameters[31] ^= 1,
        |parts| parts.first_height += 1,
        |parts| parts.count += 1,
        |parts| parts.parent = BlockHash::ZERO,
        |parts| parts.start_work = work(41),
        |parts| parts.tip = None,
        |parts| parts.transactions += 1,
        |parts| parts.body_bytes += 1,
        |parts| parts.fault = None,
        |parts| parts.checked.truncate(1),
        |parts| parts.rules = Some([0xee; 32]),
        |parts| parts.rules = None,
        |parts| parts.not_checked.clear(),
        |parts| parts.out_of_scope.clear(),
        |parts| parts.headers_root[0] ^= 1,
        |parts| parts.contents_root = None,
        |parts| parts.openings = openings(&chain(257, 1)),
        |parts| parts.build.version.push('x'),
        |parts| parts.build.commit.push('x'),
        |parts| parts.devices[0].items += 1,
        |parts| parts.now += 1,
        |parts| parts.made = Made::at(1).unwrap(),
        |parts| parts.signer = SecretKey::from_seed(&[8; 32], parts.signer.label.clone()).unwrap().signer(),
        |parts| parts.signer.label = None,
    ];
    let whole = |parts: &StatementParts| Statement::new(parts.clone()).map(|statement| statement.text());
    let original = full_parts(&chain(3, 1));
    let text = whole(&original).unwrap();
    for (at, change) in changes.into_iter().enumerate() {
        let mut changed = original.clone();
        change(&mut changed);
        assert_ne!(changed, original, "change {at} changes something");
        // A consistent change has another text; an inconsistent one is refused.
        assert_ne!(whole(&changed), Ok(text.clone()), "change {at}");
    }
}

#[test]
fn verdict_count_tip_and_fault_must_describe_one_chain() {
    assert_eq!(
        refused(|parts| parts.verdict = VerdictKind::Valid),
        StatementError::Verdict { verdict: "valid", found: "a fault" }
    );
    assert_eq!(refused(|parts| parts.fault = None), StatementError::Verdict { verdict: "fault", found: "no fault" });
    assert_eq!(refused(|parts| parts.tip = None), StatementError::Tip { expected: Some(22), found: None });
    assert_eq!(refused(|parts| parts.count = 4), StatementError::Tip { expected: Some(23), found: Some(22) });
    assert_eq!(refused(|parts| parts.fault = Some(fault(24))), StatementError::FaultHeight { expected: 23, found: 24 });
    let far = refused(|parts| parts.first_height = u64::MAX - 2);
    assert_eq!(far, StatementError::Count { first_height: u64::MAX - 2, count: 3 });

    let nothing = StatementParts { verdict: VerdictKind::Valid, fault: None, ..full_parts(&[]) };
    assert_eq!(Statement::new(nothing), Err(StatementError::Count { first_height: FIRST_HEIGHT, count: 0 }));
    let first_is_faulty = StatementParts { fault: Some(fault(FIRST_HEIGHT)), ..full_parts(&[]) };
    assert!(Statement::new(first_is_faulty).is_ok());
}

#[test]
fn bodies_belong_to_blocks_and_blocks_have_a_root_over_their_contents() {
    let expected = StatementError::Bodies { kind: "headers" };
    assert_eq!(refused(|parts| parts.kind = ItemKind::Headers), expected);
    assert_eq!(refused(|parts| parts.contents_root = None), StatementError::Bodies { kind: "blocks" });
}

#[test]
fn openings_must_match_the_count_and_the_root() {
    let other = refused(|parts| parts.openings = openings(&chain(4, 1)));
    assert_eq!(other, StatementError::Openings { found: 4, level: 0, count: 3 });
    assert!(matches!(refused(|parts| parts.openings = openings(&chain(3, 2))), StatementError::HeadersRoot { .. }));
    assert!(matches!(refused(|parts| parts.headers_root = [0; 32]), StatementError::HeadersRoot { .. }));
}

#[test]
fn texts_with_line_breaks_or_invisible_characters_are_refused() {
    let texts: [fn(&mut StatementParts) -> &mut String; 6] = [
        |parts| &mut parts.network,
        |parts| &mut parts.fault.as_mut().unwrap().expected,
        |parts| &mut parts.fault.as_mut().unwrap().found,
        |parts| &mut parts.not_checked[0].why,
        |parts| &mut parts.devices[0].name,
        |parts| parts.signer.label.as_mut().unwrap(),
    ];
    for field in texts {
        for bad in ["", " x", "a\nverdict: valid", "a\u{202e}b"] {
            let error = refused(|parts| *field(parts) = bad.into());
            assert!(matches!(error, StatementError::Text { .. }), "{bad:?}: {error}");
        }
    }
    let words: [fn(&mut StatementParts) -> &mut String; 7] = [
        |parts| &mut parts.build.version,
        |parts| &mut parts.build.commit,
        |parts| &mut parts.fault.as_mut().unwrap().rule,
        |parts| &mut parts.checked[1],
        |parts| &mut parts.out_of_scope[0],
        |parts| &mut parts.not_checked[0].rule,
        |parts| parts.devices[0].kernel.as_mut().unwrap(),
    ];
    for field in words {
        for bad in ["", "-", "R01 R02", "a,b"] {
            let error = refused(|parts| *field(parts) = bad.into());
            assert!(matches!(error, StatementError::Text { .. }), "{bad:?}: {error}");
        }
    }
}

#[test]
fn lists_have_a_maximum_length_and_checked_rules_a_minimum() {
    let none = refused(|parts| parts.checked.clear());
    assert_eq!(none, StatementError::Rows { field: "checked", found: 0, min: 1, max: ROWS_MAX });
    let many = refused(|parts| parts.devices = vec![parts.devices[0].clone(); ROWS_MAX + 1]);
    assert_eq!(many, StatementError::Rows { field: "devices", found: ROWS_MAX + 1, min: 0, max: ROWS_MAX });
    let backwards = NotCheckedRow { rule: "R08".into(), from: 5, to: 4, why: "x".into() };
    assert!(matches!(refused(|parts| parts.not_checked[0] = backwards), StatementError::Range { from: 5, to: 4, .. }));
}

#[test]
fn times_after_the_year_9999_are_refused() {
    assert_eq!(Made::at(253_402_300_800), None);
    assert_eq!(Made::at(0).unwrap().utc(), "1970-01-01T00:00:00Z");
}

#[test]
fn every_subtree_of_the_chain_can_be_opened_and_no_other_chain() {
    let (headers, others) = (chain(600, 1), chain(600, 2));
    let statement = Statement::new(parts(&headers)).unwrap();
    let openings = &statement.parts().openings;
    assert_eq!((openings.level(), openings.subtrees()), (2, 150));
    for subtree in 0..150 {
        let items = openings.items(subtree, 600);
        let (from, to) = (items.start as usize, items.end as usize);
        assert_eq!(statement.open(subtree, &packed(&headers[from..to])), Ok(()), "{subtree}");
        let error = statement.open(subtree, &packed(&others[from..to])).unwrap_err();
        assert!(matches!(error, OpeningError::Node { .. }), "{error}");
    }
    let bytes = packed(&headers[..4]);
    for found in [0, 79, 80, 319, 321] {
        let short = [&bytes[..], &[0; 80]].concat();
        let error = OpeningError::Length { subtree: 0, expected: 4, found };
        assert_eq!(statement.open(0, &short[..found]), Err(error));
    }
    assert_eq!(statement.open(150, &[]), Err(OpeningError::NoSubtree { subtree: 150, subtrees: 150 }));
}

#[test]
fn a_flipped_bit_anywhere_in_an_opened_subtree_is_detected() {
    let headers = chain(5, 1);
    let statement = Statement::new(parts(&headers)).unwrap();
    let good = packed(&headers[3..4]);
    assert_eq!(statement.open(3, &good), Ok(()));
    for bit in 0..8 * good.len() {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(statement.open(3, &bytes), Err(OpeningError::Node { .. })), "bit {bit}");
    }
}

/// Opens all subtrees of a statement that a dishonest signer made on these headers.
fn opened(headers: &[BlockHeader], change: impl FnOnce(&mut StatementParts)) -> Result<(), OpeningError> {
    let mut parts = parts(headers);
    change(&mut parts);
    let statement = Statement::new(parts).unwrap();
    (0..statement.parts().openings.subtrees()).try_for_each(|subtree| {
        let items = statement.parts().openings.items(subtree, headers.len() as u64);
        statement.open(subtree, &packed(&headers[items.start as usize..items.end as usize]))
    })
}

#[test]
fn opening_checks_the_rules_again_whatever_was_signed() {
    let unchanged = |_: &mut StatementParts| ();
    let good = chain(300, 1);
    assert_eq!(opened(&good, unchanged), Ok(()));

    let mut headers = good.clone();
    headers[100].bits = CompactTarget::from_bits(0x1d00_ffff);
    assert!(matches!(opened(&headers, unchanged), Err(OpeningError::ProofOfWork { height: 120, .. })));

    let mut headers = good.clone();
    headers[100].bits = CompactTarget::from_bits(0);
    assert!(matches!(opened(&headers, unchanged), Err(OpeningError::Bits { height: 120, .. })));

    let mut headers = good.clone();
    headers[101] = sealed(BlockHeader { prev_block_hash: headers[99].hash(), ..headers[101] });
    let (expected, found) = (headers[100].hash(), headers[99].hash());
    assert_eq!(opened(&headers, unchanged), Err(OpeningError::Link { height: 121, expected, found }));

    let parent = opened(&good, |parts| parts.parent = BlockHash::ZERO);
    assert!(matches!(parent, Err(OpeningError::Link { height: FIRST_HEIGHT, .. })));

    let tip = opened(&good, |parts| parts.tip.as_mut().unwrap().hash = BlockHash::ZERO);
    assert_eq!(tip, Err(OpeningError::Tip { expected: BlockHash::ZERO, found: good[299].hash() }));
}

#[test]
fn rows_have_the_values_that_verdicts_show() {
    use cityseal_chain::{Fault, FaultValue, NotChecked, Rule, Unjudged};
    let value = FaultValue::Bits(CompactTarget::from_bits(0x207f_ffff));
    let found = FaultValue::Bits(CompactTarget::from_bits(0x2070_0000));
    let fault = Fault {
        height: 23,
        rule: Rule::Difficulty,
        expected: value,
        found,
        offset: 240,
        transaction: common::fault(23).transaction,
    };
    assert_eq!(FaultRow::from(&fault), common::fault(23));
    let of_transaction = Fault { transaction: Some(3), ..fault };
    assert_eq!(FaultRow::from(&of_transaction).transaction, Some(3));
    let range = NotChecked { rule: "R08", from: 20, to: 30, why: Unjudged::MedianAbsent };
    assert_eq!(NotCheckedRow::from(&range), parts(&chain(3, 1)).not_checked[0]);
}
