//! The tables, and the one transaction that a group of operations is.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use prost::Message;
use redb::backends::FileBackend;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, Table, TableDefinition,
    WriteTransaction,
};

use crate::error::JournalError;
use crate::job::{End, JobId, Progress, StoredJob, Submission, Submitted, Tip};
use crate::overlay::Overlay;
use crate::rows::{EndRow, JobRow, ProgressRow, TipRow};

/// The name of the file in the state folder.
const FILE: &str = "journal.redb";

/// The format that this build writes.
const FORMAT: u64 = 1;

/// Pages that redb caches: 16 MiB of the process's memory.
const CACHE_BYTES: usize = 16 << 20;

/// Numbers: `format` and `epoch`.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// [`JobRow`] by job.
const JOBS: TableDefinition<&[u8; 16], &[u8]> = TableDefinition::new("jobs");
/// Job by tenant and request id.
const REQUESTS: TableDefinition<(&str, &str), &[u8; 16]> = TableDefinition::new("requests");
/// [`ProgressRow`] by job.
const PROGRESS: TableDefinition<&[u8; 16], &[u8]> = TableDefinition::new("progress");
/// [`EndRow`] by job.
const ENDS: TableDefinition<&[u8; 16], &[u8]> = TableDefinition::new("ends");

/// [`TipRow`] by tenant and chain.
const TIPS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("tips");

type Rows<'txn> = Table<'txn, &'static [u8; 16], &'static [u8]>;

/// A failed transaction. Nothing of it is on the disk, or all of it.
pub(crate) type StoreError = redb::Error;

/// A change.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Submit(Submission),
    Progress(JobId, Progress),
    End(JobId, End),
    Forget(Vec<JobId>),
    Tip(Tip),
    ForgetTips(Vec<(String, String)>),
}

/// What an operation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Applied {
    Submitted(Submitted),
    /// The end that is stored: this one, or an earlier one.
    Ended(End),
    Done,
}

/// The open database.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    path: PathBuf,
}

impl Store {
    /// Opens the journal of a folder, which is made if it does not exist. Only the user of the process can read it.
    pub(crate) fn open(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(FILE);
        let file = make_folder(folder)
            .map_err(|source| JournalError::Io { path: folder.into(), source })
            .and_then(|()| open_file(&path).map_err(|source| JournalError::Io { path: path.clone(), source }))?;
        let database = FileBackend::new(file).and_then(|file| builder().create_with_backend(file));
        let database = database.map_err(|error| opening_error(&path, error))?;
        Self::prepare(database, path)
    }

    /// Opens the journal of a folder to read it: the file is not changed, and must exist.
    pub(crate) fn open_unchanged(folder: &Path) -> Result<Self, JournalError> {
        let path = folder.join(FILE);
        let io = |source| JournalError::Io { path: path.clone(), source };
        let file = FileBackend::new(File::open(&path).map_err(io)?).map_err(|error| opening_error(&path, error))?;
        let database = builder().create_with_backend(Overlay::new(file).map_err(io)?);
        let database = database.map_err(|error| opening_error(&path, error))?;
        Self::prepare(database, path)
    }

    /// Opens a journal on any storage.
    #[cfg(test)]
    pub(crate) fn on(backend: impl redb::StorageBackend) -> Result<Self, JournalError> {
        let path = PathBuf::from("memory");
        let database = builder().create_with_backend(backend).map_err(|error| opening_error(&path, error))?;
        Self::prepare(database, path)
    }

    /// Checks the format, and makes the tables.
    fn prepare(database: Database, path: PathBuf) -> Result<Self, JournalError> {
        let store = Self { database, path };
        let found = store.write(|txn| {
            let mut meta = txn.open_table(META)?;
            let found = meta.get("format")?.map(|format| format.value());
            if found.is_none() {
                meta.insert("format", FORMAT)?;
            }
            txn.open_table(JOBS)?;
            txn.open_table(REQUESTS)?;
            txn.open_table(PROGRESS)?;
            txn.open_table(ENDS)?;
            txn.open_table(TIPS)?;
            Ok(found.unwrap_or(FORMAT))
        });
        match found.map_err(|error| store.damaged(&error))? {
            FORMAT => Ok(store),
            found => Err(JournalError::Format { path: store.path, found, expected: FORMAT }),
        }
    }

    /// Begins a new epoch, and returns its number.
    pub(crate) fn begin_epoch(&self) -> Result<u64, JournalError> {
        let begun = self.write(|txn| {
            let mut meta = txn.open_table(META)?;
            let epoch = meta.get("epoch")?.map_or(0, |epoch| epoch.value()) + 1;
            meta.insert("epoch", epoch)?;
            Ok(epoch)
        });
        begun.map_err(|error| self.damaged(&error))
    }

