//! Watching: every event once, from any number that is kept; a watcher that disconnects does not end a job.

use cityseal_client::{ClaimedResult, Client, Job, JobEvent, JobState, SealOutcome};
use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use cityseal_proto::v1::watch_job_response::Event;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::support::{easy, endless, loopback, reason, request, start, start_with, submission};

/// Waits for the end of a job.
pub(crate) async fn end_of(client: &Client, job_id: &str) -> (Job, ClaimedResult) {
    let mut watch = client.watch(job_id, 0);
    while let Some(event) = watch.next().await.unwrap() {
        if let JobEvent::Ended { job, result } = event {
            return (job, result);
        }
    }
    panic!("job {job_id} ended without its end event")
}

async fn submit(sealer: &mut SealServiceClient<Channel>, message: v1::SubmitSealRequest) -> String {
    sealer.submit_seal(message).await.unwrap().into_inner().job.unwrap().id
}

async fn events(
    sealer: &mut SealServiceClient<Channel>,
    job_id: &str,
    from_seq: u64,
) -> Result<Vec<v1::WatchJobResponse>, Status> {
    let request = v1::WatchJobRequest { job_id: job_id.to_owned(), from_seq };
    let mut stream = sealer.watch_job(request).await?.into_inner();
    let mut events = Vec::new();
    while let Some(event) = stream.message().await? {
        events.push(event);
    }
    Ok(events)
}

#[tokio::test]
async fn a_watch_gives_every_event_from_acceptance_to_end() {
    let mut sealer = start().await.sealer().await;
    let id = submit(&mut sealer, submission("r", &easy(1, 256))).await;
    let events = events(&mut sealer, &id, 0).await.unwrap();
    assert!(events.iter().zip(1..).all(|(event, seq)| event.seq == seq), "numbered from 1 without gaps");
    assert!(matches!(events.first().unwrap().event, Some(Event::Accepted(_))));
    let Some(Event::Ended(result)) = &events.last().unwrap().event else { panic!("no end in {events:?}") };
    assert_eq!(result.seals.len(), 1);
    let got = sealer.get_job(v1::GetJobRequest { job_id: id }).await.unwrap().into_inner();
    assert_eq!((got.job, got.result), (events.last().unwrap().job.clone(), Some(result.clone())));
}

#[tokio::test]
async fn a_watch_from_a_later_event_skips_those_before() {
    let mut sealer = start().await.sealer().await;
    let id = submit(&mut sealer, submission("r", &easy(1, 256))).await;
    let all = events(&mut sealer, &id, 1).await.unwrap();
    let latest = all.len() as u64;
    assert_eq!(events(&mut sealer, &id, 2).await.unwrap(), all[1..]);
    assert_eq!(events(&mut sealer, &id, latest + 1).await.unwrap(), []);
}

#[tokio::test]
async fn an_event_beyond_the_next_is_out_of_range() {
    let mut sealer = start().await.sealer().await;
    let id = submit(&mut sealer, submission("r", &easy(1, 256))).await;
    let latest = events(&mut sealer, &id, 1).await.unwrap().len() as u64;
    let status = events(&mut sealer, &id, latest + 2).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "SEQ_OUT_OF_RANGE"));
    assert!(status.message().contains(&format!("1..={latest}")), "{status:?}");
}

#[tokio::test]
async fn an_event_that_is_no_longer_kept_is_out_of_range_and_the_client_continues_from_the_oldest() {
    let service = start_with(loopback().job_events_max(1)).await;
    let mut sealer = service.sealer().await;
    let id = submit(&mut sealer, submission("r", &easy(1, 256))).await;
    let client = service.client().await;
    end_of(&client, &id).await;
    let status = events(&mut sealer, &id, 1).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "SEQ_OUT_OF_RANGE"));
    let mut watch = client.watch(&id, 1);
    assert!(matches!(watch.next().await.unwrap(), Some(JobEvent::Ended { .. })));
    assert!(watch.next().await.unwrap().is_none());
}

#[tokio::test]
async fn a_watcher_sees_progress_and_disconnecting_does_not_end_the_job() {
    let client = start().await.client().await;
    let job = client.submit(&request(endless(1))).await.unwrap();
    let mut watch = client.watch(&job.id, 0);
    assert!(matches!(watch.next().await.unwrap(), Some(JobEvent::Accepted { .. })));
    let Some(JobEvent::Progress { job: moved }) = watch.next().await.unwrap() else { panic!("no progress") };
    assert!(moved.hashes > 0);
    drop(watch);
    let now = client.job(&job.id).await.unwrap();
    assert_eq!((now.job.state, now.result), (JobState::Running, None));
    client.cancel(&job.id, "").await.unwrap();
    let (ended, _) = end_of(&client, &job.id).await;
    assert_eq!(ended.state, JobState::Ended(SealOutcome::Cancelled { by: "a caller".to_owned() }));
}

#[tokio::test]
async fn two_watchers_of_one_job_see_the_same() {
    let mut sealer = start().await.sealer().await;
    let id = submit(&mut sealer, submission("r", &easy(1, 4096))).await;
    let mut second = sealer.clone();
    let (one, two) = tokio::join!(events(&mut sealer, &id, 1), events(&mut second, &id, 1));
    assert_eq!(one.unwrap(), two.unwrap());
}

#[tokio::test]
async fn a_watch_ends_at_its_callers_deadline_and_the_job_continues() {
    let service = start().await;
    let mut sealer = service.sealer().await;
    let id = submit(&mut sealer, submission("r", &endless(1))).await;
    let mut request = tonic::Request::new(v1::WatchJobRequest { job_id: id.clone(), from_seq: 0 });
    request.metadata_mut().insert("grpc-timeout", "1m".parse().unwrap());
    let status = match sealer.watch_job(request).await {
        Err(status) => status,
        Ok(stream) => {
            let mut stream = stream.into_inner();
            loop {
                match stream.message().await {
                    Ok(message) => assert!(message.is_some(), "the job does not end by itself"),
                    Err(status) => break status,
                }
            }
        }
    };
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    let job = sealer.get_job(v1::GetJobRequest { job_id: id }).await.unwrap().into_inner().job.unwrap();
    assert_eq!(job.state(), v1::JobState::Running);
}
