//! Jobs: submitted once, shared, cancelled, superseded, listed, limited.

use cityseal_client::{ClientError, DeviceKind, JobState, SealOutcome};
use cityseal_proto::v1;
use cityseal_service::Limits;
use cityseal_service::limits::{JOBS_RUNNING_PER_TENANT_MAX, MESSAGE_BYTES_MAX, NAME_BYTES_MAX};
use prost::bytes::Bytes;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::support::{easy, endless, field, hardest, loopback, reason, request, start, start_with, submission};

#[tokio::test]
async fn a_job_is_sealed_and_the_seal_is_confirmed_by_the_client() {
    let service = start().await;
    let answer = service.client().await.seal(&request(easy(1, 256)).generation(7)).await.unwrap();
    assert_eq!((answer.outcome, answer.seals.len()), (SealOutcome::Sealed, 1));
    assert!(answer.devices.iter().map(|share| share.hashes).sum::<u64>() > 0);
    assert!(answer.devices.iter().all(|share| share.kind == DeviceKind::Cpu));
}

#[tokio::test]
async fn a_whole_space_is_searched_and_its_coverage_sent() {
    let service = start().await;
    let answer = service.client().await.seal(&request(easy(2, 512)).all(true)).await.unwrap();
    assert_eq!((answer.outcome, answer.hashes), (SealOutcome::Sealed, 512));
    assert!(answer.seals.len() > 100, "every second nonce seals: {}", answer.seals.len());
    let covered = answer.coverage.iter().map(|span| u64::from(span.nonce_last - span.nonce_first) + 1);
    assert_eq!(covered.sum::<u64>(), 512);
    let is_listed = |name: &str| answer.devices.iter().any(|share| share.name == name);
    assert!(answer.coverage.iter().all(|span| is_listed(&span.device)));
}

#[tokio::test]
async fn a_space_without_a_seal_is_exhausted() {
    let service = start().await;
    let answer = service.client().await.seal(&request(easy(3, 4096).with_target(hardest()))).await.unwrap();
    assert_eq!((answer.outcome, answer.hashes), (SealOutcome::Exhausted, 4096));
}

#[tokio::test]
async fn more_seals_than_allowed_fail_the_job_with_a_reason() {
    let service = start().await;
    let answer = service.client().await.seal(&request(easy(4, 512)).all(true).seals_max(3)).await.unwrap();
    let SealOutcome::Failed { reason } = answer.outcome else { panic!("{:?}", answer.outcome) };
    assert!(reason.contains("more than 3 seals"), "{reason}");
}

#[tokio::test]
async fn many_jobs_share_the_devices_and_each_finishes() {
    let service = start().await;
    let client = service.client().await;
    let mut calls = tokio::task::JoinSet::new();
    for salt in 0..40 {
        let client = client.clone();
        let request = request(easy(salt, 4096)).tenant(format!("tenant {}", salt % 4)).priority(salt as u8);
        calls.spawn(async move { client.seal(&request.all(true)).await.unwrap() });
    }
    let answers = calls.join_all().await;
    assert_eq!(answers.len(), 40);
    assert!(answers.iter().all(|answer| answer.outcome == SealOutcome::Sealed && answer.hashes == 4096));
}

#[tokio::test]
async fn a_job_ends_while_another_never_does() {
    let service = start().await;
    let client = service.client().await;
    let endless = client.submit(&request(endless(1))).await.unwrap();
    let answer = client.seal(&request(easy(5, 256))).await.unwrap();
    assert_eq!(answer.outcome, SealOutcome::Sealed);
    assert_eq!(client.job(&endless.id).await.unwrap().job.state, JobState::Running);
}

#[tokio::test]
async fn the_same_request_gets_the_job_of_the_first() {
    let mut sealer = start().await.sealer().await;
    let message = submission("once", &easy(6, 256));
    let first = sealer.submit_seal(message.clone()).await.unwrap().into_inner();
    let second = sealer.submit_seal(message).await.unwrap().into_inner();
    assert_eq!((first.replayed, second.replayed), (false, true));
    assert_eq!(first.job.unwrap().id, second.job.unwrap().id);
}

#[tokio::test]
async fn a_request_id_with_other_content_is_refused_but_other_tenants_may_use_it() {
    let mut sealer = start().await.sealer().await;
    let message = submission("once", &easy(7, 256));
    let first = sealer.submit_seal(message.clone()).await.unwrap().into_inner().job.unwrap();
    let other = v1::SubmitSealRequest { generation: 1, ..message.clone() };
    let status = sealer.submit_seal(other).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    assert!(status.message().contains(&first.id), "{status:?}");
    let neighbour = v1::SubmitSealRequest { tenant: "neighbour".to_owned(), ..message };
    let second = sealer.submit_seal(neighbour).await.unwrap().into_inner();
    assert!(!second.replayed && second.job.unwrap().id != first.id);
}

