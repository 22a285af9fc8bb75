//! Connections that the listener refuses: other versions and protocols, foreign, revoked and expired certificates, and
//! handshakes that stop half way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::pki::{Ca, Pair};
use crate::support::{Running, start, start_with, token};

/// Far above the deadline of 5 s: a test that reaches it has found a connection that stays open.
const LONG: Duration = Duration::from_mins(1);

/// The client's connection preface (RFC 9113 section 3.4) and an empty SETTINGS frame.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// What a client offers.
#[derive(Clone, Copy)]
pub(crate) struct Offer<'a> {
    pub(crate) versions: &'a [&'static SupportedProtocolVersion],
    pub(crate) alpn: &'a [&'a [u8]],
    pub(crate) identity: Option<&'a Pair>,
}

pub(crate) const TLS13: Offer<'static> = Offer { versions: &[&rustls::version::TLS13], alpn: &[b"h2"], identity: None };

pub(crate) fn config(ca: &Ca, offer: &Offer<'_>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(offer.versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match offer.identity {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap()).unwrap()
        }
    };
    config.alpn_protocols = offer.alpn.iter().map(|name| name.to_vec()).collect();
    config
}

/// Connects, and returns the first bytes of the service's HTTP/2, or why there are none.
async fn first_bytes(service: &Running, offer: &Offer<'_>) -> io::Result<[u8; 9]> {
    let connector = TlsConnector::from(Arc::new(config(&service.ca, offer)));
    let socket = TcpStream::connect(service.address).await?;
    let mut stream = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), socket).await?;
    stream.write_all(PREFACE).await?;
    let mut frame = [0; 9];
    // In TLS 1.3 a client learns only here that the service refused its certificate.
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}

/// TLS 1.3 with this certificate.
fn with(identity: &Pair) -> Offer<'_> {
    Offer { identity: Some(identity), ..TLS13 }
}

async fn assert_refused(service: &Running, offer: &Offer<'_>, what: &str) {
    let refused = timeout(LONG, first_bytes(service, offer)).await.unwrap_or_else(|_| panic!("{what}: stays open"));
    assert!(refused.is_err(), "{what}: {refused:?}");
}

async fn assert_accepted(service: &Running, offer: &Offer<'_>, what: &str) {
    let accepted = timeout(LONG, first_bytes(service, offer)).await.unwrap_or_else(|_| panic!("{what}: no answer"));
    // A SETTINGS frame.
    assert_eq!(accepted.unwrap_or_else(|error| panic!("{what}: {error}"))[3], 4, "{what}");
}

#[tokio::test]
async fn only_tls_1_3_with_http_2_is_accepted() {
    let service = start(&[]).await;
    assert_accepted(&service, &TLS13, "TLS 1.3 with h2").await;
    let tls12 = Offer { versions: &[&rustls::version::TLS12], ..TLS13 };
    assert_refused(&service, &tls12, "TLS 1.2").await;
    assert_refused(&service, &Offer { alpn: &[], ..TLS13 }, "no ALPN").await;
    assert_refused(&service, &Offer { alpn: &[b"http/1.1"], ..TLS13 }, "HTTP/1.1").await;
    assert_accepted(&service, &Offer { alpn: &[b"http/1.1", b"h2"], ..TLS13 }, "h2 among others").await;
    let mut plain = TcpStream::connect(service.address).await.unwrap();
    plain.write_all(PREFACE).await.unwrap();
    let mut answer = Vec::new();
    // An alert at most: closed or reset.
    drop(timeout(LONG, plain.read_to_end(&mut answer)).await.expect("closed"));
    assert!(answer.first() != Some(&0), "no HTTP/2 without TLS: {answer:?}");
}

#[tokio::test]
async fn foreign_revoked_and_expired_client_certificates_are_refused() {
    let service = start(&[]).await;
    let good = service.ca.client("parks", 100);
    assert_accepted(&service, &with(&good), "a good certificate").await;
    assert_refused(&service, &with(&Ca::new().client("parks", 100)), "a foreign CA").await;
    let expired = service.ca.client_with(&["parks"], 101, time::Duration::hours(-1));
    assert_refused(&service, &with(&expired), "expired").await;
    // A certificate of the service is not one of a client.
    assert_refused(&service, &with(&service.ca.server(102)), "a server certificate").await;
    service.folder.file("crl.pem", &service.ca.revoked(&[100]));
    service.reloader.reload().await.unwrap();
    assert_refused(&service, &with(&good), "revoked").await;
    assert_accepted(&service, &with(&service.ca.client("parks", 103)), "another certificate").await;
}

#[tokio::test]
async fn without_tokens_a_connection_needs_a_client_certificate() {
    let service = start_with(&[], |files, _tokens| (files, None)).await;
    assert_refused(&service, &TLS13, "no certificate").await;
    let good = service.ca.client("parks", 100);
    assert_accepted(&service, &Offer { identity: Some(&good), ..TLS13 }, "a good certificate").await;
}

/// The beginning of a `ClientHello`: 5 bytes of record header that announce 512, 4 of handshake header, and two more.
const HALF_HELLO: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_half_handshakes_are_closed_and_then_a_good_client_is_served() {
    let service = start(&[&token(1, "parks", "read", 3600)]).await;
    let mut waiting = JoinSet::new();
    for at in 0..500_usize {
        let mut socket = TcpStream::connect(service.address).await.unwrap();
        // Some send nothing, some one byte, some nearly a record header.
        let sent = &HALF_HELLO[..at % (HALF_HELLO.len() + 1)];
        waiting.spawn(async move {
            // The service may have refused this one already.
            drop(socket.write_all(sent).await);
            let mut answer = Vec::new();
            drop(socket.read_to_end(&mut answer).await);
        });
    }
    let closed = timeout(LONG, waiting.join_all()).await.expect("the service closes each of them");
    assert_eq!(closed.len(), 500);
    service.client_with_token(&token(1, "parks", "read", 3600).text).await.devices().await.unwrap();
}

#[tokio::test]
async fn a_handshake_without_a_preface_is_closed() {
    let service = start(&[]).await;
    let connector = TlsConnector::from(Arc::new(config(&service.ca, &TLS13)));
    let socket = TcpStream::connect(service.address).await.unwrap();
    let mut stream = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), socket).await.unwrap();
    stream.write_all(&PREFACE[..23]).await.unwrap();
    let mut answer = Vec::new();
    drop(timeout(LONG, stream.read_to_end(&mut answer)).await.expect("closed at the deadline"));
}

#[tokio::test]
async fn handshakes_that_stop_half_way_do_not_delay_other_addresses() {
    let service = start(&[&token(1, "parks", "read", 3600)]).await;
    // As many as one address may have open at once, all silent.
    let mut silent = Vec::new();
    for _ in 0..cityseal_service::limits::HANDSHAKES_PER_ADDRESS_MAX {
        silent.push(TcpStream::connect(service.address).await.unwrap());
    }
    // Another address of loopback; on systems that have only one, there is nothing to test.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    if socket.bind("127.0.0.2:0".parse().unwrap()).is_err() {
        return;
    }
    let socket = socket.connect(service.address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config(&service.ca, &TLS13)));
    let connected = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), socket);
    let connected = tokio::select! {
        connected = connected => connected,
        // The deadline of the silent ones would let this one in.
        _ = silent[0].readable() => panic!("the service closed the silent ones first"),
    };
    connected.unwrap();
}
