//! Permits for segments in flight, which bound a stream's memory, and the buffers that go with them.
//!
//! Only the thread that feeds the stream waits for permits; any thread releases them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam::sync::{Parker, Unparker};

pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

/// The right to have one segment in flight; released on drop.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Permits>);

impl Permit {
    /// A spare buffer with arbitrary contents.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.0.buffer()
    }

    /// Keeps a buffer for later segments, at most one per permit.
    pub(crate) fn keep(&self, buffer: Option<Vec<u8>>) {
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
pub(crate) struct Permits {
    total: usize,
    free: AtomicUsize,
    /// Number of free permits at which the feeder is woken.
    wanted: AtomicUsize,
    feeder: Unparker,
    /// Unused buffers. The last one returned is the first one reused: it is still in some core's cache.
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
    /// `total` permits, and the parker with which the feeder waits for them.
    pub(crate) fn new(total: usize) -> (Arc<Self>, Parker) {
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

    fn buffer(&self) -> Vec<u8> {
        self.spare().pop().unwrap_or_default()
    }

    pub(crate) const fn total(&self) -> usize {
        self.total
    }

    /// Waits until `count` permits (clamped to 1..=total) are free at once.
    pub(crate) fn wait_for(self: &Arc<Self>, count: usize, parker: &Parker) -> Vec<Permit> {
        let count = count.clamp(1, self.total);
        self.wanted.store(count, Ordering::SeqCst);
        while !self.take(count) {
            parker.park();
        }
        (0..count).map(|_| Permit(Arc::clone(self))).collect()
    }

    /// A permit, if one is free.
    pub(crate) fn try_one(self: &Arc<Self>) -> Option<Permit> {
        self.take(1).then(|| Permit(Arc::clone(self)))
    }

    fn take(&self, count: usize) -> bool {
        self.free.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| free.checked_sub(count)).is_ok()
    }

    /// Adds permits so that a waiting feeder continues: the stream has ended.
    pub(crate) fn open(&self) {
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

    /// Registers `wake`, which is called whenever a permit is released.
    pub(crate) fn on_room(&self, wake: Waker) {
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
    fn no_more_permits_are_lent_than_exist_and_each_returns_once() {
        let (permits, parker) = Permits::new(3);
        let two = permits.wait_for(2, &parker);
        let one = permits.try_one().unwrap();
        assert!(permits.try_one().is_none());
        drop(one);
        drop((permits.try_one().unwrap(), two));
        assert_eq!(permits.wait_for(100, &parker).len(), 3);
    }

    #[test]
    fn the_last_returned_buffer_is_reused_first() {
        let (permits, parker) = Permits::new(2);
        let held = permits.wait_for(2, &parker);
        held[0].keep(Some(vec![1]));
        held[1].keep(Some(vec![2]));
        assert_eq!([held[0].buffer(), held[0].buffer(), held[0].buffer()], [vec![2], vec![1], vec![]]);
    }

    #[test]
    fn a_feeder_that_waits_for_several_permits_continues_when_all_are_free() {
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
    fn an_ended_stream_does_not_keep_its_feeder_waiting() {
        let (permits, parker) = Permits::new(1);
        let held = permits.wait_for(1, &parker);
        permits.open();
        assert_eq!(permits.wait_for(1, &parker).len(), 1);
        drop(held);
    }

    #[test]
    fn a_waker_is_called_for_each_released_permit() {
        let (permits, _parker) = Permits::new(2);
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        permits.on_room(Arc::new(move || _ = counted.fetch_add(1, Ordering::Relaxed)));
        drop(permits.try_one());
        drop(permits.try_one());
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }
}
