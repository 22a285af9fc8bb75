//! The dashboard with identities: who gets in, what they see, and when a session ends.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use cityseal_client::{ClientError, SealRequest, StatusRequest};
use cityseal_engine::Engine;
use cityseal_service::{AccessSettings, AccessSource, DashboardOptions, Service, ServiceOptions, TlsFiles};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::folder::Folder;
use crate::http::{Answer, call};
use crate::pki::Ca;
use crate::support::{Running, SERVER, Token, start, tenants, token, write_pair};

/// A connection to the dashboard that trusts this CA and offers HTTP/1.1.
pub(crate) fn connect(address: SocketAddr, ca_pem: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = "127.0.0.1".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

/// A service with TLS, and a dashboard on all addresses.
struct Shown {
    service: Running,
    dashboard: SocketAddr,
}

impl Shown {
    async fn new(tokens: &[&Token]) -> Self {
        let (folder, ca) = (Arc::new(Folder::new()), Ca::new());
        write_pair(&folder, &ca.server(SERVER));
        let files = TlsFiles::new(folder.path("server.pem"), folder.path("server.key"))
            .client_ca(folder.file("ca.pem", &ca.pem));
        let lines: Vec<&str> = tokens.iter().map(|token| token.line.as_str()).collect();
        let tokens = folder.file("tokens", &lines.join("\n"));
        let access = AccessSource::new(AccessSettings::new(Some(files), Some(tokens), tenants()));
        let dashboard = DashboardOptions::new("0.0.0.0:0".parse().unwrap());
        let options = ServiceOptions::new("127.0.0.1:0".parse().unwrap()).access(access).dashboard(dashboard);
        let options = options.metrics("127.0.0.1:0".parse().unwrap());
        let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
        let service = Service::bind(options, engine).await.unwrap();
        let (address, reloader) = (service.local_addr(), service.reloader());
        let metrics = service.metrics_addr().unwrap();
        let port = service.dashboard_addr().unwrap().port();
        tokio::spawn(service.run(std::future::pending()));
        Self { service: Running { address, metrics, reloader, folder, ca }, dashboard: ([127, 0, 0, 1], port).into() }
    }

    fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let host = self.dashboard.to_string();
        let headers = [&[("host", &*host)][..], headers].concat();
        call(connect(self.dashboard, &self.service.ca.pem), method, path, &headers, body)
    }

    fn get(&self, path: &str, cookie: &str) -> Answer {
        self.call("GET", path, &[("cookie", cookie)], "")
    }

    fn log_in(&self, token: &str) -> Answer {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.call("POST", "/login", &[kind], &format!("token={token}"))
    }

    /// Logs in, and returns the cookie as a browser sends it.
    fn cookie(&self, token: &str) -> String {
        let answer = self.log_in(token);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
        let set = answer.header("set-cookie").unwrap();
        for attribute in ["__Host-", "HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
            assert!(set.contains(attribute), "{set}");
        }
        assert!(!set.contains(token), "the cookie is not the token");
        set.split(';').next().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_with_a_token_and_see_their_tenant_until_the_token_ends() {
    let (parks, city) = (token(1, "parks", "seal,read", 3600), token(2, "city", "read,operate", 3600));
    let (sealer, roads) = (token(3, "parks", "seal", 3600), token(4, "roads", "read", 3600));
    let shown = Shown::new(&[&parks, &city, &sealer, &roads]).await;
    // A refusal of parks, and one of nobody.
    let client = shown.service.client_with_token(&parks.text).await;
    let refused = client.seal(&SealRequest::new(template()).request_id("r").tenant("roads")).await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused { reason, .. } if reason == "FOREIGN_TENANT"), "{refused}");
    shown.service.client_with_token(&token(9, "parks", "read", 3600).text).await.devices().await.unwrap_err();

    for path in ["/", "/refusals", "/login"] {
        let answer = shown.get(path, "__Host-cityseal=00");
        let expected = if path == "/login" { (200, None) } else { (303, Some("/login")) };
        assert_eq!((answer.status, answer.header("location")), expected, "{answer:?}");
        assert!(!answer.body.contains("parks"), "{answer:?}");
    }
    assert_eq!(shown.get("/events", "").status, 401);
    for bad in [sealer.text.as_str(), "nonsense", &parks.text.replace('_', "-"), &token(9, "parks", "read", 9).text] {
        let answer = shown.log_in(bad);
        assert_eq!((answer.status, answer.header("set-cookie")), (401, None), "{answer:?}");
        assert!(answer.body.contains("not valid here") && !answer.body.contains(bad), "{answer:?}");
    }
    let (of_parks, of_roads) = (shown.cookie(&parks.text), shown.cookie(&roads.text));
    let page = shown.get("/", &of_parks);
    assert_eq!(page.status, 200, "{page:?}");
    let owned = [">FOREIGN_TENANT<", "<dd>parks</dd>", "<dd>roads</dd>", "Log out"];
    assert!(owned.iter().all(|words| page.body.contains(words)), "{}", page.body);
    assert!(!page.body.contains("UNAUTHENTICATED"), "calls of nobody are for operators: {}", page.body);
    let page = shown.get("/", &of_roads);
    assert!(
        page.status == 200 && !page.body.contains("parks") && !page.body.contains("FOREIGN_TENANT"),
        "{}",
        page.body
    );
    let page = shown.get("/", &shown.cookie(&city.text));
    for words in ["UNAUTHENTICATED", "FOREIGN_TENANT", "city (operator)"] {
        assert!(page.body.contains(words), "`{words}` is not in {}", page.body);
    }
    assert_eq!(shown.call("POST", "/logout", &[("cookie", &of_roads)], "").status, 303);
    assert_eq!(shown.get("/", &of_roads).status, 303, "logged out");
    // The token of parks is removed from the file.
    shown.service.folder.file("tokens", &city.line);
    shown.service.reloader.reload().await.unwrap();
    assert_eq!(shown.get("/", &of_parks).status, 303, "the session ends with its token");
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_limited_and_a_form_of_another_site_is_refused() {
    let parks = token(1, "parks", "read", 3600);
    let shown = Shown::new(&[&parks]).await;
    let foreign = [("origin", "https://evil.example.org")];
    assert_eq!(shown.call("POST", "/login", &foreign, &format!("token={}", parks.text)).status, 403);
    assert_eq!(shown.log_in(&"x".repeat(5_000)).status, 413);
    let attempts = 10 * cityseal_service::limits::LOGINS_BURST;
    let refused = (0..attempts).map(|_| shown.log_in("wrong")).find(|answer| answer.status != 401).unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("60")), "{refused:?}");
}