#[tokio::test]
async fn a_cancelled_job_ends_and_names_the_canceller() {
    let client = start().await.client().await;
    let job = client.submit(&request(endless(2))).await.unwrap();
    client.cancel(&job.id, "the mayor").await.unwrap();
    let (job, _) = crate::watching::end_of(&client, &job.id).await;
    let by_the_mayor = JobState::Ended(SealOutcome::Cancelled { by: "the mayor".to_owned() });
    assert_eq!(job.state, by_the_mayor);
    let again = client.cancel(&job.id, "too late").await.unwrap();
    assert_eq!(again.state, by_the_mayor);
}

#[tokio::test]
async fn a_job_past_its_deadline_expires() {
    let client = start().await.client().await;
    let request = request(endless(3)).deadline(std::time::Duration::from_millis(1));
    let answer = client.seal(&request).await.unwrap();
    assert_eq!(answer.outcome, SealOutcome::Expired);
}

#[tokio::test]
async fn a_superseded_job_ends_and_names_its_successor() {
    let client = start().await.client().await;
    let old = client.submit(&request(endless(4)).generation(5)).await.unwrap();
    let new = client.submit(&request(easy(8, 256)).generation(5).supersedes(&old.id)).await.unwrap();
    let (old, _) = crate::watching::end_of(&client, &old.id).await;
    assert_eq!(old.state, JobState::Ended(SealOutcome::Superseded { by: new.id }));
}

#[tokio::test]
async fn an_older_generation_does_not_supersede_a_newer_one() {
    let mut sealer = start().await.sealer().await;
    let newer = v1::SubmitSealRequest { generation: 5, ..submission("newer", &endless(5)) };
    let newer = sealer.submit_seal(newer).await.unwrap().into_inner().job.unwrap();
    let supersedes_job_id = newer.id.clone();
    let stale = v1::SubmitSealRequest { generation: 4, supersedes_job_id, ..submission("stale", &easy(9, 256)) };
    let status = sealer.submit_seal(stale).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "STALE_GENERATION"));
    assert_eq!(status.get_details_precondition_failure().unwrap().violations[0].subject, newer.id);
}

#[tokio::test]
async fn another_tenants_job_cannot_be_superseded_or_distinguished_from_an_unknown_one() {
    let mut sealer = start().await.sealer().await;
    let job = sealer.submit_seal(submission("mine", &endless(6))).await.unwrap().into_inner().job.unwrap();
    let theirs = v1::SubmitSealRequest {
        tenant: "neighbour".to_owned(),
        supersedes_job_id: job.id,
        ..submission("theirs", &easy(10, 256))
    };
    let status = sealer.submit_seal(theirs).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "JOB_NOT_FOUND"));
}

#[tokio::test]
async fn an_unknown_job_is_not_found_by_any_call() {
    let mut sealer = start().await.sealer().await;
    let known = sealer.submit_seal(submission("known", &easy(11, 256))).await.unwrap().into_inner().job.unwrap().id;
    let (upper, other) = (known.to_uppercase(), format!("{known}0"));
    let ids = ["", "x", "1-1", &"0".repeat(32), &upper, &other, &"y".repeat(5000)];
    for job_id in ids.map(str::to_owned) {
        let statuses = [
            sealer.get_job(v1::GetJobRequest { job_id: job_id.clone() }).await.unwrap_err(),
            sealer.watch_job(v1::WatchJobRequest { job_id: job_id.clone(), from_seq: 0 }).await.unwrap_err(),
            sealer.cancel_job(v1::CancelJobRequest { job_id, cancelled_by: String::new() }).await.unwrap_err(),
        ];
        for status in statuses {
            assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "JOB_NOT_FOUND"));
        }
    }
}

