//! The queue of chain tasks. Chains take turns; within a chain the order is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::task::ChainTask;

/// Tasks by chain; the chain in front is served next and then goes to the back.
#[derive(Debug, Default)]
pub(super) struct ChainQueue {
    chains: VecDeque<VecDeque<Arc<dyn ChainTask>>>,
}

impl ChainQueue {
    pub(super) fn push_back(&mut self, task: Arc<dyn ChainTask>) {
        match self.queue_of(&*task) {
            Some(queue) => queue.push_back(task),
            None => self.chains.push_back(VecDeque::from([task])),
        }
    }

    /// Queues a task that a worker returned: its chain waits for it.
    pub(super) fn push_front(&mut self, task: Arc<dyn ChainTask>) {
        match self.queue_of(&*task) {
            Some(queue) => queue.push_front(task),
            None => self.chains.push_front(VecDeque::from([task])),
        }
    }

    /// Headers or blocks of the next task, and of all tasks.
    pub(super) fn counts(&self) -> Option<(u64, u64)> {
        let first = self.chains.front()?.front()?.count() as u64;
        Some((first, self.chains.iter().flatten().map(|task| task.count() as u64).sum()))
    }

    pub(super) fn pop_front(&mut self) -> Option<Arc<dyn ChainTask>> {
        let mut queue = self.chains.pop_front()?;
        let task = queue.pop_front();
        if !queue.is_empty() {
            self.chains.push_back(queue);
        }
        task
    }

    /// Informs the owner of every task that no worker will take it.
    pub(super) fn abandon(&mut self) {
        while let Some(task) = self.pop_front() {
            task.abandon();
        }
    }

    fn queue_of(&mut self, task: &dyn ChainTask) -> Option<&mut VecDeque<Arc<dyn ChainTask>>> {
        self.chains.iter_mut().find(|queue| queue.front().is_some_and(|first| first.chain() == task.chain()))
    }
}
