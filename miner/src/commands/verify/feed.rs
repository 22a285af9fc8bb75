//! Feeds an input to the engine's verifier: skips items, judges items, and ignores the rest.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use cityseal_chain::{History, Parameters, Summary};
use cityseal_cli::Progress as Bar;
use cityseal_engine::{
    BlockBatch, ChainItems, Engine, ReadAt, RunState, UnreadBlocks, Verifier, VerifyReport, VerifyRequest,
};
use cityseal_hash::HEADER_LEN;
use cityseal_input::part::ItemKind;
use cityseal_input::{BlockSink, ChainSink, Place, PlaceLog};

use super::checkpoint::Saver;
use super::error::VerifyCommandError;

/// A verifier for the items of a run.
fn verifier_of(engine: &Engine, items: ItemKind, request: VerifyRequest) -> Result<Verifier, VerifyCommandError> {
    let items = match items {
        ItemKind::Headers => ChainItems::Headers,
        ItemKind::Blocks => ChainItems::Blocks,
    };
    Ok(engine.verifier(items, request)?)
}

/// Which items of an input a run judges.
#[derive(Clone, Debug)]
pub(super) struct Course {
    /// Kind of the items in the input.
    pub(super) items: ItemKind,
    /// Number of items to skip.
    pub(super) skip: u64,
    /// Number of items to judge after them; `None` for all.
    pub(super) take: Option<u64>,
    /// State after the skipped items, if an earlier run judged them.
    pub(super) proved: Option<RunState>,
}

impl Course {
    /// Judges all items.
    pub(super) const fn whole(items: ItemKind) -> Self {
        Self { items, skip: 0, take: None, proved: None }
    }
}

/// A sink that feeds the items of an input to the verifier.
pub(super) struct Feed<'a> {
    engine: &'a Engine,
    parameters: &'a Parameters,
    request: VerifyRequest,
    course: Course,
    /// Whether every item is judged: none is skipped or ignored.
    is_whole: bool,
    /// History before the next item to skip.
    history: History,
    /// History before the first judged item, in this run or in the run that it resumes.
    before: History,
    /// `None` until all items to skip were skipped.
    verifier: Option<Verifier>,
    start_height: u64,
    pub(super) places: PlaceLog,
    stray: StrayFrames,
    progress: Bar,
    started: Instant,
    /// When the verifier had accepted the last blocks and reading continued.
    reading_since: Instant,
    saver: Option<Saver>,
    /// Error that stopped the run, other than a fault of the input.
    error: Option<VerifyCommandError>,
}

/// The result of a run.
pub(super) struct Fed {
    pub(super) report: VerifyReport,
    pub(super) places: PlaceLog,
    /// History before the first judged item.
    pub(super) before: History,
    /// Stray frames that were skipped.
    pub(super) stray: StrayFrames,
}

/// Stray frames in a stream of blocks: the first [`STRAY_LISTED_MAX`] as (file, byte offset), and the count of all.
#[derive(Debug, Default)]
pub(super) struct StrayFrames {
    listed: Vec<(usize, u64)>,
    count: u64,
}

/// Maximum number of stray frames that are listed one by one.
const STRAY_LISTED_MAX: usize = 16;

impl StrayFrames {
    /// A note for each that is listed, and one for the rest.
    pub(super) fn notes(&self, files: &[PathBuf]) -> Vec<String> {
        let note = |(file, offset): &(usize, u64)| {
            let name = files.get(*file).map_or("input".into(), |path| path.display().to_string());
            format!("{name}: the 8 bytes at byte {offset} are a stray frame before the frame of a block; skipped")
        };
        let mut notes: Vec<String> = self.listed.iter().map(note).collect();
        let more = self.count - self.listed.len() as u64;
        if more > 0 {
            notes.push(format!("{more} more stray frames were skipped"));
        }
        notes
    }
}

