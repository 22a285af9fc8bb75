//! Calls that send too much, something else, or something unreadable are refused with a status and a reason, always
//! within the size that gRPC libraries accept.

use std::pin::Pin;

use cityseal_client::{ChainParameters, ClientError, VerifyRequest};
use cityseal_proto::v1;
use cityseal_proto::v1::verify_begin::Parameters;
use cityseal_proto::v1::verify_chain_request::Part;
use cityseal_service::limits::{MESSAGE_BYTES_MAX, STATUS_BYTES_MAX, STATUS_TEXT_BYTES_MAX, UPLOAD_MESSAGE_BYTES_MAX};
use http_body::Body as _;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::codegen::http::{HeaderMap, Method, Request, Response};
use tonic::{Code, Status};

use crate::support::{Running, easy, field, reason, start, submission};
use crate::wire::{begin, message, verdict};

/// Two bytes in UTF-8 and six characters when percent-encoded: text that grows a lot on the wire.
const WIDE: &str = "ß";

const MILLION: usize = 1_000_000;

fn begin_with(parameters: Parameters) -> v1::VerifyChainRequest {
    message(Part::Begin(v1::VerifyBegin { parameters: Some(parameters), ..Default::default() }))
}

async fn refused_begin(service: &Running, parameters: Parameters) -> Status {
    verdict(service, vec![begin_with(parameters)]).await.unwrap_err()
}

/// A TOML text of `bytes` bytes with one error: an unknown key.
fn broken_toml(bytes: usize, letter: &str) -> String {
    format!("\"{}\" = 1\n", letter.repeat((bytes - 6) / letter.len()))
}

/// The size of a status as headers, counted as in RFC 9113 section 6.5.2, including the other headers of an answer.
fn header_bytes(headers: &HeaderMap) -> usize {
    let others = ":status".len() + "200".len() + 32;
    others + headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum::<usize>()
}

fn check_size(status: &Status) {
    let bytes = header_bytes(status.clone().into_http::<()>().headers());
    assert!(bytes <= STATUS_BYTES_MAX, "{bytes} bytes of headers");
    assert!(status.message().len() <= STATUS_TEXT_BYTES_MAX, "{} bytes of message", status.message().len());
}

#[tokio::test]
async fn large_invalid_parameters_are_an_invalid_argument_with_any_letters() {
    let service = start().await;
    for bytes in [2_000, MILLION, 4 * MILLION] {
        for letter in ["x", WIDE, "\u{20ac}"] {
            let status = refused_begin(&service, Parameters::ParametersToml(broken_toml(bytes, letter))).await;
            assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
            assert_eq!(field(&status), "begin.parameters_toml");
            assert!(status.message().starts_with("begin.parameters_toml: line 1: "), "{}", status.message());
            assert!(status.message().ends_with("bytes)"), "{}", status.message());
            check_size(&status);
        }
    }
}

#[tokio::test]
async fn an_unknown_network_of_a_megabyte_is_truncated_and_the_known_ones_are_still_named() {
    let service = start().await;
    for letter in ["x", WIDE, "\u{1b}"] {
        let status = refused_begin(&service, Parameters::Network(letter.repeat(MILLION / letter.len()))).await;
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, "begin.network"));
        assert!(status.message().contains("(1000000 bytes)") && status.message().contains("regtest"), "{status}");
        assert!(!status.message().contains('\u{1b}'), "{status}");
        check_size(&status);
    }
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_as_a_token() {
    let service = start().await;
    let resume_token = vec![b'x'; MILLION].into();
    let begin = v1::VerifyBegin { resume_token, ..crate::wire::regtest() };
    let status = verdict(&service, vec![message(Part::Begin(begin))]).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "RESUME_TOKEN_REFUSED"));
    check_size(&status);
}

#[tokio::test]
async fn long_names_ids_and_templates_are_refused_by_their_field() {
    let service = start().await;
    let mut sealer = service.sealer().await;
    let long = || WIDE.repeat(500_000);
    let mut fields = Vec::new();
    for (at, name) in ["request_id", "tenant", "template.header"].into_iter().enumerate() {
        let mut message = submission("r", &easy(1, 4));
        match at {
            0 => message.request_id = long(),
            1 => message.tenant = long(),
            _ => message.template.as_mut().unwrap().header = vec![0; MILLION].into(),
        }
        let status = sealer.submit_seal(message).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_FIELD"), "{name}");
        check_size(&status);
        fields.push(field(&status));
    }
    assert_eq!(fields, ["request_id", "tenant", "template.header"]);
    for status in [
        sealer.get_job(v1::GetJobRequest { job_id: long() }).await.unwrap_err(),
        sealer.watch_job(v1::WatchJobRequest { job_id: long(), from_seq: 0 }).await.unwrap_err(),
        sealer.cancel_job(v1::CancelJobRequest { job_id: long(), cancelled_by: String::new() }).await.unwrap_err(),
    ] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "JOB_NOT_FOUND"));
        assert!(status.message().contains("(1000000 bytes)"), "{status}");
        check_size(&status);
    }
    let page = v1::ListJobsRequest { page_token: long(), ..Default::default() };
    let status = sealer.list_jobs(page).await.unwrap_err();
    assert_eq!((reason(&status).as_str(), field(&status).as_str()), ("INVALID_FIELD", "page_token"));
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_by_its_size_in_every_kind_of_call() {
    let service = start().await;
    let large = v1::GetJobRequest { job_id: "x".repeat(MESSAGE_BYTES_MAX) };
    let unary = service.sealer().await.get_job(large).await.unwrap_err();
    let parameters = Parameters::ParametersToml("x".repeat(UPLOAD_MESSAGE_BYTES_MAX));
    let stream = refused_begin(&service, parameters).await;
    let watched = v1::WatchJobRequest { job_id: "x".repeat(MESSAGE_BYTES_MAX), from_seq: 0 };
    let streaming = service.sealer().await.watch_job(watched).await.unwrap_err();
    for status in [unary, stream, streaming] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "MESSAGE_TOO_LARGE"));
        assert!(status.message().contains("the limit is"), "{status}");
    }
}

