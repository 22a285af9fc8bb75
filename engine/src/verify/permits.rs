//! Permits for segments under way, which bound a stream's memory, and the buffers that go with them.
//!
//! One thread, the one that feeds the stream, waits for permits; any thread lets go of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam::sync::{Parker, Unparker};

pub(super) type Waker = Arc<dyn Fn() + Send + Sync>;

/// The right to one segment under way.
#[derive(Debug)]
pub(super) struct Permit(Arc<Permits>);

impl Permit {
    /// A buffer with whatever it held before.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.0.buffer()
    }

    /// Keeps a buffer for others, unless there are as many already as may be under way.
    pub(super) fn keep(&self, buffer: Option<Vec<u8>>) {
        let mut spare = self.0.spare();
        if spare.len() < self.0.total {
            spare.extend(buffer);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.give_back(1);
    }
}

/// The permits of one stream.
pub(super) struct Permits {
    total: usize,
    free: AtomicUsize,
    /// How many must be free before the feeder is woken.
    wanted: AtomicUsize,
    feeder: Unparker,
    /// Buffers of no segment. The one that came back last goes out first: it is still in some core's cache.
    spare: Mutex<Vec<Vec<u8>>>,
    wakers: Mutex<Vec<Waker>>,
}

impl std::fmt::Debug for Permits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let free = self.free.load(Ordering::Relaxed);
        f.debug_struct("Permits").field("total", &self.total).field("free", &free).finish_non_exhaustive()
    }
}

impl Permits {
    /// So many permits, and what their feeder waits with.
    pub(super) fn new(total: usize) -> (Arc<Self>, Parker) {
        let parker = Parker::new();
        let permits = Self {
            total,
            free: AtomicUsize::new(total),
            wanted: AtomicUsize::new(1),
            feeder: parker.unparker().clone(),
            spare: Mutex::default(),
            wakers: Mutex::default(),
        };
        (Arc::new(permits), parker)
    }

    /// A buffer with whatever it held before.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.spare().pop().unwrap_or_default()
    }

    /// How many there are.
    pub(super) const fn total(&self) -> usize {
        self.total
    }

    /// Waits until `count` permits (one at least, and no more than there are) are free at once.
    pub(super) fn wait_for(self: &Arc<Self>, count: usize, parker: &Parker) -> Vec<Permit> {
        let count = count.clamp(1, self.total);
        self.wanted.store(count, Ordering::SeqCst);
        while !self.take(count) {
            parker.park();
        }
        (0..count).map(|_| Permit(Arc::clone(self))).collect()
    }

    /// A permit, if one is free.
    pub(super) fn try_one(self: &Arc<Self>) -> Option<Permit> {
        self.take(1).then(|| Permit(Arc::clone(self)))
    }

    fn take(&self, count: usize) -> bool {
        self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| free.checked_sub(count)).is_ok()
    }

    /// Lets whoever waits go on, for good: the stream has come to its end.
    pub(super) fn open(&self) {
        self.give_back(self.total);
    }

    fn give_back(&self, count: usize) {
        let free = self.free.fetch_add(count, Ordering::SeqCst) + count;
        if free >= self.wanted.load(Ordering::SeqCst) {
            self.feeder.unpark();
        }
        let wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        wakers.iter().for_each(|wake| wake());
    }

    /// Calls `wake` whenever a permit comes back.
    pub(super) fn on_room(&self, wake: Waker) {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner).push(wake);
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_lent_than_there_are_and_each_comes_back_once() {
        let (permits, parker) = Permits::new(3);
        let two = permits.wait_for(2, &parker);
        let one = permits.try_one().unwrap();
        assert!(permits.try_one().is_none());
        drop(one);
        drop((permits.try_one().unwrap(), two));
        assert_eq!(permits.wait_for(100, &parker).len(), 3);
    }

    #[test]
    fn the_buffer_that_came_back_last_goes_out_first() {
        let (permits, parker) = Permits::new(2);
        let held = permits.wait_for(2, &parker);
        held[0].keep(Some(vec![1]));
        held[1].keep(Some(vec![2]));
        assert_eq!([held[0].buffer(), held[0].buffer(), held[0].buffer()], [vec![2], vec![1], vec![]]);
    }

    #[test]
    fn who_waits_for_several_goes_on_when_all_of_them_are_free() {
        let (permits, parker) = Permits::new(2);
        let mut held = permits.wait_for(2, &parker);
        let (sender, receiver) = std::sync::mpsc::channel();
        let waiter = {
            let permits = Arc::clone(&permits);
            std::thread::spawn(move || {
                let both = permits.wait_for(2, &parker);
                sender.send(both.len()).unwrap();
            })
        };
        held.pop();
        assert!(receiver.try_recv().is_err());
        held.pop();
        assert_eq!(receiver.recv().unwrap(), 2);
        waiter.join().unwrap();
    }

    #[test]
    fn an_opened_stream_keeps_nobody_waiting() {
        let (permits, parker) = Permits::new(1);
        let held = permits.wait_for(1, &parker);
        permits.open();
        assert_eq!(permits.wait_for(1, &parker).len(), 1);
        drop(held);
    }

    #[test]
    fn a_waker_is_called_for_each_permit_that_comes_back() {
        let (permits, _parker) = Permits::new(2);
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        permits.on_room(Arc::new(move || _ = counted.fetch_add(1, Ordering::Relaxed)));
        drop(permits.try_one());
        drop(permits.try_one());
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}
