//! The whole journal: group commit, and a disk that fails and recovers.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::*;

fn submission(number: u8) -> Submission {
    Submission {
        id: JobId([number; 16]),
        tenant: "t".to_owned(),
        request_id: format!("r{number}"),
        fingerprint: [number; 32],
        request: vec![number; 2000].into(),
        epoch: 1,
        submitted_unix_ms: u64::from(100 - number),
        expires_unix_ms: 1000,
    }
}

fn end(seq: u64) -> End {
    End { seq, ended_unix_ms: seq, result: vec![1].into() }
}

fn submit(journal: &Journal, job: Submission) -> Receiver<Result<Submitted, Unavailable>> {
    let (told, answer) = channel();
    journal.submit(job, move |result| told.send(result).unwrap());
    answer
}

fn end_job(journal: &Journal, number: u8, end: End) -> Receiver<End> {
    let (told, answer) = channel();
    journal.end(JobId([number; 16]), end, move |end| told.send(end).unwrap());
    answer
}

fn note_tip(journal: &Journal, generation: u64) -> Receiver<Result<(), Unavailable>> {
    let (told, answer) = channel();
    journal.note_tip(tip("main", generation), move |result| told.send(result).unwrap());
    answer
}

fn tip(chain: &str, generation: u64) -> Tip {
    Tip { tenant: "t".to_owned(), chain: chain.to_owned(), generation, advanced_unix_ms: 9 }
}

/// A storage in memory that fails every change while it is told to.
#[derive(Clone, Debug)]
struct Disk {
    memory: Arc<InMemoryBackend>,
    is_full: Arc<AtomicBool>,
}

impl Disk {
    fn new() -> Self {
        Self { memory: Arc::new(InMemoryBackend::new()), is_full: Arc::default() }
    }

    fn check(&self) -> std::io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn start(&self, observe: Observe) -> (Journal, Recovered) {
        let again = self.clone();
        Journal::start(Store::on(self.clone()).unwrap(), Box::new(move || Store::on(again.clone())), observe).unwrap()
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> std::io::Result<u64> {
        self.memory.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.memory.read(offset, out)
    }

    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.check()?;
        self.memory.set_len(len)
    }

    fn sync_data(&self) -> std::io::Result<()> {
        self.check()?;
        self.memory.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.check()?;
        self.memory.write(offset, data)
    }
}

#[test]
fn jobs_come_back_in_the_order_of_their_submission() {
    let disk = Disk::new();
    let (journal, recovered) = disk.start(Arc::new(|_| {}));
    assert_eq!(recovered, Recovered { epoch: 1, ..Recovered::default() });
    // The times of `submission` fall with the number.
    let answers = [1, 2, 3].map(|number| submit(&journal, submission(number)));
    answers.iter().for_each(|answer| assert_eq!(answer.recv().unwrap(), Ok(Submitted::New)));
    assert_eq!(end_job(&journal, 2, end(5)).recv().unwrap(), end(5));
    journal.close();
    let (_journal, recovered) = disk.start(Arc::new(|_| {}));
    assert_eq!(recovered.epoch, 2);
    let jobs: Vec<(u8, Option<End>)> =
        recovered.jobs.into_iter().map(|job| (job.submission.id.0[0], job.end)).collect();
    assert_eq!(jobs, [(3, None), (2, Some(end(5))), (1, None)]);
}

#[test]
fn everything_that_waits_is_one_commit() {
    let disk = Disk::new();
    let operations = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&operations);
    let (release, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let observe = move |commit: &Commit| {
        seen.lock().unwrap().push(commit.operations);
        // The writer waits here, so that the submissions below queue up.
        let _ = gate.lock().unwrap().recv();
    };
    let (journal, _) = disk.start(Arc::new(observe));
    let first = submit(&journal, submission(1));
    release.send(()).unwrap();
    assert_eq!(first.recv().unwrap(), Ok(Submitted::New));
    let second = submit(&journal, submission(2));
    while operations.lock().unwrap().len() < 2 {
        std::thread::yield_now();
    }
    let rest: Vec<_> = (3..40).map(|number| submit(&journal, submission(number))).collect();
    drop(release);
    for answer in rest.iter().chain([&second]) {
        assert_eq!(answer.recv().unwrap(), Ok(Submitted::New));
    }
    journal.close();
    assert_eq!(*operations.lock().unwrap(), [1, 1, 37]);
}

