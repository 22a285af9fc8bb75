//! The JSON form of a template: what is accepted, and that each refusal names its field.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use cityseal_chain::{
    BlockHeader, ExtranonceSpan, SealTemplate, SealTemplateBuilder, Target, TemplateError, TemplateFileError,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const GENESIS: &str = "0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e\
                       67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c";
const MERKLE_ROOT: &str = "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b";

fn parse(file: &Value) -> Result<SealTemplateBuilder, TemplateFileError> {
    SealTemplateBuilder::from_json(&file.to_string())
}

fn build(file: &Value) -> SealTemplate {
    parse(file).unwrap().build().unwrap()
}

fn refusal(file: &Value) -> String {
    parse(file).unwrap_err().to_string()
}

/// Returns `file` with the value at a path such as `coinbase.prefix` replaced, or removed if `value` is `null`.
fn with(mut file: Value, path: &str, value: Value) -> Value {
    let (parents, key) = path.rsplit_once('.').map_or((Vec::new(), path), |(up, key)| (up.split('.').collect(), key));
    let parent = parents.into_iter().fold(&mut file, |at, name| &mut at[name]);
    parent[key] = value;
    file
}

fn of_header() -> Value {
    json!({ "header": GENESIS })
}

fn of_fields() -> Value {
    json!({
        "version": "00000001",
        "prev_block_hash": "0".repeat(64),
        "merkle_root": MERKLE_ROOT,
        "time": 1231006505,
        "bits": "1d00ffff",
    })
}

fn of_coinbase() -> Value {
    let file = with(of_fields(), "merkle_root", Value::Null);
    let coinbase = json!({
        "prefix": "0102", "suffix": "", "extranonce_size": 2, "extranonce_first": "00fe", "extranonce_last": "0100",
    });
    with(with(file, "coinbase", coinbase), "merkle_branch", json!(["01".repeat(32), "02".repeat(32)]))
}

#[test]
fn a_header_alone_is_a_template_with_all_nonces_and_its_own_nonce_is_ignored() {
    let template = build(&of_header());
    let genesis = BlockHeader::from_hex(GENESIS).unwrap();
    assert_eq!(template.header(), &BlockHeader { nonce: 0, ..genesis });
    assert_eq!(template.space().volume(), 1 << 32);
    assert_eq!(template.target(), genesis.bits.decode().unwrap());
}

#[test]
fn single_fields_give_the_same_template_as_the_header() {
    assert_eq!(build(&of_fields()), build(&of_header()));
}

#[test]
fn reads_everything_that_may_roll() {
    let rolling = json!({
        "version_mask": "1fffe000", "time_window": 60, "nonces": { "first": 7, "last": u32::MAX }, "target": "207fffff",
    });
    let mut file = of_coinbase();
    file.as_object_mut().unwrap().extend(rolling.as_object().unwrap().clone());
    let template = build(&file);
    let space = template.space();
    assert_eq!(space.versions().mask(), 0x1fffe000);
    assert_eq!((space.times().first(), space.times().last()), (1231006505, 1231006565));
    assert_eq!((space.nonces().first(), space.nonces().last()), (7, u32::MAX));
    assert_eq!(space.extranonces().map(|all| (all.first(), all.last())), Some((0xfe, 0x100)));
    assert_eq!(template.target(), Target::from_threshold_hex("207fffff").unwrap());
    assert_eq!(template.merkle_branch(), [[1; 32], [2; 32]]);
    assert_eq!(template.coinbase().unwrap().transaction(0xff), [1, 2, 0, 0xff]);
    assert_eq!(template.header().bits.to_bits(), 0x1d00ffff);
}

#[test]
fn a_coinbase_without_a_range_opens_all_its_extranonces_and_needs_no_branch() {
    let file = with(with(of_coinbase(), "coinbase.extranonce_first", Value::Null), "merkle_branch", Value::Null);
    let template = build(&with(file, "coinbase.extranonce_last", Value::Null));
    assert_eq!(template.space().extranonces().map(|all| (all.first(), all.last())), Some((0, 0xffff)));
    assert_eq!(template.header().merkle_root.to_wire(), template.coinbase().unwrap().leaf(0));
}

