//! The queued tasks of chains under verification. Within a chain their order is kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::share::TenantId;
use crate::task::{ChainId, ChainTask};

/// What the tasks of a chain consist of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChainKind {
    Headers,
    Blocks,
}

/// The queue of one chain; it has at least one task.
#[derive(Debug)]
struct Chain {
    kind: ChainKind,
    tenant: TenantId,
    tasks: VecDeque<Arc<dyn ChainTask>>,
}

/// Queues by chain.
#[derive(Debug, Default)]
pub(super) struct Chains {
    chains: BTreeMap<ChainId, Chain>,
}

impl Chains {
    pub(super) fn push_back(&mut self, kind: ChainKind, tenant: TenantId, task: Arc<dyn ChainTask>) {
        self.queue(kind, tenant, &*task).push_back(task);
    }

    /// Queues a task that a worker returned: its chain waits for it.
    pub(super) fn push_front(&mut self, kind: ChainKind, tenant: TenantId, task: Arc<dyn ChainTask>) {
        self.queue(kind, tenant, &*task).push_front(task);
    }

    /// The kind of a chain's tasks, and the headers or blocks of its next one.
    pub(super) fn next_of(&self, chain: ChainId) -> Option<(ChainKind, u64)> {
        let chain = self.chains.get(&chain)?;
        Some((chain.kind, chain.tasks.front()?.count() as u64))
    }

    /// Headers of all tasks of all chains.
    pub(super) fn headers(&self) -> u64 {
        let of_headers = self.chains.values().filter(|chain| chain.kind == ChainKind::Headers);
        of_headers.flat_map(|chain| &chain.tasks).map(|task| task.count() as u64).sum()
    }

    /// Whether a chain has a task.
    pub(super) fn has(&self, chain: ChainId) -> bool {
        self.chains.contains_key(&chain)
    }

    /// Takes the next task of a chain that its verdict may still depend on; others before it are dropped.
    pub(super) fn pop(&mut self, id: ChainId) -> Option<Arc<dyn ChainTask>> {
        let chain = self.chains.get_mut(&id)?;
        let task = std::iter::from_fn(|| chain.tasks.pop_front()).find(|task| task.is_wanted());
        if chain.tasks.is_empty() {
            self.chains.remove(&id);
        }
        task
    }

    /// Informs the owner of every task that no worker will take it. Returns the chains with their tenants.
    pub(super) fn abandon(&mut self) -> Vec<(ChainId, TenantId)> {
        let chains = std::mem::take(&mut self.chains);
        chains.values().flat_map(|chain| &chain.tasks).for_each(|task| task.abandon());
        chains.into_iter().map(|(id, chain)| (id, chain.tenant)).collect()
    }

    fn queue(&mut self, kind: ChainKind, tenant: TenantId, task: &dyn ChainTask) -> &mut VecDeque<Arc<dyn ChainTask>> {
        let new = || Chain { kind, tenant, tasks: VecDeque::new() };
        &mut self.chains.entry(task.chain()).or_insert_with(new).tasks
    }
}
