//! Resume tokens: an interrupted call is resumed, and the verdict is that of the whole chain.

use std::future::pending;
use std::sync::Arc;

use cityseal_chain::{MerkleKind, Network, RuleSet};
use cityseal_client::{ChainParameters, Client, ClientOptions, Verdict, VerifyRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::VerdictKind as Kind;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_proto::v1::verify_chain_response;
use cityseal_receipt::{Receipt, SecretKey};
use hmac::{Hmac, KeyInit, Mac};
use prost::bytes::Bytes;
use sha2::Sha256;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{Running, blocks, chain, field, headers_of, last_hash, loopback, reason, start, start_with};
use crate::wire::{block_chunk, chunk, finish, message, regtest, verdict};

fn key() -> Arc<SecretKey> {
    Arc::new(SecretKey::from_seed(&[9; 32], None).unwrap())
}

fn begin(begin: v1::VerifyBegin) -> v1::VerifyChainRequest {
    message(Part::Begin(v1::VerifyBegin { want_resume_tokens: true, now_s: Some(1_800_000_000), ..begin }))
}

/// Sends some messages, waits for a token that covers all of them (up to that height), and aborts the call.
async fn token_for(service: &Running, messages: Vec<v1::VerifyChainRequest>, height: u64) -> v1::VerifyProgress {
    let (sender, receiver) = mpsc::channel(64);
    for message in messages {
        sender.send(message).await.unwrap();
    }
    let call = service.verifier().await.verify_chain(ReceiverStream::new(receiver)).await.unwrap();
    let mut answers = call.into_inner();
    loop {
        let Some(verify_chain_response::Part::Progress(progress)) = answers.message().await.unwrap().unwrap().part
        else {
            panic!("a verdict came before the chain had ended");
        };
        if !progress.resume_token.is_empty() && progress.validated_through == Some(height) {
            return progress;
        }
    }
}

/// Removes the parts of a verdict that depend on the machine and the time.
fn plain(verdict: v1::Verdict) -> v1::Verdict {
    v1::Verdict { devices: Vec::new(), seconds: 0.0, receipt: Bytes::new(), ..verdict }
}

#[tokio::test]
async fn an_interrupted_call_is_resumed_and_its_verdict_is_that_of_the_whole_chain() {
    let service = start_with(loopback().signer(key())).await;
    let (good, asks) = (blocks(60, 500), || v1::VerifyBegin { want_receipt: true, ..regtest() });
    let last = last_hash(&headers_of(&good));
    let whole = vec![begin(asks()), block_chunk(good.concat()), finish(60, last.clone())];
    let whole = verdict(&service, whole).await.unwrap();
    let broken = vec![begin(asks()), block_chunk(good[..40].concat())];
    let progress = token_for(&service, broken, 39).await;
    assert_eq!((progress.received, progress.validated_bytes), (40, good[..40].concat().len() as u64));
    // What the token covers is not sent again, and the closing message counts the blocks of this call.
    let rest = |count| {
        let token = v1::VerifyBegin { resume_token: progress.resume_token.clone(), ..asks() };
        vec![begin(token), block_chunk(good[40..].concat()), finish(count, last.clone())]
    };
    let joined = verdict(&service, rest(20)).await.unwrap();
    let stated = |verdict: &v1::Verdict| Receipt::read(&verdict.receipt).unwrap().statement().parts().clone();
    let (of_whole, of_joined) = (stated(&whole), stated(&joined));
    assert_eq!((of_joined.headers_root, of_joined.contents_root), (of_whole.headers_root, of_whole.contents_root));
    assert_eq!(of_joined.openings, of_whole.openings);
    assert_eq!(plain(joined), plain(whole));
    assert_eq!(verdict(&service, rest(60)).await.unwrap().kind(), Kind::Incomplete);
}

#[tokio::test]
async fn a_chain_whose_headers_are_all_verified_is_closed_by_a_call_that_sends_none() {
    let service = start().await;
    let packed = chain(8192);
    let progress = token_for(&service, vec![begin(regtest()), chunk(packed.clone())], 8191).await;
    let token = v1::VerifyBegin { resume_token: progress.resume_token, ..regtest() };
    let closed = verdict(&service, vec![begin(token), finish(0, Bytes::new())]).await.unwrap();
    assert_eq!((closed.kind(), closed.count, closed.tip.unwrap().hash), (Kind::Valid, 8192, last_hash(&packed)));
}

#[tokio::test]
async fn a_fault_after_a_token_has_its_offset_in_the_whole_chain() {
    let service = start().await;
    let mut bad = blocks(60, 500);
    let progress = token_for(&service, vec![begin(regtest()), block_chunk(bad[..40].concat())], 39).await;
    bad[50][200] ^= 1;
    let token = v1::VerifyBegin { resume_token: progress.resume_token, ..regtest() };
    let verdict = verdict(&service, vec![begin(token), block_chunk(bad[40..].concat())]).await.unwrap();
    let fault = verdict.fault.unwrap();
    assert_eq!((verdict.count, fault.height, fault.offset), (50, 50, bad[..50].concat().len() as u64));
}

#[tokio::test]
async fn no_tokens_are_sent_unless_requested() {
    let service = start().await;
    let (sender, receiver) = mpsc::channel(4);
    sender.send(message(Part::Begin(regtest()))).await.unwrap();
    sender.send(block_chunk(blocks(20, 300).concat())).await.unwrap();
    let call = service.verifier().await.verify_chain(ReceiverStream::new(receiver)).await.unwrap();
    let mut answers = call.into_inner();
    let Some(verify_chain_response::Part::Progress(progress)) = answers.message().await.unwrap().unwrap().part else {
        panic!("no progress")
    };
    assert!(progress.resume_token.is_empty());
}

#[tokio::test]
async fn forged_truncated_foreign_and_mismatched_tokens_are_refused_by_name() {
    let service = start().await;
    let first = blocks(20, 300).concat();
    let progress = token_for(&service, vec![begin(regtest()), block_chunk(first)], 19).await;
    let token = &progress.resume_token;
    let with = |resume_token: Bytes| v1::VerifyBegin { resume_token, ..regtest() };
    let refusal = async |service: &Running, begin: v1::VerifyBegin| {
        let status = verdict(service, vec![message(Part::Begin(begin))]).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "RESUME_TOKEN_REFUSED"));
        assert_eq!(field(&status), "begin.resume_token");
        status.message().to_owned()
    };
    let mut forged = token.to_vec();
    forged[100] ^= 1;
    for foreign in [Bytes::from(forged), token.slice(..token.len() - 1), Bytes::from_static(b"x")] {
        assert!(refusal(&service, with(foreign)).await.contains("not issued by this service"));
    }
    // A restarted service without a signing key has a new token key.
    assert!(refusal(&start().await, with(token.clone())).await.contains("restart without a key"));
    let signet = Some(v1::verify_begin::Parameters::Network("signet".to_owned()));
    let others = [
        (v1::VerifyBegin { parameters: signet, ..with(token.clone()) }, "parameters"),
        (v1::VerifyBegin { start_height: 1, ..with(token.clone()) }, "start height"),
        (v1::VerifyBegin { start_work: vec![1; 32].into(), ..with(token.clone()) }, "start work"),
        (v1::VerifyBegin { now_s: Some(7), ..with(token.clone()) }, "R10"),
    ];
    for (other, what) in others {
        let reported = refusal(&service, other).await;
        assert!(reported.contains(what), "{reported}");
    }
}