#[tokio::test]
async fn a_list_is_paged_without_gaps_or_duplicates() {
    let mut sealer = start().await.sealer().await;
    let mut submitted = Vec::new();
    for salt in 0..5 {
        let message = submission(&format!("job {salt}"), &easy(20 + salt, 64));
        submitted.push(sealer.submit_seal(message).await.unwrap().into_inner().job.unwrap().id);
    }
    let (mut listed, mut page_token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = v1::ListJobsRequest { page_size: 2, page_token, tenant: None };
        let page = sealer.list_jobs(request).await.unwrap().into_inner();
        listed.extend(page.jobs.into_iter().map(|job| job.id));
        (page_token, pages) = (page.next_page_token, pages + 1);
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!((listed, pages), (submitted, 3));
}

#[tokio::test]
async fn a_list_can_be_limited_to_one_tenant_and_an_invented_token_is_refused() {
    let mut sealer = start().await.sealer().await;
    for (name, tenant) in [("a", "north"), ("b", "south"), ("c", "north")] {
        let message = v1::SubmitSealRequest { tenant: tenant.to_owned(), ..submission(name, &easy(30, 64)) };
        sealer.submit_seal(message).await.unwrap();
    }
    let of = |tenant: &str| v1::ListJobsRequest { tenant: Some(tenant.to_owned()), ..Default::default() };
    let north = sealer.list_jobs(of("north")).await.unwrap().into_inner();
    assert_eq!(north.jobs.iter().map(|job| job.request_id.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert!(sealer.list_jobs(of("")).await.unwrap().into_inner().jobs.is_empty());
    let made_up = v1::ListJobsRequest { page_token: "7".to_owned(), ..Default::default() };
    assert_eq!(field(&sealer.list_jobs(made_up).await.unwrap_err()), "page_token");
}

#[tokio::test]
async fn a_request_id_replays_after_another_tenants_flood_of_jobs() {
    // More than the 1,024 ended jobs that an earlier version kept over all tenants.
    const FLOOD: u32 = 1_100;
    let service = start().await;
    let mine = submission("mine", &easy(1, 4));
    let first = service.sealer().await.submit_seal(mine.clone()).await.unwrap().into_inner().job.unwrap();
    let client = service.client().await;
    let mut flood = tokio::task::JoinSet::new();
    for part in 0..10 {
        let client = client.clone();
        flood.spawn(async move {
            for salt in (part..FLOOD).step_by(10) {
                client.seal(&request(easy(salt, 4).with_target(hardest())).tenant("flood")).await.unwrap();
            }
        });
    }
    flood.join_all().await;
    let again = service.sealer().await.submit_seal(mine).await.unwrap().into_inner();
    assert_eq!((again.replayed, again.job.unwrap().id), (true, first.id));
}

fn tip(chain: &str, generation: u64) -> v1::AdvanceTipRequest {
    v1::AdvanceTipRequest { tenant: String::new(), chain: chain.to_owned(), generation }
}

#[tokio::test]
async fn a_new_tip_supersedes_all_older_jobs_of_its_chain_in_one_call() {
    let service = start().await;
    let (mut sealer, client) = (service.sealer().await, service.client().await);
    let of = |name: &str, chain: &str, generation| v1::SubmitSealRequest {
        chain: chain.to_owned(),
        generation,
        ..submission(name, &endless(1))
    };
    let mut ids = Vec::new();
    for message in [of("a", "main", 1), of("b", "main", 2), of("c", "main", 3), of("d", "side", 1), of("e", "", 1)] {
        ids.push(sealer.submit_seal(message).await.unwrap().into_inner().job.unwrap().id);
    }
    let neighbour = v1::SubmitSealRequest { tenant: "neighbour".to_owned(), ..of("a", "main", 1) };
    ids.push(sealer.submit_seal(neighbour).await.unwrap().into_inner().job.unwrap().id);
    assert_eq!(sealer.advance_tip(tip("main", 3)).await.unwrap().into_inner().superseded, 2);
    for id in &ids[..2] {
        let by = "generation 3 of chain 'main'".to_owned();
        let (job, _) = crate::watching::end_of(&client, id).await;
        assert_eq!(job.state, JobState::Ended(SealOutcome::Superseded { by }));
    }
    for id in &ids[2..] {
        assert_eq!(client.job(id).await.unwrap().job.state, JobState::Running);
    }
    assert_eq!(client.advance_tip("", "main", 3).await.unwrap(), 0);
}

#[tokio::test]
async fn a_submission_or_tip_older_than_the_chains_tip_is_refused() {
    let mut sealer = start().await.sealer().await;
    let of = |name: &str, generation| v1::SubmitSealRequest {
        chain: "main".to_owned(),
        generation,
        ..submission(name, &easy(1, 4))
    };
    sealer.submit_seal(of("before", 1)).await.unwrap();
    sealer.advance_tip(tip("main", 5)).await.unwrap();
    for status in
        [sealer.submit_seal(of("stale", 4)).await.unwrap_err(), sealer.advance_tip(tip("main", 4)).await.unwrap_err()]
    {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "STALE_GENERATION"));
        assert_eq!(status.get_details_precondition_failure().unwrap().violations[0].subject, "main");
    }
    assert!(sealer.submit_seal(of("before", 1)).await.unwrap().into_inner().replayed, "a replay is no new submission");
    sealer.submit_seal(of("current", 5)).await.unwrap();
    assert_eq!(field(&sealer.advance_tip(tip("", 1)).await.unwrap_err()), "chain");
}

#[tokio::test]
async fn a_tenant_at_its_job_limit_is_refused_and_others_are_not() {
    let mut sealer = start().await.sealer().await;
    let mut last = String::new();
    for salt in 0..JOBS_RUNNING_PER_TENANT_MAX as u32 {
        let message = submission(&format!("job {salt}"), &endless(salt));
        last = sealer.submit_seal(message).await.unwrap().into_inner().job.unwrap().id;
    }
    let status = sealer.submit_seal(submission("one more", &endless(999))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "QUOTA_EXCEEDED"));
    assert_eq!(status.get_details_quota_failure().unwrap().violations[0].subject, "tenant ''");
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    let neighbour = v1::SubmitSealRequest { tenant: "neighbour".to_owned(), ..submission("one more", &easy(1, 64)) };
    sealer.submit_seal(neighbour).await.unwrap();
    let in_its_place = v1::SubmitSealRequest { supersedes_job_id: last, ..submission("instead", &easy(1, 64)) };
    sealer.submit_seal(in_its_place).await.unwrap();
}

