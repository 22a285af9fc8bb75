//! What operators see of `cityseal serve`: metrics, JSON log lines and the event log, after real work.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cityseal_chain::Network;
use cityseal_client::{
    ChainParameters, Client, ClientOptions, RetryPolicy, SealOutcome, SealRequest, Verdict, VerifyRequest,
};
use serde_json::Value;

use crate::binary::Serve;
use crate::open_metrics::Exposition;
use crate::support::{Folder, chain, easy, endless};

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

/// Sends a request and returns the status, the head and the body of the answer.
fn http(address: &str, request: &str) -> (u16, String, String) {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 4096]);
    // The service may close the connection while a part of the request is unread, which resets it after the answer.
    while let Ok(len @ 1..) = socket.read(&mut part) {
        answer.extend_from_slice(&part[..len]);
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_owned(), body.to_owned())
}

fn scrape(address: &str, accept: &str) -> String {
    let (status, head, body) = http(address, &format!("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: {accept}\r\n\r\n"));
    assert_eq!(status, 200, "{head}\n{body}");
    body
}

/// The metrics in the table of `docs/SERVICE.md` whose row has these words.
fn documented_with(words: &str) -> BTreeSet<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SERVICE.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `cityseal_") && line.contains(words));
    let cells = rows.flat_map(|line| line.split('|').nth(1).unwrap().split(','));
    cells.map(|name| name.trim().trim_matches('`').to_owned()).collect()
}

/// The metrics of a service without TLS and without a journal.
fn documented() -> BTreeSet<String> {
    let without = &documented_with("Only with TLS") | &documented_with("Only with a journal");
    &documented_with("") - &without
}

async fn connect(serve: &Serve) -> Client {
    let once = RetryPolicy { give_up_after: Duration::ZERO, ..RetryPolicy::default() };
    Client::connect(ClientOptions::new(&serve.address).retry(once)).await.unwrap()
}

/// A tenant whose name would end a label, a line of the log, or a JSON string.
const TENANT: &str = "parks\"} 1\n{\u{202e}\u{1b}\\";

/// Seals, is refused, verifies and cancels.
async fn work(client: &Client) {
    let request = SealRequest::new(easy(1, 64)).request_id("deed-1").tenant(TENANT);
    assert_eq!(client.seal(&request).await.unwrap().outcome, SealOutcome::Sealed);
    let regtest = VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    assert_eq!(client.verify_bytes(&regtest, chain(10).into()).await.unwrap().verdict, Verdict::Valid);
    client.job("no such job").await.unwrap_err();
    let job = client.submit(&SealRequest::new(endless(2)).request_id("deed-2")).await.unwrap();
    client.cancel(&job.id, "a test").await.unwrap();
    while client.job(&job.id).await.unwrap().job.state.outcome().is_none() {}
}

/// Labels of a series.
type Labels<'a> = &'a [(&'a str, &'a str)];

