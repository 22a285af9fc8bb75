//! The terms of a tenant in its configuration: limits of its own, and which work it wants at all. They hold after a
//! reload too.

use cityseal_client::{Client, ClientError, SealRequest, Watch};
use cityseal_proto::v1;
use cityseal_proto::v1::verify_service_client::VerifyServiceClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::streams::endless;
use crate::support::{Running, start_with_tenants};

/// The configuration of two tenants, one of them with these keys.
fn parks(keys: &str) -> String {
    format!("[[tenant]]\nname = \"parks\"\n{keys}\n[[tenant]]\nname = \"roads\"\n")
}

async fn reload(service: &Running, keys: &str) {
    service.folder.file("tenants", &parks(keys));
    service.reloader.reload().await.unwrap();
}

async fn client(service: &Running, tenant: &str) -> Client {
    service.client(&service.ca.client(tenant, 100)).await
}

async fn submit(client: &Client, salt: u32) -> Result<String, ClientError> {
    client.submit(&SealRequest::new(endless(salt))).await.map(|job| job.id)
}

/// Asserts that a tenant's own limit was named.
fn assert_quota<T: std::fmt::Debug>(refused: Result<T, ClientError>, limit: &str) {
    let Err(ClientError::Refused { code: Code::ResourceExhausted, reason, message }) = refused else {
        panic!("{limit}: {refused:?}")
    };
    assert_eq!(reason, "QUOTA_EXCEEDED");
    assert_eq!(message, format!("tenant 'parks': limit of {limit} reached, retry later"));
}

async fn watched(client: &Client, job_id: &str) -> Result<Watch, ClientError> {
    let mut watch = client.watch(job_id, 0);
    watch.next().await.map(|_| watch)
}

type Upload = (mpsc::Sender<v1::VerifyChainRequest>, Streaming<v1::VerifyChainResponse>);

async fn upload(service: &Running, tenant: &str) -> Result<Upload, Status> {
    let (sender, receiver) = mpsc::channel(1);
    let channel = service.channel(Some(&service.ca.client(tenant, 101))).await;
    let call = VerifyServiceClient::new(channel).verify_chain(ReceiverStream::new(receiver)).await?;
    Ok((sender, call.into_inner()))
}

#[tokio::test]
async fn the_limits_of_a_tenant_hold_at_their_edges_and_after_a_reload() {
    let service = start_with_tenants(&parks("limits = { jobs = 2, uploads = 1, watchers = 1 }")).await;
    let (ours, theirs) = (client(&service, "parks").await, client(&service, "roads").await);
    let job = submit(&ours, 1).await.unwrap();
    submit(&ours, 2).await.unwrap();
    assert_quota(submit(&ours, 3).await, "2 running jobs");
    let first = watched(&ours, &job).await.unwrap();
    assert_quota(watched(&ours, &job).await.map(drop), "1 watchers");
    let _upload = upload(&service, "parks").await.unwrap();
    let refused = upload(&service, "parks").await.map(drop).unwrap_err();
    assert_quota(Err::<(), _>(refused.into()), "1 uploads");
    // Another tenant has no limits of its own.
    for salt in 1..=3 {
        let job = submit(&theirs, salt).await.unwrap();
        watched(&theirs, &job).await.unwrap();
        upload(&service, "roads").await.unwrap();
    }
    reload(&service, "limits = { jobs = 3, uploads = 2, watchers = 2 }").await;
    submit(&ours, 3).await.unwrap();
    assert_quota(submit(&ours, 4).await, "3 running jobs");
    let _more = (watched(&ours, &job).await.unwrap(), upload(&service, "parks").await.unwrap());
    assert_quota(watched(&ours, &job).await.map(drop), "2 watchers");
    // Lower than what it has: that goes on, and nothing is added.
    reload(&service, "limits = { jobs = 0, watchers = 0 }").await;
    assert_quota(submit(&ours, 4).await, "0 running jobs");
    assert_quota(watched(&ours, &job).await.map(drop), "0 watchers");
    drop(first);
}

#[tokio::test]
async fn a_job_that_would_hardly_be_sealed_in_time_is_refused_once_the_rate_is_known() {
    let service = start_with_tenants(&parks("refuse_below = 0.2")).await;
    let (ours, theirs) = (client(&service, "parks").await, client(&service, "roads").await);
    let unknown = ours.submit(&SealRequest::new(endless(1))).await.unwrap();
    assert_eq!(unknown.probability_by_deadline, None, "nothing was searched before");
    ours.cancel(&unknown.id, "").await.unwrap();
    // A job of another tenant shows when a rate is known: it is accepted, however unlikely.
    let mut salt = 1;
    loop {
        salt += 1;
        let job = theirs.submit(&SealRequest::new(endless(salt))).await.unwrap();
        theirs.cancel(&job.id, "").await.unwrap();
        if let Some(probability) = job.probability_by_deadline {
            assert!(probability < 1e-30, "{probability}");
            break;
        }
    }
    let Err(ClientError::Refused { code: Code::FailedPrecondition, reason, message }) =
        ours.submit(&SealRequest::new(endless(2))).await
    else {
        panic!("it was accepted")
    };
    assert_eq!(reason, "INFEASIBLE_DEADLINE");
    assert!(message.contains("probability of 0.000; expected at least 0.2"), "{message}");
    reload(&service, "").await;
    ours.submit(&SealRequest::new(endless(2))).await.unwrap();
}

#[tokio::test]
async fn a_tenant_whose_jobs_need_a_gpu_is_refused_or_waits_without_one() {
    let service = start_with_tenants(&parks("when_no_gpu = \"fail\"")).await;
    let ours = client(&service, "parks").await;
    let Err(ClientError::Refused { code: Code::Unavailable, reason, .. }) = submit(&ours, 1).await else {
        panic!("it was accepted")
    };
    assert_eq!(reason, "NO_GPU");
    reload(&service, "when_no_gpu = \"wait\"").await;
    let waiting = ours.submit(&SealRequest::new(endless(1))).await.unwrap();
    assert_eq!(waiting.when_no_gpu, cityseal_client::WhenNoGpu::Wait);
    // The CPU works for others meanwhile.
    let theirs = client(&service, "roads").await;
    let other = theirs.submit(&SealRequest::new(endless(2))).await.unwrap();
    while theirs.job(&other.id).await.unwrap().job.hashes == 0 {}
    assert_eq!(ours.job(&waiting.id).await.unwrap().job.hashes, 0);
}
