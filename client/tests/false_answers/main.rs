//! The client refuses false answers of a server, and accepts true answers of the same server.

#![allow(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod liar;
mod receipts;

use cityseal_chain::{BlockHeader, ChainWork, Network, Parameters, SealTemplate};
use cityseal_client::{
    ChainParameters, Client, ClientError, ClientOptions, FalseSeal, FalseVerdict, SealOutcome, SealRequest, Verdict,
    VerifyAnswer, VerifyRequest,
};
use cityseal_proto::v1;
use prost::bytes::Bytes;

use liar::{Script, Verdicts, job_in, serve};

/// The genesis header of regtest with 256 nonces, 2 versions and 3 times to roll.
fn template() -> SealTemplate {
    let header = *Parameters::of(Network::Regtest).genesis();
    let nonces = cityseal_chain::NonceSpan::new(0, 255).unwrap();
    SealTemplate::builder(header).nonces(nonces).version_mask(0x2000).time_window_s(2).build().unwrap()
}

/// The first seal of the template, found by trying one nonce after another.
fn true_header() -> BlockHeader {
    let template = template();
    let mut header = *template.header();
    while !template.target().is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    header
}

fn seal_of(header: &BlockHeader) -> v1::Seal {
    let bytes = |array: &[u8]| Bytes::copy_from_slice(array);
    v1::Seal { header: bytes(&header.to_wire()), hash: bytes(&header.hash().to_wire()), extranonce: None }
}

/// The client's outcome for a sealed job with these seals.
async fn sealed_with(seals: Vec<v1::Seal>) -> Result<SealOutcome, ClientError> {
    ended_with(job_in(v1::JobState::Sealed), seals).await
}

async fn ended_with(job: v1::Job, seals: Vec<v1::Seal>) -> Result<SealOutcome, ClientError> {
    let result = v1::SealResult { seals, ..Default::default() };
    let client = connect(Script { job, result, ..Script::default() }).await;
    client.seal(&SealRequest::new(template())).await.map(|answer| answer.outcome)
}

async fn connect(script: Script) -> Client {
    let address = serve(script).await;
    Client::connect(ClientOptions::new(format!("http://{address}"))).await.unwrap()
}

