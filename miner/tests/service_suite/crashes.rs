//! A service with a journal that is killed: what it acknowledged is there afterwards, once, and continues.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use cityseal_proto::v1;
use cityseal_proto::v1::seal_service_client::SealServiceClient;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::binary::Serve;
use crate::support::{Folder, easy, endless, hardest, submission};

/// How often the service is killed; `cargo xtask soak crash` sets more.
const ROUNDS: &str = "CITYSEAL_CRASH_ROUNDS";

/// Rounds by default: one of each kind.
const ROUNDS_DEFAULT: u32 = 4;

/// Jobs that are submitted at once in each round.
const BURST: usize = 8;

/// Events of a job in 5 s: they come every 200 ms at most. One more, because the service writes them in between.
const EVENTS_IN_5_S: usize = 26;

/// Starts the binary's service with a journal.
pub(crate) fn serve(state: &Path) -> Serve {
    Serve::start_with(&["--state", state.to_str().unwrap()])
}

pub(crate) async fn sealer(serve: &Serve) -> SealServiceClient<Channel> {
    SealServiceClient::connect(format!("http://{}", serve.address)).await.unwrap()
}

pub(crate) async fn submit(
    sealer: &SealServiceClient<Channel>,
    message: v1::SubmitSealRequest,
) -> Result<v1::SubmitSealResponse, Status> {
    Ok(sealer.clone().submit_seal(message).await?.into_inner())
}

pub(crate) async fn get(
    sealer: &SealServiceClient<Channel>,
    job_id: &str,
) -> Result<(v1::Job, Option<v1::SealResult>), Status> {
    let answer = sealer.clone().get_job(v1::GetJobRequest { job_id: job_id.to_owned() }).await?.into_inner();
    Ok((answer.job.unwrap(), answer.result))
}

pub(crate) async fn watch(
    sealer: &SealServiceClient<Channel>,
    job_id: &str,
    from_seq: u64,
) -> Streaming<v1::WatchJobResponse> {
    let request = v1::WatchJobRequest { job_id: job_id.to_owned(), from_seq };
    sealer.clone().watch_job(request).await.unwrap().into_inner()
}

pub(crate) async fn end_of(sealer: &SealServiceClient<Channel>, job_id: &str) -> v1::Job {
    let mut events = watch(sealer, job_id, 0).await;
    let mut last = None;
    while let Some(event) = events.message().await.unwrap() {
        last = event.job;
    }
    last.unwrap()
}

/// A job as it is shown, without what differs between runs of the service.
fn without_epoch(job: v1::Job) -> v1::Job {
    v1::Job { epoch: 0, ..job }
}

/// What the callers of the killed service know.
#[derive(Default)]
struct Known {
    /// By request id: the message, and the job's id if a call was answered.
    submissions: BTreeMap<String, (v1::SubmitSealRequest, Option<String>)>,
    /// By job id: the first end that was seen.
    ends: BTreeMap<String, (v1::Job, Option<v1::SealResult>)>,
    epoch: u64,
    figures: Figures,
}

/// What the rounds showed.
#[derive(Debug, Default)]
struct Figures {
    rounds: u32,
    /// Submissions that were in the journal although no call was answered.
    unanswered_but_kept: u32,
    replays: u32,
    /// The most hashes that a round searched again, and the same in seconds at the job's rate.
    again_max: u64,
    again_max_s: f64,
}

impl Known {
    /// Checks the answer to a submission against those before.
    fn answered(&mut self, answer: &v1::SubmitSealResponse) {
        let job = answer.job.as_ref().unwrap();
        let (_, id) = self.submissions.get_mut(&job.request_id).unwrap();
        if let Some(id) = id {
            assert_eq!((&*id, answer.replayed), (&job.id, true), "the same request is the same job");
            self.figures.replays += 1;
        } else {
            self.figures.unanswered_but_kept += u32::from(answer.replayed);
            *id = Some(job.id.clone());
        }
    }

    /// Checks that every job is there once, with the end that was seen before, if any. Only jobs from round `from` on
    /// are looked at one by one.
    async fn check(&mut self, sealer: &SealServiceClient<Channel>, from: u32) {
        let is_recent = |request_id: &str| round_of(request_id).is_none_or(|round| round >= from);
        let recent = self.submissions.iter().filter(|(id, (_, job))| job.is_none() || is_recent(id));
        // Every request again: those without an answer get one.
        let messages: Vec<v1::SubmitSealRequest> = recent.map(|(_, (message, _))| message.clone()).collect();
        for message in messages {
            let request_id = message.request_id.clone();
            let answer = submit(sealer, message).await.unwrap();
            self.answered(&answer);
            let (job, result) = get(sealer, &answer.job.unwrap().id).await.unwrap();
            assert_eq!(job.request_id, request_id);
            if job.state() == v1::JobState::Running {
                assert!(!self.ends.contains_key(&job.id), "a job that had ended runs again");
                continue;
            }
            let now = (without_epoch(job), result);
            let first = self.ends.entry(now.0.id.clone()).or_insert_with(|| now.clone());
            assert_eq!(first, &now, "a job has one end");
        }
        assert_eq!(self.list(sealer).await, self.submissions.len(), "no job was lost or doubled");
    }

    async fn list(&mut self, sealer: &SealServiceClient<Channel>) -> usize {
        let (mut count, mut page_token) = (0, String::new());
        loop {
            let request = v1::ListJobsRequest { page_token, ..Default::default() };
            let page = sealer.clone().list_jobs(request).await.unwrap().into_inner();
            count += page.jobs.len();
            self.epoch = page.epoch;
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return count;
            }
        }
    }
}

