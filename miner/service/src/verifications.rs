//! The verifications in progress, as their uploads publish them a few times a second.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cityseal_engine::Stage;

/// What an upload publishes about itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progressing {
    /// `headers` or `blocks`; `None` before the first chunk.
    pub(crate) items: Option<&'static str>,
    /// Headers or blocks.
    pub(crate) received: u64,
    pub(crate) validated_through: Option<u64>,
    /// Bytes of the chain, without those of earlier calls.
    pub(crate) received_bytes: u64,
    /// How long the workers were busy with each stage.
    pub(crate) stages: Vec<Stage>,
}

/// A verification in progress.
#[derive(Clone, Debug)]
pub(crate) struct Verification {
    /// `None`: a caller without an identity.
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) network: String,
    pub(crate) began: Instant,
    pub(crate) progress: Progressing,
}

/// All verifications in progress. Clones share them. There are at most as many as uploads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verifications(Arc<Mutex<Board>>);

#[derive(Debug, Default)]
struct Board {
    last_id: u64,
    open: BTreeMap<u64, Verification>,
}

/// The entry of one verification, removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Entry {
    all: Verifications,
    id: u64,
}

impl Verifications {
    pub(crate) fn add(&self, tenant: Option<Arc<str>>, network: String) -> Entry {
        let mut board = self.lock();
        board.last_id += 1;
        let id = board.last_id;
        let progress = Progressing::default();
        board.open.insert(id, Verification { tenant, network, began: Instant::now(), progress });
        Entry { all: self.clone(), id }
    }

    /// The verifications in the order in which they began.
    pub(crate) fn list(&self) -> Vec<Verification> {
        self.lock().open.values().cloned().collect()
    }

    /// A poisoned lock is still usable: every change is one insertion, removal or assignment.
    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(crate) fn publish(&self, progress: Progressing) {
        if let Some(open) = self.all.lock().open.get_mut(&self.id) {
            open.progress = progress;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.all.lock().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verification_is_listed_while_its_entry_exists() {
        let all = Verifications::default();
        let first = all.add(Some("parks".into()), "mainnet".into());
        let second = all.add(None, "regtest".into());
        second.publish(Progressing { received: 7, ..Progressing::default() });
        let listed = |all: &Verifications| -> Vec<(String, u64)> {
            all.list().into_iter().map(|one| (one.network, one.progress.received)).collect()
        };
        assert_eq!(listed(&all), [("mainnet".to_owned(), 0), ("regtest".to_owned(), 7)]);
        drop(first);
        assert_eq!(listed(&all), [("regtest".to_owned(), 7)]);
    }
}
