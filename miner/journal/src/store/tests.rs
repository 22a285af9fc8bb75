//! The store on the disk, and on a storage whose power is cut after every write.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use prost::bytes::Bytes;
use redb::StorageBackend;

use super::*;
use crate::job::Run;

fn submission(number: u8, request_id: &str) -> Submission {
    Submission {
        id: JobId([number; 16]),
        tenant: format!("tenant {}", number % 2),
        request_id: request_id.to_owned(),
        fingerprint: [number; 32],
        request: vec![number; 300].into(),
        epoch: 1,
        submitted_unix_ms: number.into(),
        expires_unix_ms: u64::from(number) + 1000,
    }
}

fn end(seq: u64) -> End {
    End { seq, ended_unix_ms: 5000 + seq, result: vec![9; 40].into() }
}

fn progress(seq: u64, last: u128) -> Progress {
    Progress { seq, epoch: 1, runs: vec![Run { first: 0, last, device: "cpu".to_owned() }] }
}

fn jobs_of(store: &Store) -> Vec<StoredJob> {
    let mut jobs = Vec::new();
    store.for_each(|job| jobs.push(job)).unwrap();
    jobs
}

fn submit(store: &Store, job: &Submission) -> Submitted {
    let applied = store.apply(&[Operation::Submit(job.clone())]).unwrap();
    let [Applied::Submitted(submitted)] = &applied[..] else { panic!("{applied:?}") };
    submitted.clone()
}

#[test]
fn a_job_is_stored_with_its_progress_and_its_first_end() {
    let folder = tempfile::tempdir().unwrap();
    let (job, id) = (submission(1, "r"), JobId([1; 16]));
    {
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(submit(&store, &job), Submitted::New);
        store.apply(&[Operation::Progress(id, progress(3, 99))]).unwrap();
        let ends = store.apply(&[Operation::End(id, end(7)), Operation::End(id, end(8))]).unwrap();
        assert_eq!(ends, [Applied::Ended(end(7)), Applied::Ended(end(7))]);
        // Too late to change anything.
        store.apply(&[Operation::Progress(id, progress(9, 200))]).unwrap();
    }
    let store = Store::open(folder.path()).unwrap();
    // Neither the request nor the progress is needed any more.
    let submission = Submission { request: Bytes::new(), ..job };
    let stored = StoredJob { submission, progress: Progress::default(), end: Some(end(7)) };
    assert_eq!(jobs_of(&store), [stored]);
}

#[test]
fn reading_a_journal_changes_nothing_and_needs_one_that_no_service_uses() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Store::open_unchanged(folder.path()).unwrap_err();
    assert!(matches!(&missing, JournalError::Io { source, .. } if source.kind() == ErrorKind::NotFound), "{missing}");
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.begin_epoch().unwrap(), 1);
    assert_eq!(submit(&store, &submission(1, "r")), Submitted::New);
    // The file as a crash leaves it: not closed.
    let crashed = tempfile::tempdir().unwrap();
    std::fs::copy(folder.path().join(FILE), crashed.path().join(FILE)).unwrap();
    let error = Store::open_unchanged(folder.path()).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    drop(store);
    for folder in [&folder, &crashed] {
        let before = std::fs::read(folder.path().join(FILE)).unwrap();
        let store = Store::open_unchanged(folder.path()).unwrap();
        assert_eq!((store.epoch().unwrap(), jobs_of(&store).len()), (1, 1));
        drop(store);
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), before);
    }
}

#[test]
fn a_request_id_leads_to_the_first_job_of_its_tenant_and_of_no_other() {
    let store = Store::on(redb::backends::InMemoryBackend::new()).unwrap();
    let first = submission(1, "r");
    assert_eq!(submit(&store, &first), Submitted::New);
    let known = StoredJob { submission: first.clone(), progress: Progress::default(), end: None };
    // Number 3 is of the same tenant as number 1; number 2 is not.
    assert_eq!(submit(&store, &submission(3, "r")), Submitted::Known(Box::new(known)));
    assert_eq!(submit(&store, &submission(2, "r")), Submitted::New);
    let ids: Vec<JobId> = jobs_of(&store).iter().map(|job| job.submission.id).collect();
    assert_eq!(ids, [JobId([1; 16]), JobId([2; 16])]);
}

#[test]
fn a_forgotten_job_leaves_nothing() {
    let store = Store::on(redb::backends::InMemoryBackend::new()).unwrap();
    let (job, id) = (submission(1, "r"), JobId([1; 16]));
    submit(&store, &job);
    store.apply(&[Operation::Progress(id, progress(1, 5)), Operation::End(id, end(2))]).unwrap();
    store.apply(&[Operation::Forget(vec![id, JobId([77; 16])])]).unwrap();
    assert_eq!(jobs_of(&store), []);
    assert_eq!(submit(&store, &job), Submitted::New);
    assert_eq!(jobs_of(&store)[0].end, None);
}

