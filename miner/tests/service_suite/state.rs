//! The state folder: what it keeps, what it refuses, and a disk that is full.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cityseal_client::{Client, ClientOptions};
use cityseal_proto::v1;
use prost::bytes::Bytes;
use serde_json::Value;
use tonic::Code;

use crate::binary::Serve;
use crate::crashes::{end_of, get, sealer, serve, submit, watch};
use crate::schemas;
use crate::skip::skip;
use crate::support::{Folder, easy, endless, reason, submission};

/// Runs the binary until it ends, and returns its exit code and its answer as JSON.
fn run(arguments: &[&str]) -> (Option<i32>, Value) {
    let ended = Command::new(env!("CARGO_BIN_EXE_cityseal")).args(arguments).arg("--json").output().unwrap();
    (ended.status.code(), serde_json::from_slice(&ended.stdout).unwrap())
}

fn dump(state: &Path) -> Value {
    let (code, answer) = run(&["journal", "dump", state.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{answer}");
    schemas::check_is_exact("journal-dump", &answer);
    answer
}

/// The job with that value of a key.
fn row<'a>(dump: &'a Value, key: &str, value: &str) -> &'a Value {
    dump["jobs"].as_array().unwrap().iter().find(|job| job[key] == value).unwrap()
}

#[test]
fn a_state_folder_that_cannot_be_used_is_an_error_that_says_why() {
    let folder = Folder::new();
    let state = folder.path("state");
    let first = serve(&state);
    let start = |state: &Path| {
        run(&["serve", "--listen", "127.0.0.1:0", "--device", "cpu", "--state", state.to_str().unwrap()])
    };
    let error = |(code, answer): (Option<i32>, Value)| {
        assert_eq!(code, Some(2), "{answer}");
        schemas::check("error", &answer);
        (
            answer["error"]["reason"].as_str().unwrap().to_owned(),
            answer["error"]["message"].as_str().unwrap().to_owned(),
        )
    };
    for in_use in [error(start(&state)), error(run(&["journal", "dump", state.to_str().unwrap()]))] {
        assert!(in_use.0 == "journal-in-use" && in_use.1.contains("another process uses it"), "{in_use:?}");
    }
    first.signal("-KILL");
    first.wait();
    std::fs::write(state.join("journal.redb"), [0x5a; 9000]).unwrap();
    let damaged = error(start(&state));
    assert!(damaged.0 == "bad-journal" && damaged.1.contains("move the folder aside"), "{damaged:?}");
    let file = folder.file("file", b"");
    assert_eq!(error(start(&file.join("state"))).0, "cannot-read");
}

// Threads of its own: the client's connection must close while the test waits for the process.
#[tokio::test(flavor = "multi_thread")]
async fn a_drained_service_leaves_its_jobs_to_the_next_one_and_stale_ones_stay_ended() {
    let folder = Folder::new();
    let state = folder.path("state");
    let service = serve(&state);
    let client = sealer(&service).await;
    let of_chain = |request_id: &str, salt, generation| v1::SubmitSealRequest {
        chain: "main".to_owned(),
        generation,
        ..submission(request_id, &endless(salt))
    };
    let job = async |message| submit(&client, message).await.unwrap().job.unwrap().id;
    let (stale, current) = (job(of_chain("stale", 1, 4)).await, job(of_chain("current", 2, 5)).await);
    let sealed = job(submission("sealed", &easy(3, 256))).await;
    let tip = v1::AdvanceTipRequest { chain: "main".to_owned(), generation: 5, ..Default::default() };
    assert_eq!(client.clone().advance_tip(tip).await.unwrap().into_inner().superseded, 1);
    for id in [&stale, &sealed] {
        end_of(&client, id).await;
    }
    let before = get(&client, &current).await.unwrap().0;
    drop(client);
    assert_eq!(service.terminate(), Some(0));

    let answer = dump(&state);
    let of = |request_id: &str| row(&answer, "request_id", request_id);
    let states = ["stale", "current", "sealed"].map(|request_id| of(request_id)["state"].as_str().unwrap());
    assert_eq!(states, ["superseded", "running", "sealed"], "{answer}");
    assert_eq!((&answer["tips"][0]["generation"], &answer["epoch"]), (&"5".into(), &1.into()));
    let text = Command::new(env!("CARGO_BIN_EXE_cityseal")).args(["journal", "dump"]).arg(&state).output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("epoch 1: 3 jobs, 1 running; 1 tip") && text.contains("request 'sealed'"), "{text}");

    let service = serve(&state);
    let client = sealer(&service).await;
    // The watcher goes on by the job's id, from the number that it expected next.
    let mut events = watch(&client, &current, before.latest_seq + 1).await;
    let event = events.message().await.unwrap().unwrap();
    let noted: u64 = of("current")["hashes"].as_str().unwrap().parse().unwrap();
    assert!(event.seq > before.latest_seq && event.job.as_ref().unwrap().hashes == noted, "{event:?}, {answer}");
    assert!(event.job.unwrap().epoch > before.epoch);
    assert_eq!(get(&client, &stale).await.unwrap().0.state(), v1::JobState::Superseded);
    let late = submit(&client, of_chain("late", 6, 4)).await.unwrap_err();
    assert_eq!(reason(&late), "STALE_GENERATION", "the tip is known after the restart");
    let again = submit(&client, submission("sealed", &easy(3, 256))).await.unwrap();
    assert_eq!((again.replayed, again.job.unwrap().id), (true, sealed));
    let other = submit(&client, submission("sealed", &easy(4, 256))).await.unwrap_err();
    assert_eq!(reason(&other), "REQUEST_ID_REUSED");
}

