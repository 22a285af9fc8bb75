//! TLS of the listener: TLS 1.3 with HTTP/2 only, the certificate and key of the service, and the CA and revocation
//! list for its clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cityseal_cli::files;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::certificate::Facts;
use super::limits::PEM_BYTES_MAX;

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/2, for gRPC.
    Http2,
    /// HTTP/1.1, for the metrics.
    Http1,
    /// HTTP/1.1, for pages: no client certificates, for which browsers would ask.
    Pages,
}

impl Protocol {
    /// The name of the protocol in ALPN (RFC 9113 section 3.2, RFC 7301 section 6).
    const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http2 => b"h2",
            Self::Http1 | Self::Pages => b"http/1.1",
        }
    }

    /// Whether a connection on which this protocol was agreed in ALPN, or none, can be served. A client of HTTP/2 must
    /// offer it; of those that offer other protocols only, rustls refuses each.
    pub(crate) fn accepts(self, agreed: Option<&[u8]>) -> bool {
        match self {
            Self::Http2 => agreed == Some(self.alpn()),
            Self::Http1 | Self::Pages => agreed.is_none_or(|agreed| agreed == self.alpn()),
        }
    }
}

/// The files of TLS: the table `[tls]` of the configuration. All are PEM.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The certificate of the service, followed by its intermediate certificates.
    pub cert: PathBuf,
    /// Its private key (PKCS #8, SEC 1 or PKCS #1).
    pub key: PathBuf,
    /// The CAs of the clients' certificates. Without it, no client certificate is accepted.
    pub client_ca: Option<PathBuf>,
    /// The revocation lists of those CAs. With it, a certificate is refused if no list of its issuer is there.
    pub crl: Option<PathBuf>,
}

impl TlsFiles {
    /// Names the certificate and the key of the service.
    pub fn new(cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { cert: cert.into(), key: key.into(), client_ca: None, crl: None }
    }

    /// Accepts client certificates of the CAs in this file.
    pub fn client_ca(self, file: impl Into<PathBuf>) -> Self {
        Self { client_ca: Some(file.into()), ..self }
    }

    /// Refuses the client certificates that the lists in this file revoke.
    pub fn crl(self, file: impl Into<PathBuf>) -> Self {
        Self { crl: Some(file.into()), ..self }
    }

    /// All files, for the watch on changes.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Path> {
        [&self.cert, &self.key].into_iter().chain(&self.client_ca).chain(&self.crl).map(PathBuf::as_path)
    }
}

/// Why the files of TLS cannot be used. No message repeats the content of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Other users may read the private key.
    #[error(
        "{}: other users can read this private key (permissions {mode:04o}), so it is not used; run `chmod 600 {}`",
        path.display(), path.display()
    )]
    KeyReadable {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file is not PEM, or holds something else.
    #[error("{}: expected {expected} in PEM: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was expected.
        expected: &'static str,
        /// The parser's error.
        source: pem::Error,
    },
    /// A certificate is not X.509.
    #[error("{}: certificate {number} is not an X.509 certificate", path.display())]
    NotX509 {
        /// The file.
        path: PathBuf,
        /// Number of the certificate in the file, from 1.
        number: usize,
    },
    /// The certificate of the service has ended.
    #[error("{}: the certificate ended at {}; make a new one (`cityseal certs add`)", path.display(), when(*not_after))]
    Expired {
        /// The file.
        path: PathBuf,
        /// The first second after its validity, as Unix time.
        not_after: u64,
    },
    /// Certificate and key cannot be used together.
    #[error("{} and {}: {source}", cert.display(), key.display())]
    Pair {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// A CA for clients cannot be used.
    #[error("{}: certificate {number} is not the certificate of a CA: {source}", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// Number of the certificate in the file, from 1.
        number: usize,
        /// Why not.
        source: rustls::Error,
    },
    /// The CAs and revocation lists cannot be used together.
    #[error("{}: {source}", path.display())]
    Clients {
        /// The file of the lists, or of the CAs if there are none.
        path: PathBuf,
        /// Why not.
        source: VerifierBuilderError,
    },
    /// A revocation list without a CA.
    #[error("[tls] crl = \"{}\" has no effect without client_ca; add client_ca, or remove crl", crl.display())]
    CrlWithoutCa {
        /// The file of the lists.
        crl: PathBuf,
    },
}

impl TlsError {
    /// The file.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Read { path, .. }
            | Self::KeyReadable { path, .. }
            | Self::Pem { path, .. }
            | Self::NotX509 { path, .. }
            | Self::Expired { path, .. }
            | Self::Pair { cert: path, .. }
            | Self::Ca { path, .. }
            | Self::Clients { path, .. }
            | Self::CrlWithoutCa { crl: path } => path,
        }
    }
}

fn when(not_after: u64) -> String {
    cityseal_cli::utc_time(not_after)
}

