//! Reloads: new connections get the new certificate, calls go on, and a broken file changes nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cityseal_client::Client;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::task::JoinSet;

use crate::pki::Pair;
use crate::support::{Running, SERVER, start, token, write_pair};

/// Certificates swapped in one test; every tenth is broken.
const SWAPS: u64 = 100;

/// Connects, and returns the serial number of the certificate that the service presents.
async fn presented(service: &Running) -> u64 {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(service.ca.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = tokio::net::TcpStream::connect(service.address).await.unwrap();
    let name = rustls_pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    let (_, parsed) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
    parsed.raw_serial().iter().fold(0, |serial, byte| serial << 8 | u64::from(*byte))
}

/// Writes a new certificate and key, and breaks one of the files that belong together, each time another way. The
/// broken one is first: the service may look at any moment.
fn write_broken(service: &Running, at: u64, pair: &Pair) {
    let folder = &service.folder;
    match at / 10 % 5 {
        0 => {
            folder.file("server.pem", "not PEM");
            folder.file("server.key", &pair.key);
            return;
        }
        1 => {
            // A key of another certificate.
            folder.file("server.key", &service.ca.server(1).key);
            folder.file("server.pem", &pair.cert);
            return;
        }
        2 => drop(folder.file("tokens", "one two")),
        3 => drop(folder.file("ca.pem", "")),
        _ => std::fs::remove_file(folder.path("crl.pem")).unwrap(),
    }
    write_pair(folder, pair);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_swaps_under_load_ten_of_them_broken_fail_no_call() {
    let token = token(1, "parks", "read", 3600);
    let service = Arc::new(start(&[&token]).await);
    let (done, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let pair = service.ca.client("roads", 900);
    let mut load = JoinSet::new();
    // One caller keeps its connection, two open a new one for each call.
    for caller in 0..3 {
        let (service, pair, token) = (Arc::clone(&service), pair.clone(), token.text.clone());
        let (done, calls) = (Arc::clone(&done), Arc::clone(&calls));
        load.spawn(async move {
            let mut kept: Option<Client> = None;
            while !done.load(Ordering::Relaxed) {
                let client = match (caller, kept.take()) {
                    (0, Some(client)) => client,
                    (1, _) => service.client_with_token(&token).await,
                    _ => service.client(&pair).await,
                };
                client.devices().await.unwrap();
                calls.fetch_add(1, Ordering::Relaxed);
                kept = Some(client);
            }
        });
    }
    let mut in_force = SERVER;
    for swap in 1..=SWAPS {
        let before = calls.load(Ordering::Relaxed);
        let serial = 1000 + swap;
        let pair = service.ca.server(serial);
        if swap % 10 == 0 {
            write_broken(&service, swap, &pair);
            service.reloader.reload().await.unwrap_err();
            assert!(service.reloader.status().last_error.is_some());
            // The state before stays, although the certificate alone would have been good.
            assert_eq!(presented(&service).await, in_force, "swap {swap}");
            service.folder.file("tokens", &token.line);
            service.folder.file("ca.pem", &service.ca.pem);
            service.folder.file("crl.pem", &service.ca.revoked(&[]));
        }
        write_pair(&service.folder, &pair);
        service.reloader.reload().await.unwrap();
        in_force = serial;
        assert_eq!(presented(&service).await, in_force, "swap {swap}");
        // The load goes on under each state.
        while calls.load(Ordering::Relaxed) == before {
            tokio::task::yield_now().await;
        }
    }
    done.store(true, Ordering::Relaxed);
    let callers = load.join_all().await.len();
    let status = service.reloader.status();
    assert!(status.reloads >= SWAPS && status.failures >= SWAPS / 10 && status.last_error.is_none(), "{status:?}");
    assert_eq!(callers, 3, "no call failed");
}

#[tokio::test]
async fn a_changed_file_is_read_without_being_asked() {
    let service = start(&[]).await;
    assert_eq!(presented(&service).await, SERVER);
    write_pair(&service.folder, &service.ca.server(2000));
    let changed = async {
        while presented(&service).await != 2000 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), changed).await.unwrap();
    assert!(service.reloader.status().reloads >= 1);
}

#[tokio::test]
async fn a_token_is_accepted_as_soon_as_it_is_in_the_file() {
    let (first, second) = (token(1, "parks", "read", 3600), token(2, "parks", "read", 3600));
    let service = start(&[&first]).await;
    let client = service.client_with_token(&second.text).await;
    client.devices().await.unwrap_err();
    service.folder.file("tokens", &format!("{}\n{}\n", first.line, second.line));
    service.reloader.reload().await.unwrap();
    client.devices().await.unwrap();
}

#[tokio::test]
async fn an_error_of_a_reload_names_the_file_and_the_place() {
    let service = start(&[]).await;
    let reload = async |name: &str, text: &str| {
        service.folder.file(name, text);
        service.reloader.reload().await.unwrap_err().to_string()
    };
    let error = reload("tokens", "# ours\none two\n").await;
    assert!(error.contains("tokens: line 2: 2 columns; expected ID SHA256 TENANT SCOPES NOT_AFTER"), "{error}");
    let error = reload("server.key", "-----BEGIN NONSENSE-----\n").await;
    assert!(error.contains("server.key: expected a private key in PEM"), "{error}");
    let error = reload("server.pem", &service.ca.revoked(&[])).await;
    assert!(error.contains("server.pem: expected a certificate in PEM"), "{error}");
    assert_eq!(service.reloader.status().last_error, Some(error));
}
