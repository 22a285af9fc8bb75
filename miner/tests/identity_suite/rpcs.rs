//! Every method refuses every credential that is missing, wrong, expired, foreign or lacks its scope.

use std::pin::Pin;

use http_body::Body as _;
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::codegen::http::{Method, Request};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::pki::Ca;
use crate::support::{Running, Token, reason, start, token};

/// A message with no fields, framed.
const EMPTY: &str = "\0\0\0\0\0";

/// All methods on the port, as paths, from the descriptors of their services.
fn methods() -> Vec<String> {
    let sets = [
        cityseal_proto::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ];
    let files = sets.into_iter().flat_map(|set| FileDescriptorSet::decode(set).unwrap().file);
    let paths = files.flat_map(|file| {
        let package = file.package().to_owned();
        file.service.into_iter().flat_map(move |service| {
            let prefix = format!("/{package}.{}", service.name());
            service.method.into_iter().map(move |method| format!("{prefix}/{}", method.name())).collect::<Vec<_>>()
        })
    });
    paths.collect()
}

/// Calls a method with an empty message. Returns its status; `Ok` if an answer begins without one.
async fn call(channel: &Channel, path: &str, authorization: &[&str]) -> Status {
    let mut request = Request::builder().method(Method::POST).uri(format!("https://localhost{path}"));
    request = request.header("content-type", "application/grpc");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    let mut channel = channel.clone();
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await.unwrap();
    let answer = channel.call(request.body(Body::new(EMPTY.to_owned())).unwrap()).await.unwrap();
    let (parts, mut body) = answer.into_parts();
    if let Some(status) = Status::from_header_map(&parts.headers) {
        return status;
    }
    match std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        Some(Ok(frame)) => match frame.into_trailers() {
            Ok(trailers) => Status::from_header_map(&trailers).unwrap(),
            Err(_data) => Status::new(Code::Ok, ""),
        },
        end => panic!("{path}: {end:?}"),
    }
}

fn bearer(token: &Token) -> String {
    format!("Bearer {}", token.text)
}

/// What a call is told when its credential is not valid: never which part was wrong.
fn assert_unauthenticated(status: &Status, what: &str) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"), "{what}");
    let expected = "this call has no credential that is valid here: present a client certificate or a bearer token";
    assert_eq!(status.message(), expected, "{what}");
}

#[tokio::test]
async fn every_method_refuses_missing_bad_expired_and_foreign_credentials_in_the_same_words() {
    let (good, expired, foreign) =
        (token(1, "city", "read", 3600), token(2, "city", "read", -1), token(3, "city", "read", 3600));
    let service = start(&[&good, &expired]).await;
    let channel = service.channel(None).await;
    let wrong_secret = format!("{}{}", &good.text[..good.text.len() - 2], "ff");
    let credentials: [(&str, Vec<String>); 8] = [
        ("none", vec![]),
        ("empty", vec![String::new()]),
        ("no token", vec!["Bearer abc".into()]),
        ("basic", vec!["Basic Y2l0eTpjaXR5".into()]),
        ("wrong secret", vec![format!("Bearer {wrong_secret}")]),
        ("expired", vec![bearer(&expired)]),
        ("foreign", vec![bearer(&foreign)]),
        ("two", vec![bearer(&good), bearer(&good)]),
    ];
    let methods = methods();
    assert!(methods.len() >= 11, "{methods:?}");
    for path in &methods {
        for (what, values) in &credentials {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            assert_unauthenticated(&call(&channel, path, &values).await, &format!("{path}: {what}"));
        }
    }
    assert_unauthenticated(&call(&channel, "/cityseal.v1.SealService/Mint", &[]).await, "an unknown method");
}

/// The scope of each method; `None`: any.
fn scope_of(path: &str) -> Option<&'static str> {
    match path.rsplit('/').next().unwrap() {
        "SubmitSeal" | "CancelJob" | "AdvanceTip" => Some("seal"),
        "VerifyChain" => Some("verify"),
        "GetJob" | "WatchJob" | "ListJobs" | "ListDevices" | "GetStatus" | "ServerReflectionInfo" => Some("read"),
        "Check" | "Watch" => None,
        other => panic!("{other} has no expected scope: add it"),
    }
}

#[tokio::test]
async fn every_method_admits_its_own_scope_and_refuses_all_others() {
    let scopes = ["seal", "verify", "read", "operate", "metrics"];
    let tokens: Vec<Token> = (10..).zip(scopes).map(|(seed, scope)| token(seed, "city", scope, 3600)).collect();
    let service = start(&tokens.iter().collect::<Vec<_>>()).await;
    let channel = service.channel(None).await;
    for path in methods() {
        for (scope, token) in scopes.into_iter().zip(&tokens) {
            let status = call(&channel, &path, &[&bearer(token)]).await;
            if scope_of(&path).is_none_or(|needed| needed == scope) {
                let refused = [Code::Unauthenticated, Code::PermissionDenied];
                assert!(!refused.contains(&status.code()), "{path} with {scope}: {status:?}");
            } else {
                let found = (status.code(), reason(&status));
                assert_eq!(found, (Code::PermissionDenied, "SCOPE_MISSING".to_owned()), "{path} with {scope}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_has_at_most_the_scopes_of_its_tenant() {
    let greedy = token(1, "viewer", "seal,verify,read,operate", 3600);
    let service = start(&[&greedy]).await;
    let channel = service.channel(None).await;
    let bearer = bearer(&greedy);
    assert_eq!(call(&channel, DEVICES, &[&bearer]).await.code(), Code::Ok);
    for path in ["/cityseal.v1.SealService/SubmitSeal", "/cityseal.v1.VerifyService/VerifyChain"] {
        let status = call(&channel, path, &[&bearer]).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "SCOPE_MISSING"), "{path}");
    }
}

const DEVICES: &str = "/cityseal.v1.DeviceService/ListDevices";

async fn code_of(service: &Running, pair: &crate::pki::Pair, authorization: &[&str]) -> Code {
    call(&service.channel(Some(pair)).await, DEVICES, authorization).await.code()
}

#[tokio::test]
async fn a_certificate_is_its_tenant_and_one_without_a_single_tenant_is_nobody() {
    let service = start(&[]).await;
    let day = time::Duration::days(1);
    let ca: &Ca = &service.ca;
    assert_eq!(code_of(&service, &ca.client("parks", 100), &[]).await, Code::Ok);
    let nobody = [vec!["harbour"], vec![], vec!["parks", "roads"]];
    for (serial, tenants) in (101..).zip(nobody) {
        let pair = ca.client_with(&tenants, serial, day);
        assert_eq!(code_of(&service, &pair, &[]).await, Code::Unauthenticated, "{tenants:?}");
    }
}

#[tokio::test]
async fn a_certificate_and_a_token_must_belong_to_one_tenant() {
    let (parks, roads) = (token(1, "parks", "read", 3600), token(2, "roads", "read", 3600));
    let service = start(&[&parks, &roads]).await;
    let pair = service.ca.client("parks", 100);
    assert_eq!(code_of(&service, &pair, &[&bearer(&parks)]).await, Code::Ok);
    assert_eq!(code_of(&service, &pair, &[&bearer(&roads)]).await, Code::Unauthenticated);
    // A bad token is not made good by a certificate.
    assert_eq!(code_of(&service, &pair, &["Bearer nonsense"]).await, Code::Unauthenticated);
}
