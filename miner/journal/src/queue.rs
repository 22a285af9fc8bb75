//! What waits to be written.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::Unavailable;
use crate::job::{End, JobId, Progress, Submission, Submitted, Tip};
use crate::store::Operation;

/// Most submissions, tips and reports of progress that wait. A commit takes all of them, so at 5 ms each this is room
/// for a burst of 200,000 a second.
pub const QUEUE_MAX: usize = 1024;

/// Most bytes of requests that wait: 16 MiB. Ends and forgotten jobs are not limited: the service bounds how many jobs
/// it runs and keeps, and refusing them would lose them.
pub const QUEUE_BYTES_MAX: usize = 16 << 20;

/// What a run weighs in the queue: two ranks and the name of a device.
const RUN_BYTES: usize = 64;

/// Called with the answer to a submission.
pub(crate) type SubmitDone = Box<dyn FnOnce(Result<Submitted, Unavailable>) + Send>;

/// Called with whether the progress is on the disk.
pub(crate) type ProgressDone = Box<dyn FnOnce(bool) + Send>;

/// Called once the tip is on the disk, or could not be written.
pub(crate) type TipDone = Box<dyn FnOnce(Result<(), Unavailable>) + Send>;

/// Called with the end that is stored.
pub(crate) type EndDone = Box<dyn FnOnce(End) + Send>;

/// An operation and whom to tell.
pub(crate) enum Command {
    Submit(Submission, SubmitDone),
    Progress(JobId, Progress, ProgressDone),
    End(JobId, End, EndDone),
    Forget(Vec<JobId>),
    Tip(Tip, TipDone),
    /// By tenant and chain.
    ForgetTips(Vec<(String, String)>),
}

impl Command {
    /// What it takes of [`QUEUE_BYTES_MAX`]; `None`: it is not limited.
    fn bytes(&self) -> Option<usize> {
        match self {
            Self::Submit(job, _) => Some(job.request.len() + job.tenant.len() + job.request_id.len()),
            Self::Progress(_, progress, _) => Some(progress.runs.len() * RUN_BYTES),
            Self::Tip(tip, _) => Some(tip.tenant.len() + tip.chain.len()),
            Self::End(..) | Self::Forget(_) | Self::ForgetTips(_) => None,
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        match self {
            Self::Submit(job, _) => Operation::Submit(job.clone()),
            Self::Progress(id, progress, _) => Operation::Progress(*id, progress.clone()),
            Self::End(id, end, _) => Operation::End(*id, end.clone()),
            Self::Forget(ids) => Operation::Forget(ids.clone()),
            Self::Tip(tip, _) => Operation::Tip(tip.clone()),
            Self::ForgetTips(keys) => Operation::ForgetTips(keys.clone()),
        }
    }

    /// Reports that it is not written. What must be written is dropped only when the journal is closed.
    pub(crate) fn refuse(self, why: Unavailable) {
        match self {
            Self::Submit(_, done) => done(Err(why)),
            Self::Progress(_, _, done) => done(false),
            Self::Tip(_, done) => done(Err(why)),
            Self::End(..) | Self::Forget(_) | Self::ForgetTips(_) => {}
        }
    }

    /// The job that it submits.
    pub(crate) fn submitted(&self) -> Option<JobId> {
        if let Self::Submit(job, _) = self { Some(job.id) } else { None }
    }

    /// Whether it stays in the queue until it is written.
    pub(crate) fn must_be_written(&self) -> bool {
        matches!(self, Self::End(..) | Self::Forget(_) | Self::ForgetTips(_))
    }
}

/// A queue with one reader.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    commands: VecDeque<Command>,
    /// Limited commands among them, and their bytes.
    limited: usize,
    bytes: usize,
    closed: bool,
}

/// What the reader gets.
pub(crate) enum Taken {
    /// All that waited, in order.
    Group(Vec<Command>),
    /// The queue is closed and empty.
    Closed,
}

