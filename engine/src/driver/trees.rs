//! The queue of Merkle trees that wait for a device: in the order in which they came.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::trees::TreesCall;

/// One part of a request: some of its trees, for one batch.
#[derive(Clone, Debug)]
pub(crate) struct TreesTask {
    pub(crate) call: Arc<TreesCall>,
    pub(crate) part: usize,
}

/// Parts that wait.
#[derive(Debug, Default)]
pub(crate) struct TreesQueue(VecDeque<TreesTask>);

impl TreesQueue {
    pub(crate) fn push_back(&mut self, task: TreesTask) {
        self.0.push_back(task);
    }

    /// For a part that came back: its caller waits for it.
    pub(crate) fn push_front(&mut self, task: TreesTask) {
        self.0.push_front(task);
    }

    pub(crate) fn pop_front(&mut self) -> Option<TreesTask> {
        self.0.pop_front()
    }

    /// Tells every caller that nobody will look at its trees.
    pub(crate) fn abandon(&mut self) {
        self.0.drain(..).for_each(|task| task.call.abandon());
    }
}
