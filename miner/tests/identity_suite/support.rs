//! A service with TLS, tenants and tokens on a free port of loopback, and its callers.

use std::net::SocketAddr;
use std::sync::Arc;

use cityseal_cli::unix_now;
use cityseal_client::{Client, ClientOptions, RetryPolicy, Tls};
use cityseal_engine::Engine;
use cityseal_service::{
    AccessSettings, AccessSource, NewToken, Reloader, Service, ServiceOptions, Tenants, TlsFiles, scopes_from,
};
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic_types::StatusExt;
use zeroize::Zeroizing;

use crate::folder::Folder;
use crate::pki::{Ca, Pair};

/// Serial number of the service's first certificate.
pub(crate) const SERVER: u64 = 7;

/// The tenants of the tests: `parks` and `roads` as by default, one that may only look, and one that may do everything.
const TENANTS: &str = r#"
[[tenant]]
name = "parks"
[[tenant]]
name = "roads"
[[tenant]]
name = "viewer"
scopes = ["read"]
[[tenant]]
name = "city"
scopes = ["seal", "verify", "read", "operate", "metrics"]
"#;

#[derive(serde::Deserialize)]
struct Tables {
    tenant: Vec<cityseal_service::TenantSettings>,
}

pub(crate) fn tenants() -> Tenants {
    tenants_of(TENANTS)
}

/// The tenants of a configuration.
pub(crate) fn tenants_of(text: &str) -> Tenants {
    Tenants::new(toml::from_str::<Tables>(text).unwrap().tenant).unwrap()
}

/// A token with its line for the file.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: String,
}

/// Makes a token that ends this many seconds from now, or before.
pub(crate) fn token(seed: u8, tenant: &str, scopes: &str, left_s: i64) -> Token {
    let new = NewToken::from_random(&Zeroizing::new([seed; 40]));
    let not_after = unix_now().saturating_add_signed(left_s);
    let line = new.line(tenant, scopes_from(scopes.split(',')).unwrap(), not_after);
    Token { text: new.expose().to_owned(), line }
}

/// A running service whose files the test can replace.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// The address of the metrics, on all interfaces.
    pub(crate) metrics: SocketAddr,
    pub(crate) reloader: Reloader,
    pub(crate) folder: Arc<Folder>,
    pub(crate) ca: Ca,
}

/// Starts a service with mTLS and these tokens.
pub(crate) async fn start(tokens: &[&Token]) -> Running {
    start_with(tokens, |files, tokens| (files, Some(tokens))).await
}

/// Starts a service; `change` may leave out some of its files.
pub(crate) async fn start_with(
    tokens: &[&Token],
    change: impl FnOnce(TlsFiles, std::path::PathBuf) -> (TlsFiles, Option<std::path::PathBuf>),
) -> Running {
    let (folder, ca) = (Arc::new(Folder::new()), Ca::new());
    write_pair(&folder, &ca.server(SERVER));
    let files = TlsFiles::new(folder.path("server.pem"), folder.path("server.key"))
        .client_ca(folder.file("ca.pem", &ca.pem))
        .crl(folder.file("crl.pem", &ca.revoked(&[])));
    let lines: Vec<&str> = tokens.iter().map(|token| token.line.as_str()).collect();
    let tokens = folder.file("tokens", &lines.join("\n"));
    let (files, tokens) = change(files, tokens);
    serve(AccessSource::new(AccessSettings::new(Some(files), tokens, tenants())), folder, ca).await
}

/// Starts a service with mTLS whose tenants are in the file `tenants` of its folder.
pub(crate) async fn start_with_tenants(text: &str) -> Running {
    let (folder, ca) = (Arc::new(Folder::new()), Ca::new());
    write_pair(&folder, &ca.server(SERVER));
    let files = TlsFiles::new(folder.path("server.pem"), folder.path("server.key"))
        .client_ca(folder.file("ca.pem", &ca.pem))
        .crl(folder.file("crl.pem", &ca.revoked(&[])));
    let path = folder.file("tenants", text);
    let settings = move || {
        let tenants = tenants_of(&std::fs::read_to_string(&path)?);
        Ok::<_, std::io::Error>(AccessSettings::new(Some(files.clone()), None, tenants))
    };
    let access = AccessSource::new(settings().unwrap()).reread_from(folder.path("tenants"), settings);
    serve(access, folder, ca).await
}

async fn serve(access: AccessSource, folder: Arc<Folder>, ca: Ca) -> Running {
    let options = ServiceOptions::new("127.0.0.1:0".parse().unwrap()).access(access);
    let options = options.metrics("0.0.0.0:0".parse().unwrap());
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    let service = Service::bind(options, engine).await.unwrap();
    let (address, reloader) = (service.local_addr(), service.reloader());
    let metrics = service.metrics_addr().unwrap();
    tokio::spawn(service.run(std::future::pending()));
    Running { address, metrics, reloader, folder, ca }
}

/// Replaces the certificate and key of the service.
pub(crate) fn write_pair(folder: &Folder, pair: &Pair) {
    folder.file("server.pem", &pair.cert);
    folder.file("server.key", &pair.key);
}

impl Running {
    pub(crate) async fn channel(&self, identity: Option<&Pair>) -> Channel {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.ca.pem));
        if let Some(pair) = identity {
            tls = tls.identity(Identity::from_pem(&pair.cert, &pair.key));
        }
        let endpoint = Endpoint::from_shared(format!("https://{}", self.address)).unwrap();
        endpoint.tls_config(tls).unwrap().connect().await.unwrap()
    }

    pub(crate) fn options(&self) -> ClientOptions {
        let once = RetryPolicy { give_up_after: std::time::Duration::ZERO, ..RetryPolicy::default() };
        ClientOptions::new(self.address.to_string()).tls(Tls::new(&self.ca.pem)).retry(once)
    }

    /// A client with a certificate.
    pub(crate) async fn client(&self, pair: &Pair) -> Client {
        let tls = Tls::new(&self.ca.pem).identity(&pair.cert, &pair.key);
        Client::connect(self.options().tls(tls)).await.unwrap()
    }

    /// A client with a token and no certificate.
    pub(crate) async fn client_with_token(&self, token: &str) -> Client {
        Client::connect(self.options().bearer_token(token)).await.unwrap()
    }
}

/// The reason in the service's refusal.
pub(crate) fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"));
    assert_eq!(info.domain, "cityseal");
    info.reason
}
