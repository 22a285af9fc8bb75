//! Callers that take what they can: others still get their share, and memory stays bounded.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use cityseal_client::{Client, ClientOptions};
use cityseal_proto::v1::verify_service_client::VerifyServiceClient;
use cityseal_proto::v1::{VerdictKind as Kind, VerifyChainRequest, VerifyChainResponse};
use cityseal_service::limits::{
    CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX, MESSAGE_BYTES_MAX, UPLOADS_MAX, UPLOADS_PER_CONNECTION_MAX,
};
use prost::bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::{Method, Request};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

use crate::binary::Serve;
use crate::skip::skip;
use crate::support::{chain, last_hash, reason, start};
use crate::wire::{begin, chunk, finish, verdict_of};

/// An upload that was begun and then left open.
struct Upload {
    sender: mpsc::Sender<VerifyChainRequest>,
    answers: Streaming<VerifyChainResponse>,
}

impl Upload {
    async fn begin(channel: Channel) -> Result<Self, Status> {
        let (sender, receiver) = mpsc::channel(4);
        sender.send(begin()).await.unwrap();
        let call = VerifyServiceClient::new(channel).verify_chain(ReceiverStream::new(receiver)).await?;
        Ok(Self { sender, answers: call.into_inner() })
    }
}

#[tokio::test]
async fn an_address_with_all_uploads_gives_one_to_another_address() {
    let service = start().await;
    let mut held = Vec::new();
    while held.len() < UPLOADS_MAX {
        let channel = service.channel_from([127, 0, 0, 2]).await;
        for _ in 0..UPLOADS_PER_CONNECTION_MAX {
            held.push(Upload::begin(channel.clone()).await.unwrap());
        }
    }
    let own = Upload::begin(service.channel_from([127, 0, 0, 2]).await).await.map(|_| ()).unwrap_err();
    assert_eq!((own.code(), reason(&own).as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    let packed = chain(10);
    let other = Upload::begin(service.channel_from([127, 0, 0, 3]).await).await.unwrap();
    for message in [chunk(packed.clone()), finish(10, last_hash(&packed))] {
        other.sender.send(message).await.unwrap();
    }
    assert_eq!(verdict_of(other.answers).await.unwrap().kind(), Kind::Valid);
    // The idlest was the first.
    let displaced = held[0].answers.message().await.unwrap_err();
    assert_eq!((displaced.code(), reason(&displaced).as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    assert!(displaced.message().contains("make room"), "{displaced}");
}

/// The connection preface of HTTP/2 and an empty SETTINGS frame (RFC 9113, sections 3.4 and 6.5).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Opens connections from an address until the service refuses one.
async fn idle_connections(service: &str, from: [u8; 4]) -> Vec<TcpStream> {
    let mut open = Vec::new();
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut stream = socket.connect(service.parse().unwrap()).await.unwrap();
        // The service sends its own SETTINGS on a connection that it serves, and closes any other.
        if stream.write_all(PREFACE).await.is_err() || stream.read_u8().await.is_err() {
            return open;
        }
        open.push(stream);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_of_two_addresses_make_room_for_a_third() {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let files: usize = files.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX);
    if files < CONNECTIONS_MAX + 200 {
        let reason = format!("{files} open files are allowed, {} are needed", CONNECTIONS_MAX + 200);
        return skip("idle_connections_of_two_addresses_make_room_for_a_third", "files", &reason);
    }
    let serve = Serve::start_logging_to(&[], Stdio::null());
    let held = [
        idle_connections(&serve.address, [127, 0, 0, 2]).await,
        idle_connections(&serve.address, [127, 0, 0, 3]).await,
    ];
    assert_eq!(held.each_ref().map(Vec::len), [CONNECTIONS_PER_ADDRESS_MAX; 2]);
    let client = Client::connect(ClientOptions::new(&serve.address)).await.unwrap();
    client.devices().await.unwrap();
}

/// Sends all but the last byte of a request of the largest size, and returns the call's status if it was refused.
async fn unfinished(caller: h2::client::SendRequest<Bytes>, address: String) -> Option<Status> {
    let mut caller = caller.ready().await.unwrap();
    let uri = format!("http://{address}/cityseal.v1.SealService/GetJob");
    let request = Request::builder().method(Method::POST).uri(uri).header("content-type", "application/grpc");
    let (answer, mut stream) = caller.send_request(request.body(()).unwrap(), false).unwrap();
    let len = MESSAGE_BYTES_MAX - 1;
    let mut rest = Bytes::from([&[0][..], &(len as u32).to_be_bytes(), &vec![0; len - 1]].concat());
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        // An error or the end means that the service no longer reads this request.
        let Some(Ok(capacity)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { break };
        let part = rest.split_to(capacity.min(rest.len()));
        if stream.send_data(part, false).is_err() {
            break;
        }
    }
    let answer = answer.await.ok()?;
    Status::from_header_map(answer.headers())
}

/// Sends unfinished requests on a connection of its own, and returns their statuses as they come.
async fn hoard(address: &str, requests: usize, refused: &mpsc::Sender<Option<Status>>) {
    let socket = TcpStream::connect(address).await.unwrap();
    let (caller, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..requests {
        let (caller, address, refused) = (caller.clone(), address.to_owned(), refused.clone());
        tokio::spawn(async move { drop(refused.send(unfinished(caller, address).await).await) });
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn incomplete_requests_hold_a_bounded_memory_and_a_complete_one_is_answered() {
    const CONNECTIONS: usize = 32;
    const REQUESTS: usize = 60;
    let serve = Serve::start_logging_to(&[], Stdio::null());
    let client = Client::connect(ClientOptions::new(&serve.address)).await.unwrap();
    client.devices().await.unwrap();
    let before = serve.resident_kib();
    let (refused, mut refusals) = mpsc::channel(CONNECTIONS * REQUESTS);
    for _ in 0..CONNECTIONS {
        hoard(&serve.address, REQUESTS, &refused).await;
    }
    drop(refused);
    let mut most = 0;
    let mut count = 0;
    while let Some(status) = refusals.recv().await {
        // A stream that was reset before its status was read has none.
        if let Some(status) = status {
            let is_expected = matches!(status.code(), Code::ResourceExhausted | Code::DeadlineExceeded);
            assert!(is_expected, "{status:?}");
        }
        most = most.max(serve.resident_kib() - before);
        client.devices().await.unwrap();
        count += 1;
    }
    assert_eq!(count, CONNECTIONS * REQUESTS, "every request was refused");
    assert!(most <= 64 * 1024, "{most} KiB more than before");
}

/// Reads lines until one contains these words.
#[cfg(unix)]
fn line_with(lines: &mut impl Iterator<Item = std::io::Result<String>>, words: &str) {
    assert!(lines.any(|line| line.unwrap().contains(words)), "stderr ended without '{words}'");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_service_that_waits_and_a_hangup_does_not() {
    let mut serve = Serve::start_logging_to(&["--lame-duck", "3600"], Stdio::piped());
    let mut lines = BufReader::new(serve.take_stderr()).lines();
    serve.signal("-HUP");
    line_with(&mut lines, "certificates, tokens and tenants reloaded");
    let client = Client::connect(ClientOptions::new(&serve.address)).await.unwrap();
    client.devices().await.unwrap();
    serve.signal("-INT");
    line_with(&mut lines, "Ctrl-C: draining");
    client.devices().await.unwrap();
    serve.signal("-TERM");
    line_with(&mut lines, "stopped without waiting");
    assert_eq!(serve.wait(), Some(0));
}
