//! Receipts: only what was signed is accepted, and every consistent statement can be signed and read again.

use std::sync::LazyLock;

use cityseal_chain::{BlockHash, ChainWork, TreeOutline, rfc6962};
use cityseal_hash::HashKernel;
use cityseal_receipt::{
    Build, DeviceRow, FaultRow, ItemKind, Made, NotCheckedRow, Openings, Receipt, SecretKey, Statement, StatementParts,
    TipRow, VerdictKind, verify,
};

/// The first byte selects one of the two bodies.
const SIGNED: u8 = 0;
const FIELDS: u8 = 1;

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let fields = |parts: &StatementParts| [vec![FIELDS], serde_json::to_vec(parts).expect("plain values")].concat();
    let all = [parts(0), parts(3), parts(300)];
    let signed = [&[SIGNED][..], GOOD.as_bytes()].concat();
    all.iter().map(fields).chain([signed]).collect()
}

pub(crate) fn body(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    if kind % 2 == SIGNED { signed(data) } else { statement(data) }
}

/// Only this file has the key, so exactly one receipt is accepted, in its canonical form.
fn signed(data: &[u8]) {
    let accepted = verify(data, &[key().public_key()]).is_ok();
    assert_eq!(accepted, data == GOOD.as_bytes(), "only what was signed is accepted");
    if let Err(error) = Receipt::read(data) {
        assert!(!error.to_string().is_empty());
    }
}

fn statement(data: &[u8]) {
    let Ok(mut parts) = serde_json::from_slice::<StatementParts>(data) else { return };
    parts.signer = key().signer();
    let Ok(statement) = Statement::new(parts.clone()) else { return };
    let text = statement.text();
    assert!(text.ends_with('\n') && text.lines().all(|line| line.trim() == line && line.contains(": ")), "{text:?}");
    let receipt = Receipt::sign(statement, &key()).expect("the signer belongs to the key");
    let read = verify(receipt.to_json().as_bytes(), &[key().public_key()]).expect("what was signed is accepted");
    assert_eq!((read.parts(), read.text()), (&parts, text));
}

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32], Some("fuzz".into())).expect("the label is printable")
}

static GOOD: LazyLock<String> = LazyLock::new(|| {
    let statement = Statement::new(parts(3)).expect("the parts are consistent");
    Receipt::sign(statement, &key()).expect("the signer belongs to the key").to_json()
});

/// A statement about `count` headers, or about a fault in a block if `count` is 0. The contents of the leaves are not
/// checked.
fn parts(count: u64) -> StatementParts {
    let leaves: Vec<_> = (0..count).map(|number| rfc6962::leaf_hash(&[number as u8; 32])).collect();
    let outline = TreeOutline::of_leaves(0, &leaves, HashKernel::portable());
    let openings = Openings::of(&outline).expect("the outline begins at the first leaf");
    let is_fault = count == 0;
    let text = |text: &str| text.to_owned();
    let tip = |height| TipRow { height, hash: BlockHash::ZERO, chain_work: ChainWork::ZERO };
    let fault = FaultRow {
        height: 0,
        rule: text("R20"),
        name: text("name"),
        expected: text("1"),
        found: text("2"),
        offset: 80,
        transaction: Some(1),
    };
    StatementParts {
        verdict: if is_fault { VerdictKind::Fault } else { VerdictKind::Valid },
        kind: if is_fault { ItemKind::Blocks } else { ItemKind::Headers },
        network: text("town"),
        parameters: [1; 32],
        first_height: 0,
        count,
        parent: BlockHash::ZERO,
        start_work: ChainWork::ZERO,
        tip: count.checked_sub(1).map(tip),
        transactions: 0,
        body_bytes: 0,
        fault: is_fault.then_some(fault),
        checked: vec![text("R01"), text("R02")],
        rules: (!is_fault).then_some([3; 32]),
        not_checked: vec![NotCheckedRow { rule: text("R08"), from: 1, to: 2, why: text("why") }],
        out_of_scope: vec![text("scripts")],
        headers_root: openings.root(),
        contents_root: is_fault.then_some([2; 32]),
        openings,
        build: Build { version: text("1"), commit: text("a") },
        devices: vec![DeviceRow { name: text("cpu"), kernel: Some(text("avx2")), items: 3 }],
        now: 5,
        made: Made::at(6).expect("long before the year 10000"),
        signer: key().signer(),
    }
}

#[test]
fn the_seeds_are_consistent_and_the_signed_one_is_accepted() {
    let seeds = seeds();
    let read = |seed: &[u8]| serde_json::from_slice::<StatementParts>(&seed[1..]).map(Statement::new);
    assert!(seeds[..3].iter().all(|seed| matches!(read(seed), Ok(Ok(_)))));
    assert!(verify(&seeds[3][1..], &[key().public_key()]).is_ok());
}
