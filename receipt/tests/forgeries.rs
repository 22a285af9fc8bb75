//! Changed, truncated, forged and foreign receipts are refused with the reason.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

mod common;

use std::collections::HashSet;

use cityseal_receipt::{
    FORMAT, RECEIPT_BYTES_MAX, Receipt, ReceiptError, SecretKey, Statement, StatementError, verify,
};
use common::{chain, full_parts, key, parts, receipt};
use proptest::prelude::*;
use serde_json::{Value, json};

fn good() -> String {
    receipt(full_parts(&chain(3, 1))).to_json()
}

fn refused(json: &str) -> ReceiptError {
    verify(json.as_bytes(), &[key().public_key()]).unwrap_err()
}

/// The receipt with one field changed. The order of the fields changes too, but that is checked last.
fn with_field(pointer: &str, value: Value) -> String {
    let mut json: Value = serde_json::from_str(&good()).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    json.to_string()
}

#[test]
fn a_receipt_is_read_back_as_signed() {
    for parts in [parts(&chain(3, 1)), full_parts(&chain(3, 1)), full_parts(&[]), parts(&chain(600, 1))] {
        let receipt = receipt(parts.clone());
        let json = receipt.to_json();
        assert_eq!(Receipt::read(json.as_bytes()).unwrap(), receipt);
        let statement = verify(json.as_bytes(), &[key().public_key()]).unwrap();
        assert_eq!((statement.parts(), statement.text()), (&parts, receipt.statement().text()));
        assert!(json.len() < 30_000, "{}", json.len());
    }
}

#[test]
fn every_flipped_bit_of_a_receipt_is_refused_with_a_reason() {
    let json = good();
    let trusted = [key().public_key()];
    let mut reasons = HashSet::new();
    for at in 0..json.len() {
        for bit in 0..8 {
            let mut bytes = json.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let error = verify(&bytes, &trusted).expect_err("a flipped bit is refused");
            assert!(!error.to_string().is_empty());
            reasons.insert(std::mem::discriminant(&error));
        }
    }
    assert!(reasons.len() >= 7, "{} kinds of reasons", reasons.len());
}

#[test]
fn a_receipt_truncated_at_any_length_is_refused() {
    let json = good();
    for len in 0..json.len() {
        let error = verify(&json.as_bytes()[..len], &[key().public_key()]).unwrap_err();
        let is_cut = matches!(error, ReceiptError::Cut { .. }) && len < json.len() - 1;
        assert!(is_cut || error == ReceiptError::Form { at: len }, "{len}: {error}");
    }
}

#[test]
fn a_forged_field_differs_from_the_text() {
    for (pointer, value) in [
        ("/statement/verdict", json!("valid")),
        ("/statement/network", json!("mainnet")),
        ("/statement/count", json!(4)),
        ("/statement/first_height", json!(0)),
        ("/statement/parameters", json!("00".repeat(32))),
        ("/statement/tip/height", json!(999)),
        ("/statement/tip/chain_work", json!("f".repeat(64))),
        ("/statement/fault/rule", json!("R01")),
        ("/statement/fault/transaction", json!(0)),
        ("/statement/not_checked", json!([])),
        ("/statement/devices/0/items", json!(7)),
        ("/statement/made/unix", json!(1)),
        ("/statement/signer/label", json!("City council")),
    ] {
        let error = refused(&with_field(pointer, value));
        assert!(matches!(error, ReceiptError::TextDiffers { .. }) && error.is_clear_no(), "{pointer}: {error}");
    }
}

#[test]
fn the_first_differing_line_is_named() {
    let error = refused(&with_field("/statement/network", json!("mainnet")));
    assert_eq!(error, ReceiptError::TextDiffers { line: 4 });
    assert_eq!(good().matches("network: riverside").count(), 1);
}

#[test]
fn a_field_forged_together_with_the_text_breaks_the_signature() {
    let json = good();
    let forged = json.replace("riverside", "lakeside");
    assert_ne!(forged, json);
    assert_eq!(refused(&forged), ReceiptError::Signature { key: key().public_key() });
}

#[test]
fn a_replaced_opening_does_not_match_the_signed_root() {
    let headers = chain(3, 1);
    let node = cityseal_chain::hex::encode(&cityseal_chain::rfc6962::leaf_hash(headers[1].hash().as_bytes()));
    let json = good();
    assert_eq!(json.matches(&node).count(), 1);
    let error = refused(&json.replace(&node, &"0".repeat(64)));
    assert!(matches!(error, ReceiptError::Statement(StatementError::HeadersRoot { .. })), "{error}");
}

