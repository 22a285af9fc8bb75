//! The binary from end to end: `cityseal certs`, `cityseal token`, `cityseal serve`, and clients in three languages.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use cityseal_client::{Client, ClientError, ClientOptions, Code, ListRequest, RetryPolicy, Tls};
use serde_json::Value;

use crate::folder::Folder;
use crate::skip::{example, python, skip};

/// Runs the binary; it must end with 0. Returns stdout.
pub(crate) fn cityseal(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cityseal")).args(arguments).output().unwrap();
    succeeded(&output)
}

fn succeeded(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "stdout:\n{stdout}\nstderr:\n{stderr}");
    stdout.into_owned()
}

/// A city: its certificates, tokens and configuration in one folder.
pub(crate) struct City {
    pub(crate) folder: Folder,
}

impl City {
    /// The tenants `parks` and `roads` with certificates, and a token of `parks` in `parks.token`.
    pub(crate) fn new() -> Self {
        let folder = Folder::new();
        let pki = folder.arg("pki");
        let names = ["--name", "127.0.0.1", "--name", "localhost", "--client", "parks", "--client", "roads"];
        let tables = cityseal(&[&["certs", "--out", &pki][..], &names].concat());
        let line = cityseal(&["token", "--tenant", "parks", "--out", &folder.arg("parks.token")]);
        folder.file("tokens", &line);
        folder.file("city.toml", &format!("tokens = {:?}\n{tables}", folder.arg("tokens")));
        Self { folder }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path(name)).unwrap()
    }

    pub(crate) fn serve(&self, arguments: &[&str], stderr: impl Into<Stdio>) -> Serve {
        self.serve_on("127.0.0.1:0", arguments, stderr)
    }

    fn serve_on(&self, listen: &str, arguments: &[&str], stderr: impl Into<Stdio>) -> Serve {
        let config = self.folder.arg("city.toml");
        Serve::start(&[&["--listen", listen, "--config", &config][..], arguments].concat(), stderr)
    }

    fn tls(&self) -> Tls {
        Tls::new(self.text("pki/ca.pem"))
    }

    /// A client with the certificate of a tenant.
    async fn client(&self, address: &str, tenant: &str) -> Client {
        let pair = |end: &str| self.text(&format!("pki/client-{tenant}.{end}"));
        Client::connect(options_for(address).tls(self.tls().identity(pair("pem"), pair("key")))).await.unwrap()
    }

    /// A client with the token of `parks`.
    pub(crate) async fn client_with_token(&self, address: &str) -> Client {
        let options = options_for(address).tls(self.tls()).bearer_token(self.text("parks.token"));
        Client::connect(options).await.unwrap()
    }
}

/// Options of a client that does not retry, so that the test sees a refusal.
fn options_for(address: &str) -> ClientOptions {
    let once = RetryPolicy { give_up_after: std::time::Duration::ZERO, ..RetryPolicy::default() };
    ClientOptions::new(address).retry(once)
}

/// `cityseal serve` as a child process; killed when the test ends.
pub(crate) struct Serve {
    pub(crate) process: Child,
    pub(crate) address: String,
    /// The address of the metrics, if they were asked for.
    pub(crate) metrics: Option<String>,
    /// The address of the dashboard, if it has one.
    pub(crate) dashboard: Option<String>,
}

