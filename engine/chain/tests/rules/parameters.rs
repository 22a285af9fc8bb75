//! Custom network parameters in TOML: what is accepted, and what is refused with its line and key.

use crate::chain::{Chain, EASY_BITS, START_TIME, unsealed};
use cityseal_chain::{
    Asert, BlockHash, BlockHeader, BodyRules, CompactTarget, Difficulty, MerkleKind, Parameters, ParametersError,
    ValueFault, VersionRule,
};
use proptest::prelude::*;

fn genesis() -> BlockHeader {
    *Chain::fixed().parameters.genesis()
}

/// Three lines with name, genesis and limit, then `rest` from line 4.
fn city(rest: &str) -> String {
    format!("name = \"riverside\"\ngenesis = \"{}\"\npow_limit = \"207fffff\"\n{rest}", genesis().to_hex())
}

fn read(rest: &str) -> Parameters {
    Parameters::from_toml(&city(rest)).expect("the parameters are valid")
}

/// Line, key and fault of a refused value.
fn refused(text: &str) -> (usize, &'static str, ValueFault) {
    match Parameters::from_toml(text) {
        Err(ParametersError::Value { line, key, fault }) => (line, key, fault),
        other => panic!("{other:?}"),
    }
}

fn refused_toml(text: &str) -> (usize, String) {
    match Parameters::from_toml(text) {
        Err(ParametersError::Toml { line, message }) => (line, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_minimal_file_uses_the_defaults() {
    let city = read("difficulty = \"fixed\"");
    assert_eq!((city.name(), city.genesis(), city.future_limit_s()), ("riverside", &genesis(), 7200));
    assert_eq!((city.difficulty(), city.merkle()), (&Difficulty::Fixed, MerkleKind::Bitcoin));
    assert_eq!(city.limit_bits(), CompactTarget::from_bits(EASY_BITS));
    assert_eq!((city.versions(), city.has_block_signature()), (&[][..], false));
}

#[test]
fn every_key_is_read() {
    let city = read(
        "future_limit_s = 60\nmerkle = \"rfc6962-sha256\"\n[difficulty]\nkind = \"bitcoin-2016\"\nbip94 = true\n\
         [[version]]\nmin = 2\nfrom_height = 100\n[[version]]\nmin = 3\nfrom_height = 200\n",
    );
    assert_eq!((city.future_limit_s(), city.merkle()), (60, MerkleKind::Rfc6962Sha256));
    assert_eq!(city.difficulty(), &Difficulty::Bitcoin2016 { min_difficulty: false, bip94: true });
    let expected = [VersionRule { min: 2, from_height: 100 }, VersionRule { min: 3, from_height: 200 }];
    assert_eq!(city.versions(), expected);
}

#[test]
fn asert_is_anchored_at_the_genesis_header_by_default() {
    let by_default = Asert {
        spacing_s: 60,
        half_life_s: 3600,
        anchor_height: 0,
        anchor_parent_time: i64::from(START_TIME) - 60,
        anchor_bits: CompactTarget::from_bits(EASY_BITS),
    };
    let table = read("[difficulty]\nkind = \"asert\"\nspacing_s = 60\nhalf_life_s = 3600");
    assert_eq!(table.difficulty(), &Difficulty::Asert(by_default));
    let flat = read("difficulty = \"asert\"\nspacing_s = 60\nhalf_life_s = 3600");
    assert_eq!((flat.difficulty(), flat.digest()), (table.difficulty(), table.digest()));
    let anchored = read(
        "[difficulty]\nkind = \"asert\"\nspacing_s = 60\nhalf_life_s = 3600\n\
         anchor_height = 9\nanchor_parent_time = 17\nanchor_bits = \"203fffff\"",
    );
    let anchor_bits = CompactTarget::from_bits(0x203f_ffff);
    let expected = Asert { anchor_height: 9, anchor_parent_time: 17, anchor_bits, ..by_default };
    assert_eq!(anchored.difficulty(), &Difficulty::Asert(expected));
}

#[test]
fn a_limit_may_be_compact_or_full() {
    let full = format!("7fffff{}", "0".repeat(58));
    let text = city("difficulty = \"fixed\"").replace("\"207fffff\"", &format!("\"{full}\""));
    assert_eq!(Parameters::from_toml(&text).unwrap(), read("difficulty = \"fixed\""));
}

#[test]
fn unknown_keys_are_refused_by_name_and_line() {
    let (line, message) = refused_toml(&city("difficulty = \"fixed\"\ndificulty = \"fixed\""));
    assert_eq!(line, 5);
    assert!(message.contains("unknown field `dificulty`"), "{message}");
    let (line, message) = refused_toml(&city("[difficulty]\nkind = \"fixed\"\nspeed = 3"));
    assert_eq!(line, 6);
    assert!(message.contains("unknown field `speed`"), "{message}");
    let (line, message) =
        refused_toml(&city("difficulty = \"fixed\"\n[[version]]\nmin = 2\nfrom_height = 1\nto_height = 9"));
    assert_eq!(line, 8);
    assert!(message.contains("unknown field `to_height`"), "{message}");
}

#[test]
fn missing_keys_wrong_types_and_broken_toml_are_refused_with_their_line() {
    let (_, message) = refused_toml(&city(""));
    assert!(message.contains("missing field `difficulty`"), "{message}");
    let (line, _) = refused_toml(&city("difficulty = \"fixed\"\nfuture_limit_s = \"long\""));
    assert_eq!(line, 5);
    let (line, message) = refused_toml(&city("difficulty = 7"));
    assert_eq!(line, 4);
    assert!(message.contains("a kind of difficulty, or a table with its kind"), "{message}");
    let (line, _) = refused_toml("name = \"a\"\ngenesis = = 3");
    assert_eq!(line, 2);
}

#[test]
fn a_genesis_header_with_bad_digits_or_length_is_refused_with_the_position() {
    let text = city("difficulty = \"fixed\"");
    let (line, key, fault) = refused(&text.replacen("01000000", "0100000x", 1));
    assert_eq!((line, key), (2, "genesis"));
    assert_eq!(fault.to_string(), "bad hex digit 'x' at position 8 of the header");
    let (.., fault) = refused(&text.replacen("01000000", "010000", 1));
    assert_eq!(fault.to_string(), "a header is 160 hex digits, found 158");
}

fn refused_genesis(header: &BlockHeader) -> ValueFault {
    let text = city("difficulty = \"fixed\"").replace(&genesis().to_hex(), &header.to_hex());
    let (line, key, fault) = refused(&text);
    assert_eq!((line, key), (2, "genesis"));
    fault
}

#[test]
fn a_genesis_header_that_breaks_its_own_rules_is_refused() {
    let genesis = genesis();
    let target = genesis.bits.decode().unwrap();
    let unsealed = unsealed(genesis);
    assert_eq!(refused_genesis(&unsealed), ValueFault::ProofOfWork { target, found: unsealed.hash() });
    let zero = BlockHeader { bits: CompactTarget::from_bits(0), ..genesis };
    assert!(matches!(refused_genesis(&zero), ValueFault::Compact { .. }));
    let easy = BlockHeader { bits: CompactTarget::from_bits(0x2100_ffff), ..genesis };
    assert!(matches!(refused_genesis(&easy), ValueFault::AboveLimit { .. }));
    let parent = BlockHash::from_wire([1; 32]);
    let child = crate::chain::sealed(BlockHeader { prev_block_hash: parent, ..genesis });
    assert_eq!(refused_genesis(&child), ValueFault::Predecessor { found: parent });
}

#[test]
fn a_version_rule_that_the_genesis_header_breaks_is_refused_at_height_0_but_not_from_height_1() {
    let rule = |from: u32| city(&format!("difficulty = \"fixed\"\n[[version]]\nmin = 2\nfrom_height = {from}"));
    assert_eq!(refused(&rule(0)), (2, "genesis", ValueFault::Version { min: 2, found: 1 }));
    assert!(Parameters::from_toml(&rule(1)).is_ok());
}

#[test]
fn version_rules_must_ascend() {
    let text =
        city("difficulty = \"fixed\"\n[[version]]\nmin = 2\nfrom_height = 9\n[[version]]\nmin = 3\nfrom_height = 9");
    assert_eq!(refused(&text), (10, "from_height", ValueFault::Descending { last: 9, found: 9 }));
}

#[test]
fn the_numbers_of_asert_are_required_there_and_refused_elsewhere() {
    let (line, key, fault) = refused(&city("difficulty = \"asert\"\nspacing_s = 60"));
    assert_eq!((line, key, fault), (4, "half_life_s", ValueFault::NeededForAsert));
    let (line, key, fault) = refused(&city("difficulty = \"fixed\"\nspacing_s = 60"));
    assert_eq!((line, key, fault), (5, "spacing_s", ValueFault::OtherKind { kind: "asert" }));
    let (line, key, fault) = refused(&city("spacing_s = 60\n[difficulty]\nkind = \"asert\""));
    assert_eq!((line, key, fault), (4, "spacing_s", ValueFault::OtherKind { kind: "asert" }));
    let (line, key, fault) = refused(&city("[difficulty]\nkind = \"fixed\"\nbip94 = false"));
    assert_eq!((line, key, fault), (6, "bip94", ValueFault::OtherKind { kind: "bitcoin-2016" }));
    let asert = |rest: &str| city(&format!("difficulty = \"asert\"\nspacing_s = 60\nhalf_life_s = {rest}"));
    let range = ValueFault::Range { min: 1, max: i64::from(u32::MAX), found: 0 };
    assert_eq!(refused(&asert("0")), (6, "half_life_s", range));
    assert_eq!(refused(&asert("1\nanchor_height = 3")), (4, "difficulty", ValueFault::PartOfAnchor));
    let above = "1\nanchor_height = 3\nanchor_parent_time = 4\nanchor_bits = \"2100ffff\"";
    assert!(matches!(refused(&asert(above)), (9, "anchor_bits", ValueFault::AboveLimit { .. })));
}

#[test]
fn body_rules_apply_from_the_heights_given_and_otherwise_never() {
    assert_eq!(read("difficulty = \"fixed\"").body(), &BodyRules::default());
    assert_eq!(read("difficulty = \"fixed\"\n[body]").body(), &BodyRules::default());
    let city = read("difficulty = \"fixed\"\n[body]\ncoinbase_height_from = 1\nmedian_time_from = 2\nwitness_from = 0");
    let expected = BodyRules { coinbase_height_from: Some(1), median_time_from: Some(2), witness_from: Some(0) };
    assert_eq!(city.body(), &expected);
    assert!(city.canonical_text().contains("\ncoinbase_height_from=1\nmedian_time_from=2\nwitness_from=0\n"));
    let never = read("difficulty = \"fixed\"").canonical_text();
    assert!(never.contains("\ncoinbase_height_from=never\nmedian_time_from=never\nwitness_from=never\n"), "{never}");
}

#[test]
fn a_negative_height_and_an_unknown_body_rule_are_refused() {
    let below = refused(&city("difficulty = \"fixed\"\n[body]\nwitness_from = -1"));
    assert_eq!(below, (6, "witness_from", ValueFault::Range { min: 0, max: i64::MAX, found: -1 }));
    let (line, message) = refused_toml(&city("difficulty = \"fixed\"\n[body]\nscripts_from = 1"));
    assert_eq!(line, 6);
    assert!(message.contains("unknown field `scripts_from`"), "{message}");
}

#[test]
fn unknown_words_and_impossible_names_are_refused() {
    let (line, key, fault) = refused(&city("difficulty = \"easy\""));
    assert_eq!((line, key), (4, "difficulty"));
    assert_eq!(fault.to_string(), "expected \"bitcoin-2016\", \"asert\" or \"fixed\", found \"easy\"");
    let (.., fault) = refused(&city("difficulty = \"fixed\"\nmerkle = \"sha3\""));
    assert_eq!(fault.to_string(), "expected \"bitcoin\" or \"rfc6962-sha256\", found \"sha3\"");
    for name in ["", "two\\nlines", &"x".repeat(65)] {
        let text = city("difficulty = \"fixed\"").replace("riverside", name);
        assert_eq!(refused(&text), (1, "name", ValueFault::Name));
    }
}

#[test]
fn every_parameter_changes_the_digest() {
    let cities = [
        "difficulty = \"fixed\"",
        "difficulty = \"bitcoin-2016\"",
        "[difficulty]\nkind = \"bitcoin-2016\"\nmin_difficulty = true",
        "[difficulty]\nkind = \"bitcoin-2016\"\nbip94 = true",
        "difficulty = \"asert\"\nspacing_s = 60\nhalf_life_s = 60",
        "difficulty = \"asert\"\nspacing_s = 61\nhalf_life_s = 60",
        "difficulty = \"asert\"\nspacing_s = 60\nhalf_life_s = 61",
        "difficulty = \"fixed\"\nfuture_limit_s = 1",
        "difficulty = \"fixed\"\nmerkle = \"rfc6962-sha256\"",
        "difficulty = \"fixed\"\n[[version]]\nmin = 2\nfrom_height = 5",
        "difficulty = \"fixed\"\n[[version]]\nmin = 2\nfrom_height = 6",
        "difficulty = \"fixed\"\n[[version]]\nmin = 3\nfrom_height = 5",
        "difficulty = \"fixed\"\n[body]\ncoinbase_height_from = 0",
        "difficulty = \"fixed\"\n[body]\nmedian_time_from = 0",
        "difficulty = \"fixed\"\n[body]\nwitness_from = 0",
        "difficulty = \"fixed\"\n[body]\nwitness_from = 1",
    ];
    let digests: std::collections::HashSet<_> = cities.iter().map(|rest| read(rest).digest()).collect();
    assert_eq!(digests.len(), cities.len());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text: String) {
        prop_assert!(Parameters::from_toml(&text).is_err());
    }

    #[test]
    fn a_file_with_one_character_changed_is_read_or_refused_without_panic(
        at: proptest::sample::Index, by in any::<char>(),
    ) {
        let asert = "[difficulty]\nkind = \"asert\"\nspacing_s = 60\nhalf_life_s = 3600\n";
        let text = city(&format!("{asert}[[version]]\nmin = 2\nfrom_height = 1"));
        let mut changed: Vec<char> = text.chars().collect();
        let at = at.index(changed.len());
        changed[at] = by;
        let _ = Parameters::from_toml(&changed.into_iter().collect::<String>());
    }
}

#[test]
fn a_signet_challenge_gives_the_magic_and_is_refused_if_it_is_not_a_script() {
    let city = read("difficulty = \"fixed\"\nsignet_challenge = \"51\"\n");
    assert_eq!((city.magic(), city.signet_challenge()), (Some([0x54, 0xd2, 0x6f, 0xbd]), Some(&[0x51][..])));
    assert!(city.has_block_signature());
    let plain = read("difficulty = \"fixed\"");
    assert_eq!((plain.magic(), plain.signet_challenge()), (None, None));
    assert_ne!(city.digest(), plain.digest());

    for bad in [String::new(), "5".to_owned(), "5x".to_owned(), "51".repeat(10_001)] {
        let (line, key, fault) =
            refused(&self::city(&format!("difficulty = \"fixed\"\nsignet_challenge = \"{bad}\"\n")));
        assert_eq!((line, key), (5, "signet_challenge"), "{fault}");
    }
}
