//! The journal of the sealing service: jobs that survive a crash of the process or of the machine.
//!
//! ```
//! use cityseal_journal::{End, JobId, Journal, Submission, Submitted};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let (journal, recovered) = Journal::open(folder)?;
//! assert_eq!((recovered.epoch, recovered.jobs.len()), (1, 0));
//!
//! let (told, answer) = std::sync::mpsc::channel();
//! let job = Submission {
//!     id: JobId([7; 16]),
//!     tenant: "registry".to_owned(),
//!     request_id: "block-1204".to_owned(),
//!     fingerprint: [0; 32],
//!     request: b"the request as the service encodes it".to_vec().into(),
//!     epoch: recovered.epoch,
//!     submitted_unix_ms: 1_790_000_000_000,
//!     expires_unix_ms: 1_790_000_060_000,
//! };
//! // Called once the job is on the disk, or could not be written.
//! journal.submit(job, move |result| told.send(result).unwrap());
//! assert_eq!(answer.recv()?, Ok(Submitted::New));
//! journal.close();
//!
//! // After a restart or a crash:
//! let (_journal, recovered) = Journal::open(folder)?;
//! assert_eq!((recovered.epoch, recovered.jobs[0].submission.id), (2, JobId([7; 16])));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One thread writes. It takes everything that is queued and commits it in one transaction (group commit), so that the
//! cost of a flush is shared. Three rules hold after a crash at any moment:
//!
//! - A job that was answered as [`Submitted::New`] is there, and its request id leads to it.
//! - A job has at most one [`End`]. The first one that was committed stays.
//! - What was not answered is there completely or not at all.
//!
//! The journal knows nothing of gRPC, templates and results: requests and results are bytes of the caller. Times are
//! arguments. The file is `journal.redb` in the folder, a redb database.

mod error;
mod health;
mod job;
mod journal;
mod overlay;
mod queue;
mod rows;
mod store;
mod writer;

pub use error::{JournalError, Unavailable};
pub use health::{Commit, JournalHealth};
pub use job::{End, JobId, ParseJobIdError, Progress, Run, StoredJob, Submission, Submitted, Tip};
pub use journal::{Contents, Journal, JournalOptions, Recovered, read_all};
pub use queue::{QUEUE_BYTES_MAX, QUEUE_MAX};
pub use rows::RUNS_MAX;
