//! No secret is in the log at its most verbose, in the event log, in the metrics, in the command line of the process,
//! or in an error.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use cityseal_client::{Client, ClientOptions, Tls};

use crate::binary::{City, Serve};
use crate::dashboard::connect;
use crate::http::call;

/// Every text that must not be shown: the secrets of tokens, and each line of each key.
fn secrets(city: &City, bad: &str) -> Vec<String> {
    let keys = ["server.key", "ca.key", "client-parks.key", "client-roads.key"];
    let keys: Vec<String> = keys.iter().map(|name| city.text(&format!("pki/{name}"))).collect();
    let lines = keys.iter().flat_map(|key| key.lines()).filter(|line| !line.contains("-----"));
    let tokens = [city.text("parks.token"), bad.to_owned()];
    let tokens = tokens.iter().map(|token| token.trim().rsplit('_').next().unwrap().to_owned());
    let digest = city.text("tokens").split(' ').nth(1).unwrap().to_owned();
    let all: Vec<String> = lines.map(str::to_owned).chain(tokens).chain([digest]).collect();
    assert!(all.len() >= 11 && all.iter().all(|secret| secret.len() >= 16), "{}", all.len());
    all
}

/// Reads the metrics, with a token that they do not need on loopback.
fn metrics(address: &str, token: &str) -> String {
    let mut socket = TcpStream::connect(address).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// The answers of the dashboard to a good and to a bad token, and the page that the good one opens.
fn dashboard(city: &City, serve: &Serve) -> String {
    let address = serve.dashboard.as_deref().unwrap();
    let send = |method: &str, path: &str, cookie: &str, body: &str| {
        let stream = connect(address.parse().unwrap(), &city.text("pki/ca.pem"));
        call(stream, method, path, &[("host", address), ("cookie", cookie)], body)
    };
    let bad = send("POST", "/login", "", &format!("token=cs1_0123456789abcdef_{}", "5ca1ab1e".repeat(8)));
    let good = send("POST", "/login", "", &format!("token={}", city.text("parks.token").trim()));
    let cookie = good.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = send("GET", "/", &cookie, "");
    assert!(page.status == 200 && bad.status == 401, "{page:?} {bad:?}");
    // The id of a session is a secret as well, and is only in the cookie.
    assert!(!page.body.contains(cookie.split_once('=').unwrap().1));
    format!("{good:?} {bad:?} {page:?}")
}

#[tokio::test]
async fn no_secret_is_in_the_log_at_trace_in_events_metrics_or_pages_in_the_command_line_or_in_an_error() {
    let city = City::new();
    let events = city.folder.arg("events");
    let mut arguments = vec!["--log", "trace", "--log-format", "json", "--events", &events];
    arguments.extend(["--metrics", "127.0.0.1:0", "--dashboard", "127.0.0.1:0"]);
    let mut serve = city.serve(&arguments, Stdio::piped());
    let stderr = serve.process.stderr.take().unwrap();
    // Read at once: a full pipe would stop the service.
    let (refused, seen) = std::sync::mpsc::channel();
    let log = std::thread::spawn(move || {
        let mut text = String::new();
        for line in BufReader::new(stderr).lines().map(Result::unwrap) {
            if line.contains("reload refused") {
                // The test may have ended.
                let _ended = refused.send(());
            }
            text += &line;
            text.push('\n');
        }
        text
    });
    let bad = format!("cs1_0123456789abcdef_{}", "5ca1ab1e".repeat(8));
    let mut shown = String::new();
    let good = city.client_with_token(&serve.address).await;
    good.devices().await.unwrap();
    write!(shown, "{good:?}").unwrap();
    for token in [bad.clone(), format!("{bad}x"), "5ca1ab1e".repeat(8)] {
        let pair = |end: &str| city.text(&format!("pki/client-parks.{end}"));
        let tls = Tls::new(city.text("pki/ca.pem")).identity(pair("pem"), pair("key"));
        let options = ClientOptions::new(&serve.address).tls(tls).bearer_token(&token);
        write!(shown, "{options:?}").unwrap();
        let error = match Client::connect(options).await {
            Ok(client) => client.devices().await.unwrap_err(),
            Err(error) => error,
        };
        write!(shown, "{error} {error:?}").unwrap();
    }
    for token in [&bad, city.text("parks.token").trim()] {
        shown += &metrics(serve.metrics.as_ref().unwrap(), token);
    }
    assert!(shown.contains("cityseal_rejections_total{reason=\"UNAUTHENTICATED\"} 2\n"), "{shown}");
    shown += &dashboard(&city, &serve);
    let secrets = secrets(&city, &bad);
    // A file with a token instead of its line.
    city.folder.file("tokens", &format!("{bad} parks\n"));
    serve.signal("-HUP");
    let command_line = format!("/proc/{}/cmdline", serve.process.id());
    shown += &std::fs::read_to_string(command_line).unwrap_or_default();
    seen.recv().unwrap();
    assert_eq!(serve.terminate(), Some(0));
    shown += &city.text("events/events.jsonl");
    assert!(shown.contains("\"event\":\"refused\"") && shown.contains("\"event\":\"reload-refused\""), "{shown}");
    let log = log.join().unwrap();
    assert!(log.contains("TRACE") && log.contains("UNAUTHENTICATED") && log.contains("reload refused"), "{log}");
    let text = city.text("city.toml");
    for secret in secrets {
        assert!(!log.contains(&secret), "the log has {secret}");
        assert!(
            !shown.contains(&secret),
            "an error, a Debug text, an event, a metric or the command line has {secret}"
        );
        assert!(!text.contains(&secret), "the configuration has {secret}");
    }
}
