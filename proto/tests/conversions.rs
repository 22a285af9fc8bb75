//! Conversions between messages and domain types are lossless, and no message from a peer causes a panic.

#![allow(clippy::unwrap_used, reason = "a failed setup fails the test")]

use cityseal_chain::body::{EncodingFault, EncodingKind};
use cityseal_chain::{
    BlockHash, BlockHeader, ChainWork, CoinbaseParts, CompactTarget, ExtranonceSpan, Fault, FaultValue, MerkleRoot,
    NonceSpan, RollingVersion, Rule, ScriptHead, Seal, SealTemplate, Target, Tip, Wording,
};
use cityseal_proto::{ClaimedSeal, fault_from_wire, template_from_request, template_to_wire, tip_from_wire, v1};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

fn request_of(template: &SealTemplate) -> v1::SubmitSealRequest {
    let (message, target) = template_to_wire(template);
    v1::SubmitSealRequest { template: Some(message), target, ..Default::default() }
}

prop_compose! {
    fn headers()(mut wire in vec(any::<u8>(), 80), time in 0..u32::MAX - 1000) -> BlockHeader {
        wire[68..72].copy_from_slice(&time.to_le_bytes());
        BlockHeader::from_wire(&wire.try_into().unwrap())
    }
}

prop_compose! {
    fn coinbases()(
        prefix in vec(any::<u8>(), 0..60), suffix in vec(any::<u8>(), 0..60), len in 1_u8..=4,
        ends in any::<(u8, u8)>(),
    ) -> CoinbaseParts {
        let (first, last) = (ends.0.min(ends.1), ends.0.max(ends.1));
        let span = ExtranonceSpan::new(first.into(), last.into()).unwrap();
        CoinbaseParts::new(prefix, suffix, len).unwrap().with_extranonces(span).unwrap()
    }
}

prop_compose! {
    fn templates()(
        header in headers(), mask in 0..=RollingVersion::MASK_MAX, window in 0..1000_u32, ends in any::<(u32, u32)>(),
        coinbase in proptest::option::of((coinbases(), vec(any::<[u8; 32]>(), 0..4))), target in 1..=255_u8,
    ) -> SealTemplate {
        let nonces = NonceSpan::new(ends.0.min(ends.1), ends.0.max(ends.1)).unwrap();
        let mut builder = SealTemplate::builder(header)
            .nonces(nonces)
            .version_mask(mask)
            .time_window_s(window)
            .target(Target::from_wire(&[target; 32]).unwrap());
        if let Some((parts, branch)) = coinbase {
            builder = builder.coinbase(parts, branch);
        }
        builder.build().unwrap()
    }
}

fn refused_path(change: impl FnOnce(&mut v1::SubmitSealRequest)) -> String {
    let header = BlockHeader::from_wire(&[0; 80]);
    let template = SealTemplate::builder(header).target(Target::MAX).build().unwrap();
    let mut request = request_of(&template);
    change(&mut request);
    template_from_request(&request).unwrap_err().path
}

fn coinbase(len: u32, last: Option<u64>, node_len: usize) -> v1::Coinbase {
    let merkle_branch = vec![vec![0; 32].into(), vec![0; node_len].into()];
    v1::Coinbase { extranonce_size_bytes: len, extranonce_last: last, merkle_branch, ..Default::default() }
}

#[test]
fn each_invalid_field_is_named() {
    let template = |request: &mut v1::SubmitSealRequest, change: &dyn Fn(&mut v1::SealTemplate)| {
        change(request.template.as_mut().unwrap());
    };
    assert_eq!(refused_path(|r| r.template = None), "template");
    assert_eq!(refused_path(|r| template(r, &|t| t.header = vec![0; 79].into())), "template.header");
    assert_eq!(refused_path(|r| r.target = vec![0; 31].into()), "target");
    assert_eq!(refused_path(|r| r.target = vec![0; 32].into()), "target");
    // Without a target field the header's bits must encode one; here they are zero.
    assert_eq!(refused_path(|r| r.target.clear()), "template.header");
    let backwards = Some(v1::NonceSpan { first: 1, last: 0 });
    assert_eq!(refused_path(|r| template(r, &|t| t.nonces = backwards)), "template.nonces");
    let past_the_end = |t: &mut v1::SealTemplate| {
        t.header = vec![0xff; 80].into();
        t.time_window_s = 1;
    };
    assert_eq!(refused_path(|r| template(r, &past_the_end)), "template.time_window_s");
    for mask in [0x2000_0000, 0x4000_0000, 0x8000_0000] {
        assert_eq!(refused_path(|r| template(r, &|t| t.version_mask = mask)), "template.version_mask");
    }
}

#[test]
fn each_invalid_field_of_a_coinbase_is_named() {
    let path = |len, last, node_len| {
        refused_path(|r| r.template.as_mut().unwrap().coinbase = Some(coinbase(len, last, node_len)))
    };
    assert_eq!(path(0, None, 32), "template.coinbase.extranonce_size_bytes");
    assert_eq!(path(9, None, 32), "template.coinbase.extranonce_size_bytes");
    assert_eq!(path(1, Some(256), 32), "template.coinbase.extranonce_last");
    assert_eq!(path(1, None, 31), "template.coinbase.merkle_branch[1]");
}

#[test]
fn a_branch_of_the_deepest_tree_is_accepted_and_a_longer_one_refused() {
    let of_len = |len: usize| {
        let header = BlockHeader::from_wire(&[0; 80]);
        let template = SealTemplate::builder(header).target(Target::MAX).build().unwrap();
        let mut request = request_of(&template);
        let merkle_branch = vec![vec![0; 32].into(); len];
        let coinbase = v1::Coinbase { extranonce_size_bytes: 1, merkle_branch, ..Default::default() };
        request.template.as_mut().unwrap().coinbase = Some(coinbase);
        template_from_request(&request)
    };
    assert!(of_len(SealTemplate::BRANCH_LEN_MAX).is_ok());
    assert_eq!(of_len(SealTemplate::BRANCH_LEN_MAX + 1).unwrap_err().path, "template.coinbase.merkle_branch");
}