/// A disk of which a test takes the rest, and gives it back.
struct Disk {
    folder: Folder,
    /// Only that much of the journal may be written; `None`: a small file system is full by itself.
    limited: Option<u32>,
    mounted: Option<PathBuf>,
}

impl Disk {
    fn state(&self) -> PathBuf {
        self.folder.path("disk/state")
    }

    /// Lets the journal's file grow no further.
    fn take(&mut self, serve: &Serve) {
        if self.mounted.is_none() {
            let len = std::fs::metadata(self.state().join("journal.redb")).unwrap().len();
            assert!(prlimit(serve.pid(), &format!("{len}:")));
            self.limited = Some(serve.pid());
        }
    }

    fn give_back(&self) {
        if let Some(pid) = self.limited {
            assert!(prlimit(pid, "unlimited:"));
        }
        if let Some(path) = &self.mounted {
            assert!(mount(&["-o", "remount,size=64m"], path));
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Some(path) = &self.mounted {
            drop(Command::new("umount").arg("-l").arg(path).status());
        }
    }
}

/// Sets the limit for the size of files that a process writes.
fn prlimit(pid: u32, limit: &str) -> bool {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &pid.to_string(), &format!("--fsize={limit}")]).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn mount(arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new("mount");
    command.args(arguments).arg(path).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A submission of about 100 kB.
fn large(number: u32) -> v1::SubmitSealRequest {
    let mut message = v1::SubmitSealRequest {
        tenant: format!("tenant {}", number / 32),
        ..submission(&format!("large {number}"), &endless(number))
    };
    let coinbase = v1::Coinbase {
        prefix: Bytes::from(vec![7; 99_000]),
        suffix: Bytes::from(vec![7; 100]),
        extranonce_size_bytes: 4,
        ..Default::default()
    };
    message.template.as_mut().unwrap().coinbase = Some(coinbase);
    message
}

/// Fills the disk of a service: new jobs are refused, the running ones go on, and nothing that was answered is lost.
async fn fill(mut disk: Disk) {
    let state = disk.state();
    // A write beyond the limit is an error for the service, as on a full disk, and not a signal.
    let mut command = Command::new("sh");
    command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#, env!("CARGO_BIN_EXE_cityseal")]);
    let service = Serve::start_as(command, &["--state", state.to_str().unwrap()], Stdio::null());
    let client = sealer(&service).await;
    let running = submit(&client, submission("running", &endless(0))).await.unwrap().job.unwrap().id;
    disk.take(&service);
    let mut acknowledged = Vec::new();
    let refused = loop {
        match submit(&client, large(acknowledged.len() as u32)).await {
            Ok(answer) => acknowledged.push(answer.job.unwrap().id),
            Err(status) => break status,
        }
        assert!(acknowledged.len() < 200, "the disk does not fill");
    };
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "JOURNAL_UNAVAILABLE"));
    let mut events = watch(&client, &running, 0).await;
    let hashes = get(&client, &running).await.unwrap().0.hashes;
    while events.message().await.unwrap().unwrap().job.unwrap().hashes <= hashes {}
    let cancel = v1::CancelJobRequest { job_id: running.clone(), cancelled_by: "the test".to_owned() };
    client.clone().cancel_job(cancel).await.unwrap();

    disk.give_back();
    // The client repeats its call until the journal can be written again.
    let patient = Client::connect(ClientOptions::new(format!("http://{}", service.address))).await.unwrap();
    let later = patient.submit(&crate::support::request(easy(1, 256)).request_id("later")).await.unwrap().id;
    assert_eq!(end_of(&client, &running).await.state(), v1::JobState::Cancelled);
    service.signal("-KILL");
    service.wait();
    let dumped = dump(&state);
    let kept = dumped["jobs"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned());
    let kept: BTreeSet<String> = kept.collect();
    let expected: BTreeSet<String> = acknowledged.into_iter().chain([running.clone(), later]).collect();
    assert_eq!(kept, expected, "exactly the acknowledged jobs");
    assert_eq!(row(&dumped, "id", &running)["state"], "cancelled");
}

#[tokio::test]
async fn a_journal_that_cannot_grow_refuses_jobs_and_keeps_all_others() {
    if !prlimit(std::process::id(), "unlimited:") {
        return skip("a_journal_that_cannot_grow_refuses_jobs_and_keeps_all_others", "prlimit", "it does not run here");
    }
    fill(Disk { folder: Folder::new(), limited: None, mounted: None }).await;
}

#[tokio::test]
async fn a_full_file_system_refuses_jobs_and_keeps_all_others() {
    let folder = Folder::new();
    let path = folder.path("disk");
    std::fs::create_dir(&path).unwrap();
    if !mount(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"], &path) {
        return skip("a_full_file_system_refuses_jobs_and_keeps_all_others", "tmpfs", "it may not be mounted here");
    }
    fill(Disk { folder, limited: None, mounted: Some(path) }).await;
}