#[test]
fn a_valid_receipt_by_an_untrusted_key_is_foreign() {
    let stranger = SecretKey::from_seed(&[8; 32], None).unwrap();
    let mut parts = parts(&chain(3, 1));
    parts.signer = stranger.signer();
    let statement = Statement::new(parts).unwrap();
    let receipt = Receipt::sign(statement.clone(), &stranger).unwrap();
    let foreign = ReceiptError::Foreign { key: stranger.public_key() };
    assert_eq!(refused(&receipt.to_json()), foreign);
    assert_eq!(verify(receipt.to_json().as_bytes(), &[]), Err(foreign));
    assert!(verify(receipt.to_json().as_bytes(), &[key().public_key(), stranger.public_key()]).is_ok());

    let refused = Receipt::sign(statement, &key()).unwrap_err();
    assert_eq!(refused, StatementError::Signer { named: stranger.public_key(), key: key().public_key() });
}

#[test]
fn an_untrusted_key_cannot_be_placed_next_to_the_text_of_another() {
    let stranger = SecretKey::from_seed(&[8; 32], None).unwrap().public_key().to_string();
    let json = good();
    let mine = key().public_key().to_string();
    // In the statement, in the text, and next to the signature.
    assert_eq!(json.matches(&mine).count(), 3);
    let (head, tail) = json.rsplit_once(&mine).unwrap();
    let error = refused(&format!("{head}{stranger}{tail}"));
    assert!(matches!(error, ReceiptError::Signer { .. }), "{error}");
    assert!(matches!(refused(&json.replace(&mine, &stranger)), ReceiptError::Signature { .. }));
}

