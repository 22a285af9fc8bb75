//! Verification of a chain, push-based: bytes in, in any split; a verdict out. Memory is constant.
//!
//! Bytes are gathered into segments of whole headers. A segment carries all that is needed to judge it (the history
//! before its first header), so any device may take it, in any order; the summaries are joined in the chain's order.

mod block_batch;
mod blocks;
mod file;
mod filling;
#[cfg(test)]
mod flips;
mod permits;
mod segment;
mod stages;
mod stream;

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use cityseal_chain::{BlockHash, ChainWork, History, NotChecked, Parameters, Summary, Tip, Verdict};
use cityseal_hash::HEADER_LEN;
use crossbeam::sync::Parker;

use self::filling::Filling;
use self::permits::{Permit, Permits};
use self::segment::Unread;
use crate::driver::CheckTask;
use crate::shell::Control;
use crate::{DeviceShare, VerifyRequestError};

pub use block_batch::{BlockBatch, BlockPlace, ReadBlocks, UnreadBlocks};
pub(crate) use blocks::BlockGroup;
pub use blocks::BlockVerifier;
pub use file::ReadAt;
pub(crate) use segment::Segment;
pub use stages::{Stage, StageName};
pub(crate) use stream::Stream;

/// A chain that is to be verified: its parameters, and what is known of what comes before it.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    parameters: Parameters,
    start_height: u64,
    context: Vec<u8>,
    start_work: ChainWork,
    now: u64,
    commits: bool,
    resumed: Option<RunState>,
}

/// A verification that stands between two headers or blocks: what was proved up to there, and what the next one comes after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    /// What was proved.
    pub summary: Summary,
    /// What the next header is judged after.
    pub history: History,
}

impl VerifyRequest {
    /// A chain that begins with its genesis header. The time is 0 until [`Self::now`] is told, so that rule R10 refuses
    /// everything rather than nothing.
    pub fn new(parameters: Parameters) -> Self {
        Self {
            parameters,
            start_height: 0,
            context: Vec::new(),
            start_work: ChainWork::ZERO,
            now: 0,
            commits: false,
            resumed: None,
        }
    }

    /// The height of the first header given.
    #[must_use]
    pub fn start_height(mut self, start_height: u64) -> Self {
        self.start_height = start_height;
        self
    }

    /// Trusted headers just before the first one: packed, 80 bytes each, in wire order.
    #[must_use]
    pub fn context(mut self, context: Vec<u8>) -> Self {
        self.context = context;
        self
    }

    /// The trusted headers before the first one, as they were given.
    pub fn trusted(&self) -> &[u8] {
        &self.context
    }

    /// The chain work up to the header before the first one.
    #[must_use]
    pub fn start_work(mut self, start_work: ChainWork) -> Self {
        self.start_work = start_work;
        self
    }

    /// The present time, in seconds since 1970, for rule R10.
    #[must_use]
    pub fn now(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    /// Whether the summary commits to every item, for a receipt: a hash or two more for each.
    #[must_use]
    pub fn commits(mut self, commits: bool) -> Self {
        self.commits = commits;
        self
    }

    /// Goes on where another verification of the same chain stood. What is given from here on follows directly; places are
    /// told, and the start height is meant, as of the whole input.
    #[must_use]
    pub fn resume(mut self, state: RunState) -> Self {
        self.resumed = Some(state);
        self
    }

    /// What stands before the first header given: where nothing is resumed, no headers, and the context.
    ///
    /// # Errors
    /// [`VerifyRequestError`] where the request contradicts itself.
    pub fn state(&self) -> Result<RunState, VerifyRequestError> {
        let Some(state) = &self.resumed else {
            let history = History::before(&self.parameters, self.start_height, &self.context)?;
            return Ok(RunState { summary: Summary::empty(self.start_height), history });
        };
        let expected = state.summary.first_height + state.summary.count;
        let found = state.history.next_height();
        if state.summary.first_height < self.start_height || expected != found {
            return Err(VerifyRequestError::Resumed { start_height: self.start_height, expected, found });
        }
        Ok(state.clone())
    }
}

/// How far a verification is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whole headers taken in.
    pub received: u64,
    /// The height up to which every judged rule is known to hold.
    pub validated_through: Option<u64>,
    /// A fault was found; the rest of the input can not change the verdict.
    pub fault_found: bool,
    /// Nothing that comes can change the verdict: a fault, a part that cannot be read, no device left.
    pub is_decided: bool,
}

/// What the sender of a chain says it has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish {
    /// How many headers.
    pub count: u64,
    /// The hash of the last one: with the links, a digest of them all. `None` for no headers.
    pub last_hash: Option<BlockHash>,
}

