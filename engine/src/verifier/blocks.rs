//! The verifier of whole blocks, push-based: batches of blocks in, a verdict out. Memory is bounded by the batches in
//! flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::History;
use crossbeam::sync::Parker;

use crate::control::Control;
use crate::error::VerifyRequestError;
use crate::verify::{
    BlockBatch, BlockGroup, Finish, Permit, Permits, Progress, RunState, Stage, StageName, Stream, UnreadBlocks,
    VerifyReport, VerifyRequest,
};

/// A verification of whole blocks in progress. Dropping it cancels the verification.
pub struct BlockVerifier {
    control: Control,
    stream: Arc<Stream>,
    parker: Parker,
    /// The history before the next block.
    history: History,
    sequence: u64,
    received: u64,
    started: Instant,
}

impl std::fmt::Debug for BlockVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockVerifier").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

impl BlockVerifier {
    pub(crate) fn new(control: Control, request: VerifyRequest) -> Result<Self, VerifyRequestError> {
        let state = request.state()?;
        // One group in work and one queued for every worker.
        let workers: usize = control.statuses().iter().map(|status| status.workers).sum();
        let (permits, parker) = Permits::new(control.policy().segments_per_stream.max(2 * workers));
        let stream = Arc::new(Stream::new(request, state.summary, permits, true));
        let (history, started) = (state.history, Instant::now());
        Ok(Self { control, stream, parker, history, sequence: 0, received: 0, started })
    }

    /// Takes the next blocks; waits while too many batches are in flight. Batches of about 1 MiB keep every worker busy
    /// and its caches warm.
    pub fn push(&mut self, batch: BlockBatch) -> Progress {
        if let Some(permit) = self.wait_for_room(batch.len()) {
            self.send(batch, permit);
        }
        self.progress()
    }

    /// Takes the next blocks if that needs no waiting. See [`Self::on_room`].
    ///
    /// # Errors
    /// Returns the batch itself while too many batches are in flight.
    pub fn try_push(&mut self, batch: BlockBatch) -> Result<(), BlockBatch> {
        if batch.is_empty() || self.stream.is_decided() {
            self.received += batch.len() as u64;
            return Ok(());
        }
        let Some(permit) = self.stream.permits().try_one() else { return Err(batch) };
        self.send(batch, permit);
        Ok(())
    }

    /// Takes the next blocks, which the workers read themselves; waits while too many batches are in flight. Blocks
    /// that cannot be read, or whose headers have changed, make the verdict INCOMPLETE.
    ///
    /// # Panics
    /// If there is not one header for each place.
    pub fn push_unread(&mut self, blocks: UnreadBlocks) -> Progress {
        let count = blocks.places.len();
        assert_eq!(blocks.headers.len(), count * cityseal_hash::HEADER_LEN, "one header for each of {count} places");
        if let Some(permit) = self.wait_for_room(count) {
            self.received += count as u64;
            let before = self.advance(&blocks.headers);
            let offset = blocks.places[0].offset;
            let place = self.stream.next_place_at(self.sequence, before, offset);
            self.add(BlockGroup::unread(Arc::clone(&self.stream), place, blocks, permit));
        }
        self.progress()
    }

    /// Registers `wake`, which a worker's thread calls whenever there may be room again after [`Self::try_push`]
    /// refused.
    pub fn on_room(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.stream.permits().on_room(wake);
    }

    /// Adds time that the caller spent reading the input to the stages of the report.
    pub fn reading_took(&self, busy: Duration) {
        self.stream.stages.add(StageName::Read, busy);
    }

    /// The progress so far, in blocks.
    pub fn progress(&self) -> Progress {
        self.stream.progress(self.received)
    }

    /// How long the workers were busy with each stage so far.
    pub fn stages(&self) -> Vec<Stage> {
        self.stream.stages.all()
    }

    /// The state after the last block up to which everything is judged.
    pub fn state(&self) -> RunState {
        self.stream.run_state(self.history)
    }

    /// Ends the input, waits for the tasks in flight and returns the report. The verdict is INCOMPLETE if `finish` does
    /// not match what was received.
    pub fn finish(self, finish: Option<Finish>) -> VerifyReport {
        self.conclude(finish, false)
    }

    /// Ends an input that was cut off: the verdict is a fault found before, or INCOMPLETE.
    pub fn finish_cut(self) -> VerifyReport {
        self.conclude(None, true)
    }

    fn conclude(&self, finish: Option<Finish>, cut: bool) -> VerifyReport {
        self.stream.wait_until_settled();
        self.stream.conclude(0, finish, cut, self.history, &self.control.statuses(), self.started.elapsed())
    }

    /// `None` if the blocks need no judging: there are none, or the verdict is final.
    fn wait_for_room(&mut self, count: usize) -> Option<Permit> {
        if count > 0 && !self.stream.is_decided() {
            return self.stream.permits().wait_for(1, &self.parker).pop();
        }
        self.received += count as u64;
        None
    }

    fn send(&mut self, batch: BlockBatch, permit: Permit) {
        self.received += batch.len() as u64;
        let headers = batch.headers();
        let before = self.advance(&headers);
        let place = self.stream.next_place_at(self.sequence, before, batch.blocks[0].offset);
        self.add(BlockGroup::given(Arc::clone(&self.stream), place, batch, permit));
    }

    /// Advances the history; returns the one before the headers.
    fn advance(&mut self, headers: &[u8]) -> History {
        let before = self.history;
        self.history.advance(self.stream.parameters(), headers);
        before
    }

    fn add(&mut self, group: BlockGroup) {
        self.sequence += 1;
        self.control.add_blocks(group);
    }
}

impl Drop for BlockVerifier {
    fn drop(&mut self) {
        // Queued groups become unwanted.
        self.stream.give_up();
    }
}
