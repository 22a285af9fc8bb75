//! The queue of chain segments that wait for a device. Streams take turns; within a stream the order is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use cityseal_device::{Batch, CheckBatch};

use crate::verify::{Segment, Stream};

/// A segment of a chain, and the stream that wants to know.
#[derive(Clone, Debug)]
pub(crate) struct CheckTask {
    pub(crate) stream: Arc<Stream>,
    pub(crate) segment: Arc<Segment>,
}

impl CheckTask {
    /// Whether anybody still waits for it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.stream.wants(self.segment.place())
    }

    /// `None` where the headers cannot be read, which the stream is told.
    pub(crate) fn batch(&self) -> Option<Batch> {
        let headers = self.segment.load(self.stream.parameters()).ok();
        if headers.is_none() {
            self.stream.cannot_read(self.segment.place());
        }
        Some(Batch::Check(CheckBatch::new(headers?)))
    }
}

/// Segments by stream; the stream in front is served next and then goes to the back.
#[derive(Debug, Default)]
pub(crate) struct CheckQueue {
    streams: VecDeque<VecDeque<CheckTask>>,
}

impl CheckQueue {
    pub(crate) fn push_back(&mut self, task: CheckTask) {
        match self.queue_of(&task) {
            Some(queue) => queue.push_back(task),
            None => self.streams.push_back(VecDeque::from([task])),
        }
    }

    /// For a segment that came back: its stream waits for it.
    pub(crate) fn push_front(&mut self, task: CheckTask) {
        match self.queue_of(&task) {
            Some(queue) => queue.push_front(task),
            None => self.streams.push_front(VecDeque::from([task])),
        }
    }

    /// Headers of the segment that is served next, and of all that wait.
    pub(crate) fn headers(&self) -> Option<(u64, u64)> {
        let first = self.streams.front()?.front()?.segment.count() as u64;
        Some((first, self.streams.iter().flatten().map(|task| task.segment.count() as u64).sum()))
    }

    pub(crate) fn pop_front(&mut self) -> Option<CheckTask> {
        let mut queue = self.streams.pop_front()?;
        let task = queue.pop_front();
        if !queue.is_empty() {
            self.streams.push_back(queue);
        }
        task
    }

    /// Tells every stream that nobody will look at its segments.
    pub(crate) fn abandon(&mut self) {
        while let Some(task) = self.pop_front() {
            task.stream.abandon();
        }
    }

    fn queue_of(&mut self, task: &CheckTask) -> Option<&mut VecDeque<CheckTask>> {
        self.streams
            .iter_mut()
            .find(|queue| queue.front().is_some_and(|first| Arc::ptr_eq(&first.stream, &task.stream)))
    }
}