impl Serve {
    fn start(arguments: &[&str], stderr: impl Into<Stdio>) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cityseal"))
            .args(["serve", "--device", "cpu", "--threads", "1", "--json"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let printed: Value = serde_json::from_str(&line).unwrap();
        let metrics = printed["metrics"].as_str().map(str::to_owned);
        let dashboard = printed["dashboard"].as_str().map(str::to_owned);
        Self { address: printed["listening"].as_str().unwrap().to_owned(), metrics, dashboard, process }
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends the service as an operator does, and returns its exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.process.wait().unwrap().code()
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Fails harmlessly if the test has already ended the process.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[tokio::test]
async fn certificates_and_tokens_of_the_commands_work_in_the_service() {
    let city = City::new();
    let serve = city.serve(&[], Stdio::null());
    for tenant in ["parks", "roads"] {
        city.client(&serve.address, tenant).await.devices().await.unwrap();
    }
    let client = city.client_with_token(&serve.address).await;
    client.list(&ListRequest::new()).await.unwrap();
    let anonymous = Client::connect(options_for(&serve.address).tls(city.tls())).await.unwrap();
    let error = anonymous.devices().await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { code: Code::Unauthenticated, .. }), "{error}");
    // A client that trusts another CA does not talk to this service.
    let other = City::new();
    let error = Client::connect(options_for(&serve.address).tls(other.tls())).await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_tenant_is_added_and_revoked_while_the_service_runs() {
    let city = City::new();
    let serve = city.serve(&[], Stdio::null());
    let (pki, parks) = (city.folder.arg("pki"), city.folder.arg("pki/client-parks.pem"));
    let table = cityseal(&["certs", "add", &pki, "--client", "harbour"]);
    let config = format!("{}{table}", city.text("city.toml"));
    city.folder.file("city.toml", &config);
    cityseal(&["certs", "revoke", &pki, &parks]);
    let client = city.client(&serve.address, "harbour").await;
    let admitted = async {
        while client.devices().await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), admitted).await.expect("harbour is a tenant");
    let refused = async {
        let options = || {
            let pair = |end: &str| city.text(&format!("pki/client-parks.{end}"));
            options_for(&serve.address).tls(city.tls().identity(pair("pem"), pair("key")))
        };
        // In TLS 1.3 the client learns of the refusal with its first call.
        while let Ok(client) = Client::connect(options()).await
            && client.devices().await.is_ok()
        {}
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), refused).await.expect("the certificate is revoked");
    city.client(&serve.address, "roads").await.devices().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_hang_up_reloads_and_a_broken_file_is_reported_and_changes_nothing() {
    let city = City::new();
    let mut serve = city.serve(&[], Stdio::piped());
    let mut log = BufReader::new(serve.process.stderr.take().unwrap()).lines().map(Result::unwrap);
    let done = "certificates, tokens and tenants reloaded";
    // The service may see the change by itself too, and log the same twice.
    let mut logged = |words: &str| log.by_ref().find(|line| line.contains(words) || line.contains(done)).unwrap();
    serve.signal("-HUP");
    logged(done);
    let good = city.text("city.toml");
    let (tls, tenants) = good.split_once("[[tenant]]").unwrap();
    let tls = tls.lines().filter(|line| ["[tls]", "cert", "key"].iter().any(|word| line.starts_with(word)));
    let without_identity = format!("{}\n[[tenant]]{tenants}", tls.collect::<Vec<_>>().join("\n"));
    let refused = [
        ("tokens = 5\n", "line 1, column 10"),
        ("", "no [tls]; to switch it off, restart the service"),
        (&without_identity, "no client_ca and no tokens; to switch it off, restart the service"),
    ];
    for (text, why) in refused {
        city.folder.file("city.toml", text);
        serve.signal("-HUP");
        let line = logged(why);
        assert!(line.contains("ERROR") && line.contains("reload refused"), "{line}");
    }
    city.client_with_token(&serve.address).await.devices().await.unwrap();
    assert_eq!(serve.terminate(), Some(0));
}

#[test]
fn beyond_loopback_the_service_needs_tls_and_identity_and_says_how_to_get_them() {
    let city = City::new();
    let tls = city.text("city.toml").lines().filter(|line| !line.starts_with("tokens")).collect::<Vec<_>>().join("\n");
    let without_identity = tls.lines().filter(|line| !line.starts_with("client_ca") && !line.starts_with("crl"));
    let without_identity = without_identity.collect::<Vec<_>>().join("\n");
    let (_, tenants) = tls.split_once("[[tenant]]").unwrap();
    let tokens_only = format!("tokens = {:?}\n[[tenant]]{tenants}", city.folder.arg("tokens"));
    let cases = [
        (String::new(), "lacks TLS and the identity of its callers."),
        (without_identity, "lacks the identity of its callers."),
        (tokens_only, "lacks TLS."),
    ];
    for (text, lacks) in cases {
        let config = city.folder.file("other.toml", &text);
        let output = Command::new(env!("CARGO_BIN_EXE_cityseal"))
            .args(["serve", "--listen", "0.0.0.0:0", "--device", "cpu", "--threads", "1", "--config"])
            .arg(config)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        for words in ["refusing to listen on 0.0.0.0:0", lacks, "cityseal certs", "127.0.0.1"] {
            assert!(stderr.contains(words), "`{words}` is not in {stderr}");
        }
    }
}

#[tokio::test]
async fn with_tls_and_identity_the_service_listens_beyond_loopback() {
    let city = City::new();
    let serve = city.serve_on("0.0.0.0:0", &[], Stdio::null());
    let port = serve.address.rsplit(':').next().unwrap();
    city.client_with_token(&format!("127.0.0.1:{port}")).await.devices().await.unwrap();
}

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs an example with each kind of credential; `program` begins its command line.
fn run_with_each_credential(program: impl Fn() -> Command, expected: &[&str]) {
    let city = City::new();
    let serve = city.serve(&[], Stdio::null());
    let address = format!("localhost:{}", serve.address.rsplit(':').next().unwrap());
    let file = |name: &str| city.folder.arg(name);
    let certificate =
        ["--cert", &file("pki/client-roads.pem"), "--key", &file("pki/client-roads.key")].map(str::to_owned);
    let token = ["--token-file", &file("parks.token")].map(str::to_owned);
    for credential in [&certificate[..], &token[..]] {
        let run = program().args([&address, "--ca", &file("pki/ca.pem")]).args(credential).output().unwrap();
        let printed = succeeded(&run);
        for line in expected {
            assert!(printed.contains(line), "no '{line}' in:\n{printed}");
        }
    }
    let refused = program().args([&address, "--ca", &file("pki/ca.pem")]).output().unwrap();
    let stderr = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("UNAUTHENTICATED"), "{stderr}");
}

