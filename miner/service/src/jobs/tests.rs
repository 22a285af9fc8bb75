//! Jobs whose task fails, and jobs that are stopped before the engine has them.

use cityseal_chain::{Network, Parameters};
use prost::bytes::Bytes;

use super::follow::BROKEN;
use super::*;
use crate::limits::JOBS_RUNNING_PER_TENANT_MAX;

fn book() -> Arc<JobBook> {
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    Arc::new(JobBook::new(engine, 8).unwrap())
}

/// A submission that no hash meets, over a space that cannot be exhausted.
fn message(request_id: &str) -> v1::SubmitSealRequest {
    let header = Parameters::of(Network::Regtest).genesis().to_wire();
    let mut target = [0; 32];
    target[0] = 1;
    let template =
        v1::SealTemplate { header: Bytes::copy_from_slice(&header), version_mask: 0x1fff_ffff, ..Default::default() };
    v1::SubmitSealRequest {
        request_id: request_id.to_owned(),
        template: Some(template),
        target: Bytes::copy_from_slice(&target),
        chain: "main".to_owned(),
        ..Default::default()
    }
}

fn endless(request_id: &str) -> JobRequest {
    JobRequest::read(message(request_id), &Caller::local()).unwrap()
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
    assert_eq!(book.advance(&record.about.tenant, "main", 1).unwrap().written().await, Ok(1));
    record.stop(Stop::Cancel("too late".to_owned()));
    record.started(&book.engine.submit(request.to_job(Instant::now())));
    open.follow(None).await;
    let job = record.job();
    assert_eq!(job.state(), v1::JobState::Superseded);
    assert_eq!(job.reason, "generation 1 of chain 'main'");
}

fn journaled(folder: &std::path::Path) -> (Arc<JobBook>, Vec<Unfinished>) {
    let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
    let limits = Limits { job_events: 8, ..Limits::default() };
    JobBook::open(engine, &limits, Arc::default(), folder).unwrap()
}

/// Ends a book as a crash does, except that the journal has written what waits.
fn crash(book: &JobBook) {
    book.suspended.send_replace(true);
    book.journal.as_ref().unwrap().close();
}

async fn submitted(book: &Arc<JobBook>, request: JobRequest) -> Arc<JobRecord> {
    let record = book.submit(request, &Caller::local(), None).unwrap().0;
    record.accepted().await.unwrap();
    record
}

async fn ended(record: &JobRecord) -> (v1::JobState, String) {
    record.wait_for_end().await;
    let job = record.job();
    (job.state(), job.reason)
}

#[tokio::test]
async fn a_job_continues_after_a_crash_with_what_was_noted_and_greater_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (book, unfinished) = journaled(folder.path());
    assert_eq!((book.epoch(), unfinished.len()), (1, 0));
    let record = submitted(&book, endless("r")).await;
    let mut latest = record.latest();
    while record.job().hashes == 0 {
        latest.changed().await.unwrap();
    }
    book.checkpoint();
    let noted = record.noted().unwrap().volume();
    assert!(noted > 0);
    let before = record.job();
    crash(&book);

    let (book, unfinished) = journaled(folder.path());
    let again = book.find(&record.id, &Caller::local()).unwrap();
    let job = again.job();
    assert_eq!((book.epoch(), u128::from(job.hashes), job.state()), (2, noted, v1::JobState::Running));
    assert!(job.latest_seq > before.latest_seq + SEQS_RESERVED, "{} after {}", job.latest_seq, before.latest_seq);
    assert_eq!(again.events_since(before.latest_seq + 1).unwrap()[0].seq, job.latest_seq);
    Arc::clone(&book).resume(unfinished).await;
    let mut latest = again.latest();
    while again.job().hashes <= job.hashes {
        latest.changed().await.unwrap();
    }
    again.stop(Stop::Cancel("the test".to_owned()));
    assert_eq!(ended(&again).await, (v1::JobState::Cancelled, "the test".to_owned()));
    let shown = again.now();
    crash(&book);

    let (book, unfinished) = journaled(folder.path());
    let third = book.find(&record.id, &Caller::local()).unwrap();
    let (job, result) = third.now();
    assert_eq!((v1::Job { epoch: 2, ..job }, result, unfinished.len()), (shown.0, shown.1, 0));
    let (replay, is_replay) = book.submit(endless("r"), &Caller::local(), None).unwrap();
    assert!(is_replay && replay.id == record.id);
    let other = v1::SubmitSealRequest { generation: 9, ..message("r") };
    let other = book.submit(JobRequest::read(other, &Caller::local()).unwrap(), &Caller::local(), None);
    assert!(matches!(other, Err(Refusal::RequestIdReused { .. })));
}