#[test]
fn each_opening_begins_a_later_epoch() {
    let folder = tempfile::tempdir().unwrap();
    for epoch in 1..4 {
        assert_eq!(Store::open(folder.path()).unwrap().begin_epoch().unwrap(), epoch);
    }
}

#[test]
fn a_folder_serves_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let _first = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
}

#[test]
fn a_file_that_is_no_journal_is_named_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, vec![0x5a; 9000]).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains(FILE), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), vec![0x5a; 9000]);
}

#[test]
fn a_journal_of_a_later_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    store.write(|txn| Ok(txn.open_table(META)?.insert("format", FORMAT + 1).map(|_| ())?)).unwrap();
    drop(store);
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, JournalError::Format { found: 2, expected: 1, .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn only_the_user_of_the_process_can_read_the_journal() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    drop(Store::open(&state).unwrap());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&state), mode(&state.join(FILE))), (0o700, 0o600));
}

/// A change of a storage.
#[derive(Clone, Debug)]
enum Write {
    SetLen(u64),
    Bytes(u64, Vec<u8>),
    /// Everything before it is on the disk.
    Sync,
}

/// A storage in memory that records every change.
#[derive(Debug, Default)]
struct Recorder {
    image: Vec<u8>,
    writes: Vec<Write>,
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Recorder>>);

impl Disk {
    /// The disk after the first `count` changes.
    fn after(writes: &[Write], count: usize) -> Self {
        let disk = Self::default();
        for write in &writes[..count] {
            match write {
                Write::SetLen(len) => disk.set_len(*len).unwrap(),
                Write::Bytes(offset, data) => disk.write(*offset, data).unwrap(),
                Write::Sync => {}
            }
        }
        disk
    }

    fn writes(&self) -> Vec<Write> {
        self.0.lock().unwrap().writes.clone()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().writes.len()
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.0.lock().unwrap().image.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        let recorder = self.0.lock().unwrap();
        let from = offset as usize;
        let bytes = recorder.image.get(from..from + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        let mut recorder = self.0.lock().unwrap();
        recorder.image.resize(len as usize, 0);
        recorder.writes.push(Write::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.lock().unwrap().writes.push(Write::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        let mut recorder = self.0.lock().unwrap();
        let from = offset as usize;
        recorder.image[from..from + data.len()].copy_from_slice(data);
        recorder.writes.push(Write::Bytes(offset, data.to_vec()));
        Ok(())
    }
}

/// A step of a service that uses the journal.
#[derive(Clone, Debug)]
enum Step {
    Submit(u8),
    Progress(u8, u64),
    End(u8, u64),
    Forget(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..8_u8).prop_map(Step::Submit),
        2 => (0..8_u8, 1..9_u64).prop_map(|(job, seq)| Step::Progress(job, seq)),
        2 => (0..8_u8, 1..9_u64).prop_map(|(job, seq)| Step::End(job, seq)),
        1 => (0..8_u8).prop_map(Step::Forget),
    ];
    proptest::collection::vec(step, 1..8)
}

fn operation(step: &Step) -> Operation {
    let id = |job: u8| JobId([job; 16]);
    match step {
        Step::Submit(job) => Operation::Submit(submission(*job, &format!("r{job}"))),
        Step::Progress(job, seq) => Operation::Progress(id(*job), progress(*seq, u128::from(*seq) * 10)),
        Step::End(job, seq) => Operation::End(id(*job), end(*seq)),
        Step::Forget(job) => Operation::Forget(vec![id(*job)]),
    }
}

/// Runs the steps on a new journal; returns every change of the storage, and after each step the number of changes and
/// the jobs.
fn run_recorded(steps: &[Step]) -> (Vec<Write>, Vec<(usize, Vec<StoredJob>)>) {
    let disk = Disk::default();
    let store = Store::on(disk.clone()).unwrap();
    let mut states = vec![(disk.count(), Vec::new())];
    for step in steps {
        store.apply(&[operation(step)]).unwrap();
        states.push((disk.count(), jobs_of(&store)));
    }
    (disk.writes(), states)
}

/// After a cut of the power behind any write, the journal opens with the jobs of the last step that was answered, or of
/// the one that was being written.
fn check_every_cut(steps: &[Step]) {
    let (writes, states) = run_recorded(steps);
    let first = states[0].0;
    for cut in first..=writes.len() {
        let store = Store::on(Disk::after(&writes, cut)).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let found = jobs_of(&store);
        let answered = states.iter().rposition(|(count, _)| *count <= cut).unwrap();
        let allowed = &states[answered..states.len().min(answered + 2)];
        assert!(allowed.iter().any(|(_, jobs)| *jobs == found), "cut at {cut} of {}: {found:?}", writes.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_cut_of_the_power_at_any_write_loses_nothing_that_was_answered(steps in steps()) {
        check_every_cut(&steps);
    }
}

/// Journals that are cut: few by default, as each opens some hundred times; `PROPTEST_CASES=200` by hand.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6)
}