    /// The number of the latest epoch; 0: none has begun.
    pub(crate) fn epoch(&self) -> Result<u64, JournalError> {
        let read = || -> Result<u64, StoreError> {
            let meta = self.database.begin_read()?.open_table(META)?;
            Ok(meta.get("epoch")?.map_or(0, |epoch| epoch.value()))
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// The tips of all chains.
    pub(crate) fn tips(&self) -> Result<Vec<Tip>, JournalError> {
        let read = || -> Result<Vec<Tip>, StoreError> {
            let rows = self.database.begin_read()?.open_table(TIPS)?;
            let mut tips = Vec::new();
            for entry in rows.iter()? {
                let (key, row) = entry?;
                let (tenant, chain) = key.value();
                let row = TipRow::decode(row.value())
                    .map_err(|error| StorageError::Corrupted(format!("the tip of chain '{chain}': {error}")))?;
                let TipRow { generation, advanced_unix_ms } = row;
                tips.push(Tip { tenant: tenant.to_owned(), chain: chain.to_owned(), generation, advanced_unix_ms });
            }
            Ok(tips)
        };
        read().map_err(|error| self.damaged(&error))
    }

    /// Passes every job to `each`, in the order of their ids.
    pub(crate) fn for_each(&self, mut each: impl FnMut(StoredJob)) -> Result<(), JournalError> {
        let read = || -> Result<Option<JobId>, StoreError> {
            let txn = self.database.begin_read()?;
            let (jobs, progress, ends) = (txn.open_table(JOBS)?, txn.open_table(PROGRESS)?, txn.open_table(ENDS)?);
            for entry in jobs.iter()? {
                let (id, row) = entry?;
                let id = JobId(*id.value());
                match stored(id, row.value(), &progress, &ends)? {
                    Some(job) => each(job),
                    None => return Ok(Some(id)),
                }
            }
            Ok(None)
        };
        let mut read = read;
        match read() {
            Ok(None) => Ok(()),
            Ok(Some(id)) => Err(self.damaged(&format!("the rows of job {id} are unreadable"))),
            Err(error) => Err(self.damaged(&error)),
        }
    }

    /// Applies a group of operations in one transaction, which is on the disk when this returns.
    pub(crate) fn apply(&self, operations: &[Operation]) -> Result<Vec<Applied>, StoreError> {
        self.write(|txn| {
            let mut tables = Tables::open(txn)?;
            operations.iter().map(|operation| tables.apply(operation)).collect()
        })
    }

    fn write<R>(&self, work: impl FnOnce(&WriteTransaction) -> Result<R, StoreError>) -> Result<R, StoreError> {
        let mut txn = self.database.begin_write()?;
        // A commit takes twice as long, and opening after a crash does not walk the whole file.
        txn.set_quick_repair(true);
        let result = work(&txn)?;
        txn.commit()?;
        Ok(result)
    }

    fn damaged(&self, error: &impl ToString) -> JournalError {
        JournalError::Damaged { path: self.path.clone(), message: error.to_string() }
    }
}

/// The tables of one transaction.
struct Tables<'txn> {
    jobs: Rows<'txn>,
    requests: Table<'txn, (&'static str, &'static str), &'static [u8; 16]>,
    progress: Rows<'txn>,
    ends: Rows<'txn>,
    tips: Table<'txn, (&'static str, &'static str), &'static [u8]>,
}

impl<'txn> Tables<'txn> {
    fn open(txn: &'txn WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            jobs: txn.open_table(JOBS)?,
            requests: txn.open_table(REQUESTS)?,
            progress: txn.open_table(PROGRESS)?,
            ends: txn.open_table(ENDS)?,
            tips: txn.open_table(TIPS)?,
        })
    }

    fn apply(&mut self, operation: &Operation) -> Result<Applied, StoreError> {
        match operation {
            Operation::Submit(job) => self.submit(job).map(Applied::Submitted),
            Operation::Progress(id, progress) => {
                self.note_progress(*id, progress)?;
                Ok(Applied::Done)
            }
            Operation::End(id, end) => self.end(*id, end).map(Applied::Ended),
            Operation::Forget(ids) => {
                ids.iter().try_for_each(|id| self.forget(*id))?;
                Ok(Applied::Done)
            }
            Operation::Tip(tip) => {
                let row = TipRow { generation: tip.generation, advanced_unix_ms: tip.advanced_unix_ms };
                self.tips.insert((tip.tenant.as_str(), tip.chain.as_str()), row.encode_to_vec().as_slice())?;
                Ok(Applied::Done)
            }
            Operation::ForgetTips(keys) => {
                for (tenant, chain) in keys {
                    self.tips.remove((tenant.as_str(), chain.as_str()))?;
                }
                Ok(Applied::Done)
            }
        }
    }

    fn submit(&mut self, job: &Submission) -> Result<Submitted, StoreError> {
        let key = (job.tenant.as_str(), job.request_id.as_str());
        let before = self.requests.get(key)?.map(|id| JobId(*id.value()));
        if let Some(id) = before {
            let row = self.jobs.get(&id.0)?.map(|row| row.value().to_vec());
            let known = row.map(|row| stored(id, &row, &self.progress, &self.ends)).transpose()?.flatten();
            return match known {
                Some(job) => Ok(Submitted::Known(Box::new(job))),
                None => Err(StorageError::Corrupted(format!("the rows of job {id} are unreadable")).into()),
            };
        }
        self.requests.insert(key, &job.id.0)?;
        self.jobs.insert(&job.id.0, JobRow::from(job).encode_to_vec().as_slice())?;
        Ok(Submitted::New)
    }

    /// Progress of a job that has ended or is forgotten is dropped.
    fn note_progress(&mut self, id: JobId, progress: &Progress) -> Result<(), StoreError> {
        if self.jobs.get(&id.0)?.is_some() && self.ends.get(&id.0)?.is_none() {
            let row = ProgressRow::from(progress.clone()).encode_to_vec();
            self.progress.insert(&id.0, row.as_slice())?;
        }
        Ok(())
    }

    /// Stores the end of a job, unless it has one, and drops its request and its progress.
    fn end(&mut self, id: JobId, end: &End) -> Result<End, StoreError> {
        let before = self.ends.get(&id.0)?.map(|row| row.value().to_vec());
        if let Some(row) = before {
            return Ok(EndRow::decode(&row[..]).map_err(|error| corrupted(id, &error))?.into());
        }
        let job = self.jobs.get(&id.0)?.map(|row| row.value().to_vec());
        if let Some(row) = job {
            let row = JobRow::decode(&row[..]).map_err(|error| corrupted(id, &error))?.without_request();
            self.jobs.insert(&id.0, row.encode_to_vec().as_slice())?;
            self.ends.insert(&id.0, EndRow::from(end).encode_to_vec().as_slice())?;
            self.progress.remove(&id.0)?;
        }
        Ok(end.clone())
    }

    fn forget(&mut self, id: JobId) -> Result<(), StoreError> {
        let row = self.jobs.remove(&id.0)?.map(|row| row.value().to_vec());
        if let Some(row) = row {
            let job = JobRow::decode(&row[..]).ok().and_then(|row| row.into_submission(id));
            let job = job.ok_or_else(|| corrupted(id, &"its row is unreadable"))?;
            self.requests.remove((job.tenant.as_str(), job.request_id.as_str()))?;
        }
        self.progress.remove(&id.0)?;
        self.ends.remove(&id.0)?;
        Ok(())
    }
}