impl Queue {
    /// Adds a command. Gives it back with the reason if there is no room or the queue is closed.
    pub(crate) fn push(&self, command: Command) -> Result<(), Box<(Command, Unavailable)>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Box::new((command, Unavailable::Closed)));
        }
        if let Some(bytes) = command.bytes() {
            // One large request is always possible.
            let is_too_much = state.bytes > 0 && state.bytes + bytes > QUEUE_BYTES_MAX;
            if state.limited >= QUEUE_MAX || is_too_much {
                return Err(Box::new((command, Unavailable::Busy)));
            }
            state.limited += 1;
            state.bytes += bytes;
        }
        state.commands.push_back(command);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for commands and takes them all.
    pub(crate) fn take(&self) -> Taken {
        let mut state = self.lock();
        while state.commands.is_empty() && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.commands.is_empty() {
            return Taken::Closed;
        }
        (state.limited, state.bytes) = (0, 0);
        Taken::Group(state.commands.drain(..).collect())
    }

    /// Takes the commands that may be refused, so that their callers learn of a failure at once.
    pub(crate) fn take_refusable(&self) -> Vec<Command> {
        let mut state = self.lock();
        (state.limited, state.bytes) = (0, 0);
        let (kept, refused): (VecDeque<_>, VecDeque<_>) = state.commands.drain(..).partition(Command::must_be_written);
        state.commands = kept;
        Vec::from(refused)
    }

    /// Puts commands back in front.
    pub(crate) fn put_back(&self, commands: Vec<Command>) {
        let mut state = self.lock();
        for command in commands.into_iter().rev() {
            state.commands.push_front(command);
        }
    }

    /// Waits until the queue is closed, at most `timeout`; returns whether it is closed.
    pub(crate) fn wait_for_close(&self, timeout: Duration) -> bool {
        let state = self.lock();
        let waited = self.changed.wait_timeout_while(state, timeout, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Takes no more commands; the reader writes those that wait, then ends.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Drops what still waits, so that nothing waits for an answer that cannot come.
    pub(crate) fn discard(&self) {
        let dropped = std::mem::take(&mut self.lock().commands);
        // Without the lock: a caller's function may be dropped here.
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use prost::bytes::Bytes;

    use super::*;

    fn submission(bytes: usize) -> Command {
        let job = Submission {
            id: JobId([0; 16]),
            tenant: String::new(),
            request_id: String::new(),
            fingerprint: [0; 32],
            request: Bytes::from(vec![0; bytes]),
            epoch: 1,
            submitted_unix_ms: 0,
            expires_unix_ms: 0,
        };
        Command::Submit(job, Box::new(drop))
    }

    fn refusal(queue: &Queue, command: Command) -> Option<Unavailable> {
        queue.push(command).err().map(|refused| refused.1)
    }

    #[test]
    fn holds_as_many_submissions_as_its_limit() {
        let queue = Queue::default();
        for _ in 0..QUEUE_MAX {
            assert_eq!(refusal(&queue, submission(1)), None);
        }
        assert_eq!(refusal(&queue, submission(1)), Some(Unavailable::Busy));
        assert_eq!(refusal(&queue, Command::Forget(vec![])), None);
        assert!(matches!(queue.take(), Taken::Group(group) if group.len() == QUEUE_MAX + 1));
        assert_eq!(refusal(&queue, submission(1)), None);
    }

    #[test]
    fn holds_as_many_bytes_as_its_limit_and_any_single_request() {
        let queue = Queue::default();
        assert_eq!(refusal(&queue, submission(QUEUE_BYTES_MAX + 1)), None);
        assert_eq!(refusal(&queue, submission(1)), Some(Unavailable::Busy));
        drop(queue.take());
        assert_eq!(refusal(&queue, submission(QUEUE_BYTES_MAX)), None);
        assert_eq!(refusal(&queue, submission(1)), Some(Unavailable::Busy));
    }

    #[test]
    fn a_closed_queue_refuses_commands_and_still_gives_those_that_wait() {
        let queue = Queue::default();
        assert_eq!(refusal(&queue, submission(1)), None);
        queue.close();
        assert_eq!(refusal(&queue, Command::Forget(vec![])), Some(Unavailable::Closed));
        assert!(matches!(queue.take(), Taken::Group(group) if group.len() == 1));
        assert!(matches!(queue.take(), Taken::Closed));
    }
}