#[test]
fn a_seal_keeps_its_header_hash_and_extranonce() {
    let header = BlockHeader::from_wire(&[0; 80]);
    let template = SealTemplate::builder(header).target(Target::MAX).build().unwrap();
    let candidate = cityseal_chain::Candidate { extranonce: 0, version_index: 0, time: 0, nonce: 7 };
    let seal = Seal::confirm(&template, candidate).unwrap();
    let claim = ClaimedSeal::try_from(&v1::Seal::from(&seal)).unwrap();
    assert_eq!(claim, ClaimedSeal { header: *seal.header(), hash: seal.hash(), extranonce: None });
}

#[test]
fn faults_of_every_rule_and_value_survive_the_round_trip() {
    let values = [
        FaultValue::Hash(BlockHash::from_wire([7; 32])),
        FaultValue::Target(Target::MAX),
        FaultValue::Bits(CompactTarget::from_bits(0x1d00_ffff)),
        FaultValue::Time(u64::from(u32::MAX) + 7200),
        FaultValue::Version(-1),
        FaultValue::Count(u64::MAX),
        FaultValue::Amount(i64::MIN),
        FaultValue::Root(MerkleRoot::from_wire([9; 32])),
        FaultValue::Script(ScriptHead::of(&[3, 0x5b, 0x7a, 3])),
    ];
    let encodings = EncodingKind::ALL.map(|kind| FaultValue::Encoding(EncodingFault { at: 81, kind }));
    let words = Wording::ALL.map(FaultValue::Words);
    let values = [&values[..], &encodings, &words].concat();
    for rule in Rule::all() {
        for (expected, found) in values.iter().zip(values.iter().rev()) {
            for transaction in [None, Some(0), Some(7)] {
                let fault = Fault { height: 9, rule, expected: *expected, found: *found, offset: 720, transaction };
                assert_eq!(fault_from_wire(&v1::Fault::from(&fault)), Ok(fault));
            }
        }
    }
}

#[test]
fn unknown_values_are_refused_with_their_path() {
    use v1::fault_value::Value;
    let path_of = |value| {
        let value = v1::FaultValue { value: Some(value) };
        let fault = v1::Fault { rule: "R36".to_owned(), expected: Some(value), ..Default::default() };
        fault_from_wire(&fault).unwrap_err().path
    };
    let unknown = v1::BlockEncoding { at_byte: 80, kind: "odd".to_owned() };
    assert_eq!(path_of(Value::Encoding(unknown)), "expected.encoding.kind");
    assert_eq!(path_of(Value::Words("something else".to_owned())), "expected.words");
    assert_eq!(path_of(Value::ScriptHead(vec![0; 10].into())), "expected.script_head");
    assert_eq!(path_of(Value::Root(vec![0; 31].into())), "expected.root");
}

#[test]
fn a_fault_with_an_unknown_rule_or_without_a_value_is_refused() {
    let fault = v1::Fault { rule: "R99".to_owned(), ..Default::default() };
    assert_eq!(fault_from_wire(&fault).unwrap_err().path, "rule");
    let fault = v1::Fault { rule: "R05".to_owned(), ..Default::default() };
    assert_eq!(fault_from_wire(&fault).unwrap_err().path, "expected.value");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn templates_survive_the_round_trip(template in templates()) {
        prop_assert_eq!(template_from_request(&request_of(&template)), Ok(template));
    }

    #[test]
    fn tips_survive_the_round_trip(height in any::<u64>(), hash in any::<[u8; 32]>(), work in any::<[u8; 32]>()) {
        let tip = Tip { height, hash: BlockHash::from_wire(hash), chain_work: ChainWork::from_wire(&work) };
        prop_assert_eq!(tip_from_wire(&v1::Tip::from(&tip)), Ok(tip));
    }

    #[test]
    fn no_bytes_cause_a_conversion_to_panic(bytes in vec(any::<u8>(), 0..400)) {
        if let Ok(request) = v1::SubmitSealRequest::decode(&bytes[..]) {
            drop(template_from_request(&request));
        }
        if let Ok(seal) = v1::Seal::decode(&bytes[..]) {
            drop(ClaimedSeal::try_from(&seal));
        }
        if let Ok(fault) = v1::Fault::decode(&bytes[..]) {
            drop(fault_from_wire(&fault));
        }
    }

    #[test]
    fn no_well_formed_message_causes_a_conversion_to_panic(
        header in vec(any::<u8>(), 78..82), numbers in any::<[u32; 4]>(), wide in any::<[u64; 2]>(),
        target in vec(any::<u8>(), 30..34), len in 0..10_u32, branch in vec(vec(any::<u8>(), 31..34), 0..40),
    ) {
        let coinbase = v1::Coinbase {
            extranonce_size_bytes: len,
            extranonce_first: wide[0],
            extranonce_last: Some(wide[1]),
            merkle_branch: branch.into_iter().map(Into::into).collect(),
            ..Default::default()
        };
        let template = v1::SealTemplate {
            header: header.into(),
            nonces: Some(v1::NonceSpan { first: numbers[0], last: numbers[1] }),
            version_mask: numbers[2],
            time_window_s: numbers[3],
            coinbase: Some(coinbase),
        };
        let request = v1::SubmitSealRequest { template: Some(template), target: target.into(), ..Default::default() };
        drop(template_from_request(&request));
    }
}