#[test]
fn python_calls_with_a_certificate_and_with_a_token() {
    let imports = "import grpc, grpc_health.v1, grpc_reflection.v1alpha, google.protobuf.message_factory";
    let found = Command::new(python()).args(["-c", imports]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        let why = format!("{} cannot import grpc; `cargo xtask test` creates one that can", python().display());
        return skip("python_calls_with_a_certificate_and_with_a_token", "python", &why);
    }
    let program = || {
        let mut program = Command::new(python());
        program.arg(example());
        program
    };
    run_with_each_credential(program, &["health: SERVING", "JOB_STATE_SEALED", "every answer was right"]);
}

/// The Node example in a folder of its own, beside the installed packages.
struct NodeExample(Folder);

impl NodeExample {
    /// Returns `None` if it cannot run; the skip is reported.
    fn new(test: &str) -> Option<Self> {
        let home = std::env::var_os("CITYSEAL_NODE").map_or_else(|| workspace().join("target/node"), PathBuf::from);
        let answers = Command::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let packages = home.join("node_modules");
        if !answers.is_ok_and(|status| status.success()) || !packages.join("@grpc/grpc-js").is_dir() {
            let why =
                format!("{} has no packages, or there is no `node`; `cargo xtask test` installs them", home.display());
            skip(test, "node", &why);
            return None;
        }
        let folder = Folder::new();
        std::fs::copy(workspace().join("examples/node/example.mjs"), folder.path("example.mjs")).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(packages, folder.path("node_modules")).unwrap();
        #[cfg(windows)]
        std::os::windows::fs::symlink_dir(packages, folder.path("node_modules")).unwrap();
        Some(Self(folder))
    }

    fn program(&self) -> Command {
        let mut program = Command::new("node");
        program.arg(self.0.path("example.mjs")).env("CITYSEAL_PROTO", workspace().join("proto"));
        program
    }
}

#[test]
fn node_seals_and_verifies_with_a_certificate_and_with_a_token() {
    let Some(node) = NodeExample::new("node_seals_and_verifies_with_a_certificate_and_with_a_token") else { return };
    let expected = ["JOB_STATE_SEALED", "VERDICT_KIND_VALID", "every answer was right"];
    run_with_each_credential(|| node.program(), &expected);
}

#[test]
fn node_calls_a_service_on_loopback_without_a_credential() {
    let Some(node) = NodeExample::new("node_calls_a_service_on_loopback_without_a_credential") else { return };
    let serve = Serve::start(&["--listen", "127.0.0.1:0"], Stdio::null());
    let output = node.program().arg(&serve.address).output().unwrap();
    assert!(succeeded(&output).contains("every answer was right"));
}