#[tokio::test]
async fn a_status_shows_the_callers_tenant_and_an_operator_all() {
    let (parks, city) = (token(1, "parks", "seal,read", 3600), token(2, "city", "read,operate", 3600));
    let service = start(&[&parks, &city]).await;
    let client = service.client_with_token(&parks.text).await;
    client.seal(&SealRequest::new(template()).request_id("deed")).await.unwrap();
    client.job("unknown").await.unwrap_err();
    let request = StatusRequest::new().refusals(9);
    let own = client.status(&request).await.unwrap();
    let names: Vec<&str> = own.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    assert_eq!((names, own.jobs.len(), own.refusals.len()), (vec!["parks"], 1, 1), "{own:?}");
    assert_eq!(own.refusals[0].tenant.as_deref(), Some("parks"));
    let operator = service.client_with_token(&city.text).await;
    operator.seal(&SealRequest::new(template())).await.unwrap_err();
    let all = operator.status(&request).await.unwrap();
    let reasons: Vec<&str> = all.refusals.iter().map(|refused| refused.reason.as_str()).collect();
    assert_eq!((all.tenants.len(), all.jobs.len(), reasons), (4, 1, vec!["SCOPE_MISSING", "JOB_NOT_FOUND"]), "{all:?}");
    let other = client.status(&request).await.unwrap();
    assert_eq!(other.refusals.len(), 1, "not that of the city: {other:?}");
}

/// A template that every second nonce seals.
fn template() -> cityseal_client::chain::SealTemplate {
    use cityseal_client::chain::{Network, Parameters, SealTemplate};
    SealTemplate::builder(*Parameters::of(Network::Regtest).genesis()).build().unwrap()
}