#[test]
fn a_full_disk_refuses_jobs_keeps_ends_and_recovers() {
    let disk = Disk::new();
    let failures = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&failures);
    let observe = move |commit: &Commit| {
        counted.fetch_add(usize::from(!commit.is_written), Ordering::SeqCst);
    };
    let (journal, _) = disk.start(Arc::new(observe));
    assert_eq!(submit(&journal, submission(1)).recv().unwrap(), Ok(Submitted::New));

    disk.is_full.store(true, Ordering::SeqCst);
    let refused = submit(&journal, submission(2)).recv().unwrap();
    assert!(matches!(refused, Err(Unavailable::Failed { .. })), "{refused:?}");
    assert_eq!(failures.load(Ordering::SeqCst), 1);
    assert!(journal.health().failing.is_some());
    // Refused at once: nothing waits for the disk.
    assert!(submit(&journal, submission(3)).try_recv().unwrap().is_err());
    let ended = end_job(&journal, 1, end(4));
    assert!(ended.try_recv().is_err(), "an end is reported only once it is on the disk");
    let (told, noted) = channel();
    journal.note_progress(JobId([1; 16]), Progress::default(), move |is_written| told.send(is_written).unwrap());
    assert_eq!(noted.recv(), Ok(false));
    assert!(note_tip(&journal, 3).recv().unwrap().is_err());

    disk.is_full.store(false, Ordering::SeqCst);
    assert_eq!(ended.recv().unwrap(), end(4));
    assert_eq!(journal.health().failing, None);
    assert_eq!(submit(&journal, submission(4)).recv().unwrap(), Ok(Submitted::New));
    journal.close();
    let (_journal, recovered) = disk.start(Arc::new(|_| {}));
    let found: Vec<u8> = recovered.jobs.iter().map(|job| job.submission.id.0[0]).collect();
    assert_eq!(found, [4, 1], "exactly the jobs that were acknowledged");
    assert_eq!(recovered.jobs[1].end, Some(end(4)));
    assert_eq!(recovered.tips, []);
}

#[test]
fn the_latest_tip_of_each_chain_comes_back_until_it_is_forgotten() {
    let disk = Disk::new();
    let (journal, _) = disk.start(Arc::new(|_| {}));
    for generation in [3, 4] {
        assert_eq!(note_tip(&journal, generation).recv().unwrap(), Ok(()));
    }
    let (told, answer) = channel();
    journal.note_tip(tip("side", 1), move |result| told.send(result).unwrap());
    assert_eq!(answer.recv().unwrap(), Ok(()));
    journal.close();
    let (journal, recovered) = disk.start(Arc::new(|_| {}));
    assert_eq!(recovered.tips, [tip("main", 4), tip("side", 1)]);
    journal.forget_tips(vec![("t".to_owned(), "main".to_owned()), ("t".to_owned(), "unknown".to_owned())]);
    journal.close();
    assert_eq!(disk.start(Arc::new(|_| {})).1.tips, [tip("side", 1)]);
}

#[test]
fn a_closed_journal_refuses_what_comes_later() {
    let disk = Disk::new();
    let (journal, _) = disk.start(Arc::new(|_| {}));
    journal.close();
    assert_eq!(submit(&journal, submission(1)).recv().unwrap(), Err(Unavailable::Closed));
    assert!(end_job(&journal, 1, end(1)).recv().is_err());
    journal.close();
}

#[test]
fn a_failing_journal_can_be_closed() {
    let disk = Disk::new();
    let (journal, _) = disk.start(Arc::new(|_| {}));
    disk.is_full.store(true, Ordering::SeqCst);
    assert!(submit(&journal, submission(1)).recv().unwrap().is_err());
    let ended = end_job(&journal, 1, end(1));
    journal.close();
    assert!(ended.recv().is_err(), "the end was not written");
}
