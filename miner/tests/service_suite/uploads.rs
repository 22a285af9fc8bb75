//! Uploads: the verdict over what came, and what a message must hold.

use cityseal::service::limits::{UPLOAD_MESSAGE_BYTES_MAX, UPLOADS_PER_CONNECTION_MAX};
use cityseal_chain::{Network, Rule};
use cityseal_client::{ChainParameters, VerdictKind, VerifyRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_proto::v1::verify_chunk::Payload;
use cityseal_proto::v1::{VerdictKind as Kind, verify_begin, verify_chain_response};
use prost::bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::support::{Running, chain, endless, field, last_hash, reason, request, start};

fn message(part: Part) -> v1::VerifyChainRequest {
    v1::VerifyChainRequest { part: Some(part) }
}

fn begin() -> v1::VerifyChainRequest {
    let parameters = Some(verify_begin::Parameters::Network("regtest".to_owned()));
    message(Part::Begin(v1::VerifyBegin { parameters, ..Default::default() }))
}

fn chunk(headers: impl Into<Bytes>) -> v1::VerifyChainRequest {
    message(Part::Chunk(v1::VerifyChunk { payload: Some(Payload::PackedHeaders(headers.into())) }))
}

fn finish(count: u64, last_block_hash: Bytes) -> v1::VerifyChainRequest {
    message(Part::Finish(v1::VerifyFinish { count, last_block_hash }))
}

/// The verdict over an upload of these messages, whose stream is then closed.
async fn verdict(service: &Running, messages: Vec<v1::VerifyChainRequest>) -> Result<v1::Verdict, Status> {
    let call = service.verifier().await.verify_chain(tokio_stream::iter(messages)).await?;
    verdict_of(call.into_inner()).await
}

async fn verdict_of(mut answers: Streaming<v1::VerifyChainResponse>) -> Result<v1::Verdict, Status> {
    while let Some(answer) = answers.message().await? {
        if let Some(verify_chain_response::Part::Verdict(verdict)) = answer.part {
            assert!(answers.message().await?.is_none(), "nothing follows the verdict");
            return Ok(verdict);
        }
    }
    panic!("the call ended without a verdict")
}

#[tokio::test]
async fn a_chain_that_came_whole_is_valid_however_it_is_cut() {
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
async fn a_stream_that_is_cut_is_incomplete_and_never_valid() {
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
async fn a_closing_message_that_does_not_fit_is_incomplete_with_both_values() {
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
async fn a_flipped_byte_is_a_fault_at_its_place_even_where_the_stream_is_cut() {
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
async fn a_fault_is_told_while_the_upload_goes_on() {
    let service = start().await;
    let (sender, receiver) = mpsc::channel(4);
    let mut verifier = service.verifier().await;
    let call = verifier.verify_chain(ReceiverStream::new(receiver));
    let mut packed = chain(2);
    packed[80 + 4] ^= 1;
    let feed = async {
        sender.send(begin()).await.unwrap();
        // Sent again and again, never closed: only the verdict ends this.
        while sender.send(chunk(packed.repeat(10_000))).await.is_ok() {}
    };
    let answered = async { verdict_of(call.await.unwrap().into_inner()).await };
    let ((), verdict) = tokio::join!(feed, answered);
    let verdict = verdict.unwrap();
    assert_eq!((verdict.kind(), verdict.fault.unwrap().height), (Kind::Fault, 1));
}

#[tokio::test]
async fn the_client_gets_the_verdicts_of_whole_faulty_and_cut_chains() {
    let client = start().await.client().await;
    let regtest = VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    let packed = chain(30);
    let whole = client.verify_bytes(&regtest, packed.clone().into()).await.unwrap();
    assert_eq!((whole.verdict, whole.count), (VerdictKind::Valid, 30));
    let mut broken = packed.clone();
    broken[10 * 80 + 70] ^= 0xff;
    let faulty = client.verify_bytes(&regtest, broken.into()).await.unwrap();
    assert!(matches!(faulty.verdict, VerdictKind::Fault(fault) if fault.height == 10), "{faulty:?}");
    let cut = client.verify_bytes(&regtest, packed[..packed.len() - 1].to_vec().into()).await.unwrap();
    assert!(matches!(cut.verdict, VerdictKind::Incomplete { .. }), "{cut:?}");
}

#[tokio::test]
async fn a_chain_in_the_middle_is_judged_after_its_context_and_its_work() {
    let client = start().await.client().await;
    let packed = chain(40);
    let regtest = || VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    let whole = client.verify_bytes(&regtest(), packed.clone().into()).await.unwrap();
    let head = client.verify_bytes(&regtest(), packed[..20 * 80].to_vec().into()).await.unwrap();
    let rest = regtest()
        .start_height(20)
        .context_headers(packed[..20 * 80].to_vec().into())
        .start_work(head.tip.unwrap().chain_work);
    let rest = client.verify_bytes(&rest, packed[20 * 80..].to_vec().into()).await.unwrap();
    assert_eq!((rest.verdict, rest.tip, rest.not_checked), (VerdictKind::Valid, whole.tip, Vec::new()));
}

#[tokio::test]
async fn a_time_before_the_headers_breaks_the_rule_on_future_times() {
    let client = start().await.client().await;
    let packed = chain(2);
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).now_s(0);
    let answer = client.verify_bytes(&request, packed.into()).await.unwrap();
    assert!(matches!(answer.verdict, VerdictKind::Fault(fault) if fault.rule == Rule::FutureTime), "{answer:?}");
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

/// The headers as blocks of `transactions` coinbase-like transactions each; their bodies say nothing true of them.
fn blocks_of(packed: &[u8], transactions: u8) -> Vec<Vec<u8>> {
    let transaction =
        [&[1, 0, 0, 0, 1][..], &[7; 36], &[2, 0x51, 0x51], &[0xff; 4], &[1], &[0; 8], &[0], &[0; 4]].concat();
    let body = [&[transactions][..], &transaction.repeat(usize::from(transactions))].concat();
    packed.chunks(80).map(|header| [header, &body].concat()).collect()
}

fn block_chunk(blocks: impl Into<Bytes>) -> v1::VerifyChunk {
    v1::VerifyChunk { payload: Some(Payload::PackedBlocks(blocks.into())) }
}

#[tokio::test]
async fn whole_blocks_are_judged_by_their_headers_and_their_bodies_are_said_to_be_left_out() {
    let service = start().await;
    let packed = chain(30);
    for blocks_of_chunk in [1, 7, 30] {
        let mut messages = vec![begin()];
        let blocks = blocks_of(&packed, 3);
        messages.extend(blocks.chunks(blocks_of_chunk).map(|part| message(Part::Chunk(block_chunk(part.concat())))));
        messages.push(finish(30, last_hash(&packed)));
        let verdict = verdict(&service, messages).await.unwrap();
        assert_eq!((verdict.kind(), verdict.count), (Kind::Valid, 30));
        assert_eq!(verdict.tip.unwrap().hash, last_hash(&packed));
        let [bodies] = &verdict.not_checked[..] else { panic!("{:?}", verdict.not_checked) };
        assert_eq!((bodies.rule.as_str(), bodies.from_height, bodies.to_height), ("block-body", 0, 29));
    }
}

#[tokio::test]
async fn a_fault_in_a_stream_of_blocks_stands_where_its_block_begins() {
    let service = start().await;
    let mut packed = chain(30);
    packed[20 * 80 + 4] ^= 1;
    let blocks = blocks_of(&packed, 2);
    let expected: usize = blocks[..20].iter().map(Vec::len).sum();
    let mut messages = vec![begin()];
    messages.extend(blocks.chunks(6).map(|part| message(Part::Chunk(block_chunk(part.concat())))));
    let verdict = verdict(&service, messages).await.unwrap();
    assert_eq!((verdict.kind(), verdict.count), (Kind::Fault, 20));
    assert_eq!(verdict.fault.unwrap().offset, expected as u64);
    assert_eq!((verdict.not_checked[0].from_height, verdict.not_checked[0].to_height), (0, 19));
}

#[tokio::test]
async fn blocks_that_are_cut_and_chunks_of_two_kinds_are_refused_with_their_place() {
    let service = start().await;
    let packed = chain(3);
    let blocks = blocks_of(&packed, 1);
    let headers = || chunk(packed.clone());
    let whole = || message(Part::Chunk(block_chunk(blocks[0].clone())));
    let short = || message(Part::Chunk(block_chunk(blocks[1][..blocks[1].len() - 1].to_vec())));
    let begins_at = blocks[0].len();
    let cut = format!("cut inside the block that begins at offset {begins_at}");
    let cases = [
        (vec![begin(), whole(), short()], "chunk[1].packed_blocks", cut.as_str()),
        (vec![begin(), whole(), headers()], "chunk[1].packed_headers", "the chunks before hold blocks"),
        (vec![begin(), headers(), whole()], "chunk[1].packed_blocks", "the chunks before hold headers"),
        (vec![begin(), message(Part::Chunk(v1::VerifyChunk::default()))], "chunk[0].payload", "packed_blocks"),
    ];
    for (messages, path, said) in cases {
        let status = verdict(&service, messages).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_CHUNK"));
        assert_eq!(field(&status), path);
        assert!(status.message().contains(said), "{status:?}");
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
async fn a_connection_has_as_many_uploads_as_it_may_and_its_other_calls_go_on_beside_them() {
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
async fn a_chain_is_judged_beside_a_search_that_never_ends() {
    let service = start().await;
    let client = service.client().await;
    client.submit(&request(endless(1))).await.unwrap();
    let regtest = VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    let answer = client.verify_bytes(&regtest, chain(50).into()).await.unwrap();
    assert_eq!(answer.verdict, VerdictKind::Valid);
}