/// A token with another state, as a service with this key creates it.
fn token_of(key: &SecretKey, state: &str) -> Bytes {
    let secret = key.derived("cityseal resume token 1");
    let code = Hmac::<Sha256>::new_from_slice(&*secret).unwrap().chain_update(state).finalize().into_bytes();
    [&code[..], state.as_bytes()].concat().into()
}

#[tokio::test]
async fn a_token_for_other_rules_is_refused_with_both_digests_so_that_the_upload_starts_again() {
    let service = start_with(loopback().signer(key())).await;
    let good = blocks(20, 300);
    let progress = token_for(&service, vec![begin(regtest()), block_chunk(good.concat())], 19).await;
    let state = String::from_utf8(progress.resume_token[32..].to_vec()).unwrap();
    assert_eq!(token_of(&key(), &state), progress.resume_token, "the test creates tokens as the service does");
    let mine = RuleSet::blocks(MerkleKind::Bitcoin).digest().to_string();
    let (other, city) = ("07".repeat(32), RuleSet::blocks(MerkleKind::Rfc6962Sha256).digest().to_string());
    let without = state.replace("cityseal-part-2", "cityseal-part-1");
    let without = without.replace(&format!("  \"rules\": \"{mine}\",\n"), "");
    for (state, found) in [
        (state.replace(&mine, &other), other.as_str()),
        // Rules of this build, but for another kind of tree than that of the chain.
        (state.replace(&mine, &city), city.as_str()),
        (without, ""),
    ] {
        let begin = v1::VerifyBegin { resume_token: token_of(&key(), &state), ..regtest() };
        let status = verdict(&service, vec![message(Part::Begin(begin))]).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "RULES_DIFFER"), "{status:?}");
        assert_eq!(field(&status), "begin.resume_token");
        let numbers = status.get_details_error_info().unwrap().metadata;
        assert_eq!(numbers["rules_found"], found);
        assert!(numbers["rules_expected"].contains(&mine), "{numbers:?}");
        assert!(status.message().contains(found) && status.message().contains(&mine), "{status:?}");
    }
}