impl<'a> Feed<'a> {
    /// Creates a feed for the items of a course; `request` describes the input from its first item on.
    pub(super) fn new(
        engine: &'a Engine,
        parameters: &'a Parameters,
        request: VerifyRequest,
        course: Course,
        progress: Bar,
        saver: Option<Saver>,
    ) -> Result<Self, VerifyCommandError> {
        let history = request.state()?.history;
        let is_whole = course.skip == 0 && course.take.is_none();
        let mut feed = Self {
            engine,
            parameters,
            request,
            course,
            is_whole,
            history,
            before: history,
            verifier: None,
            start_height: history.next_height(),
            places: PlaceLog::default(),
            stray: StrayFrames::default(),
            progress,
            started: Instant::now(),
            reading_since: Instant::now(),
            saver,
            error: None,
        };
        // Otherwise the verifier is created after the skipped items, whose history it needs.
        if feed.course.skip == 0 {
            feed.begin()?;
        }
        Ok(feed)
    }

    /// Whether all items to judge were accepted, so that malformed input after them does not matter to this run.
    pub(super) fn has_all(&self) -> bool {
        self.course.take == Some(0)
    }

    /// Ends the run after the last item, or after the last whole item if the input `is_cut`.
    ///
    /// # Errors
    /// The error that stopped the run, or an input that has fewer items than the course.
    pub(super) fn finish(mut self, is_cut: bool) -> Result<Fed, VerifyCommandError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let is_short = self.course.skip > 0 || self.course.take.is_some_and(|left| left > 0);
        let is_decided = self.verifier.as_ref().is_some_and(|verifier| verifier.progress().is_decided);
        if self.course.proved.is_none() && is_short && !is_cut && !is_decided {
            return Err(VerifyCommandError::ShardPastEnd);
        }
        if self.verifier.is_none() {
            if self.course.proved.is_some() {
                return Err(VerifyCommandError::CheckpointPastEnd { items: self.course.skip });
            }
            self.begin()?;
        }
        let before = self.before;
        let Some(verifier) = self.verifier.take() else { unreachable!("a run that began has its verifier") };
        let report = if is_cut { verifier.finish_cut() } else { verifier.finish(None) };
        if let Some(saver) = &mut self.saver {
            saver.save(&report.state);
        }
        Ok(Fed { report, places: self.places, before, stray: self.stray })
    }

    /// Creates the verifier once all items to skip were skipped.
    fn begin(&mut self) -> Result<(), VerifyCommandError> {
        let state = match self.course.proved.take() {
            Some(state) if state.history != self.history => {
                return Err(VerifyCommandError::CheckpointMisfit { height: self.history.next_height() });
            }
            Some(state) => state,
            None => {
                self.before = self.history;
                RunState { summary: Summary::empty(self.history.next_height()), history: self.history }
            }
        };
        self.verifier = Some(verifier_of(self.engine, self.course.items, self.request.clone().resume(state))?);
        Ok(())
    }

    /// Skips as many of the next `count` items as the course requires. `headers(n)` returns the first `n` of their
    /// headers, packed. Returns how many items were skipped and how many of the others are wanted.
    fn divide(&mut self, headers: &dyn Fn(u64) -> Vec<u8>, count: u64) -> Result<(u64, u64), VerifyCommandError> {
        let passed = self.course.skip.min(count);
        if passed > 0 {
            self.history.advance(self.parameters, &headers(passed));
            self.course.skip -= passed;
            if self.course.skip == 0 {
                self.begin()?;
            }
        }
        let wanted = self.course.take.map_or(count - passed, |left| left.min(count - passed));
        self.course.take = self.course.take.map(|left| left - wanted);
        Ok((passed, wanted))
    }

    /// Stores an error and stops the run.
    fn fails(&mut self, error: VerifyCommandError) -> ControlFlow<()> {
        self.error = Some(error);
        ControlFlow::Break(())
    }

    /// Shows the progress and saves due checkpoints; `Break` if the rest cannot change the verdict or is not wanted.
    fn look_around(&mut self) -> ControlFlow<()> {
        let Some(verifier) = &self.verifier else {
            // Skipped items are not judged, so their places are not needed.
            self.places.forget_below(self.places.noted());
            return ControlFlow::Continue(());
        };
        let progress = verifier.progress();
        if progress.is_decided || self.course.take == Some(0) {
            return ControlFlow::Break(());
        }
        let judged = progress.validated_through.map_or(0, |height| height + 1 - self.start_height);
        self.places.forget_below(judged);
        let rate_hz = judged as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        self.progress.at(judged, Some(rate_hz));
        if let Some(saver) = &mut self.saver
            && saver.is_due()
        {
            saver.save(&verifier.state());
        }
        ControlFlow::Continue(())
    }

    /// Accepts blocks that the workers read themselves.
    pub(super) fn take_unread(&mut self, blocks: UnreadBlocks) -> ControlFlow<()> {
        if let Some(Verifier::Blocks(verifier)) = &mut self.verifier {
            verifier.push_unread(blocks);
        }
        self.look_around()
    }

    /// Whether packed headers may go directly to the verifier, so that this side sees none of them.
    fn headers_pass_by(&self) -> bool {
        self.is_whole && self.saver.is_none()
    }
}

