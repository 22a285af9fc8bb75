//! The log of `cityseal serve`: one line per call and job for the operator, and protection against injected lines.

use std::fs::File;
use std::process::Stdio;

use cityseal_chain::Network;
use cityseal_client::{
    ChainParameters, Client, ClientError, ClientOptions, RetryPolicy, SealOutcome, SealRequest, Verdict, VerifyRequest,
};

use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use tonic::Request;
use tonic::transport::Endpoint;

use crate::binary::Serve;
use crate::support::{Folder, chain, easy, submission};

async fn connect(serve: &Serve) -> Client {
    let once = RetryPolicy { give_up_after: std::time::Duration::ZERO, ..RetryPolicy::default() };
    Client::connect(ClientOptions::new(&serve.address).retry(once)).await.unwrap()
}

/// Returns the lines that contain all of these words.
fn lines_with<'a>(log: &'a str, words: &[&str]) -> Vec<&'a str> {
    log.lines().filter(|line| words.iter().all(|word| line.contains(word))).collect()
}

/// Returns the only line that contains all of these words.
fn line_with<'a>(log: &'a str, words: &[&str]) -> &'a str {
    let [line] = lines_with(log, words)[..] else { panic!("expected one line with {words:?} in\n{log}") };
    line
}

/// Makes calls of each kind and returns the log.
async fn log_of(arguments: &[&str], tenant: &str) -> String {
    let folder = Folder::new();
    let file = folder.path("log");
    let serve = Serve::start_logging_to(arguments, File::create(&file).unwrap());
    let client = connect(&serve).await;
    let request = SealRequest::new(easy(1, 64)).request_id("deed-1").tenant(tenant);
    assert_eq!(client.seal(&request).await.unwrap().outcome, SealOutcome::Sealed);
    let regtest = VerifyRequest::new(ChainParameters::Network(Network::Regtest));
    assert_eq!(client.verify_bytes(&regtest, chain(10).into()).await.unwrap().verdict, Verdict::Valid);
    let mut broken = chain(10);
    broken[7 * 80 + 4] ^= 1;
    let broken = client.verify_bytes(&regtest, broken.into()).await.unwrap();
    assert!(matches!(broken.verdict, Verdict::Fault(_)), "{broken}");
    let nonsense = VerifyRequest::new(ChainParameters::Toml("fake = \"\u{1b}[2J\nINFO serving\"".to_owned()));
    assert!(client.verify_bytes(&nonsense, chain(1).into()).await.is_err());
    let lost = client.job("no\nsuch\u{1b}[31mjob").await.unwrap_err();
    assert!(matches!(&lost, ClientError::Refused { reason, .. } if reason == "JOB_NOT_FOUND"), "{lost}");
    drop(client);
    assert_eq!(serve.terminate(), Some(0));
    std::fs::read_to_string(file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_and_each_job_has_one_line_with_caller_tenant_and_outcome() {
    let log = log_of(&[], "land-registry").await;
    assert!(line_with(&log, &["INFO", "serving"]).contains("jobs_max=256"), "{log}");
    assert!(line_with(&log, &["INFO", " device ", "device=\"cpu\""]).contains("state=\"ready\""), "{log}");
    let submit = ["call ended", "cityseal.v1.SealService/SubmitSeal", "peer=127.0.0.1:", "tenant=\"land-registry\""];
    let submit = line_with(&log, &submit);
    let words = ["INFO", "request_id=\"deed-1\"", "job_id=\"", "outcome=\"accepted\"", "duration_ms="];
    assert!(words.iter().all(|word| submit.contains(word)), "{submit}");
    let ended = line_with(&log, &["job ended", "peer=127.0.0.1:", "tenant=\"land-registry\"", "request_id=\"deed-1\""]);
    assert!(ended.contains("outcome=\"sealed\"") && ended.contains("seals=") && ended.contains("hashes="), "{ended}");
    let verify = ["call ended", "VerifyService/VerifyChain", "peer=127.0.0.1:", "network=\"regtest\""];
    let valid = line_with(&log, &[&verify[..], &["outcome=\"valid\""]].concat());
    assert!(valid.contains("10 headers passed"), "{valid}");
    let fault = line_with(&log, &[&verify[..], &["outcome=\"fault\""]].concat());
    assert!(fault.contains("7 headers passed; R0") && fault.contains("at height 7"), "{fault}");
    let refused = line_with(&log, &["VerifyService/VerifyChain", "outcome=\"INVALID_FIELD\""]);
    assert!(refused.contains("begin.parameters_toml: line 2: key with no value"), "{refused}");
    assert_eq!(lines_with(&log, &["SealService/GetJob", "outcome=\"JOB_NOT_FOUND\""]).len(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_cannot_write_lines_or_control_characters_into_the_log() {
    let log = log_of(&[], "a\nINFO cityseal: serving\u{1b}[31m\u{202e}").await;
    assert!(!log.contains(['\u{1b}', '\u{202e}', '\r']), "{log}");
    // Each line is one of the service's own: a note, or one that begins with a time.
    let is_own = |line: &&str| line.starts_with("20") || line.contains("listening") || line.contains("drained");
    let others: Vec<&str> = log.lines().filter(|line| !is_own(line) && !line.contains("SIGTERM")).collect();
    assert!(!others.iter().any(|line| line.contains("INFO")), "{others:?}");
    assert_eq!(lines_with(&log, &["serving", "jobs_max"]).len(), 1, "{log}");
    assert!(line_with(&log, &["job ended"]).contains("tenant=\"a\\nINFO"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_for_warnings_hides_the_lines_about_calls() {
    let log = log_of(&["--log", "warn"], "land-registry").await;
    assert!(!log.contains("call ended") && !log.contains("job ended"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_closed_stderr_keeps_serving() {
    let mut serve = Serve::start_logging_to(&[], Stdio::piped());
    drop(serve.take_stderr());
    let client = connect(&serve).await;
    for salt in 0..3 {
        let answer = client.seal(&SealRequest::new(easy(salt, 64))).await.unwrap();
        assert_eq!(answer.outcome, SealOutcome::Sealed);
    }
    drop(client);
    assert_eq!(serve.terminate(), Some(0));
}

/// The value of a field of a line.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let value = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {line}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lines_of_a_call_and_of_its_job_carry_its_own_id_and_the_callers_trace() {
    let folder = Folder::new();
    let file = folder.path("log");
    let serve = Serve::start_logging_to(&[], File::create(&file).unwrap());
    let endpoint = Endpoint::from_shared(format!("http://{}", serve.address)).unwrap();
    let mut sealer = SealServiceClient::new(endpoint.connect().await.unwrap());
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (request_id, parent) in [
        ("traced", format!("00-{trace}-00f067aa0ba902b7-01")),
        ("zero", format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32))),
    ] {
        let mut request = Request::new(submission(request_id, &easy(1, 64)));
        request.metadata_mut().insert("traceparent", parent.parse().unwrap());
        let job_id = sealer.submit_seal(request).await.unwrap().into_inner().job.unwrap().id;
        let watch = v1::WatchJobRequest { job_id, ..Default::default() };
        let mut events = sealer.watch_job(watch).await.unwrap().into_inner();
        while events.message().await.unwrap().is_some() {}
    }
    drop(sealer);
    assert_eq!(serve.terminate(), Some(0));
    let log = std::fs::read_to_string(file).unwrap();
    let ids = |line: &str| ["call_id", "trace_id"].map(|name| field(line, name).to_owned());
    let of_call = |request_id: &str| ids(line_with(&log, &["call ended", "SubmitSeal", request_id]));
    let of_job = |request_id: &str| ids(line_with(&log, &["job ended", request_id]));
    let (traced, zero) = (of_call("\"traced\""), of_call("\"zero\""));
    assert_eq!((&of_job("\"traced\""), &of_job("\"zero\"")), (&traced, &zero));
    assert_eq!(traced[1], trace);
    assert!(zero[1].len() == 32 && zero[1] != "0".repeat(32), "{zero:?}");
    assert_ne!(traced[0], zero[0]);
}
