//! Jobs whose task fails, and jobs that are stopped before the engine has them.

use cityseal_chain::{Network, Parameters};
use prost::bytes::Bytes;

use super::*;
use crate::limits::JOBS_RUNNING_PER_TENANT_MAX;

fn book() -> Arc<JobBook> {
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    Arc::new(JobBook::new(engine, 8).unwrap())
}

/// A submission that no hash meets, over a space that cannot be exhausted.
fn endless(request_id: &str) -> JobRequest {
    let header = Parameters::of(Network::Regtest).genesis().to_wire();
    let mut target = [0; 32];
    target[0] = 1;
    let template =
        v1::SealTemplate { header: Bytes::copy_from_slice(&header), version_mask: 0x1fff_ffff, ..Default::default() };
    let message = v1::SubmitSealRequest {
        request_id: request_id.to_owned(),
        template: Some(template),
        target: Bytes::copy_from_slice(&target),
        chain: "main".to_owned(),
        ..Default::default()
    };
    JobRequest::read(message, &Caller::local()).unwrap()
}

fn placed(book: &Arc<JobBook>, request: &JobRequest) -> OpenJob {
    book.place(&mut book.lock(), request, &Caller::local()).unwrap().0
}

#[tokio::test]
async fn a_job_whose_task_ends_too_soon_fails_and_frees_its_place() {
    let book = book();
    let mut records = Vec::new();
    for number in 0..JOBS_RUNNING_PER_TENANT_MAX {
        let request = endless(&number.to_string());
        let open = placed(&book, &request);
        open.record.started(&book.engine.submit(request.to_job(Instant::now())));
        records.push(Arc::clone(&open.record));
        let task = tokio::spawn(open.follow(None));
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    for record in records {
        let job = record.job();
        assert_eq!((job.state(), job.reason.as_str()), (v1::JobState::Failed, BROKEN));
    }
    placed(&book, &endless("one more"));
}

#[tokio::test]
async fn an_ended_job_keeps_its_result_and_frees_the_engines_report() {
    let book = book();
    let request = endless("r");
    let open = placed(&book, &request);
    let record = Arc::clone(&open.record);
    let handle = book.engine.submit(request.to_job(Instant::now()));
    record.started(&handle);
    assert!(record.handle().is_some());
    handle.cancel("the test");
    open.follow(None).await;
    assert!(record.handle().is_none(), "the handle keeps the report");
    let (job, result) = record.now();
    assert_eq!((job.state(), job.reason.as_str()), (v1::JobState::Cancelled, "the test"));
    assert_eq!(result.unwrap().devices.len(), 1);
}

#[tokio::test]
async fn a_stop_that_comes_before_the_engine_has_the_job_is_not_lost() {
    let book = book();
    let request = endless("r");
    let open = placed(&book, &request);
    let record = Arc::clone(&open.record);
    assert_eq!(book.advance(&record.about.tenant, "main", 1).unwrap(), 1);
    record.stop(Stop::Cancel("too late".to_owned()));
    record.started(&book.engine.submit(request.to_job(Instant::now())));
    open.follow(None).await;
    let job = record.job();
    assert_eq!(job.state(), v1::JobState::Superseded);
    assert_eq!(job.reason, "generation 1 of chain 'main'");
}