impl ChainSink for Feed<'_> {
    fn take(&mut self, packed: &[u8], file: usize, place: Place) -> ControlFlow<()> {
        let count = (packed.len() / HEADER_LEN) as u64;
        self.places.note(count, file, place);
        let first = |count: u64| packed[..count as usize * HEADER_LEN].to_vec();
        let (passed, wanted) = match self.divide(&first, count) {
            Ok(divided) => divided,
            Err(error) => return self.fails(error),
        };
        let bounds = passed as usize * HEADER_LEN..(passed + wanted) as usize * HEADER_LEN;
        if let Some(Verifier::Headers(verifier)) = &mut self.verifier {
            verifier.push(&packed[bounds]);
        }
        self.look_around()
    }

    fn read(&mut self, source: &mut dyn Read, file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        if !self.headers_pass_by() {
            return None;
        }
        let Some(Verifier::Headers(verifier)) = &mut self.verifier else { return None };
        let read = verifier.read_from(source);
        Some(read.map(|bytes| self.note_packed(file).map_continue(|()| bytes)))
    }

    fn take_from(
        &mut self,
        source: &Arc<dyn ReadAt>,
        from: u64,
        len: u64,
        file: usize,
    ) -> Option<io::Result<ControlFlow<(), u64>>> {
        if !self.headers_pass_by() {
            return None;
        }
        let Some(Verifier::Headers(verifier)) = &mut self.verifier else { return None };
        let taken = verifier.take_from_file(source, from, len);
        Some(taken.map(|bytes| self.note_packed(file).map_continue(|()| bytes)))
    }
}

impl Feed<'_> {
    /// Records the places of packed headers that the verifier read itself.
    fn note_packed(&mut self, file: usize) -> ControlFlow<()> {
        let received = self.verifier.as_ref().map_or(0, |verifier| verifier.progress().received);
        self.places.note(received - self.places.noted(), file, Place::Packed);
        self.look_around()
    }
}

impl BlockSink for Feed<'_> {
    fn take(&mut self, mut batch: BlockBatch, file: usize, places: &[Place]) -> ControlFlow<()> {
        places.iter().for_each(|place| self.places.note(1, file, *place));
        let headers = batch.headers();
        let first = |count: u64| headers[..count as usize * HEADER_LEN].to_vec();
        let (passed, wanted) = match self.divide(&first, batch.len() as u64) {
            Ok(divided) => divided,
            Err(error) => return self.fails(error),
        };
        batch.keep(passed as usize..(passed + wanted) as usize);
        if let Some(Verifier::Blocks(verifier)) = &mut self.verifier {
            verifier.reading_took(self.reading_since.elapsed());
            verifier.push(batch);
        }
        self.reading_since = Instant::now();
        self.look_around()
    }

    fn note_stray_frame(&mut self, file: usize, offset: u64) {
        self.stray.count += 1;
        if self.stray.listed.len() < STRAY_LISTED_MAX {
            self.stray.listed.push((file, offset));
        }
    }
}
