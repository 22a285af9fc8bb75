//! Calls of tenants whose identity is known: each sees and changes only its own jobs.

use cityseal_chain::{Network, Parameters};
use cityseal_engine::Engine;
use prost::bytes::Bytes;
use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::caller::{Scope, Scopes};
use crate::drain::{DrainSwitch, drain};
use crate::limits::{ENGINE_THREADS_MAX, WATCHERS_MAX};

fn sealing() -> (Sealing, DrainSwitch) {
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    let book = Arc::new(JobBook::new(engine, 8).unwrap());
    let (switch, drain) = drain();
    (Sealing::new(book, Arc::new(Heavy::new(ENGINE_THREADS_MAX)), drain, WATCHERS_MAX), switch)
}

fn caller(tenant: &str) -> Caller {
    Caller::new(tenant, [Scope::Seal, Scope::Read].into_iter().collect())
}

fn by<T>(caller: &Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller.clone());
    request
}

/// A submission of a job that no hash meets.
fn endless(request_id: &str) -> v1::SubmitSealRequest {
    let header = Parameters::of(Network::Regtest).genesis().to_wire();
    let mut target = [0; 32];
    target[0] = 1;
    let template = v1::SealTemplate { header: Bytes::copy_from_slice(&header), ..Default::default() };
    v1::SubmitSealRequest {
        request_id: request_id.to_owned(),
        template: Some(template),
        target: Bytes::copy_from_slice(&target),
        chain: "main".to_owned(),
        ..Default::default()
    }
}

async fn submit(sealing: &Sealing, caller: &Caller, request_id: &str) -> v1::Job {
    let answer = sealing.submit_seal(by(caller, endless(request_id))).await.unwrap();
    answer.into_inner().job.unwrap()
}

/// The statuses of all calls about a job.
async fn statuses(sealing: &Sealing, caller: &Caller, id: &str) -> [Status; 4] {
    let job_id = || id.to_owned();
    let superseding = v1::SubmitSealRequest { supersedes_job_id: job_id(), ..endless("superseding") };
    [
        sealing.get_job(by(caller, v1::GetJobRequest { job_id: job_id() })).await.unwrap_err(),
        sealing
            .watch_job(by(caller, v1::WatchJobRequest { job_id: job_id(), from_seq: 0 }))
            .await
            .map(drop)
            .unwrap_err(),
        sealing
            .cancel_job(by(caller, v1::CancelJobRequest { job_id: job_id(), cancelled_by: String::new() }))
            .await
            .unwrap_err(),
        sealing.submit_seal(by(caller, superseding)).await.unwrap_err(),
    ]
}

/// A status with the job's id replaced by another of the same length.
fn with_id(status: &Status, from: &str, to: &str) -> (Code, String, Vec<u8>) {
    let mut details = status.details().to_vec();
    for at in 0..details.len().saturating_sub(from.len() - 1) {
        let window = &mut details[at..at + from.len()];
        if window == from.as_bytes() {
            window.copy_from_slice(to.as_bytes());
        }
    }
    (status.code(), status.message().replace(from, to), details)
}

#[tokio::test]
async fn another_tenants_job_is_not_found_with_the_bytes_of_an_unknown_one() {
    let (sealing, _switch) = sealing();
    let job = submit(&sealing, &caller("north"), "r").await;
    let unknown = "0".repeat(job.id.len());
    let theirs = statuses(&sealing, &caller("south"), &job.id).await;
    let invented = statuses(&sealing, &caller("south"), &unknown).await;
    for (theirs, invented) in theirs.iter().zip(&invented) {
        assert_eq!(theirs.code(), Code::NotFound);
        assert_eq!(with_id(theirs, &job.id, &unknown), with_id(invented, &unknown, &unknown));
    }
    let own = by(&caller("north"), v1::GetJobRequest { job_id: job.id });
    assert_eq!(sealing.get_job(own).await.unwrap().into_inner().job.unwrap().state(), v1::JobState::Running);
}

async fn listed(sealing: &Sealing, caller: &Caller, tenant: Option<&str>) -> Result<Vec<String>, Status> {
    let message = v1::ListJobsRequest { tenant: tenant.map(str::to_owned), ..Default::default() };
    let jobs = sealing.list_jobs(by(caller, message)).await?.into_inner().jobs;
    Ok(jobs.into_iter().map(|job| job.tenant).collect())
}