fn false_seal(answer: Result<SealOutcome, ClientError>) -> FalseSeal {
    match answer {
        Err(ClientError::FalseSeal(why)) => why,
        other => panic!("expected a false seal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_true_seal_is_accepted() {
    assert_eq!(sealed_with(vec![seal_of(&true_header())]).await.unwrap(), SealOutcome::Sealed);
}

#[tokio::test]
async fn a_seal_whose_hash_misses_the_target_is_refused() {
    let template = template();
    let mut header = *template.header();
    while template.target().is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    assert!(matches!(false_seal(sealed_with(vec![seal_of(&header)]).await), FalseSeal::Refused(_)));
}

#[tokio::test]
async fn a_seal_with_a_made_up_hash_is_refused() {
    let mut seal = seal_of(&true_header());
    seal.hash = Bytes::from(vec![0; 32]);
    assert!(matches!(false_seal(sealed_with(vec![seal]).await), FalseSeal::Hash { .. }));
}

#[tokio::test]
async fn a_seal_of_another_block_is_refused() {
    let mut header = true_header();
    header.merkle_root = cityseal_chain::MerkleRoot::from_wire([1; 32]);
    assert!(matches!(false_seal(sealed_with(vec![seal_of(&header)]).await), FalseSeal::Header { .. }));
    let mut header = true_header();
    header.prev_block_hash = header.hash();
    assert!(matches!(false_seal(sealed_with(vec![seal_of(&header)]).await), FalseSeal::Header { .. }));
}

#[tokio::test]
async fn a_seal_outside_the_search_space_is_refused() {
    let mut header = true_header();
    header.version ^= 0x4000;
    assert!(matches!(false_seal(sealed_with(vec![seal_of(&header)]).await), FalseSeal::Version { mask: 0x2000, .. }));
    let mut header = true_header();
    header.time += 3;
    assert!(matches!(false_seal(sealed_with(vec![seal_of(&header)]).await), FalseSeal::Refused(_)));
    let mut header = true_header();
    header.nonce = 256;
    assert!(matches!(false_seal(sealed_with(vec![seal_of(&header)]).await), FalseSeal::Refused(_)));
    let mut seal = seal_of(&true_header());
    seal.extranonce = Some(0);
    assert!(matches!(false_seal(sealed_with(vec![seal]).await), FalseSeal::Extranonce { expected: false, .. }));
}

#[tokio::test]
async fn a_seal_listed_twice_is_refused() {
    let seal = seal_of(&true_header());
    assert_eq!(false_seal(sealed_with(vec![seal.clone(), seal]).await), FalseSeal::Order { index: 1 });
}

#[tokio::test]
async fn sealed_without_a_seal_and_exhausted_without_the_work_are_refused() {
    assert_eq!(false_seal(sealed_with(Vec::new()).await), FalseSeal::None);
    let volume = template().space().volume() as u64;
    let exhausted = |hashes| v1::Job { hashes, ..job_in(v1::JobState::Exhausted) };
    let refused = ended_with(exhausted(volume - 1), Vec::new()).await;
    assert!(matches!(false_seal(refused), FalseSeal::NotExhausted { .. }));
    assert_eq!(ended_with(exhausted(volume), Vec::new()).await.unwrap(), SealOutcome::Exhausted);
}

#[tokio::test]
async fn an_answer_of_another_generation_is_refused() {
    let job = v1::Job { generation: 3, ..job_in(v1::JobState::Sealed) };
    let refused = ended_with(job, vec![seal_of(&true_header())]).await;
    assert_eq!(false_seal(refused), FalseSeal::Generation { expected: 0, found: 3 });
}

#[tokio::test]
async fn a_seal_with_a_field_of_the_wrong_length_is_refused_by_the_name_of_the_field() {
    let mut seal = seal_of(&true_header());
    seal.header = Bytes::from(vec![0; 81]);
    let error = sealed_with(vec![seal]).await.unwrap_err();
    assert!(error.to_string().contains("result.seals[0].header: expected 80 bytes, found 81"), "{error}");
}

/// Three headers; their links and work do not matter, because the scripted service checks nothing.
fn chain() -> Vec<BlockHeader> {
    let genesis = *Parameters::of(Network::Regtest).genesis();
    (0..3).map(|nonce| BlockHeader { nonce, ..genesis }).collect()
}

async fn verified_by(verdicts: Verdicts) -> Result<VerifyAnswer, ClientError> {
    let client = connect(Script { verdicts, ..Script::default() }).await;
    let packed: Vec<u8> = chain().iter().flat_map(BlockHeader::to_wire).collect();
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).start_height(5);
    client.verify_bytes(&request, packed.into()).await
}

/// The true verdict on [`chain`] from height 5: the work of each header is 2 hashes.
fn valid() -> v1::Verdict {
    let work = ChainWork::from_display_hex(&format!("{:064x}", 6)).unwrap();
    let tip = v1::Tip {
        height: 7,
        hash: Bytes::copy_from_slice(&chain()[2].hash().to_wire()),
        chain_work: Bytes::copy_from_slice(&work.to_wire()),
    };
    v1::Verdict { kind: v1::VerdictKind::Valid.into(), count: 3, tip: Some(tip), ..Default::default() }
}

async fn refused(change: impl FnOnce(&mut v1::Verdict, &mut v1::Tip)) -> FalseVerdict {
    let mut verdict = valid();
    let mut tip = verdict.tip.take().unwrap();
    change(&mut verdict, &mut tip);
    verdict.tip = Some(tip);
    match verified_by(Verdicts::AtTheEnd(verdict)).await {
        Err(ClientError::FalseVerdict(why)) => why,
        other => panic!("expected a false verdict, got {other:?}"),
    }
}

#[tokio::test]
async fn a_true_valid_verdict_is_accepted() {
    let answer = verified_by(Verdicts::AtTheEnd(valid())).await.unwrap();
    assert_eq!((answer.verdict, answer.count), (Verdict::Valid, 3));
    assert_eq!(answer.tip.unwrap().hash, chain()[2].hash());
}

#[tokio::test]
async fn a_valid_verdict_with_a_false_tip_is_refused() {
    let other = Bytes::copy_from_slice(&chain()[1].hash().to_wire());
    assert!(matches!(refused(|_, tip| tip.hash = other).await, FalseVerdict::TipHash { .. }));
    assert_eq!(refused(|_, tip| tip.height = 6).await, FalseVerdict::Height { expected: 7, found: 6 });
    let more = |tip: &mut v1::Tip| tip.chain_work = Bytes::from(vec![7; 32]);
    assert!(matches!(refused(|_, tip| more(tip)).await, FalseVerdict::ChainWork { .. }));
}

#[tokio::test]
async fn a_valid_verdict_for_fewer_or_more_headers_than_were_sent_is_refused() {
    assert_eq!(refused(|verdict, _| verdict.count = 2).await, FalseVerdict::Count { expected: 3, found: 2 });
    assert_eq!(refused(|verdict, _| verdict.count = 4).await, FalseVerdict::Count { expected: 3, found: 4 });
}

#[tokio::test]
async fn a_fault_outside_the_range_that_was_sent_is_refused() {
    let value = v1::FaultValue { value: Some(v1::fault_value::Value::Bits(1)) };
    let fault = |height, offset| {
        let (expected, found) = (Some(value.clone()), Some(value.clone()));
        v1::Fault { height, rule: "R07".into(), name: "difficulty".into(), expected, found, offset, transaction: None }
    };
    let verdict = |fault: v1::Fault, count| v1::Verdict {
        kind: v1::VerdictKind::Fault.into(),
        fault: Some(fault),
        count,
        ..Default::default()
    };
    for (fault, count) in [(fault(8, 240), 3), (fault(4, 0), 0), (fault(6, 81), 1), (fault(6, 80), 2)] {
        let error = verified_by(Verdicts::AtTheEnd(verdict(fault, count))).await.unwrap_err();
        assert!(matches!(error, ClientError::FalseVerdict(FalseVerdict::FaultPlace { .. })), "{error}");
    }
    let answer = verified_by(Verdicts::AtTheEnd(verdict(fault(6, 80), 1))).await.unwrap();
    assert!(matches!(answer.verdict, Verdict::Fault(found) if found.height == 6));
}

#[tokio::test]
async fn a_valid_verdict_before_the_stream_was_closed_is_refused() {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let source = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let client = connect(Script { verdicts: Verdicts::AtOnce(valid()), ..Script::default() }).await;
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).start_height(5);
    let error = client.verify_stream(&request, source, |_| ()).await.unwrap_err();
    assert!(matches!(error, ClientError::FalseVerdict(FalseVerdict::Unfinished)), "{error}");
    drop(sender);
}

#[tokio::test]
async fn a_call_that_ends_without_a_verdict_is_an_error() {
    let error = verified_by(Verdicts::None).await.unwrap_err();
    assert!(matches!(error, ClientError::Cut { expected: "a verdict" }), "{error}");
}
