//! Uploads: the verdict on what was received, and the required content of messages.

use cityseal_chain::{Network, Rule};
use cityseal_client::{ChainParameters, Verdict, VerifyRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_proto::v1::{VerdictKind as Kind, verify_begin};
use cityseal_service::limits::{UPLOAD_MESSAGE_BYTES_MAX, UPLOADS_PER_CONNECTION_MAX};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::support::{chain, endless, field, last_hash, reason, request, start};
use crate::wire::{begin, chunk, finish, message, verdict, verdict_of};

#[tokio::test]
async fn a_complete_chain_is_valid_however_it_is_split() {
    let service = start().await;
    let packed = chain(100);
    for headers_of_chunk in [1, 7, 100] {
        let mut messages = vec![begin()];
        messages.extend(packed.chunks(headers_of_chunk * 80).map(|part| chunk(part.to_vec())));
        messages.push(finish(100, last_hash(&packed)));
        let verdict = verdict(&service, messages).await.unwrap();
        assert_eq!((verdict.kind(), verdict.count), (Kind::Valid, 100));
        let tip = verdict.tip.unwrap();
        assert_eq!((tip.height, tip.hash), (99, last_hash(&packed)));
        assert_eq!(verdict.parameters_digest.len(), 64);
    }
}

#[tokio::test]
async fn a_truncated_stream_is_incomplete_and_never_valid() {
    let service = start().await;
    let packed = chain(20);
    for headers in [0, 1, 19, 20] {
        let messages = vec![begin(), chunk(packed[..headers * 80].to_vec())];
        let verdict = verdict(&service, messages).await.unwrap();
        assert_eq!((verdict.kind(), verdict.count), (Kind::Incomplete, headers as u64));
        assert!(verdict.incomplete_reason.contains("without its closing message"), "{}", verdict.incomplete_reason);
    }
}

#[tokio::test]
async fn a_mismatched_closing_message_is_incomplete_with_both_values() {
    let service = start().await;
    let packed = chain(20);
    let with = |finish| vec![begin(), chunk(packed.clone()), finish];
    let fewer = verdict(&service, with(finish(21, last_hash(&packed)))).await.unwrap();
    assert_eq!(fewer.kind(), Kind::Incomplete);
    assert!(fewer.incomplete_reason.contains("21") && fewer.incomplete_reason.contains("20"));
    let other = verdict(&service, with(finish(20, last_hash(&packed[..19 * 80])))).await.unwrap();
    assert_eq!(other.kind(), Kind::Incomplete);
    assert!(other.incomplete_reason.contains("last header"), "{}", other.incomplete_reason);
}

#[tokio::test]
async fn no_headers_are_incomplete() {
    let verdict = verdict(&start().await, vec![begin(), finish(0, Bytes::new())]).await.unwrap();
    assert_eq!((verdict.kind(), verdict.tip), (Kind::Incomplete, None));
}

#[tokio::test]
async fn a_flipped_byte_is_a_fault_at_its_place_even_if_the_stream_is_truncated() {
    let service = start().await;
    let mut packed = chain(50);
    packed[30 * 80 + 4] ^= 1;
    for ending in [Some(finish(50, last_hash(&packed))), None] {
        let mut messages = vec![begin(), chunk(packed.clone())];
        messages.extend(ending);
        let verdict = verdict(&service, messages).await.unwrap();
        assert_eq!((verdict.kind(), verdict.count), (Kind::Fault, 30));
        let fault = verdict.fault.unwrap();
        assert_eq!((fault.height, fault.offset), (30, 30 * 80));
    }
}

#[tokio::test]
async fn a_fault_is_reported_while_the_upload_continues() {
    let service = start().await;
    let (sender, receiver) = mpsc::channel(4);
    let mut verifier = service.verifier().await;
    let call = verifier.verify_chain(ReceiverStream::new(receiver));
    let mut packed = chain(2);
    packed[80 + 4] ^= 1;
    let feed = async {
        sender.send(begin()).await.unwrap();
        // Sent repeatedly and never closed: only the verdict ends this.
        while sender.send(chunk(packed.repeat(10_000))).await.is_ok() {}
    };
    let answered = async { verdict_of(call.await.unwrap().into_inner()).await };
    let ((), verdict) = tokio::join!(feed, answered);
    let verdict = verdict.unwrap();
    assert_eq!((verdict.kind(), verdict.fault.unwrap().height), (Kind::Fault, 1));
}

#[tokio::test]
async fn the_client_gets_the_verdicts_of_complete_faulty_and_truncated_chains() {
    let client = start().await.client().await;
    let regtest = VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    let packed = chain(30);
    let whole = client.verify_bytes(&regtest, packed.clone().into()).await.unwrap();
    assert_eq!((whole.verdict, whole.count), (Verdict::Valid, 30));
    let mut broken = packed.clone();
    broken[10 * 80 + 70] ^= 0xff;
    let faulty = client.verify_bytes(&regtest, broken.into()).await.unwrap();
    assert!(matches!(faulty.verdict, Verdict::Fault(fault) if fault.height == 10), "{faulty:?}");
    let cut = client.verify_bytes(&regtest, packed[..packed.len() - 1].to_vec().into()).await.unwrap();
    assert!(matches!(cut.verdict, Verdict::Incomplete { .. }), "{cut:?}");
}

#[tokio::test]
async fn the_middle_of_a_chain_is_verified_with_its_context_and_work() {
    let client = start().await.client().await;
    let packed = chain(40);
    let regtest = || VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    let whole = client.verify_bytes(&regtest(), packed.clone().into()).await.unwrap();
    let head = client.verify_bytes(&regtest(), packed[..20 * 80].to_vec().into()).await.unwrap();
    let rest = regtest().start_height(20).context(packed[..20 * 80].to_vec()).start_work(head.tip.unwrap().chain_work);
    let rest = client.verify_bytes(&rest, packed[20 * 80..].to_vec().into()).await.unwrap();
    assert_eq!((rest.verdict, rest.tip, rest.not_checked), (Verdict::Valid, whole.tip, Vec::new()));
}

#[tokio::test]
async fn a_time_before_the_headers_breaks_the_rule_on_future_times() {
    let client = start().await.client().await;
    let packed = chain(2);
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).now(0);
    let answer = client.verify_bytes(&request, packed.into()).await.unwrap();
    assert!(matches!(answer.verdict, Verdict::Fault(fault) if fault.rule == Rule::FutureTime), "{answer:?}");
}

