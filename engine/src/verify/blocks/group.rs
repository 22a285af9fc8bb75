//! A group of blocks as a task for a worker: given as bytes, or as places that the worker reads.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cityseal_device::{Batch, CPU_DEVICE_ID, DeviceKind, MerkleKind, Report, TreeRoot, TreesBatch};
use cityseal_hash::{HEADER_LEN, HashKernel};

use super::super::block_batch::{BlockBatch, BlockSpan, UnreadBlocks};
use super::super::permits::Permit;
use super::super::segment::Place;
use super::super::stages::StageName;
use super::super::stream::Stream;
use super::prepare::Prepared;
use super::trees::{repetitions, roots_on_the_cpu};
use crate::judge::Caught;
use crate::task::{Answer, ChainId, ChainTask};

/// Consecutive blocks of a chain, and the stream that takes their summary.
#[derive(Debug)]
pub(crate) struct BlockGroup {
    stream: Arc<Stream>,
    place: Place,
    count: usize,
    /// Parsed and hashed up to the leaves of the trees; kept because another device may take the group if the first one
    /// fails.
    prepared: OnceLock<Prepared>,
    source: Mutex<Option<Source>>,
    /// Whether its buffer is one of the stream's, to be returned.
    is_read: bool,
    permit: Permit,
}

#[derive(Debug)]
enum Source {
    Given(BlockBatch),
    Unread(UnreadBlocks),
}

impl BlockGroup {
    /// A group of the given blocks.
    pub(crate) fn given(stream: Arc<Stream>, place: Place, batch: BlockBatch, permit: Permit) -> Self {
        Self::new(stream, place, batch.len(), Source::Given(batch), permit)
    }

    /// A group of blocks that the worker reads.
    pub(crate) fn unread(stream: Arc<Stream>, place: Place, blocks: UnreadBlocks, permit: Permit) -> Self {
        Self::new(stream, place, blocks.places.len(), Source::Unread(blocks), permit)
    }

    fn new(stream: Arc<Stream>, place: Place, count: usize, source: Source, permit: Permit) -> Self {
        let is_read = matches!(source, Source::Unread(_));
        Self { stream, place, count, prepared: OnceLock::new(), source: Mutex::new(Some(source)), is_read, permit }
    }

    fn accept(&self, prepared: &Prepared, roots: &[TreeRoot], device: &str) {
        let summary = prepared.judge(&self.stream, &self.place, roots);
        self.stream.accept(&self.place, self.count, summary, device);
    }

    fn prepare(&self, kernel: HashKernel) -> io::Result<&Prepared> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = self.prepared.get() {
            return Ok(prepared);
        }
        let batch = match source.take() {
            Some(Source::Given(batch)) => batch,
            Some(Source::Unread(blocks)) => self.stream.stages.time(StageName::Read, || self.read(&blocks))?,
            None => return Err(io::Error::other("an earlier read of the blocks failed")),
        };
        Ok(self.prepared.get_or_init(|| Prepared::new(batch, &self.stream, &self.place, kernel)))
    }

    /// Reads the blocks and compares their headers with the known ones, because the next group's history rests on
    /// those.
    fn read(&self, blocks: &UnreadBlocks) -> io::Result<BlockBatch> {
        let mut bytes = self.permit.buffer();
        bytes.clear();
        blocks.source.read_blocks(&blocks.places, &mut bytes)?;
        let mut start = 0;
        let mut spans = Vec::with_capacity(blocks.places.len());
        for place in &blocks.places {
            let end = start + place.len as usize;
            spans.push(BlockSpan { start, end, offset: place.offset });
            start = end;
        }
        let is_whole = start == bytes.len() && spans.iter().all(|span| span.end - span.start >= HEADER_LEN);
        let batch = BlockBatch { bytes, blocks: spans };
        if !is_whole || batch.headers() != blocks.headers {
            return Err(io::Error::other("the file changed while it was read"));
        }
        Ok(batch)
    }
}

impl ChainTask for BlockGroup {
    fn chain(&self) -> ChainId {
        self.stream.id()
    }

    fn tenant(&self) -> &str {
        self.stream.tenant()
    }

    fn priority(&self) -> u8 {
        self.stream.priority()
    }

    fn count(&self) -> usize {
        self.count
    }

    fn is_wanted(&self) -> bool {
        self.stream.wants(&self.place)
    }

    /// Parses the blocks and hashes everything but the inner nodes of their trees, which are the batch. Trees that are
    /// too large for the device are hashed and judged here.
    fn batch(&self, kernel: HashKernel, leaves_max: usize) -> Option<Batch> {
        let Ok(prepared) = self.prepare(kernel) else {
            self.stream.report_unreadable(&self.place);
            return None;
        };
        match prepared.trees() {
            Some(trees) if trees.leaf_count() <= leaves_max => Some(Batch::Trees(trees.clone())),
            trees => {
                let by_kernel = |trees: &TreesBatch| roots_on_the_cpu(trees, kernel);
                let roots = self.stream.stages.time(StageName::Trees, || trees.map(by_kernel).unwrap_or_default());
                self.accept(prepared, &roots, CPU_DEVICE_ID);
                None
            }
        }
    }

    /// A device other than the CPU is trusted if every root is the one in its block's header, because no other tree has
    /// that root. Otherwise the CPU hashes all trees again.
    fn judge(&self, answer: &Answer<'_>) -> Result<(), Caught> {
        let Report::Trees(roots) = answer.report else { return Err(Caught::other_kind()) };
        self.stream.stages.add(StageName::Trees, answer.busy);
        let Some((prepared, trees)) = self.prepared.get().and_then(|prepared| Some((prepared, prepared.trees()?)))
        else {
            unreachable!("only a prepared group has a batch")
        };
        let device = answer.device;
        if device.kind == DeviceKind::Cpu {
            self.accept(prepared, roots, &device.id);
            return Ok(());
        }
        let completed = with_repetitions(trees, roots);
        let summary = completed.as_deref().map(|roots| prepared.judge(&self.stream, &self.place, roots));
        if let Some(summary) = summary.filter(|summary| summary.fault.is_none()) {
            self.stream.accept(&self.place, self.count, summary, &device.id);
            return Ok(());
        }
        // A fault, or a number of roots that is wrong: the CPU's roots are final.
        let own = roots_on_the_cpu(trees, answer.cpu);
        let is_right = own == *roots;
        self.accept(prepared, &own, if is_right { &device.id } else { CPU_DEVICE_ID });
        let tree = own.iter().zip(roots).take_while(|(own, claimed)| own == claimed).count();
        if is_right { Ok(()) } else { Err(Caught::wrong(format!("returned a wrong root for tree {tree} of a batch"))) }
    }

    fn abandon(&self) {
        self.stream.abandon();
    }
}

/// The roots with their repetitions taken from the leaves, because a device's claim that there is none is not
/// verifiable otherwise. `None` if the number of roots is not that of the trees.
fn with_repetitions(trees: &TreesBatch, roots: &[TreeRoot]) -> Option<Vec<TreeRoot>> {
    let repetitions =
        if trees.rule() == MerkleKind::Bitcoin { repetitions(trees) } else { vec![false; trees.counts().len()] };
    let with = |(root, mutated): (&TreeRoot, bool)| TreeRoot { mutated, ..*root };
    (roots.len() == repetitions.len()).then(|| roots.iter().zip(repetitions).map(with).collect())
}

impl Drop for BlockGroup {
    fn drop(&mut self) {
        if self.is_read {
            self.permit.keep(self.prepared.take().map(Prepared::into_bytes));
        }
    }
}