#[tokio::test(flavor = "multi_thread")]
async fn after_real_work_every_documented_metric_is_there_and_the_text_is_strict_open_metrics() {
    let folder = Folder::new();
    let events = folder.path("events");
    let arguments = ["--metrics", "127.0.0.1:0", "--events", events.to_str().unwrap()];
    let serve = Serve::start_logging_to(&arguments, Stdio::null());
    let port = serve.metrics.clone().unwrap();
    let client = connect(&serve).await;
    work(&client).await;
    let text = scrape(&port, OPEN_METRICS);
    let metrics = Exposition::parse(&text);
    assert_eq!(metrics.names(), documented(), "the service (left), docs/SERVICE.md (right)\n{text}");
    assert_eq!(metrics.empty(), [""; 0], "families without a series");
    let value = |name: &str, labels: &[(&str, &str)]| metrics.value(name, labels);
    let parks = TENANT.replace('\u{1b}', " ");
    let counts: [(&str, Labels<'_>, u64); 11] = [
        ("cityseal_jobs", &[("tenant", &parks), ("state", "sealed")], 1),
        ("cityseal_jobs", &[("tenant", "local"), ("state", "cancelled")], 1),
        ("cityseal_job_duration_seconds_count", &[("state", "sealed")], 1),
        ("cityseal_preempt_seconds_count", &[], 1),
        ("cityseal_rejections_total", &[("reason", "JOB_NOT_FOUND")], 1),
        ("cityseal_grpc_calls_total", &[("method", "cityseal.v1.SealService/GetJob"), ("code", "NOT_FOUND")], 1),
        ("cityseal_upload_bytes_total", &[], 800),
        ("cityseal_headers_total", &[("device", "cpu")], 10),
        ("cityseal_device_state", &[("device", "cpu"), ("state", "ready")], 1),
        ("cityseal_serving", &[], 1),
        ("cityseal_connections", &[], 1),
    ];
    for (name, labels, expected) in counts {
        assert_eq!(value(name, labels) as u64, expected, "{name} {labels:?}");
    }
    assert!(value("cityseal_hashes_total", &[("device", "cpu")]) >= 1.0);
    let time = [("device", "cpu"), ("tenant", "local")];
    for kind in ["search", "headers"] {
        assert!(value("cityseal_device_seconds_total", &[&time[..], &[("kind", kind)]].concat()) > 0.0, "{kind}");
    }
    // The older format, for a reader that does not name the new one.
    let old = scrape(&port, "*/*");
    assert!(old.contains("\n# TYPE cityseal_hashes_total counter\ncityseal_hashes_total{device=\"cpu\"} "), "{old}");
    assert!(old.contains("# TYPE cityseal_build_info gauge\n") && !old.contains("# EOF"), "{old}");
    drop(client);
    assert_eq!(serve.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_of_the_metrics_answers_one_request_of_bounded_size_and_knows_one_path() {
    let serve = Serve::start_logging_to(&["--metrics", "127.0.0.1:0"], Stdio::null());
    let port = serve.metrics.clone().unwrap();
    let ask = |request: &str| http(&port, request);
    assert_eq!(ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").0, 404);
    let (status, head, _) = ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n");
    assert!(status == 405 && head.to_lowercase().contains("allow: get, head"), "{head}");
    assert_eq!(ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").2, "");
    assert_eq!(ask(&format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(9_000))).0, 431);
    // The service closes the connection, so the second request of a pipeline has no answer.
    let twice = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    assert_eq!(ask(&twice).2.matches("cityseal_build_info").count(), 3, "HELP, TYPE and one sample");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_a_state_folder_is_in_the_metrics_with_its_commits_and_failures() {
    let folder = Folder::new();
    let state = folder.path("state");
    let arguments = ["--metrics", "127.0.0.1:0", "--state", state.to_str().unwrap()];
    let serve = Serve::start_logging_to(&arguments, Stdio::null());
    let client = connect(&serve).await;
    client.seal(&SealRequest::new(easy(1, 64))).await.unwrap();
    let metrics = Exposition::parse(&scrape(&serve.metrics.clone().unwrap(), OPEN_METRICS));
    let journal: BTreeSet<String> = metrics.names().into_iter().filter(|name| name.contains("journal")).collect();
    let documented = documented_with("Only with a journal");
    assert!(journal == documented && journal.len() == 3, "{journal:?}, {documented:?}");
    let commits = metrics.value("cityseal_journal_commit_seconds_count", &[]) as u64;
    assert!(commits >= 2, "{commits} commits; expected one of the submission and one of the end");
    assert_eq!(metrics.value("cityseal_journal_failures_total", &[]) as u64, 0);
    assert_eq!(metrics.value("cityseal_journal_up", &[]) as u64, 1);
}

/// The lines of a file of JSON Lines.
fn json_lines(text: &str) -> Vec<Value> {
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The only line with this value.
fn one<'a>(lines: &'a [Value], key: &str, value: &str, other: &str) -> &'a Value {
    let is_it = |line: &&Value| line[key] == value && line.to_string().contains(other);
    let found: Vec<&Value> = lines.iter().filter(is_it).collect();
    let [line] = found[..] else { panic!("expected one {key} {value} with {other}, found {found:#?} in {lines:#?}") };
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_log_and_the_event_log_tell_of_the_same_calls_with_the_same_ids() {
    let folder = Folder::new();
    let (file, events) = (folder.path("log"), folder.path("events"));
    let arguments = ["--log-format", "json", "--events", events.to_str().unwrap()];
    let serve = Serve::start_logging_to(&arguments, File::create(&file).unwrap());
    let client = connect(&serve).await;
    work(&client).await;
    drop(client);
    assert_eq!(serve.terminate(), Some(0));
    let log = json_lines(&std::fs::read_to_string(file).unwrap());
    assert!(log.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()), "{log:#?}");
    let submitted = one(&log, "message", "call ended", "deed-1");
    assert_eq!(submitted["tenant"], TENANT);
    let ended = one(&log, "message", "job ended", "deed-1");
    let ids = |line: &Value| ["call_id", "trace_id", "job_id"].map(|key| line[key].as_str().unwrap().to_owned());
    assert_eq!(ids(submitted), ids(ended));
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schemas/event.schema.json");
    let schema = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let events = json_lines(&std::fs::read_to_string(events.join("events.jsonl")).unwrap());
    for event in &events {
        let errors: Vec<String> = schema.iter_errors(event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {event}");
    }
    assert_eq!(events[0]["event"], "start");
    assert_eq!(ids(one(&events, "event", "submit", "deed-1")), ids(submitted));
    let end = one(&events, "event", "end", "deed-1");
    assert_eq!((ids(end), &end["state"], &end["tenant"]), (ids(submitted), &"sealed".into(), &TENANT.into()));
    let cancelled = one(&events, "event", "end", "deed-2");
    assert_eq!((&cancelled["state"], &cancelled["reason"]), (&"cancelled".into(), &"a test".into()));
    let refused = one(&events, "event", "refused", "no such job");
    assert_eq!(refused["trace_id"], one(&log, "outcome", "JOB_NOT_FOUND", "no such job")["trace_id"]);
    let phases: Vec<&Value> = events.iter().map(|event| &event["phase"]).filter(|phase| phase.is_string()).collect();
    assert_eq!(phases, ["lame-duck", "draining", "stopped"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_do_not_silence_the_lines_about_admitted_ones() {
    let folder = Folder::new();
    let file = folder.path("log");
    let serve = Serve::start_logging_to(&[], File::create(&file).unwrap());
    let client = connect(&serve).await;
    for _ in 0..400 {
        client.job("no such job").await.unwrap_err();
    }
    client.devices().await.unwrap();
    drop(client);
    assert_eq!(serve.terminate(), Some(0));
    let log = std::fs::read_to_string(file).unwrap();
    let count = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    assert!((200..400).contains(&count("outcome=\"JOB_NOT_FOUND\"")), "{log}");
    assert_eq!(count("DeviceService/ListDevices"), 1, "{log}");
}