#[test]
fn together_with_a_whole_header_a_coinbase_replaces_its_merkle_root() {
    let file = with(of_header(), "coinbase", of_coinbase()["coinbase"].clone());
    assert_ne!(build(&file).header().merkle_root.to_display_hex(), MERKLE_ROOT);
}

#[test]
fn names_the_field_and_what_was_expected() {
    let long = format!("0x{}", "1".repeat(200));
    for (path, value, message) in [
        ("version", json!(1), "version: expected 8 hex digits, found 1"),
        ("bits", json!("1"), "bits: expected 8 hex digits, found 1"),
        ("bits", json!("1d00fffg"), "bits: bad hex digit 'g' at position 8"),
        ("time", json!("now"), "time: expected a whole number from 0 to 4294967295, found \"now\""),
        ("time", json!(4294967296u64), "time: expected a whole number from 0 to 4294967295, found 4294967296"),
        ("time", json!(1.5), "time: expected a whole number from 0 to 4294967295, found 1.5"),
        ("time_window", json!(-1), "time_window: expected a whole number from 0 to 4294967295, found -1"),
        ("version_mask", json!("1fffe0000"), "version_mask: expected 8 hex digits"),
        ("version_mask", json!("3fffe000"), "version_mask: version mask 3fffe000 rolls bits 29 to 31: expected"),
        ("prev_block_hash", json!("00"), "prev_block_hash: expected 64 hex digits"),
        ("merkle_root", json!(long), "merkle_root: expected 64 hex digits"),
        ("target", json!(5), "target: expected 8 or 64 hex digits, found 5"),
        ("target", json!("0".repeat(64)), "target: a target must be above zero"),
        ("target", json!("1d000000"), "target: 1d000000 is not a target: the compact target is zero"),
        ("nonces", json!({ "first": 6, "last": 5 }), "nonces: range runs backwards: first 6, last 5"),
        ("nonces", json!({ "first": 6 }), "nonces.last: absent; expected a whole number from 0 to 4294967295"),
        ("merkle_branch", json!([]), "coinbase: absent; expected the coinbase that merkle_branch belongs to"),
        ("merkle_root", Value::Null, "merkle_root: absent; expected 64 hex digits, or a coinbase"),
        ("version", Value::Null, "version: absent; expected 8 hex digits (or a field `header`)"),
        ("header", json!(GENESIS), "version: not allowed together with header"),
    ] {
        let refusal = refusal(&with(of_fields(), path, value));
        assert!(refusal.starts_with(&format!("template field {message}")), "{refusal}");
    }
}

#[test]
fn names_the_field_within_a_coinbase() {
    for (path, value, message) in [
        ("coinbase.prefix", json!("abc"), "coinbase.prefix: expected an even number of hex digits, found 3"),
        ("coinbase.suffix", Value::Null, "coinbase.suffix: absent"),
        ("coinbase.extranonce_size", json!(9), "coinbase: extranonce of 9 bytes; expected 1 to 8"),
        ("coinbase.extranonce_size", json!(0), "coinbase: extranonce of 0 bytes; expected 1 to 8"),
        ("coinbase.extranonce_size", json!(260), "coinbase: extranonce of 260 bytes; expected 1 to 8"),
        ("coinbase.extranonce_size", Value::Null, "coinbase.extranonce_size: absent; expected a number from 1 to 8"),
        ("coinbase.extranonce_first", json!("fe"), "coinbase.extranonce_first: expected 4 hex digits"),
        (
            "coinbase.extranonce_first",
            json!("0101"),
            "coinbase.extranonce_first..=extranonce_last: range runs backwards",
        ),
        (
            "merkle_branch",
            json!({}),
            "merkle_branch: expected a list of hashes, 64 hex digits each in wire order, found {}",
        ),
        ("merkle_root", json!(MERKLE_ROOT), "merkle_root: not allowed together with coinbase"),
    ] {
        let refusal = refusal(&with(of_coinbase(), path, value));
        assert!(refusal.starts_with(&format!("template field {message}")), "{refusal}");
    }
    let short = refusal(&json!({ "header": &GENESIS[..158] }));
    assert_eq!(short, "template field header: a header is 160 hex digits, found 158");
    let bad_node = json!(["01".repeat(32), "02".repeat(31)]);
    let expected = "template field merkle_branch[1]: expected 64 hex digits";
    assert!(refusal(&with(of_coinbase(), "merkle_branch", bad_node)).starts_with(expected));
}

