//! The queues of what waits of chains for a worker: segments of headers, groups of blocks. Streams take turns; within a
//! stream the order is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use cityseal_device::{Batch, CheckBatch};
use cityseal_hash::HashKernel;

use crate::verify::{BlockGroup, Segment, StageName, Stream};

/// A part of a chain, and the stream that wants to know.
pub(crate) trait PartOfStream {
    /// Whose part it is.
    fn stream(&self) -> &Arc<Stream>;

    /// How many headers or blocks it has.
    fn count(&self) -> u64;
}

/// A segment of headers.
#[derive(Clone, Debug)]
pub(crate) struct CheckTask {
    pub(crate) stream: Arc<Stream>,
    pub(crate) segment: Arc<Segment>,
}

impl PartOfStream for CheckTask {
    fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    fn count(&self) -> u64 {
        self.segment.count() as u64
    }
}

impl CheckTask {
    /// Whether anybody still waits for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.stream.wants(self.segment.place())
    }

    /// `None` where the headers cannot be read, which the stream is told.
    pub(crate) fn batch(&self) -> Option<Batch> {
        let load = || self.segment.load(self.stream.parameters()).ok();
        let headers = self.stream.stages.time(StageName::Read, load);
        if headers.is_none() {
            self.stream.cannot_read(self.segment.place());
        }
        Some(Batch::Check(CheckBatch::new(headers?)))
    }
}

/// A group of whole blocks.
#[derive(Clone, Debug)]
pub(crate) struct BlocksTask {
    pub(crate) stream: Arc<Stream>,
    pub(crate) group: Arc<BlockGroup>,
}

impl PartOfStream for BlocksTask {
    fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    fn count(&self) -> u64 {
        self.group.count() as u64
    }
}

impl BlocksTask {
    /// Whether anybody still waits for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.stream.wants(self.group.place())
    }

    /// The trees of the blocks, whose leaves are hashed here. `None` where no device has anything to do: the blocks cannot be
    /// read, which the stream is told, or their trees are none or larger than the device takes, and they are judged here.
    pub(crate) fn batch(&self, kernel: HashKernel, leaves_max: usize) -> Option<Batch> {
        self.group.trees(&self.stream, kernel, leaves_max).map(Batch::Trees)
    }
}

/// Parts by stream; the stream in front is served next and then goes to the back.
#[derive(Debug)]
pub(crate) struct StreamQueue<T> {
    streams: VecDeque<VecDeque<T>>,
}

impl<T> Default for StreamQueue<T> {
    fn default() -> Self {
        Self { streams: VecDeque::new() }
    }
}

impl<T: PartOfStream> StreamQueue<T> {
    pub(crate) fn push_back(&mut self, task: T) {
        match self.queue_of(&task) {
            Some(queue) => queue.push_back(task),
            None => self.streams.push_back(VecDeque::from([task])),
        }
    }

    /// For a part that came back: its stream waits for it.
    pub(crate) fn push_front(&mut self, task: T) {
        match self.queue_of(&task) {
            Some(queue) => queue.push_front(task),
            None => self.streams.push_front(VecDeque::from([task])),
        }
    }

    /// Headers of the part that is served next, and of all that wait.
    pub(crate) fn headers(&self) -> Option<(u64, u64)> {
        let first = self.streams.front()?.front()?.count();
        Some((first, self.streams.iter().flatten().map(T::count).sum()))
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let mut queue = self.streams.pop_front()?;
        let task = queue.pop_front();
        if !queue.is_empty() {
            self.streams.push_back(queue);
        }
        task
    }

    /// Tells every stream that nobody will look at its parts.
    pub(crate) fn abandon(&mut self) {
        while let Some(task) = self.pop_front() {
            task.stream().abandon();
        }
    }

    fn queue_of(&mut self, task: &T) -> Option<&mut VecDeque<T>> {
        self.streams
            .iter_mut()
            .find(|queue| queue.front().is_some_and(|first| Arc::ptr_eq(first.stream(), task.stream())))
    }
}