/// The verdict over a chain, and what it rests on.
#[derive(Clone, Debug)]
pub struct VerifyReport {
    /// VALID, the first fault, or INCOMPLETE.
    pub verdict: Verdict,
    /// Headers that passed every judged rule, from the first on.
    pub count: u64,
    /// The last of them.
    pub tip: Option<Tip>,
    /// Rules that were not judged, with heights and reasons.
    pub not_checked: Vec<NotChecked>,
    /// The digest of the chain's parameters: 64 hex digits.
    pub parameters: String,
    /// What each device did.
    pub devices: Vec<DeviceShare>,
    /// How long it took, from the request to the verdict.
    pub seconds: f64,
    /// What was proved, as it stands at the end, so that others can go on from there or join it with their part.
    pub state: RunState,
    /// How long the workers were busy with each stage.
    pub stages: Vec<Stage>,
}

/// A verification under way. Dropping it gives up.
pub struct Verifier {
    control: Control,
    stream: Arc<Stream>,
    /// What this side waits for permits with.
    parker: Parker,
    /// What comes before the next segment.
    history: History,
    /// The segment being filled; `None` until a buffer is free.
    filling: Option<Filling>,
    segment_bytes: usize,
    sequence: u64,
    received_bytes: u64,
    started: Instant,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

impl Verifier {
    pub(crate) fn new(control: Control, request: VerifyRequest) -> Result<Self, VerifyRequestError> {
        let state = request.state()?;
        let history = state.history;
        let policy = control.policy();
        let segment_bytes = policy.segment_headers.max(1) * HEADER_LEN;
        let (permits, parker) = Permits::new(policy.segments_per_stream.max(2));
        let stream = Stream::new(request, state.summary, permits, false);
        Ok(Self {
            control,
            stream: Arc::new(stream),
            parker,
            history,
            filling: None,
            segment_bytes,
            sequence: 0,
            received_bytes: 0,
            started: Instant::now(),
        })
    }

    /// Takes bytes in, in any split; waits while all buffers are under way.
    pub fn push(&mut self, mut bytes: &[u8]) -> Progress {
        while !bytes.is_empty() {
            if self.filling.is_none() {
                self.filling = Some(self.wait_for_room());
            }
            let taken = self.try_push(bytes);
            bytes = &bytes[taken..];
        }
        self.progress()
    }

    /// Takes in as many bytes as there is room for, and does not wait; returns how many. See [`Self::on_room`].
    pub fn try_push(&mut self, bytes: &[u8]) -> usize {
        if self.stream.is_decided() {
            // Nothing can change the verdict any more; take everything, so that the sender need not wait.
            self.received_bytes += bytes.len() as u64;
            return bytes.len();
        }
        let mut taken = 0;
        while taken < bytes.len() {
            let begun = self.filling.take();
            let Some(mut segment) = begun.or_else(|| Some(self.fresh(self.stream.permits().try_one()?))) else { break };
            taken += segment.copy_from(&bytes[taken..]);
            self.go_on_with(segment);
        }
        self.received_bytes += taken as u64;
        taken
    }

    /// Reads the next bytes of `source`, as many as one read gives, straight into their segment; waits while all buffers are
    /// under way. Gives how many there were: 0 is the end of the source.
    ///
    /// # Errors
    /// What the source says; what it gave before has been taken in.
    pub fn read_from(&mut self, source: &mut dyn Read) -> io::Result<usize> {
        let mut segment = self.filling.take().unwrap_or_else(|| self.wait_for_room());
        let read = segment.read_from(source);
        self.received_bytes += *read.as_ref().unwrap_or(&0) as u64;
        self.go_on_with(segment);
        read
    }

