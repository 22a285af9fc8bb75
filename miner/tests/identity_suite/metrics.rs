//! The port of the metrics beyond loopback: TLS, and a credential with the scope `metrics`.

use std::io;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::handshakes::{Offer, TLS13, config};
use crate::support::{Running, start, token};

const HOUR: i64 = 3600;

/// Requests the metrics with these headers; returns the whole answer.
async fn get(service: &Running, offer: &Offer<'_>, headers: &str) -> io::Result<String> {
    let connector = TlsConnector::from(Arc::new(config(&service.ca, offer)));
    let socket = TcpStream::connect(("127.0.0.1", service.metrics.port())).await?;
    let mut stream = connector.connect(ServerName::try_from("127.0.0.1").unwrap(), socket).await?;
    stream.write_all(format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{headers}\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn beyond_loopback_the_metrics_need_tls_and_a_credential_with_their_scope() {
    let [reader, seer, late] =
        [token(1, "city", "metrics", HOUR), token(2, "viewer", "read", HOUR), token(3, "city", "metrics", -1)];
    let service = start(&[&reader, &seer, &late]).await;
    let (city, parks) = (service.ca.client("city", 21), service.ca.client("parks", 22));
    // As a scraper offers them; and one that offers nothing.
    let both = Offer { alpn: &[b"h2", b"http/1.1"], ..TLS13 };
    let none = Offer { alpn: &[], ..TLS13 };
    let with = |token: &str| format!("Authorization: Bearer {token}\r\n");
    let cases = [
        (both, String::new(), "401"),
        (both, with("cs1_0123456789abcdef_00"), "401"),
        (both, with(&late.text), "401"),
        (both, with(&seer.text), "403"),
        (Offer { identity: Some(&parks), ..both }, String::new(), "403"),
        (Offer { identity: Some(&city), ..both }, String::new(), "200"),
        (none, with(&reader.text), "200"),
    ];
    for (offer, headers, status) in cases {
        let answer = get(&service, &offer, &headers).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "expected {status}: {answer}");
        assert_eq!(answer.contains("cityseal_tls_not_after_timestamp_seconds "), status == "200", "{answer}");
        assert_eq!(answer.contains("www-authenticate: Bearer"), status == "401", "{answer}");
    }
    let answer = get(&service, &both, &with(&reader.text)).await.unwrap();
    for (reason, count) in [("UNAUTHENTICATED", 3), ("SCOPE_MISSING", 2)] {
        let row = format!("cityseal_rejections_total{{reason=\"{reason}\"}} {count}\n");
        assert!(answer.contains(&row), "{row} is not in {answer}");
    }
    // HTTP/2 is not spoken there, and nothing without TLS.
    assert!(get(&service, &TLS13, &with(&reader.text)).await.is_err());
    let mut plain = TcpStream::connect(("127.0.0.1", service.metrics.port())).await.unwrap();
    plain.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    drop(plain.read_to_end(&mut answer).await);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/"), "{answer:?}");
    // A removed token is refused at once.
    service.folder.file("tokens", "");
    service.reloader.reload().await.unwrap();
    assert!(get(&service, &both, &with(&reader.text)).await.unwrap().starts_with("HTTP/1.1 401 "));
}