#[tokio::test]
async fn an_invalid_field_is_named() {
    let mut sealer = start().await.sealer().await;
    let good = || submission("r", &easy(1, 64));
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let header_of = |len: usize| Some(v1::SealTemplate { header: vec![0; len].into(), ..good().template.unwrap() });
    let wrong = [
        ("request_id", v1::SubmitSealRequest { request_id: String::new(), ..good() }),
        ("request_id", v1::SubmitSealRequest { request_id: long.clone(), ..good() }),
        ("tenant", v1::SubmitSealRequest { tenant: long, ..good() }),
        ("priority", v1::SubmitSealRequest { priority: 256, ..good() }),
        ("target", v1::SubmitSealRequest { target: vec![0; 32].into(), ..good() }),
        ("template", v1::SubmitSealRequest { template: None, ..good() }),
        ("template.header", v1::SubmitSealRequest { template: header_of(81), ..good() }),
    ];
    for (path, message) in wrong {
        let status = sealer.submit_seal(message).await.unwrap_err();
        assert_eq!((status.code(), field(&status).as_str()), (Code::InvalidArgument, path));
        assert_eq!(reason(&status), "INVALID_FIELD");
    }
}

#[tokio::test]
async fn a_message_larger_than_the_limit_is_refused() {
    let mut sealer = start().await.sealer().await;
    let mut message = submission("large", &easy(1, 64));
    let prefix = Bytes::from(vec![0; MESSAGE_BYTES_MAX]);
    let coinbase = v1::Coinbase { prefix, extranonce_size_bytes: 4, ..Default::default() };
    message.template.as_mut().unwrap().coinbase = Some(coinbase);
    let status = sealer.submit_seal(message).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    assert!(status.message().contains("limit"), "{status:?}");
}

#[tokio::test]
async fn the_client_reports_a_refusal_by_its_reason() {
    let client = start().await.client().await;
    let ClientError::Refused { code, reason, .. } = client.job("x").await.unwrap_err() else { panic!("not refused") };
    assert_eq!((code, reason.as_str()), (Code::NotFound, "JOB_NOT_FOUND"));
}

#[tokio::test]
async fn the_limits_of_the_configuration_are_in_force() {
    let mut limits = Limits::default();
    (limits.jobs_per_tenant, limits.ended_jobs_per_tenant) = (1, 1);
    (limits.watchers, limits.uploads) = (1, 1);
    let service = start_with(loopback().limits(limits)).await;
    let client = service.client().await;
    for salt in [20, 21] {
        client.seal(&request(easy(salt, 256))).await.unwrap();
    }
    let mut sealer = service.sealer().await;
    let list = v1::ListJobsRequest::default();
    assert_eq!(sealer.list_jobs(list).await.unwrap().into_inner().jobs.len(), 1, "the older job was dropped");
    let job = sealer.submit_seal(submission("first", &endless(22))).await.unwrap().into_inner().job.unwrap();
    let is_refused = |status: Status, words: &str| {
        assert_eq!(reason(&status), "QUOTA_EXCEEDED");
        assert!(status.message().contains(words), "{status:?}");
    };
    is_refused(sealer.submit_seal(submission("second", &endless(23))).await.unwrap_err(), "1 running jobs");
    let watch = v1::WatchJobRequest { job_id: job.id, from_seq: 0 };
    let watching = sealer.watch_job(watch.clone()).await.unwrap();
    is_refused(sealer.watch_job(watch).await.unwrap_err(), "1 watchers");
    let (_begun, messages) = tokio::sync::mpsc::channel(1);
    let uploading = service.verifier().await.verify_chain(ReceiverStream::new(messages)).await.unwrap();
    let (_another, messages) = tokio::sync::mpsc::channel(1);
    is_refused(service.verifier().await.verify_chain(ReceiverStream::new(messages)).await.unwrap_err(), "1 uploads");
    drop((watching, uploading));
}
