//! A group of blocks on its way to a worker: handed over as bytes, or as places that the worker reads.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cityseal_device::{DeviceInfo, TreeRoot, TreesBatch};
use cityseal_hash::{HEADER_LEN, HashKernel};

use super::super::Stream;
use super::super::block_batch::{BlockBatch, BlockSpan, UnreadBlocks};
use super::super::permits::Permit;
use super::super::segment::Place;
use super::super::stages::StageName;
use super::prepare::Prepared;
use crate::judge::Caught;

/// Consecutive blocks of a chain.
#[derive(Debug)]
pub(crate) struct BlockGroup {
    place: Place,
    count: usize,
    /// Taken apart and hashed, up to the leaves of the trees; kept, since a device may fail before it answered.
    prepared: OnceLock<Prepared>,
    source: Mutex<Option<Source>>,
    /// Its buffer is one of the stream's, and returns there.
    is_read: bool,
    permit: Permit,
}

/// Where the blocks come from.
#[derive(Debug)]
enum Source {
    Given(BlockBatch),
    Unread(UnreadBlocks),
}

impl BlockGroup {
    /// Blocks that are there.
    pub(super) fn given(place: Place, batch: BlockBatch, permit: Permit) -> Self {
        Self::new(place, batch.len(), Source::Given(batch), permit)
    }

    /// Blocks that are to be read.
    pub(super) fn unread(place: Place, blocks: UnreadBlocks, permit: Permit) -> Self {
        Self::new(place, blocks.places.len(), Source::Unread(blocks), permit)
    }

    fn new(place: Place, count: usize, source: Source, permit: Permit) -> Self {
        let is_read = matches!(source, Source::Unread(_));
        Self { place, count, prepared: OnceLock::new(), source: Mutex::new(Some(source)), is_read, permit }
    }

    /// Where it stands.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// How many blocks there are.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Takes the blocks apart and hashes all but the inner nodes of their trees, which are given for a device to hash that
    /// takes so many leaves. `None` where there is nothing for it to do: the group cannot be read, or it is judged here.
    pub(crate) fn trees(&self, stream: &Stream, kernel: HashKernel, leaves_max: usize) -> Option<TreesBatch> {
        let Ok(prepared) = self.prepare(stream, kernel) else {
            stream.cannot_read(&self.place);
            return None;
        };
        match prepared.trees() {
            Some(trees) if trees.leaf_count() <= leaves_max => Some(trees.clone()),
            trees => {
                let by_kernel = |trees: &TreesBatch| crate::trees::roots_on_the_cpu(trees, kernel);
                let roots = stream.stages.time(StageName::Trees, || trees.map(by_kernel).unwrap_or_default());
                self.accept(stream, prepared, &roots, cityseal_device::CPU_DEVICE_ID);
                None
            }
        }
    }

    /// Judges the blocks with the roots that a device gave. One that is not the CPU is believed where every root is the one
    /// that its block names, which nothing else has; where one is not, the CPU hashes all trees again, and its word is the last.
    ///
    /// # Errors
    /// What the device was caught in; the blocks are judged all the same.
    pub(crate) fn judge(
        &self,
        stream: &Stream,
        roots: &[TreeRoot],
        device: &DeviceInfo,
        cpu: HashKernel,
    ) -> Result<(), Caught> {
        let Some((prepared, trees)) = self.prepared.get().and_then(|prepared| Some((prepared, prepared.trees()?)))
        else {
            unreachable!("a device answers what it was asked")
        };
        if device.kind == cityseal_device::DeviceKind::Cpu {
            self.accept(stream, prepared, roots, &device.id);
            return Ok(());
        }
        let seen = with_repetitions(trees, roots);
        let summary = seen.as_deref().map(|roots| prepared.judge(stream, &self.place, roots));
        if let Some(summary) = summary.filter(|summary| summary.fault.is_none()) {
            stream.accept(&self.place, self.count, summary, &device.id);
            return Ok(());
        }
        let own = crate::trees::roots_on_the_cpu(trees, cpu);
        let is_right = own == roots;
        self.accept(stream, prepared, &own, if is_right { &device.id } else { cityseal_device::CPU_DEVICE_ID });
        let tree = own.iter().zip(roots).take_while(|(own, claimed)| own == claimed).count();
        if is_right { Ok(()) } else { Err(Caught::wrong(format!("gave a wrong root for tree {tree} of a batch"))) }
    }

    fn accept(&self, stream: &Stream, prepared: &Prepared, roots: &[TreeRoot], device: &str) {
        let summary = prepared.judge(stream, &self.place, roots);
        stream.accept(&self.place, self.count, summary, device);
    }

    fn prepare(&self, stream: &Stream, kernel: HashKernel) -> io::Result<&Prepared> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = self.prepared.get() {
            return Ok(prepared);
        }
        let batch = match source.take() {
            Some(Source::Given(batch)) => batch,
            Some(Source::Unread(blocks)) => stream.stages.time(StageName::Read, || self.read(&blocks))?,
            None => return Err(io::Error::other("the blocks could not be read before")),
        };
        Ok(self.prepared.get_or_init(|| Prepared::new(batch, stream, &self.place, kernel)))
    }

    /// Reads the blocks, and makes sure that they are those whose headers were seen: the next group is judged after them.
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

/// The roots with the repetitions that are read off the leaves: a device's word that there is none would be a bit without a
/// proof. `None` where there is not a root for each tree.
fn with_repetitions(trees: &TreesBatch, roots: &[TreeRoot]) -> Option<Vec<TreeRoot>> {
    let repetitions = if trees.rule() == cityseal_device::MerkleKind::Bitcoin {
        crate::trees::repetitions(trees)
    } else {
        vec![false; trees.counts().len()]
    };
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

/// Groups are handed from thread to thread.
const _: fn() = || {
    fn crosses_threads<T: Send + Sync>() {}
    crosses_threads::<Arc<BlockGroup>>();
};