/// Writes submissions to a journal as a service does that crashes before it does anything else.
fn crashed_after(folder: &std::path::Path, messages: Vec<v1::SubmitSealRequest>, tip: u64, expires_unix_ms: u64) {
    let (journal, recovered) = Journal::open(folder).unwrap();
    for (index, message) in messages.into_iter().enumerate() {
        let submission = Submission {
            id: cityseal_journal::JobId([index as u8; 16]),
            tenant: String::new(),
            request_id: message.request_id.clone(),
            fingerprint: [0; 32],
            request: StoredRequest { message: message.encode_to_vec().into(), ..StoredRequest::default() }
                .encode_to_vec()
                .into(),
            epoch: recovered.epoch,
            submitted_unix_ms: index as u64,
            expires_unix_ms,
        };
        journal.submit(submission, |result| assert_eq!(result, Ok(Submitted::New)));
    }
    let tip = Tip { tenant: String::new(), chain: "main".to_owned(), generation: tip, advanced_unix_ms: unix_ms() };
    journal.note_tip(tip, |result| assert_eq!(result, Ok(())));
    journal.close();
}

/// Opens a journal and returns the ends of the jobs in it, in the order of their submission.
async fn ends_after_restart(folder: &std::path::Path) -> Vec<(v1::JobState, String)> {
    let (book, unfinished) = journaled(folder);
    let records = book.lock().after(0, None, usize::MAX);
    Arc::clone(&book).resume(unfinished).await;
    let mut ends = Vec::new();
    for record in &records {
        ends.push(ended(record).await);
    }
    ends
}

#[tokio::test]
async fn a_stale_or_replaced_job_is_not_searched_again_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let replaced = cityseal_journal::JobId([1; 16]).to_string();
    let messages = vec![
        v1::SubmitSealRequest { generation: 4, ..message("stale") },
        v1::SubmitSealRequest { generation: 5, ..message("replaced") },
        v1::SubmitSealRequest { generation: 4, supersedes_job_id: replaced, ..message("replacing and stale") },
        v1::SubmitSealRequest { generation: 5, priority: 256, ..message("refused") },
    ];
    crashed_after(folder.path(), messages, 5, u64::MAX);
    let by_tip = (v1::JobState::Superseded, "generation 5 of chain 'main'".to_owned());
    let by_job = (v1::JobState::Superseded, cityseal_journal::JobId([2; 16]).to_string());
    let ends = ends_after_restart(folder.path()).await;
    assert_eq!(ends[..3], [by_tip.clone(), by_job, by_tip]);
    assert!(ends[3].0 == v1::JobState::Failed && ends[3].1.contains("priority"), "{:?}", ends[3]);
}

#[tokio::test]
async fn a_job_that_expired_while_the_service_was_down_ends_so() {
    let folder = tempfile::tempdir().unwrap();
    crashed_after(folder.path(), vec![message("late")], 0, unix_ms());
    assert_eq!(ends_after_restart(folder.path()).await, [(v1::JobState::Expired, EXPIRED.to_owned())]);
}

#[tokio::test]
async fn a_job_that_the_journal_refuses_leaves_nothing_and_the_old_one_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (book, _) = journaled(folder.path());
    let old = submitted(&book, endless("old")).await;
    book.journal.as_ref().unwrap().close();
    let message = v1::SubmitSealRequest { supersedes_job_id: old.id.clone(), ..message("new") };
    let request = JobRequest::read(message, &Caller::local()).unwrap();
    let (new, _) = book.submit(request.clone(), &Caller::local(), None).unwrap();
    assert!(matches!(new.accepted().await, Err(Refusal::Journal { .. })));
    assert!(book.find(&new.id, &Caller::local()).is_err());
    assert_eq!(book.lock().running().len(), 1, "the old job");
    assert!(!book.submit(request, &Caller::local(), None).unwrap().1, "its request id is free");
    assert_eq!(old.job().state(), v1::JobState::Running);
    let tip = book.advance(&"".into(), "other", 1).unwrap().written().await;
    assert!(matches!(tip, Err(Refusal::Journal { .. })), "{tip:?}");
    old.stop(Stop::Cancel("the test".to_owned()));
}

#[tokio::test]
async fn a_suspended_book_ends_nothing_and_frees_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (book, _) = journaled(folder.path());
    let record = submitted(&book, endless("r")).await;
    book.suspend(std::time::Duration::from_mins(1)).await;
    assert!(!record.has_ended());
    let (book, unfinished) = journaled(folder.path());
    assert_eq!(unfinished.len(), 1);
    assert_eq!(book.find(&record.id, &Caller::local()).unwrap().job().state(), v1::JobState::Running);
}