/// TLS as the listener uses it, of one reading of the files.
#[derive(Debug)]
pub(crate) struct Tls {
    http2: Arc<ServerConfig>,
    http1: Arc<ServerConfig>,
    /// For pages: the same certificate, HTTP/1.1, and no client certificates, for which browsers would ask.
    pages: Arc<ServerConfig>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    /// The first second after the validity of the service's certificate, as Unix time.
    pub(crate) not_after: u64,
}

impl Tls {
    /// Reads the files. `may_be_anonymous`: clients without a certificate may connect, because they can have tokens.
    pub(crate) fn load(files: &TlsFiles, may_be_anonymous: bool, now: u64) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let chain = certificates(&files.cert)?;
        let not_after = Facts::of(&chain[0]).map_or(0, |facts| facts.not_after);
        if not_after <= now {
            return Err(TlsError::Expired { path: files.cert.clone(), not_after });
        }
        let key = private_key(&files.key)?;
        let clients = client_verifier(files, may_be_anonymous, &provider)?;
        let pair = |source| TlsError::Pair { cert: files.cert.clone(), key: files.key.clone(), source };
        // TLS 1.2 may be compiled in through another crate, so the version is named.
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(pair)?;
        let builder = match &clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![Protocol::Http2.alpn().to_vec()];
        // A resumed session would skip the verification of the client's certificate.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        let mut http1 = config.clone();
        http1.alpn_protocols = vec![Protocol::Http1.alpn().to_vec()];
        let mut pages = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(pair)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&config.cert_resolver));
        pages.alpn_protocols = vec![Protocol::Pages.alpn().to_vec()];
        Ok(Self { http2: Arc::new(config), http1: Arc::new(http1), pages: Arc::new(pages), clients, not_after })
    }

    /// The configuration of a listener's connections.
    pub(crate) fn config(&self, protocol: Protocol) -> Arc<ServerConfig> {
        Arc::clone(match protocol {
            Protocol::Http2 => &self.http2,
            Protocol::Http1 => &self.http1,
            Protocol::Pages => &self.pages,
        })
    }

    /// Whether clients can identify themselves by certificates.
    pub(crate) const fn verifies_clients(&self) -> bool {
        self.clients.is_some()
    }

    /// Whether a client's chain is valid: issued by a CA of the configuration, within its time, not revoked.
    pub(crate) fn is_valid_client(&self, chain: &[CertificateDer<'_>], now: u64) -> bool {
        let Some((clients, (first, intermediates))) = self.clients.as_ref().zip(chain.split_first()) else {
            return false;
        };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        clients.verify_client_cert(first, intermediates, now).is_ok()
    }
}

fn client_verifier(
    files: &TlsFiles,
    may_be_anonymous: bool,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(ca) = &files.client_ca else {
        return match &files.crl {
            Some(crl) => Err(TlsError::CrlWithoutCa { crl: crl.clone() }),
            None => Ok(None),
        };
    };
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(certificates(ca)?) {
        roots.add(certificate).map_err(|source| TlsError::Ca { path: ca.clone(), number, source })?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    if let Some(crl) = &files.crl {
        let text = read(crl)?;
        let lists = CertificateRevocationListDer::pem_slice_iter(text.as_bytes());
        builder = builder.with_crls(all(lists, crl, "a certificate revocation list")?);
    }
    if may_be_anonymous {
        builder = builder.allow_unauthenticated();
    }
    let path = files.crl.as_ref().unwrap_or(ca);
    builder.build().map(Some).map_err(|source| TlsError::Clients { path: path.clone(), source })
}

/// Reads the certificates of a file, of which there is at least one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found = all(CertificateDer::pem_slice_iter(text.as_bytes()), path, "a certificate")?;
    match found.iter().position(|certificate| Facts::of(certificate).is_none()) {
        Some(at) => Err(TlsError::NotX509 { path: path.into(), number: at + 1 }),
        None => Ok(found),
    }
}

/// Collects the items of a file; none is an error.
fn all<T>(
    items: impl Iterator<Item = Result<T, pem::Error>>,
    path: &Path,
    expected: &'static str,
) -> Result<Vec<T>, TlsError> {
    let refuse = |source| TlsError::Pem { path: path.into(), expected, source };
    let found = items.collect::<Result<Vec<T>, _>>().map_err(refuse)?;
    if found.is_empty() { Err(refuse(pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let unreadable = |source| TlsError::Read { path: path.into(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    if let Some(mode) = files::mode_for_others(&file).map_err(unreadable)? {
        return Err(TlsError::KeyReadable { path: path.into(), mode });
    }
    let text = Zeroizing::new(files::text_of(file, PEM_BYTES_MAX).map_err(unreadable)?);
    let expected = "a private key";
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|source| TlsError::Pem {
        path: path.into(),
        expected,
        source,
    })
}

fn read(path: &Path) -> Result<String, TlsError> {
    files::read_text(path, PEM_BYTES_MAX).map_err(|source| TlsError::Read { path: path.into(), source })
}
