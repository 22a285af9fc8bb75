//! Threads that share the work of a lap.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Runs all closures at once, each on a thread of its own, and returns the time from the first start to the last end.
///
/// Each thread reads the clock itself at its start and end. The waiting thread must not, because on a busy machine it
/// may be scheduled only when most of the work is done.
pub(super) fn together<T: Send>(hands: Vec<impl FnOnce() -> T + Send>) -> (Duration, Vec<thread::Result<T>>) {
    let start = Barrier::new(hands.len());
    let ended: Vec<_> = thread::scope(|scope| {
        let timed = |hand| {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                let began = Instant::now();
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(hand));
                (began, Instant::now(), result)
            })
        };
        let running: Vec<_> = hands.into_iter().map(timed).collect();
        running.into_iter().map(|hand| hand.join().expect("a panic is caught inside the thread")).collect()
    });
    let began = ended.iter().map(|(began, ..)| *began).min();
    let done = ended.iter().map(|(_, done, _)| *done).max();
    let took = began.zip(done).map_or(Duration::ZERO, |(began, done)| done - began);
    (took, ended.into_iter().map(|(.., result)| result).collect())
}

/// Takes one portion of the lap; `false` if none is left.
pub(super) fn take_ticket(left: &AtomicU64) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_together_covers_the_time_of_each_thread() {
        // More threads than cores, so that some start while others, or the waiting thread, are not scheduled.
        let hand = || {
            let began = Instant::now();
            let _sum: u64 = (0..20_000).map(std::hint::black_box).sum();
            (began, Instant::now())
        };
        let (took, seen) = together((0..16).map(|_| hand).collect());
        let seen: Vec<_> = seen.into_iter().map(Result::unwrap).collect();
        let first = seen.iter().map(|(began, _)| *began).min().unwrap();
        let last = seen.iter().map(|(_, done)| *done).max().unwrap();
        assert!(took >= last - first, "{took:?}");
    }

    #[test]
    fn a_panic_of_one_thread_is_reported_and_the_others_end() {
        let (_, results) = together((0..3).map(|hand| move || assert_ne!(hand, 1)).collect());
        assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }
}