#[tokio::test]
async fn a_list_shows_ones_own_jobs_and_an_operator_sees_all() {
    let (sealing, _switch) = sealing();
    for tenant in ["north", "south", "north"] {
        let request_id = format!("{tenant} {}", listed(&sealing, &Caller::local(), None).await.unwrap().len());
        submit(&sealing, &caller(tenant), &request_id).await;
    }
    let north = caller("north");
    assert_eq!(listed(&sealing, &north, None).await.unwrap(), ["north", "north"]);
    assert_eq!(listed(&sealing, &north, Some("north")).await.unwrap(), ["north", "north"]);
    let refused = listed(&sealing, &north, Some("south")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let operator = Caller::new("city", Scopes::all());
    assert_eq!(listed(&sealing, &operator, None).await.unwrap(), ["north", "south", "north"]);
    assert_eq!(listed(&sealing, &operator, Some("south")).await.unwrap(), ["south"]);
}

#[tokio::test]
async fn an_operator_cancels_the_job_of_any_tenant() {
    let (sealing, _switch) = sealing();
    let job = submit(&sealing, &caller("north"), "r").await;
    let cancel = v1::CancelJobRequest { job_id: job.id.clone(), cancelled_by: "the operator".to_owned() };
    sealing.cancel_job(by(&Caller::new("city", Scopes::all()), cancel)).await.unwrap();
    let record = sealing.book.find(&job.id, &caller("north")).unwrap();
    let mut latest = record.latest();
    while !record.has_ended() {
        latest.changed().await.unwrap();
    }
    assert_eq!((record.job().state(), record.job().reason.as_str()), (v1::JobState::Cancelled, "the operator"));
}

#[tokio::test]
async fn a_request_that_names_another_tenant_is_denied() {
    let (sealing, _switch) = sealing();
    let north = caller("north");
    let submission = v1::SubmitSealRequest { tenant: "south".to_owned(), ..endless("r") };
    let tip = v1::AdvanceTipRequest { tenant: "south".to_owned(), chain: "main".to_owned(), generation: 1 };
    for status in [
        sealing.submit_seal(by(&north, submission)).await.unwrap_err(),
        sealing.advance_tip(by(&north, tip)).await.unwrap_err(),
    ] {
        let reason = status.get_details_error_info().unwrap().reason;
        assert_eq!((status.code(), reason.as_str()), (Code::PermissionDenied, "FOREIGN_TENANT"));
    }
    assert_eq!(submit(&sealing, &north, "r").await.tenant, "north", "an empty field is the caller's tenant");
}

#[tokio::test]
async fn a_tip_of_one_tenant_leaves_the_jobs_of_another() {
    let (sealing, _switch) = sealing();
    let job = submit(&sealing, &caller("north"), "r").await;
    let tip = |generation| v1::AdvanceTipRequest { tenant: String::new(), chain: "main".to_owned(), generation };
    let superseded = async |tenant: &str| {
        let answer = sealing.advance_tip(by(&caller(tenant), tip(9))).await.unwrap();
        answer.into_inner().superseded
    };
    assert_eq!(superseded("south").await, 0);
    assert_eq!(superseded("north").await, 1);
    assert_eq!(job.chain, "main");
}

#[tokio::test]
async fn calls_that_only_read_do_not_wait_for_the_engines_threads() {
    let (sealing, _switch) = sealing();
    let north = caller("north");
    let job = submit(&sealing, &north, "r").await;
    let mut gates = Vec::new();
    let mut blocked = tokio::task::JoinSet::new();
    for tenant in ["a", "b", "a", "b"] {
        let (gate, opened) = std::sync::mpsc::channel::<()>();
        let heavy = Arc::clone(&sealing.heavy);
        blocked.spawn(async move { heavy.run(Holder::Tenant(tenant.into()), move || opened.recv().is_ok()).await });
        gates.push(gate);
    }
    let mut waiting = Box::pin(sealing.submit_seal(by(&north, endless("second"))));
    // Polled until the blocked threads have every permit, and then still pending.
    while sealing.heavy.busy() < ENGINE_THREADS_MAX {
        tokio::task::yield_now().await;
    }
    assert!(std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
    let get = v1::GetJobRequest { job_id: job.id };
    assert!(sealing.get_job(by(&north, get)).await.is_ok());
    assert_eq!(listed(&sealing, &north, None).await.unwrap(), ["north"]);
    drop(gates);
    waiting.await.unwrap();
    blocked.join_all().await;
}
