//! The event log: what happened, one JSON object a line, in files of limited size and number.
//!
//! A thread of its own writes them, so that no call waits for the disk. A disk that is full or too slow costs events,
//! which are counted and reported once, and nothing else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use cityseal_cli::{escape_json, utc_now};
use serde::Serialize;
use tracing::{error, info};

use super::limits::{EVENT_FILE_BYTES_MAX, EVENT_FILES_MAX, EVENTS_WAITING_MAX};

/// The file that is being written. Older ones have a number before the extension, 1 for the latest.
const NAME: &str = "events.jsonl";

/// Locked while a service uses the folder.
const LOCK: &str = "lock";

/// What happened. A field that is not known is left out. The format is `docs/schemas/event.schema.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Event {
    /// The service has started.
    Start { address: String, epoch: u64, version: &'static str, commit: &'static str },
    /// A job was accepted.
    Submit {
        #[serde(flatten)]
        job: JobFacts,
        chain: String,
        priority: u8,
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
    },
    /// A job has ended.
    End {
        #[serde(flatten)]
        job: JobFacts,
        state: &'static str,
        reason: String,
        seals: u64,
        /// Decimal.
        hashes: String,
        duration_ms: u64,
    },
    /// A call was refused.
    Refused {
        #[serde(flatten)]
        call: Box<RefusedCall>,
        /// Further refusals since the last one that was written.
        left_out: u64,
    },
    /// Certificates, tokens and tenants were read again and are in force.
    Reload { reloads: u64 },
    /// They were read again and are broken; those before stay in force.
    ReloadRefused { failures: u64, error: String },
    /// The state of a device has changed.
    Device {
        device: String,
        name: String,
        from: &'static str,
        to: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The health has changed.
    Health { serving: bool },
    /// A phase of the drain has begun.
    Drain { phase: &'static str },
}

/// The job that an event is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct JobFacts {
    pub(crate) job_id: String,
    pub(crate) tenant: String,
    pub(crate) request_id: String,
    pub(crate) generation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) call_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_id: Option<String>,
}

/// A call that was refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct RefusedCall {
    pub(crate) method: String,
    pub(crate) code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) error: String,
    pub(crate) duration_ms: u64,
    pub(crate) call_id: String,
    pub(crate) trace_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) job_id: Option<String>,
}

/// An event with its time, as a line.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(flatten)]
    event: &'a Event,
}

/// How many events were written, and how many are missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventCounts {
    pub(crate) written: u64,
    pub(crate) lost: u64,
}

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    lost: AtomicU64,
}

/// The event log of a service.
#[derive(Debug)]
pub(crate) struct EventLog {
    /// `None` once the log is closed.
    sender: Mutex<Option<SyncSender<String>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    counts: Arc<Counts>,
}

impl EventLog {
    /// Opens the log in a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// The system's error; `WouldBlock` if another service uses the folder.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let mut files = EventFiles::open(folder, EVENT_FILE_BYTES_MAX, EVENT_FILES_MAX)?;
        let (sender, lines) = sync_channel(EVENTS_WAITING_MAX);
        let counts = Arc::<Counts>::default();
        let of_writer = Arc::clone(&counts);
        let writer = std::thread::Builder::new()
            .name("event-log".to_owned())
            .spawn(move || write_all(&mut files, &lines, &of_writer))?;
        Ok(Self { sender: Mutex::new(Some(sender)), writer: Mutex::new(Some(writer)), counts })
    }

    /// Adds an event. Never waits: if too many are waiting for the disk, it is lost and counted.
    pub(crate) fn add(&self, event: &Event) {
        let line = serde_json::to_string(&Line { time: utc_now(), event }).map(|line| escape_json(&line));
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let is_sent = line.is_ok_and(|line| sender.as_ref().is_some_and(|sender| sender.try_send(line).is_ok()));
        if !is_sent {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> EventCounts {
        let Counts { written, lost } = &*self.counts;
        EventCounts { written: written.load(Ordering::Relaxed), lost: lost.load(Ordering::Relaxed) }
    }

    /// Writes what is waiting and ends. Waits for the disk.
    pub(crate) fn close(&self) {
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A writer that panicked has nothing to write any more.
        writer.into_iter().for_each(|writer| drop(writer.join()));
    }
}

/// Writes lines until the log is closed.
fn write_all(files: &mut EventFiles, lines: &Receiver<String>, counts: &Counts) {
    let mut is_failing = false;
    for line in lines {
        match files.add(&line) {
            Ok(()) => {
                counts.written.fetch_add(1, Ordering::Relaxed);
                if std::mem::take(&mut is_failing) {
                    let lost = counts.lost.load(Ordering::Relaxed);
                    info!(folder = %files.folder.display(), lost, "the event log is written again");
                }
            }
            Err(error) => {
                counts.lost.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut is_failing, true) {
                    error!(folder = %files.folder.display(), %error, "the event log cannot be written; events are lost");
                }
            }
        }
    }
}

/// The files of the log.
#[derive(Debug)]
struct EventFiles {
    folder: PathBuf,
    file: File,
    /// Bytes of whole lines in it.
    len: u64,
    bytes_max: u64,
    files_max: usize,
    /// Held while this value exists.
    _lock: File,
}

impl EventFiles {
    fn open(folder: &Path, bytes_max: u64, files_max: usize) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = options().open(folder.join(LOCK))?;
        lock.try_lock().map_err(|refused| match refused {
            fs::TryLockError::Error(error) => error,
            fs::TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::WouldBlock, "another service writes its events there")
            }
        })?;
        let mut file = options().open(folder.join(NAME))?;
        let len = whole_lines(&mut file)?;
        Ok(Self { folder: folder.to_path_buf(), file, len, bytes_max, files_max, _lock: lock })
    }

    /// Appends a line, in the next file if this one is full.
    fn add(&mut self, line: &str) -> io::Result<()> {
        let bytes = [line.as_bytes(), b"\n"].concat();
        if self.len > 0 && self.len + bytes.len() as u64 > self.bytes_max {
            self.rotate()?;
        }
        // Also after a write that failed: what it wrote is no whole line.
        self.file.seek(SeekFrom::Start(self.len))?;
        if let Err(error) = self.file.write_all(&bytes) {
            // If this fails too, the next line is written over it.
            let _cut = self.file.set_len(self.len);
            return Err(error);
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Renames each file to the next number, drops the oldest, and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..self.files_max - 1).rev() {
            rename_if_there(&self.numbered(number), &self.numbered(number + 1))?;
        }
        rename_if_there(&self.folder.join(NAME), &self.numbered(1))?;
        self.file = options().open(self.folder.join(NAME))?;
        self.len = whole_lines(&mut self.file)?;
        Ok(())
    }

    fn numbered(&self, number: usize) -> PathBuf {
        self.folder.join(format!("events.{number}.jsonl"))
    }
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Files that only their owner may read: they name tenants and addresses.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Cuts a last line that was not written completely; returns the length of the others.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const STEP: u64 = 4096;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        if let Some(last) = block.iter().rposition(|byte| *byte == b'\n') {
            end = start + last as u64 + 1;
            break;
        }
        end = start;
    }
    file.set_len(end)?;
    Ok(end)
}

#[cfg(test)]
mod tests;
