//! Verification of whole blocks, push-based: batches of blocks in, a verdict out. Memory is bounded by what is under way.
//!
//! A group of blocks is what a segment of headers is: it carries what is needed to judge it, any worker may take it, and the
//! summaries are joined in the chain's order. Its worker takes the blocks apart and hashes headers and transactions; the
//! Merkle trees of all its blocks go to the worker's device in one batch.

mod group;
mod judge;
mod prepare;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_chain::History;
use crossbeam::sync::Parker;

use super::block_batch::{BlockBatch, UnreadBlocks};
use super::permits::{Permit, Permits};
use super::stages::StageName;
use super::{Finish, Progress, RunState, Stream, VerifyReport, VerifyRequest};
use crate::VerifyRequestError;
use crate::driver::BlocksTask;
use crate::shell::Control;

pub(crate) use group::BlockGroup;

/// A verification of whole blocks under way. Dropping it gives up.
pub struct BlockVerifier {
    control: Control,
    stream: Arc<Stream>,
    /// What this side waits for permits with.
    parker: Parker,
    /// What comes before the next block.
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
        // Every worker has a group in its hands and one that waits for it.
        let workers: usize = control.statuses().iter().map(|status| status.workers).sum();
        let (permits, parker) = Permits::new(control.policy().segments_per_stream.max(2 * workers));
        let stream = Arc::new(Stream::new(request, state.summary, permits, true));
        let (history, started) = (state.history, Instant::now());
        Ok(Self { control, stream, parker, history, sequence: 0, received: 0, started })
    }

    /// Takes the next blocks in; waits while as many batches as may be are under way. About 1 MiB a batch keeps every worker
    /// busy and its caches warm.
    pub fn push(&mut self, batch: BlockBatch) -> Progress {
        if let Some(permit) = self.wait_for_room(batch.len()) {
            self.send(batch, permit);
        }
        self.progress()
    }

    /// Takes the next blocks in if that needs no waiting; gives them back otherwise. See [`Self::on_room`].
    ///
    /// # Errors
    /// The batch itself, while as many as may be are under way.
    pub fn try_push(&mut self, batch: BlockBatch) -> Result<(), BlockBatch> {
        if batch.is_empty() || self.stream.is_decided() {
            self.received += batch.len() as u64;
            return Ok(());
        }
        let Some(permit) = self.stream.permits().try_one() else { return Err(batch) };
        self.send(batch, permit);
        Ok(())
    }

    /// Takes the next blocks in, which the workers read themselves; waits while as many batches as may be are under way. A
    /// part that cannot be read, or changed since its headers were seen, makes the verdict INCOMPLETE.
    ///
    /// # Panics
    /// If there is not one header for each place: a broken promise of the caller.
    pub fn push_unread(&mut self, blocks: UnreadBlocks) -> Progress {
        let count = blocks.places.len();
        assert_eq!(blocks.headers.len(), count * cityseal_hash::HEADER_LEN, "one header for each of {count} places");
        if let Some(permit) = self.wait_for_room(count) {
            self.received += count as u64;
            let before = self.advance(&blocks.headers);
            let offset = blocks.places[0].offset;
            let place = self.stream.next_place_at(self.sequence, before, offset);
            self.add(BlockGroup::unread(place, blocks, permit));
        }
        self.progress()
    }

    /// Calls `wake` from a worker's thread whenever there may be room again after [`Self::try_push`] took nothing.
    pub fn on_room(&self, wake: Arc<dyn Fn() + Send + Sync>) {
        self.stream.permits().on_room(wake);
    }

    /// Counts time that whoever feeds it took to read, for the stages of the report.
    pub fn reading_took(&self, busy: Duration) {
        self.stream.stages.add(StageName::Read, busy);
    }

    /// How far it is, in blocks.
    pub fn progress(&self) -> Progress {
        self.stream.progress(self.received)
    }

    /// Where the verification stands: everything up to there is judged, and nothing behind it counts.
    pub fn state(&self) -> RunState {
        self.stream.run_state(self.history)
    }

    /// The input has ended. Waits for what is under way, and concludes. With a `finish` that does not fit what was taken in
    /// the verdict is INCOMPLETE.
    pub fn finish(self, finish: Option<Finish>) -> VerifyReport {
        self.conclude(finish, false)
    }

    /// The input was cut off before its end: the verdict is a fault that was found before, or INCOMPLETE.
    pub fn finish_cut(self) -> VerifyReport {
        self.conclude(None, true)
    }

    fn conclude(&self, finish: Option<Finish>, cut: bool) -> VerifyReport {
        self.stream.wait_until_settled();
        let mut report = self.stream.conclude(0, finish, cut, self.history, &self.control.statuses());
        report.seconds = self.started.elapsed().as_secs_f64();
        report
    }

    /// `None` where nothing is to be done about so many blocks: there are none, or the verdict stands.
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
        self.add(BlockGroup::given(place, batch, permit));
    }

    /// Moves the history on; gives the one before the headers.
    fn advance(&mut self, headers: &[u8]) -> History {
        let before = self.history;
        self.history.advance(self.stream.parameters(), headers);
        before
    }

    fn add(&mut self, group: BlockGroup) {
        self.sequence += 1;
        self.control.add_blocks(BlocksTask { stream: Arc::clone(&self.stream), group: Arc::new(group) });
    }
}

impl Drop for BlockVerifier {
    fn drop(&mut self) {
        // Groups that still wait for a worker are of no use to anybody.
        self.stream.give_up();
    }
}
