//! Open calls end when their credential is removed, revoked or expired, and all others go on.

use std::sync::Arc;
use std::time::Duration;

use cityseal_chain::{Network, Parameters, SealTemplate, Target};
use cityseal_client::{Client, ClientError, ClientOptions, SealRequest};
use cityseal_engine::Engine;
use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use cityseal_service::{AccessSettings, AccessSource, Service, ServiceOptions};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};

use crate::support::{Running, Token, reason, start, tenants, token};

const LONG: Duration = Duration::from_mins(1);

/// A template that no hash meets, with a search space that cannot be exhausted.
pub(crate) fn endless(salt: u32) -> SealTemplate {
    let header = *Parameters::of(Network::Regtest).genesis();
    let header = cityseal_chain::BlockHeader { time: salt, ..header };
    let mut one = [0; 32];
    one[0] = 1;
    let target = Target::from_wire(&one).unwrap();
    SealTemplate::builder(header).version_mask(0x1fff_ffff).target(target).build().unwrap()
}

type Events = Streaming<v1::WatchJobResponse>;

/// Submits an endless job and watches it.
async fn watched(client: &Client, channel: Channel, authorization: Option<&Token>) -> (Events, String) {
    let job = client.submit(&SealRequest::new(endless(1))).await.unwrap();
    let mut request = Request::new(v1::WatchJobRequest { job_id: job.id.clone(), from_seq: 0 });
    if let Some(token) = authorization {
        request.metadata_mut().insert("authorization", format!("Bearer {}", token.text).parse().unwrap());
    }
    let mut events = SealServiceClient::new(channel).watch_job(request).await.unwrap().into_inner();
    assert!(events.message().await.unwrap().is_some());
    (events, job.id)
}

/// Reads until the stream ends with a status.
async fn end_of(mut events: Events) -> Status {
    let end = async {
        loop {
            match events.message().await {
                Ok(event) => assert!(event.is_some(), "the job does not end by itself"),
                Err(status) => return status,
            }
        }
    };
    timeout(LONG, end).await.expect("the stream ends")
}

fn assert_unauthenticated(status: &Status) {
    assert_eq!((status.code(), reason(status).as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
}

async fn watch_with(service: &Running, token: &Token) -> Events {
    let client = service.client_with_token(&token.text).await;
    watched(&client, service.channel(None).await, Some(token)).await.0
}

#[tokio::test]
async fn a_removed_token_ends_its_open_streams_and_no_others() {
    let (removed, kept) = (token(1, "parks", "seal,read", 3600), token(2, "roads", "seal,read", 3600));
    let service = start(&[&removed, &kept]).await;
    let (of_removed, mut of_kept) = (watch_with(&service, &removed).await, watch_with(&service, &kept).await);
    // No reload is asked for: the service sees the change.
    service.folder.file("tokens", &kept.line);
    assert_unauthenticated(&end_of(of_removed).await);
    for _ in 0..3 {
        assert!(of_kept.message().await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_token_that_loses_its_scope_ends_its_streams_with_that_reason() {
    let wide = token(1, "parks", "seal,read", 3600);
    let service = start(&[&wide]).await;
    let events = watch_with(&service, &wide).await;
    service.folder.file("tokens", &token(1, "parks", "seal", 3600).line);
    let status = end_of(events).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::PermissionDenied, "SCOPE_MISSING"));
}

#[tokio::test]
async fn an_expired_token_ends_its_open_streams() {
    let service = start(&[&token(1, "parks", "seal,read", 3600)]).await;
    let events = watch_with(&service, &token(1, "parks", "seal,read", 3600)).await;
    service.folder.file("tokens", &token(1, "parks", "seal,read", 2).line);
    service.reloader.reload().await.unwrap();
    assert_unauthenticated(&end_of(events).await);
}

#[tokio::test]
async fn a_revoked_certificate_ends_its_streams_and_its_connection_is_nobody() {
    let service = start(&[]).await;
    let pair = service.ca.client("parks", 100);
    let (client, channel) = (service.client(&pair).await, service.channel(Some(&pair)).await);
    let (events, job_id) = watched(&client, channel, None).await;
    service.folder.file("crl.pem", &service.ca.revoked(&[100]));
    assert_unauthenticated(&end_of(events).await);
    // The connection was opened before, and is still open.
    let error = client.job(&job_id).await.unwrap_err();
    assert!(matches!(error, ClientError::Refused { code: Code::Unauthenticated, .. }), "{error}");
    // The tenant's other certificates are as good as before.
    service.client(&service.ca.client("parks", 101)).await.job(job_id).await.unwrap();
}

#[tokio::test]
async fn a_local_watch_ends_when_the_configuration_begins_to_require_identity() {
    let folder = Arc::new(crate::folder::Folder::new());
    let file = folder.file("tokens", &token(1, "parks", "seal,read", 3600).line);
    let open = AccessSettings::default();
    let closed = AccessSettings::new(None, Some(file), tenants());
    let access =
        AccessSource::new(open).reread_from(folder.path("config"), move || Ok::<_, std::io::Error>(closed.clone()));
    let options = ServiceOptions::new("127.0.0.1:0".parse().unwrap()).access(access);
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    let service = Service::bind(options, engine).await.unwrap();
    let (address, reloader) = (service.local_addr(), service.reloader());
    tokio::spawn(service.run(std::future::pending()));
    let client = Client::connect(ClientOptions::new(address.to_string())).await.unwrap();
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let (events, _) = watched(&client, channel, None).await;
    reloader.reload().await.unwrap();
    assert_unauthenticated(&end_of(events).await);
}
