//! Work that is too long for the threads that serve calls: it runs on threads that may block, a few at a time, and no
//! caller can take them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::Refusal;
use super::shares::Holder;

/// A limited number of threads for one kind of work.
#[derive(Debug)]
pub(crate) struct Heavy {
    all: Arc<Semaphore>,
    #[cfg(test)]
    max: usize,
    per_holder_max: usize,
    holders: Arc<Holders>,
}

#[derive(Debug, Default)]
struct Holders(Mutex<HashMap<Holder, Turns>>);

/// The turns of one holder, and how many of its calls use or wait for one.
#[derive(Debug)]
struct Turns {
    semaphore: Arc<Semaphore>,
    users: usize,
}

/// A call that uses or waits for a turn.
struct User {
    holders: Arc<Holders>,
    holder: Holder,
}

impl Heavy {
    /// Work on at most `max` threads; each holder uses at most half of them, and queues with one piece of work for
    /// each, so that a waiting holder is behind at most that many of another.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(max)),
            #[cfg(test)]
            max,
            per_holder_max: max.div_ceil(2),
            holders: Arc::default(),
        }
    }

    /// Runs `work` on a thread that may block, when it is the holder's turn.
    ///
    /// # Errors
    /// Returns [`Refusal::Broken`] if the work panicked.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        holder: Holder,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let (own, user) = self.enter(holder);
        let own = permit(&own).await;
        let any = permit(&self.all).await;
        let running = tokio::task::spawn_blocking(move || {
            // They end with the work, also if the caller has gone.
            let _held = (own, any, user);
            work()
        });
        running.await.map_err(|_| Refusal::Broken)
    }

    /// Threads in use.
    #[cfg(test)]
    pub(crate) fn busy(&self) -> usize {
        self.max - self.all.available_permits()
    }

    fn enter(&self, holder: Holder) -> (Arc<Semaphore>, User) {
        let mut holders = self.holders.lock();
        let turns = holders
            .entry(holder.clone())
            .or_insert_with(|| Turns { semaphore: Arc::new(Semaphore::new(self.per_holder_max)), users: 0 });
        turns.users += 1;
        (Arc::clone(&turns.semaphore), User { holders: Arc::clone(&self.holders), holder })
    }
}

impl Holders {
    fn lock(&self) -> MutexGuard<'_, HashMap<Holder, Turns>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let mut holders = self.holders.lock();
        if let Some(turns) = holders.get_mut(&self.holder) {
            turns.users -= 1;
            if turns.users == 0 {
                holders.remove(&self.holder);
            }
        }
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("this semaphore is never closed")
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn holder(name: &str) -> Holder {
        Holder::Tenant(name.into())
    }

    #[tokio::test]
    async fn a_holder_that_blocks_its_turns_leaves_the_others_to_another() {
        let heavy = Arc::new(Heavy::new(4));
        let (release, gates): (Vec<_>, Vec<_>) = (0..6).map(|_| mpsc::channel::<()>()).unzip();
        let mut blocked = Vec::new();
        for gate in gates {
            let heavy = Arc::clone(&heavy);
            let work = move || gate.recv().is_ok();
            blocked.push(tokio::spawn(async move { heavy.run(holder("many"), work).await }));
        }
        while heavy.busy() == 0 {
            // One turn of this runtime's only thread polls all of the calls above.
            tokio::task::yield_now().await;
        }
        assert_eq!(heavy.busy(), 2, "half of the threads");
        assert_eq!(heavy.run(holder("one"), || 7).await, Ok(7));
        drop(release);
        for task in blocked {
            assert_eq!(task.await.unwrap(), Ok(false), "its gate was dropped");
        }
        assert!(heavy.holders.lock().is_empty(), "no turns are kept for holders that have left");
    }

    #[tokio::test]
    async fn work_that_panics_is_an_internal_error_and_frees_its_turn() {
        let heavy = Heavy::new(1);
        for _ in 0..2 {
            let broken = heavy.run(holder("a"), || panic!("on purpose")).await;
            assert_eq!(broken, Err::<(), _>(Refusal::Broken));
        }
        assert_eq!(heavy.run(holder("a"), || 7).await, Ok(7));
    }
}
