//! The verifier of headers, push-based: bytes in, in any split; a verdict out. Memory is constant.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Instant;

use cityseal_chain::History;
use cityseal_hash::HEADER_LEN;
use crossbeam::sync::Parker;

use crate::control::Control;
use crate::error::VerifyRequestError;
use crate::verify::{
    Filling, Finish, HeaderTask, Permit, Permits, Progress, ReadAt, RunState, Stage, Stream, Unread, VerifyReport,
    VerifyRequest, advance,
};

/// A verification of headers in progress. Dropping it cancels the verification.
pub struct HeaderVerifier {
    control: Control,
    stream: Arc<Stream>,
    parker: Parker,
    /// The history before the next segment.
    history: History,
    /// The segment being filled; `None` until a buffer is free.
    filling: Option<Filling>,
    segment_bytes: usize,
    sequence: u64,
    received_bytes: u64,
    started: Instant,
}

impl std::fmt::Debug for HeaderVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HeaderVerifier").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

impl HeaderVerifier {
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

    /// Takes the next bytes, split anywhere; waits while all buffers are in use.
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

    /// Takes as many bytes as there is room for, without waiting; returns how many. See [`Self::on_room`].
    pub fn try_push(&mut self, bytes: &[u8]) -> usize {
        if self.stream.is_decided() {
            // The verdict is final: take everything, so that the sender need not wait.
            self.received_bytes += bytes.len() as u64;
            return bytes.len();
        }
        let mut taken = 0;
        while taken < bytes.len() {
            let partial = self.filling.take();
            let Some(mut segment) = partial.or_else(|| Some(self.fresh(self.stream.permits().try_one()?))) else {
                break;
            };
            taken += segment.copy_from(&bytes[taken..]);
            self.send_if_full(segment);
        }
        self.received_bytes += taken as u64;
        taken
    }

    /// Makes one read from `source` straight into the current segment; waits while all buffers are in use. Returns the
    /// number of bytes: 0 at the end of the source.
    ///
    /// # Errors
    /// The error of the source; the bytes of earlier reads count.
    pub fn read_from(&mut self, source: &mut dyn Read) -> io::Result<usize> {
        let mut segment = self.filling.take().unwrap_or_else(|| self.wait_for_room());
        let read = segment.read_from(source);
        self.received_bytes += *read.as_ref().unwrap_or(&0) as u64;
        self.send_if_full(segment);
        read
    }

    /// Takes the next segments of a file of packed headers, at most the `len` bytes from offset `from` on; waits while
    /// too many segments are in flight. The workers read the segments themselves. Returns the number of bytes taken: 0
    /// if less than a header is left, or if the chain's difficulty rule needs every header in order (use
    /// [`Self::read_from`] then).
    ///
    /// # Errors
    /// The error of the file. If a worker fails to read a segment, the verdict is INCOMPLETE instead.
    pub fn take_from_file(&mut self, file: &Arc<dyn ReadAt>, from: u64, len: u64) -> io::Result<u64> {
        let headers = len / HEADER_LEN as u64;
        if headers == 0 || self.stream.parameters().difficulty().looks_far_back() || !self.send_partial() {
            return Ok(0);
        }
        // Half of all permits at a time: this thread wakes up rarely, and the workers stay busy with the other half.
        let segments = headers.div_ceil(self.segment_headers()).min(self.stream.permits().total() as u64 / 2);
        let permits = self.stream.permits().wait_for(segments as usize, &self.parker);
        let before = self.received_bytes;
        let mut tasks = Vec::with_capacity(permits.len());
        for permit in permits {
            let taken = self.received_bytes - before;
            match self.segment_of_file(file, from + taken, len - taken, permit) {
                Ok(task) => tasks.push(task),
                // Report what was taken; the next call meets the same error.
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            }
        }
        self.control.add_headers(tasks);
        Ok(self.received_bytes - before)
    }

    /// A task for the next segment of a file, at most the `len` bytes from offset `from` on.
    fn segment_of_file(
        &mut self,
        file: &Arc<dyn ReadAt>,
        from: u64,
        len: u64,
        permit: Permit,
    ) -> io::Result<HeaderTask> {
        let count = (len / HEADER_LEN as u64).min(self.segment_headers());
        let mut after = self.history;
        advance(&mut after, self.stream.parameters(), &**file, from, count)?;
        let unread = Unread { file: Arc::clone(file), from, after };
        let segment = self.stream.segment_of_file(self.sequence, self.history, count as usize, unread, permit);
        self.history = after;
        self.received_bytes += count * HEADER_LEN as u64;
        self.sequence += 1;
        Ok(HeaderTask { stream: Arc::clone(&self.stream), segment })
    }

    const fn segment_headers(&self) -> u64 {
        (self.segment_bytes / HEADER_LEN) as u64
    }

    /// Sends the partly filled segment; `false` if it ends within a header.
    fn send_partial(&mut self) -> bool {
        if !self.received_bytes.is_multiple_of(HEADER_LEN as u64) {
            return false;
        }
        self.flush();
        true
    }

    /// Registers `wake`, which a worker's thread calls whenever there may be room again after [`Self::try_push`] took
    /// less than everything.
    pub fn on_room(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.stream.permits().on_room(wake);
    }

    /// How long the workers were busy with each stage so far.
    pub fn stages(&self) -> Vec<Stage> {
        self.stream.stages.all()
    }

    /// The progress so far.
    pub fn progress(&self) -> Progress {
        self.stream.progress(self.received_bytes / HEADER_LEN as u64)
    }

    /// Ends the input, waits for the tasks in flight and returns the report. The verdict is INCOMPLETE if `finish` does
    /// not match what was received.
    pub fn finish(mut self, finish: Option<Finish>) -> VerifyReport {
        self.flush();
        self.stream.wait_until_settled();
        self.conclude(finish, false)
    }

    /// Ends an input that was cut off: the verdict is a fault found before, or INCOMPLETE.
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

    /// Sends a full segment; keeps any other for more bytes.
    fn send_if_full(&mut self, segment: Filling) {
        if !segment.unfilled().is_empty() {
            self.filling = Some(segment);
        } else if self.stream.is_decided() {
            // The verdict is final: reuse the buffer.
            self.filling = Some(self.fresh(segment.into_headers().1));
        } else {
            self.send(segment);
        }
    }

    /// Sends the whole headers of the partly filled segment; less than a header remains.
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
        self.sequence += 1;
        self.control.add_headers([HeaderTask { stream: Arc::clone(&self.stream), segment }]);
    }

    /// The state after the last header up to which everything is judged.
    pub fn state(&self) -> RunState {
        self.stream.run_state(self.history)
    }

    fn conclude(&self, finish: Option<Finish>, cut: bool) -> VerifyReport {
        let statuses = self.control.statuses();
        let cut_in_header = self.received_bytes % HEADER_LEN as u64;
        self.stream.conclude(cut_in_header, finish, cut, self.history, &statuses, self.started.elapsed())
    }
}

impl Drop for HeaderVerifier {
    fn drop(&mut self) {
        // Queued segments become unwanted.
        self.stream.give_up();
    }
}