    /// Takes in the next segments of a file's packed headers, from byte `from` on, of which `len` bytes are left; waits while
    /// as many as may be are under way. The workers that hash them read them. Gives how many bytes were taken: 0 where less
    /// than a header is left, or where the chain's rules want every header looked at in order ([`Self::read_from`] does that).
    ///
    /// # Errors
    /// What the file says; a worker that finds a part unreadable makes the verdict INCOMPLETE.
    pub fn take_from_file(&mut self, file: &Arc<dyn ReadAt>, from: u64, len: u64) -> io::Result<u64> {
        let headers = len / HEADER_LEN as u64;
        if headers == 0 || self.stream.parameters().difficulty().looks_far_back() || !self.send_begun() {
            return Ok(0);
        }
        // Half of what may be under way: this thread wakes up seldom, and the workers have the other half meanwhile.
        let segments = headers.div_ceil(self.segment_headers()).min(self.stream.permits().total() as u64 / 2);
        let permits = self.stream.permits().wait_for(segments as usize, &self.parker);
        let before = self.received_bytes;
        let mut tasks = Vec::with_capacity(permits.len());
        for permit in permits {
            let taken = self.received_bytes - before;
            match self.segment_of_file(file, from + taken, len - taken, permit) {
                Ok(task) => tasks.push(task),
                // What was taken before is told first; the next call meets the same error.
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        self.control.add_checks(tasks);
        Ok(self.received_bytes - before)
    }

    /// The next segment of a file, from byte `from` on, of which `len` bytes are left.
    fn segment_of_file(
        &mut self,
        file: &Arc<dyn ReadAt>,
        from: u64,
        len: u64,
        permit: Permit,
    ) -> io::Result<CheckTask> {
        let count = (len / HEADER_LEN as u64).min(self.segment_headers());
        let mut after = self.history;
        file::advance(&mut after, self.stream.parameters(), &**file, from, count)?;
        let unread = Unread { file: Arc::clone(file), from, after };
        let segment = self.stream.segment_of_file(self.sequence, self.history, count as usize, unread, permit);
        self.history = after;
        self.received_bytes += count * HEADER_LEN as u64;
        Ok(self.task_of(segment))
    }

    const fn segment_headers(&self) -> u64 {
        (self.segment_bytes / HEADER_LEN) as u64
    }

    /// Sends what was begun, however short; `false` where it ends within a header.
    fn send_begun(&mut self) -> bool {
        if !self.received_bytes.is_multiple_of(HEADER_LEN as u64) {
            return false;
        }
        self.flush();
        true
    }

    /// Calls `wake` from a worker's thread whenever there may be room again after [`Self::try_push`] took less than all.
    pub fn on_room(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.stream.permits().on_room(wake);
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.stream.progress(self.received_bytes / HEADER_LEN as u64)
    }

    /// The input has ended. Waits for what is under way, and concludes. With a `finish` that does not fit what was taken in
    /// the verdict is INCOMPLETE.
    pub fn finish(mut self, finish: Option<Finish>) -> VerifyReport {
        self.flush();
        self.stream.wait_until_settled();
        self.conclude(finish, false)
    }

    /// The input was cut off before its end: the verdict is a fault that was found before, or INCOMPLETE.
    pub fn finish_cut(mut self) -> VerifyReport {
        self.flush();
        self.stream.wait_until_settled();
        self.conclude(None, true)
    }

    fn wait_for_room(&self) -> Filling {
        let mut permits = self.stream.permits().wait_for(1, &self.parker);
        self.fresh(permits.remove(0))
    }

    fn fresh(&self, permit: Permit) -> Filling {
        Filling::new(permit, self.segment_bytes)
    }

    /// Sends a full segment; keeps one that is not.
    fn go_on_with(&mut self, segment: Filling) {
        if !segment.room().is_empty() {
            self.filling = Some(segment);
        } else if self.stream.is_decided() {
            // Nobody looks at what comes now: its room serves again.
            self.filling = Some(self.fresh(segment.into_headers().1));
        } else {
            self.send(segment);
        }
    }

    /// Sends the whole headers of the last, partly filled segment. What is left over is less than a header.
    fn flush(&mut self) {
        if let Some(segment) = self.filling.take().filter(Filling::has_header)
            && !self.stream.is_decided()
        {
            self.send(segment);
        }
    }

    fn send(&mut self, segment: Filling) {
        let (headers, permit) = segment.into_headers();
        let before = self.history;
        self.history.advance(self.stream.parameters(), &headers);
        let segment = self.stream.segment(self.sequence, before, headers, permit);
        let task = self.task_of(segment);
        self.control.add_checks([task]);
    }

    fn task_of(&mut self, segment: Segment) -> CheckTask {
        self.sequence += 1;
        CheckTask { stream: Arc::clone(&self.stream), segment: Arc::new(segment) }
    }

    /// Where the verification stands: everything up to there is judged, and nothing behind it counts.
    pub fn state(&self) -> RunState {
        self.stream.run_state(self.history)
    }

    fn conclude(&self, finish: Option<Finish>, cut: bool) -> VerifyReport {
        let statuses = self.control.statuses();
        let cut_in_header = self.received_bytes % HEADER_LEN as u64;
        let mut report = self.stream.conclude(cut_in_header, finish, cut, self.history, &statuses);
        report.seconds = self.started.elapsed().as_secs_f64();
        report
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        // Segments that still wait for a device are of no use to anybody.
        self.stream.give_up();
    }
}