/// Joins the rows of a job; `None`: they are damaged.
fn stored(
    id: JobId,
    row: &[u8],
    progress: &impl ReadableTable<&'static [u8; 16], &'static [u8]>,
    ends: &impl ReadableTable<&'static [u8; 16], &'static [u8]>,
) -> Result<Option<StoredJob>, StoreError> {
    let progress = progress.get(&id.0)?.map(|row| ProgressRow::decode(row.value()));
    let end = ends.get(&id.0)?.map(|row| EndRow::decode(row.value()));
    let join = || -> Option<StoredJob> {
        let submission = JobRow::decode(row).ok()?.into_submission(id)?;
        let progress = match progress {
            Some(row) => row.ok()?.into_progress()?,
            None => Progress::default(),
        };
        Some(StoredJob { submission, progress, end: end.transpose().ok()?.map(End::from) })
    };
    Ok(join())
}

fn corrupted(id: JobId, what: &impl ToString) -> StoreError {
    StorageError::Corrupted(format!("job {id}: {}", what.to_string())).into()
}

fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

fn opening_error(path: &Path, error: DatabaseError) -> JournalError {
    let path = path.into();
    if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
        return JournalError::InUse { path };
    }
    let message = error.to_string();
    // redb reports a file that is no database as an I/O error of this kind.
    if let DatabaseError::Storage(StorageError::Io(source)) = error
        && source.kind() != ErrorKind::InvalidData
    {
        return JournalError::Io { path, source };
    }
    JournalError::Damaged { path, message }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests;