#[tokio::test]
async fn a_chunk_that_is_not_whole_headers_is_refused_with_its_place() {
    let service = start().await;
    let packed = chain(3);
    let messages = vec![begin(), chunk(packed[..160].to_vec()), chunk(packed[160..239].to_vec())];
    let status = verdict(&service, messages).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_CHUNK"));
    assert_eq!(field(&status), "chunk[1].packed_headers");
    let message = "chunk 1 (from byte 160 of the chain): packed_headers: expected a multiple of 80 bytes, found 79";
    assert_eq!(status.message(), message);
}

#[tokio::test]
async fn messages_out_of_order_are_refused() {
    let service = start().await;
    let out_of_order = [
        Vec::new(),
        vec![chunk(chain(1))],
        vec![finish(0, Bytes::new())],
        vec![begin(), begin()],
        vec![begin(), v1::VerifyChainRequest { part: None }],
    ];
    for messages in out_of_order {
        let status = verdict(&service, messages).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "UPLOAD_OUT_OF_ORDER"));
    }
}

#[tokio::test]
async fn an_unknown_network_is_named() {
    let service = start().await;
    let parameters = Some(verify_begin::Parameters::Network("atlantis".to_owned()));
    let atlantis = message(Part::Begin(v1::VerifyBegin { parameters, ..Default::default() }));
    let status = verdict(&service, vec![atlantis]).await.unwrap_err();
    assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "begin.network"));
    assert!(status.message().contains("atlantis"), "{status:?}");
}

#[tokio::test]
async fn a_message_larger_than_the_limit_is_refused_by_its_size() {
    let service = start().await;
    let headers = vec![0; UPLOAD_MESSAGE_BYTES_MAX / 80 * 80 + 80];
    let status = verdict(&service, vec![begin(), chunk(headers)]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "MESSAGE_TOO_LARGE"));
}

#[tokio::test]
async fn a_connection_has_a_limit_of_uploads_that_does_not_block_its_other_calls() {
    let service = start().await;
    let channel = service.channel().await;
    let verifier = v1::verify_service_client::VerifyServiceClient::new(channel.clone());
    let mut held = Vec::new();
    for _ in 0..UPLOADS_PER_CONNECTION_MAX {
        let (sender, receiver) = mpsc::channel(1);
        sender.send(begin()).await.unwrap();
        let answers = verifier.clone().verify_chain(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        held.push((sender, answers));
    }
    let status = verifier.clone().verify_chain(tokio_stream::iter([begin()])).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    let mut sealer = v1::seal_service_client::SealServiceClient::new(channel);
    sealer.list_jobs(v1::ListJobsRequest::default()).await.unwrap();
    let (sender, answers) = held.pop().unwrap();
    drop(sender);
    assert_eq!(verdict_of(answers).await.unwrap().kind(), Kind::Incomplete);
}

#[tokio::test]
async fn a_chain_is_verified_during_a_search_that_never_ends() {
    let service = start().await;
    let client = service.client().await;
    client.submit(&request(endless(1))).await.unwrap();
    let regtest = VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    let answer = client.verify_bytes(&regtest, chain(50).into()).await.unwrap();
    assert_eq!(answer.verdict, Verdict::Valid);
}