#[test]
fn refuses_unknown_and_duplicate_keys_and_values_that_are_not_objects() {
    for (text, message) in [
        (r#"{"header":"00","nonce":5}"#, "template: unknown field `nonce`, expected one of `header`"),
        (r#"{"nonces":{"first":0,"lats":5}}"#, "template: unknown field `lats`, expected `first` or `last`"),
        (r#"{"nonces":{"first":0,"first":5}}"#, "template: duplicate field `first` at line 1 column 28"),
        (r#"{"time":1,"time":2}"#, "template: duplicate field `time`"),
        (r#"{"nonces":[0,5]}"#, "template: invalid type: sequence, expected an object at line 1 column 10"),
        (r#"["00"]"#, "template: invalid type: sequence, expected an object"),
        ("", "template: EOF while parsing a value at line 1 column 0"),
        ("{} x", "template: trailing characters at line 1 column 4"),
    ] {
        let refusal = SealTemplateBuilder::from_json(text).unwrap_err().to_string();
        assert!(refusal.starts_with(message), "{refusal}");
    }
}

#[test]
fn a_wrong_value_is_shown_shortened() {
    let refusal = refusal(&with(of_fields(), "time", json!("9".repeat(1000))));
    assert!(refusal.len() < 200 && refusal.ends_with("9..."), "{refusal}");
}

#[test]
fn reading_leaves_the_consistency_of_the_parts_to_the_template() {
    let builder = parse(&with(of_fields(), "time_window", json!(u32::MAX))).unwrap();
    assert!(matches!(builder.build(), Err(TemplateError::TimeWindow { found_s: u32::MAX, .. })));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,80}".prop_map(Value::from),
        "[0-9a-f]{8}".prop_map(Value::from),
        "[0-9a-f]{64}".prop_map(Value::from),
        "([0-9a-f]{2}){0,9}".prop_map(Value::from),
        (0u32..300).prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((".{0,8}", inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn any_path() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "header",
        "version",
        "prev_block_hash",
        "merkle_root",
        "time",
        "bits",
        "version_mask",
        "time_window",
        "nonces",
        "target",
        "coinbase",
        "merkle_branch",
        "coinbase.prefix",
        "coinbase.suffix",
        "coinbase.extranonce_size",
        "coinbase.extranonce_first",
        "coinbase.extranonce_last",
        "other",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_read_or_refused_without_panic(text: String) {
        prop_assert!(SealTemplateBuilder::from_json(&text).is_err());
    }

    #[test]
    fn any_value_in_any_field_is_read_or_refused_without_panic(
        base in prop::sample::select(vec![of_header(), of_fields(), of_coinbase()]),
        changes in prop::collection::vec((any_path(), any_json()), 1..3),
    ) {
        let has_coinbase = |file: &Value, path: &str| !path.contains('.') || file["coinbase"].is_object();
        let file = changes.into_iter().fold(base, |file, (path, value)| {
            if has_coinbase(&file, path) { with(file, path, value) } else { file }
        });
        match parse(&file).map(SealTemplateBuilder::build) {
            Err(refusal) => prop_assert!(refusal.to_string().starts_with("template"), "{refusal}"),
            Ok(Err(refusal)) => prop_assert!(!refusal.to_string().is_empty()),
            Ok(Ok(template)) => {
                let first = template.space().extranonces().map_or(0, ExtranonceSpan::first);
                prop_assert_eq!(template.merkle_root(first), template.header().merkle_root);
            }
        }
    }
}
