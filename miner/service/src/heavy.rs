//! Work that is too long for the threads that serve calls: it runs on threads that may block, a few at a time, and no
//! caller can take them all, nor let requests pile up in front of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::WAITING_SMALL_BYTES_MAX;
use super::refusal::Refusal;
use super::shares::{Holder, Place, Shares};

/// What a limit of waiting requests counts.
const WAITING: &str = "requests that wait for the engine";

/// A limited number of threads for one kind of work.
#[derive(Debug)]
pub(crate) struct Heavy {
    all: Arc<Semaphore>,
    #[cfg(test)]
    max: usize,
    per_holder_max: usize,
    holders: Arc<Holders>,
    /// Places for requests that wait; `None`: their number is limited elsewhere.
    queue: Option<Queue>,
}

/// Places for complete requests that wait for a thread, by size. The holders share them fairly.
#[derive(Debug)]
struct Queue {
    small: Arc<Shares>,
    small_max: usize,
    large: Arc<Shares>,
    large_max: usize,
}

impl Queue {
    /// Takes a place; also returns how many there are of its kind.
    fn enter(&self, holder: Holder, bytes: usize) -> Result<(Place, usize), Refusal> {
        let is_small = bytes <= WAITING_SMALL_BYTES_MAX;
        let (shares, max) = if is_small { (&self.small, self.small_max) } else { (&self.large, self.large_max) };
        let full = || Refusal::Quota { subject: "service".to_owned(), what: WAITING, max };
        Ok((shares.take(holder).ok_or_else(full)?, max))
    }
}

#[derive(Debug, Default)]
struct Holders(Mutex<HashMap<Holder, Turns>>);

/// The turns of one holder, and how many of its calls use or wait for one.
#[derive(Debug)]
struct Turns {
    semaphore: Arc<Semaphore>,
    users: usize,
}

/// The use of a thread.
struct Turn {
    _own: OwnedSemaphorePermit,
    _any: OwnedSemaphorePermit,
    _user: User,
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
            queue: None,
        }
    }

    /// The same, and at most `small_max` requests of up to [`WAITING_SMALL_BYTES_MAX`] and `large_max` larger ones wait
    /// for a thread.
    pub(crate) fn with_queue(max: usize, small_max: usize, large_max: usize) -> Self {
        let (small, large) = (Shares::new(small_max), Shares::new(large_max));
        Self { queue: Some(Queue { small, small_max, large, large_max }), ..Self::new(max) }
    }

    /// Runs the work of a request of that many bytes on a thread that may block, when it is the holder's turn.
    ///
    /// # Errors
    /// Returns [`Refusal::Quota`] if too many requests wait, [`Refusal::Displaced`] if this one made room for another
    /// holder's, and [`Refusal::Broken`] if the work panicked.
    pub(crate) async fn run_request<R: Send + 'static>(
        &self,
        holder: Holder,
        bytes: usize,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let place = self.queue.as_ref().map(|queue| queue.enter(holder.clone(), bytes)).transpose()?;
        let Some((place, max)) = place else { return self.run(holder, work).await };
        let displaced = place.displaced();
        let turn = tokio::select! {
            turn = self.turn(holder) => turn,
            () = displaced => return Err(Refusal::Displaced { what: WAITING, max }),
        };
        drop(place);
        run_on(turn, work).await
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
        run_on(self.turn(holder).await, work).await
    }

    /// Waits for a turn.
    async fn turn(&self, holder: Holder) -> Turn {
        let (own, user) = self.enter(holder);
        let own = permit(&own).await;
        Turn { _own: own, _any: permit(&self.all).await, _user: user }
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

async fn run_on<R: Send + 'static>(turn: Turn, work: impl FnOnce() -> R + Send + 'static) -> Result<R, Refusal> {
    let running = tokio::task::spawn_blocking(move || {
        // It ends with the work, also if the caller has gone.
        let _held = turn;
        work()
    });
    running.await.map_err(|_| Refusal::Broken)
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
    async fn requests_that_wait_have_a_limit_and_a_holder_with_the_most_makes_room() {
        let heavy = Arc::new(Heavy::with_queue(1, 2, 1));
        let (release, gate) = mpsc::channel::<()>();
        let running = Arc::clone(&heavy);
        let running = tokio::spawn(async move { running.run(holder("running"), move || gate.recv().is_ok()).await });
        while heavy.busy() == 0 {
            tokio::task::yield_now().await;
        }
        let request = |name: &'static str, bytes: usize| {
            let heavy = Arc::clone(&heavy);
            tokio::spawn(async move { heavy.run_request(holder(name), bytes, || 7).await })
        };
        let full = |max| Err(Refusal::Quota { subject: "service".to_owned(), what: WAITING, max });
        // Each is polled in the order of its start.
        let [first, second, third] = [1, WAITING_SMALL_BYTES_MAX, 2].map(|bytes| request("many", bytes));
        assert_eq!(third.await.unwrap(), full(2));
        let large = request("many", WAITING_SMALL_BYTES_MAX + 1);
        assert_eq!(request("many", 1 << 20).await.unwrap(), full(1), "large ones have places of their own");
        let other = request("one", 1);
        assert_eq!(first.await.unwrap(), Err(Refusal::Displaced { what: WAITING, max: 2 }));
        drop(release);
        for task in [second, large, other] {
            assert_eq!(task.await.unwrap(), Ok(7));
        }
        assert_eq!(running.await.unwrap(), Ok(false), "its gate was dropped");
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
