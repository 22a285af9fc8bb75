//! Collects the blocks of the files into batches for the verifier.

use std::ops::ControlFlow;
use std::path::Path;

use cityseal_engine::BlockBatch;

use super::super::input_error::InputError;
use super::super::open::Source;
use super::super::place::Place;
use super::super::sinks::BlockSink;
use super::super::source::ChainInput;
use super::super::source::open_next;
use super::{BlockCutter, Cut, TakeBlock};

/// Bytes per batch, unless one block is larger: enough to fill the lanes of a kernel many times.
pub(in super::super) const BATCH_BYTES: usize = 1024 * 1024;

/// Bytes per read: twice the usual block, so that few blocks are parsed again when their remaining bytes have arrived.
const READ_BYTES: usize = 2 * 1024 * 1024;

impl ChainInput {
    /// Feeds all blocks to the sink, until the sink stops. Nothing is read after a block whose end cannot be found;
    /// that block is passed to the sink with all its available bytes, so that the verifier reports the fault.
    ///
    /// # Errors
    /// Returns [`InputError`] at the first malformed place; all blocks before it have been passed to the sink.
    pub fn read_blocks(self, sink: &mut dyn BlockSink) -> Result<(), InputError> {
        let Self { paths, format, network, first, head, guard, .. } = self;
        let mut batches = Batches::new(sink);
        let mut opened = Some((first, head));
        for (file, path) in paths.iter().enumerate() {
            let (source, head) = match opened.take() {
                Some(first) => first,
                None => open_next(path, format, network, guard.as_ref())?,
            };
            batches.file = file;
            let cutter = BlockCutter::of(format).ok_or_else(|| InputError::NoBlocks { path: path.clone() })?;
            let cutter = cutter.of_network(network);
            let cut = cut_file(path, source, &head, cutter, &mut batches);
            // Blocks before an error are passed on before the error is returned.
            let flow = batches.flush();
            let (cut, bytes) = cut?;
            if cut.is_break() || flow.is_break() {
                break;
            }
            batches.base += bytes;
        }
        Ok(())
    }
}

/// Cuts one file to its end; returns whether to continue, and the file's size.
pub(in super::super) fn cut_file(
    path: &Path,
    mut source: Source,
    head: &[u8],
    mut cutter: BlockCutter,
    sink: &mut dyn TakeBlock,
) -> Result<(ControlFlow<()>, u64), InputError> {
    let refuse = |source| InputError::Decode { path: path.into(), source };
    let mut offset = head.len() as u64;
    let mut flow = cutter.push(head, sink).map_err(refuse)?;
    while flow.is_continue() {
        let read = cutter.fill_from(&mut *source.reader, READ_BYTES);
        let read = read.map_err(|source| InputError::Read { path: path.into(), offset, source })?;
        if read == 0 {
            return Ok((cutter.end(sink).map_err(refuse)?, offset));
        }
        offset += read as u64;
        flow = cutter.cut(sink).map_err(refuse)?;
    }
    Ok((flow, offset))
}

/// The current batch.
struct Batches<'a> {
    sink: &'a mut dyn BlockSink,
    batch: BlockBatch,
    places: Vec<Place>,
    file: usize,
    /// Bytes of the files before this one.
    base: u64,
    /// Bytes of all blocks so far.
    blocks_bytes: u64,
}

impl<'a> Batches<'a> {
    fn new(sink: &'a mut dyn BlockSink) -> Self {
        let batch = BlockBatch::default();
        Self { sink, batch, places: Vec::new(), file: 0, base: 0, blocks_bytes: 0 }
    }

    fn flush(&mut self) -> ControlFlow<()> {
        if self.batch.is_empty() {
            return ControlFlow::Continue(());
        }
        let flow = self.sink.take(std::mem::take(&mut self.batch), self.file, &self.places);
        self.places.clear();
        flow
    }
}

impl TakeBlock for Batches<'_> {
    fn take(&mut self, cut: Cut<'_>) -> ControlFlow<()> {
        if self.batch.bytes() + cut.block.len() > BATCH_BYTES {
            self.flush()?;
        }
        if self.batch.is_empty() {
            self.batch = BlockBatch::with_capacity(BATCH_BYTES.max(cut.block.len()));
        }
        let (place, offset) = match cut.line {
            Some(line) => (Place::Line(line), self.blocks_bytes),
            None => (Place::Byte(self.base + cut.at), self.base + cut.at),
        };
        self.batch.push(cut.block, offset);
        self.places.push(place);
        self.blocks_bytes += cut.block.len() as u64;
        ControlFlow::Continue(())
    }

    fn note_stray_frame(&mut self, offset: u64) {
        self.sink.note_stray_frame(self.file, offset);
    }
}