/// A call as raw bytes.
struct Raw {
    method: Method,
    path: &'static str,
    headers: Vec<(&'static str, &'static [u8])>,
    body: &'static str,
}

const SUBMIT: &str = "/cityseal.v1.SealService/SubmitSeal";
const GET: &str = "/cityseal.v1.SealService/GetJob";
const VERIFY: &str = "/cityseal.v1.VerifyService/VerifyChain";
const CHECK: &str = "/grpc.health.v1.Health/Check";
const EMPTY: &str = "\0\0\0\0\0";

impl Raw {
    fn new(path: &'static str, body: &'static str) -> Self {
        Self { method: Method::POST, path, headers: vec![("content-type", b"application/grpc")], body }
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value.as_bytes()));
        self
    }

    fn content_type(mut self, value: &'static str) -> Self {
        self.headers = vec![("content-type", value.as_bytes())];
        self
    }

    fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    async fn answer(self, service: &Running) -> Response<Body> {
        let mut request = Request::builder().method(self.method).uri(format!("http://localhost{}", self.path));
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::new(self.body.to_owned())).unwrap();
        let mut channel = service.channel().await;
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
        channel.call(request).await.unwrap()
    }

    /// Returns the status in the headers, or in the trailers after any messages.
    async fn status(self, service: &Running) -> Status {
        let (parts, mut body) = self.answer(service).await.into_parts();
        if let Some(status) = Status::from_header_map(&parts.headers) {
            assert!(header_bytes(&parts.headers) <= STATUS_BYTES_MAX);
            return status;
        }
        loop {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
            if let Ok(trailers) = frame.expect("a body ends with trailers").unwrap().into_trailers() {
                assert!(header_bytes(&trailers) <= STATUS_BYTES_MAX);
                return Status::from_header_map(&trailers).unwrap();
            }
        }
    }
}

#[tokio::test]
async fn refusals_made_by_tonic_carry_a_reason_too() {
    let service = start().await;
    let refused = [
        (Raw::new(GET, "\0\0\0\0\x01\x07"), Code::InvalidArgument, "UNREADABLE_MESSAGE"),
        (Raw::new(VERIFY, "\0\0\0\0\x01\x07"), Code::InvalidArgument, "UNREADABLE_MESSAGE"),
        (Raw::new(CHECK, "\0\0\0\0\x01\x07"), Code::InvalidArgument, "UNREADABLE_MESSAGE"),
        // No message, and a truncated one.
        (Raw::new(GET, ""), Code::InvalidArgument, "UNREADABLE_MESSAGE"),
        (Raw::new(GET, "\0\0\0\0\x05\x0a"), Code::InvalidArgument, "UNREADABLE_MESSAGE"),
        (Raw::new(VERIFY, "\0\0\0\0\x05\x0a"), Code::InvalidArgument, "UNREADABLE_MESSAGE"),
        // Text that is not UTF-8 cannot be sent as a Rust string, so a length beyond the end of the message is used.
        (Raw::new(SUBMIT, "\0\0\0\0\x02\x0a\x09"), Code::InvalidArgument, "UNREADABLE_MESSAGE"),
        // 2 MiB and 1.9 GB announced, nothing sent.
        (Raw::new(SUBMIT, "\0\0\x20\0\0"), Code::OutOfRange, "MESSAGE_TOO_LARGE"),
        (Raw::new(VERIFY, "\0\x70\0\0\0"), Code::OutOfRange, "MESSAGE_TOO_LARGE"),
        // Frame flags: compressed without an encoding, which gRPC defines as INTERNAL, and an unknown flag.
        (Raw::new(GET, "\x01\0\0\0\0"), Code::Internal, "UNREADABLE_MESSAGE"),
        (Raw::new(VERIFY, "\x07\0\0\0\0"), Code::Internal, "UNREADABLE_MESSAGE"),
        (Raw::new(GET, EMPTY).header("grpc-encoding", "gzip"), Code::Unimplemented, "UNSUPPORTED_ENCODING"),
        (Raw::new(VERIFY, EMPTY).header("grpc-encoding", "snappy"), Code::Unimplemented, "UNSUPPORTED_ENCODING"),
        (Raw::new("/cityseal.v1.SealService/Mint", EMPTY), Code::Unimplemented, "UNKNOWN_METHOD"),
        (Raw::new("/cityseal.v2.SealService/SubmitSeal", EMPTY), Code::Unimplemented, "UNKNOWN_METHOD"),
        (Raw::new("/", EMPTY), Code::Unimplemented, "UNKNOWN_METHOD"),
        (Raw::new("/grpc.health.v1.Health/Cure", EMPTY), Code::Unimplemented, "UNKNOWN_METHOD"),
        (Raw::new(CHECK, "\0\0\0\0\x03\x0a\x01x"), Code::NotFound, "NOT_FOUND"),
    ];
    for (raw, code, word) in refused {
        let (path, body) = (raw.path, raw.body);
        let status = raw.status(&service).await;
        assert_eq!((status.code(), reason(&status).as_str()), (code, word), "{path} {body:?}: {status}");
        assert!(!status.message().is_empty(), "{path} {body:?}");
    }
    let unknown = Raw::new("/cityseal.v1.SealService/Mint", EMPTY).status(&service).await;
    assert_eq!(unknown.message(), "this service has no method '/cityseal.v1.SealService/Mint'");
}