#[test]
fn another_format_or_version_is_named() {
    let json = good().replacen(FORMAT, "cityseal-receipt-3", 1);
    assert_eq!(refused(&json), ReceiptError::Format { found: "cityseal-receipt-3".into() });
    assert_eq!(refused(r#"{"format":"x","more":[1]}"#), ReceiptError::Format { found: "x".into() });
    assert!(matches!(refused("{}"), ReceiptError::Field { .. }));
    assert!(matches!(refused("[1"), ReceiptError::Field { .. }));
    assert!(matches!(refused("receipt"), ReceiptError::NotJson { .. }));
    assert!(matches!(refused(""), ReceiptError::Cut { .. }));
}

/// A receipt of the first five headers of mainnet, written by a build before format 2.
const OF_FORMAT_1: &str = include_str!("data/format-1.json");

#[test]
fn a_receipt_of_format_1_is_still_accepted_byte_for_byte() {
    let receipt = Receipt::read(OF_FORMAT_1.as_bytes()).unwrap();
    assert_eq!(receipt.to_json(), OF_FORMAT_1);
    assert_eq!(receipt.statement().parts().rules, None);
    assert!(receipt.statement().text().starts_with("receipt: cityseal-receipt-1\nverdict: valid\n"));
    assert!(verify(OF_FORMAT_1.as_bytes(), &[key().public_key()]).is_ok());
    for at in (0..OF_FORMAT_1.len()).step_by(7) {
        let mut forged = OF_FORMAT_1.as_bytes().to_vec();
        forged[at] ^= 1;
        assert!(Receipt::read(&forged).is_err(), "byte {at}");
    }
}

#[test]
fn the_digest_of_the_rules_is_in_format_2_and_not_in_format_1() {
    let digest = format!("\"rules\":\"{}\",", "ef".repeat(32));
    let json = good();
    assert_eq!(json.matches(&digest).count(), 1);
    let missing = refused(&json.replacen(&digest, "", 1));
    assert!(
        matches!(&missing, ReceiptError::Field { message } if message.contains("missing field `rules`")),
        "{missing}"
    );
    let unknown = refused(&OF_FORMAT_1.replacen("\"not_checked\"", &format!("{digest}\"not_checked\""), 1));
    assert!(
        matches!(&unknown, ReceiptError::Field { message } if message.contains("unknown field `rules`")),
        "{unknown}"
    );
    // Format 2 labelled as format 1.
    let other = refused(&json.replace("cityseal-receipt-2", "cityseal-receipt-1"));
    assert!(matches!(&other, ReceiptError::Field { .. }), "{other}");
}

#[test]
fn unknown_missing_and_duplicate_fields_are_refused_on_every_level() {
    let json = good();
    for place in [
        "{\"format\"",
        "\"statement\":{",
        "\"tip\":{",
        "\"fault\":{",
        "\"openings\":{",
        "\"build\":{",
        "\"made\":{",
        "\"signer\":{",
        "\"devices\":[{",
        "\"not_checked\":[{",
    ] {
        assert_eq!(json.matches(place).count(), 1, "{place}");
        let open = place.rfind('{').unwrap() + 1;
        let (before, after) = place.split_at(open);
        let unknown = json.replacen(place, &format!("{before}\"colour\":1,{after}"), 1);
        let error = refused(&unknown);
        assert!(matches!(&error, ReceiptError::Field { message } if message.contains("colour")), "{place}: {error}");
    }
    for field in ["\"count\":3,", "\"level\":0,", "\"unix\":1795618328,", "\"format\":\"cityseal-receipt-2\","] {
        assert_eq!(json.matches(field).count(), 1, "{field}");
        let doubled = refused(&json.replacen(field, &format!("{field}{field}"), 1));
        assert!(matches!(&doubled, ReceiptError::Field { message } if message.contains("duplicate")), "{doubled}");
        let missing = refused(&json.replacen(field, "", 1));
        assert!(matches!(&missing, ReceiptError::Field { message } if message.contains("missing")), "{missing}");
    }
}

#[test]
fn the_same_content_in_another_form_is_refused() {
    let json = good();
    let digits = "cd".repeat(32);
    for (same, at_field) in [
        (json.replacen(&format!("root\":\"{digits}"), &format!("root\":\"{}", digits.to_uppercase()), 1), true),
        (json.replacen("\"count\":3", "\"count\":3.0", 1), true),
        (json.replacen("\"count\":3", "\"count\": 3", 1), false),
        (json.replacen("riverside", "\\u0072iverside", 1), false),
        (json.replacen("\"transaction\":3", "\"transaction\":3 ", 1), false),
        (format!("{json}\n"), false),
        (json.trim_end().to_owned(), false),
        (json.replace('\n', "\r\n"), false),
    ] {
        assert_ne!(same, json);
        let error = refused(&same);
        let expected = if at_field {
            matches!(error, ReceiptError::Field { .. })
        } else {
            matches!(error, ReceiptError::Form { .. })
        };
        assert!(expected && !error.is_clear_no(), "{error}");
    }
    assert!(matches!(refused(&format!("{json}x")), ReceiptError::NotJson { .. }));
}

#[test]
fn input_larger_than_any_receipt_is_refused_unparsed() {
    let large = " ".repeat(RECEIPT_BYTES_MAX + 1);
    assert_eq!(refused(&large), ReceiptError::TooLarge { found: RECEIPT_BYTES_MAX + 1 });
    assert!(matches!(refused(&large[1..]), ReceiptError::Cut { .. }));
    let deep = "[".repeat(100_000);
    assert!(matches!(refused(&deep), ReceiptError::Field { .. } | ReceiptError::NotJson { .. }));
}

#[test]
fn the_largest_possible_receipt_can_be_read() {
    let text = "\\\"".repeat(128);
    let mut parts = parts(&chain(3, 1));
    let row =
        cityseal_receipt::NotCheckedRow { rule: "\"".repeat(256), from: u64::MAX, to: u64::MAX, why: text.clone() };
    parts.not_checked = vec![row; cityseal_receipt::ROWS_MAX];
    let device = cityseal_receipt::DeviceRow { name: text, kernel: Some("\\".repeat(256)), items: u64::MAX };
    parts.devices = vec![device; cityseal_receipt::ROWS_MAX];
    parts.checked = vec!["\"".repeat(256); cityseal_receipt::ROWS_MAX];
    parts.out_of_scope = parts.checked.clone();
    let json = receipt(parts).to_json();
    assert!(verify(json.as_bytes(), &[key().public_key()]).is_ok(), "{} bytes", json.len());
}

proptest! {
    #[test]
    fn no_bytes_make_the_verifier_panic_or_accept(bytes: Vec<u8>, at: prop::sample::Index, cut: prop::sample::Index) {
        prop_assert!(verify(&bytes, &[key().public_key()]).is_err());
        let json = good().into_bytes();
        let (at, cut) = (at.index(json.len()), cut.index(json.len()));
        let spliced = [&json[..at], &bytes, &json[cut..]].concat();
        prop_assert!(spliced == json || verify(&spliced, &[key().public_key()]).is_err());
    }
}