#[tokio::test]
async fn a_receipt_cannot_be_added_by_a_resumed_call() {
    let service = start_with(loopback().signer(key())).await;
    let good = blocks(30, 300);
    let first = vec![block_chunk(good[..20].concat())];
    let asks = || v1::VerifyBegin { want_receipt: true, ..regtest() };

    // The token of a call without a receipt carries no commitments: they cost more than the hashes.
    let without = token_for(&service, [vec![begin(regtest())], first.clone()].concat(), 19).await;
    let resumed = v1::VerifyBegin { resume_token: without.resume_token.clone(), ..asks() };
    let status = verdict(&service, vec![begin(resumed)]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::InvalidArgument, "RESUME_TOKEN_REFUSED".to_owned()));
    assert!(status.message().contains("want_receipt"), "{}", status.message());

    // Without a receipt it resumes.
    let rest = || vec![block_chunk(good[20..].concat()), finish(10, last_hash(&headers_of(&good)))];
    let resumed = v1::VerifyBegin { resume_token: without.resume_token, ..regtest() };
    let valid = verdict(&service, [vec![begin(resumed)], rest()].concat()).await.unwrap();
    assert_eq!((valid.kind(), valid.count, valid.receipt.len()), (Kind::Valid, 30, 0));

    // A receipt can be dropped.
    let with = token_for(&service, [vec![begin(asks())], first].concat(), 19).await;
    let resumed = v1::VerifyBegin { resume_token: with.resume_token, ..regtest() };
    let valid = verdict(&service, [vec![begin(resumed)], rest()].concat()).await.unwrap();
    assert_eq!((valid.kind(), valid.count, valid.receipt.len()), (Kind::Valid, 30, 0));
}

#[tokio::test]
async fn a_token_of_a_service_with_a_key_outlives_it() {
    let first = start_with(loopback().signer(key())).await;
    let good = blocks(60, 500);
    let progress = token_for(&first, vec![begin(regtest()), block_chunk(good[..40].concat())], 39).await;
    let second = start_with(loopback().signer(key())).await;
    // If the call gives no time, the time of the earlier call is used.
    let token = v1::VerifyBegin { resume_token: progress.resume_token, ..regtest() };
    let rest =
        vec![message(Part::Begin(token)), block_chunk(good[40..].concat()), finish(20, last_hash(&headers_of(&good)))];
    let verdict = verdict(&second, rest).await.unwrap();
    assert_eq!((verdict.kind(), verdict.count), (Kind::Valid, 60));
}

/// Forwards connections to a service; the first one is closed on notification.
async fn cut_once(service: &Running, cut: Arc<Notify>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, to) = (listener.local_addr().unwrap(), service.address);
    tokio::spawn(async move {
        let mut is_first = true;
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(to).await.unwrap();
            let cut = if std::mem::take(&mut is_first) { Some(Arc::clone(&cut)) } else { None };
            tokio::spawn(async move {
                let signal = async {
                    match cut {
                        Some(cut) => cut.notified().await,
                        None => pending().await,
                    }
                };
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    () = signal => {}
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn the_client_resumes_where_the_service_was_when_its_connection_broke() {
    let service = start_with(loopback().signer(key())).await;
    let cut = Arc::new(Notify::new());
    let address = cut_once(&service, Arc::clone(&cut)).await;
    let client = Client::connect(ClientOptions::new(format!("http://{address}"))).await.unwrap();
    let good = blocks(60, 500);
    let (all, half) = (Bytes::from(good.concat()), good[..40].concat().len());
    let request = VerifyRequest::new(ChainParameters::Network(Network::Regtest))
        .blocks()
        .now(1_800_000_000)
        .receipt(vec![key().public_key()]);
    let mut opened = Vec::new();
    let open = |position: cityseal_client::Position| {
        opened.push(position);
        let from = position.bytes as usize;
        // The first source stalls in the middle; only the broken connection ends that call.
        let (now, later) = if from == 0 { (all.slice(..half), None) } else { (all.slice(from..), Some(())) };
        let stall = tokio_stream::once(()).filter(move |()| later.is_none());
        let stall = stall.then(|()| pending::<std::io::Result<Bytes>>());
        tokio_stream::once(Ok(now)).chain(stall)
    };
    let answer = client.verify_source(&request, open, |progress| {
        if progress.validated_through == Some(39) {
            cut.notify_one();
        }
    });
    let answer = answer.await.unwrap();
    assert_eq!((answer.verdict, answer.count), (Verdict::Valid, 60));
    assert!(answer.receipt.is_some());
    let places: Vec<(u64, u64)> = opened.iter().map(|position| (position.items, position.bytes)).collect();
    assert_eq!(places, [(0, 0), (40, half as u64)]);
}