#[tokio::test]
async fn refusals_made_by_reflection_carry_a_reason() {
    let service = start().await;
    // A request without a question, in a stream whose answer has begun.
    let raw = Raw::new("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", EMPTY);
    let status = raw.status(&service).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "UNREADABLE_MESSAGE"));
}

#[tokio::test]
async fn a_request_that_is_not_grpc_is_refused_as_such() {
    let service = start().await;
    let others = [
        Raw::new(GET, EMPTY).content_type("application/json"),
        Raw::new(GET, EMPTY).content_type("application/grpc-web+proto"),
        Raw::new(GET, EMPTY).content_type(""),
        Raw::new(VERIFY, EMPTY).content_type("text/html; charset=utf-8"),
        Raw::new(GET, "").method(Method::GET),
        Raw::new(CHECK, EMPTY).method(Method::PUT),
    ];
    for raw in others {
        let answer = raw.answer(&service).await;
        assert_eq!(answer.status().as_u16(), 415);
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "NOT_GRPC"));
    }
    for content_type in ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"] {
        let status = Raw::new(CHECK, EMPTY).content_type(content_type).status(&service).await;
        assert_eq!(status.code(), Code::Ok, "{content_type}");
    }
}

#[tokio::test]
async fn a_call_whose_request_does_not_arrive_in_time_ends_with_a_reason() {
    let service = start().await;
    // Not through tonic's channel, which would time out by itself.
    let socket = tokio::net::TcpStream::connect(service.address).await.unwrap();
    let (mut caller, connection) = h2::client::handshake(socket).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().method(Method::POST).uri(format!("http://localhost{GET}"));
    let request = request.header("content-type", "application/grpc").header("grpc-timeout", "20m").body(()).unwrap();
    // The request's stream stays open, but nothing is sent on it.
    let (answer, _open) = caller.send_request(request, false).unwrap();
    let status = Status::from_header_map(answer.await.unwrap().headers()).unwrap();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "DEADLINE_PASSED"));
}

#[tokio::test]
async fn an_encoding_of_any_bytes_and_a_path_of_any_length_stay_within_the_accepted_size() {
    let service = start().await;
    let long = Box::leak(format!("/{}", "x".repeat(9_000)).into_boxed_str());
    let status = Raw::new(long, EMPTY).status(&service).await;
    assert_eq!(reason(&status), "UNKNOWN_METHOD");
    check_size(&status);
    for byte in [b'x', 0xff] {
        let mut raw = Raw::new(GET, EMPTY);
        raw.headers.push(("grpc-encoding", vec![byte; 6_000].leak()));
        let status = raw.status(&service).await;
        assert_eq!(reason(&status), "UNSUPPORTED_ENCODING");
        check_size(&status);
    }
}

#[tokio::test]
async fn the_client_reports_a_refusal_of_a_megabyte_by_its_reason() {
    let client = start().await.client().await;
    let request = VerifyRequest::new(ChainParameters::Toml(broken_toml(MILLION, "x")));
    let error = client.verify_bytes(&request, vec![0; 80].into()).await.unwrap_err();
    let ClientError::Refused { code, reason, message } = error else { panic!("{error}") };
    assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "INVALID_FIELD"));
    assert!(message.contains("line 1"), "{message}");
}

#[tokio::test]
async fn a_service_keeps_serving_after_a_refusal() {
    let service = start().await;
    refused_begin(&service, Parameters::ParametersToml(broken_toml(4 * MILLION, "x"))).await;
    let packed = crate::support::chain(5);
    let whole =
        vec![begin(), crate::wire::chunk(packed.clone()), crate::wire::finish(5, crate::support::last_hash(&packed))];
    assert_eq!(verdict(&service, whole).await.unwrap().kind(), v1::VerdictKind::Valid);
}