/// The round of a request id; the long job has none.
fn round_of(request_id: &str) -> Option<u32> {
    request_id.split_once('-').map(|(round, _)| round.parse().unwrap())
}

/// The job that runs through all rounds.
#[derive(Default)]
struct LongJob {
    id: String,
    next_seq: u64,
    /// Hashes at the latest events of this run of the service.
    hashes: VecDeque<u64>,
    /// Hashes at its start.
    resumed: u64,
    rate_hz: f64,
}

impl LongJob {
    /// Reads events until `count` more were seen, or the service has gone.
    async fn follow(&mut self, events: &mut Streaming<v1::WatchJobResponse>, count: usize) {
        for _ in 0..count {
            let Ok(Some(event)) = events.message().await else { return };
            assert!(event.seq >= self.next_seq, "no number is given twice");
            let job = event.job.unwrap();
            self.next_seq = event.seq + 1;
            self.rate_hz = job.rate_hz;
            self.hashes.push_back(job.hashes);
            if self.hashes.len() > EVENTS_IN_5_S {
                self.hashes.pop_front();
            }
        }
    }

    /// The first event after a restart: not more than 5 s are searched again.
    async fn resume(&mut self, events: &mut Streaming<v1::WatchJobResponse>, figures: &mut Figures) {
        let before = std::mem::take(&mut self.hashes);
        let rate_hz = self.rate_hz;
        self.follow(events, 1).await;
        let now = self.hashes[0];
        let least = if before.len() < EVENTS_IN_5_S { self.resumed } else { before[0] };
        assert!(now >= least, "{now} hashes after the restart, expected at least {least}; before: {before:?}");
        self.resumed = now;
        let again = before.back().map_or(0, |last| last.saturating_sub(now));
        if again > figures.again_max {
            figures.again_max = again;
            figures.again_max_s = again as f64 / rate_hz;
        }
    }
}

/// Starts a service, checks everything that was acknowledged, submits a burst, and kills the service in the middle.
async fn round(number: u32, state: &Path, known: &mut Known, long: &mut LongJob) {
    let serve = serve(state);
    let sealer = sealer(&serve).await;
    let epoch = known.epoch;
    if long.id.is_empty() {
        let message = submission("long", &endless(0));
        known.submissions.insert("long".to_owned(), (message.clone(), None));
        let answer = submit(&sealer, message).await.unwrap();
        known.answered(&answer);
        long.id = answer.job.unwrap().id;
    }
    let mut events = watch(&sealer, &long.id, long.next_seq).await;
    long.resume(&mut events, &mut known.figures).await;
    known.check(&sealer, number.saturating_sub(8)).await;
    assert!(known.epoch > epoch, "the epoch rises: {epoch}, {}", known.epoch);

    let mut calls = JoinSet::new();
    for index in 0..BURST {
        let request_id = format!("{number}-{index}");
        // Every second nonce seals; the last job has nothing to find and ends a little later.
        let template = easy(number * 100 + index as u32, 1 << 18);
        let template = if index == BURST - 1 { template.with_target(hardest()) } else { template };
        let message = submission(&request_id, &template);
        known.submissions.insert(request_id, (message.clone(), None));
        let sealer = sealer.clone();
        calls.spawn(async move { submit(&sealer, message).await });
    }
    match number % 4 {
        // During the submissions: after some of the answers.
        0 | 1 => {
            for _ in 0..=(number as usize / 4 % BURST) {
                known.answered(&calls.join_next().await.unwrap().unwrap().unwrap());
            }
        }
        // While jobs end: after one of them.
        2 => {
            let answer = calls.join_next().await.unwrap().unwrap().unwrap();
            known.answered(&answer);
            end_of(&sealer, &answer.job.unwrap().id).await;
        }
        // While the long job runs; in a soak also around its notes, every 4 s or 20 events.
        _ => {
            let is_long = number % 16 == 15;
            long.follow(&mut events, if is_long { EVENTS_IN_5_S - 6 + number as usize / 16 % 8 } else { 2 }).await;
        }
    }
    serve.signal("-KILL");
    // Answers that were on their way count.
    while let Some(answer) = calls.join_next().await {
        if let Ok(answer) = answer.unwrap() {
            known.answered(&answer);
        }
    }
    long.follow(&mut events, usize::MAX).await;
    serve.wait();
    known.figures.rounds += 1;
}

#[expect(clippy::print_stderr, reason = "the figures of a soak, and only here")]
fn report(known: &Known) {
    eprintln!("{} jobs; {:?}", known.submissions.len(), known.figures);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_loses_no_job_ends_each_once_and_continues_the_rest() {
    let rounds = std::env::var(ROUNDS).map_or(ROUNDS_DEFAULT, |rounds| rounds.parse().unwrap());
    let folder = Folder::new();
    let state = folder.path("state");
    let (mut known, mut long) = (Known::default(), LongJob { next_seq: 1, ..LongJob::default() });
    for number in 0..rounds {
        round(number, &state, &mut known, &mut long).await;
    }
    let serve = serve(&state);
    let sealer = sealer(&serve).await;
    known.check(&sealer, 0).await;
    for (request_id, (_, id)) in &known.submissions {
        if request_id != "long" {
            let job = end_of(&sealer, id.as_ref().unwrap()).await;
            let expected = if request_id.ends_with("-7") { v1::JobState::Exhausted } else { v1::JobState::Sealed };
            assert_eq!(job.state(), expected, "{request_id}: {}", job.reason);
        }
    }
    known.check(&sealer, 0).await;
    if std::env::var(ROUNDS).is_ok() {
        report(&known);
    }
}
