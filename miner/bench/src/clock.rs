//! The processor's clock while it is measured: how fast a chain of additions runs, each of which needs the one before.
//!
//! The system's own word (`cpu MHz`) is often the nominal clock, and on a virtual machine it may be anything.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::hands::together;

/// Steps of one sample: two cycles each, so about a quarter of a millisecond.
const STEPS: u32 = 1 << 19;

/// Cycles of a step: one for its addition, one for its exclusive or.
const CYCLES_PER_STEP: u32 = 2;

/// Samples of one look at the clock.
const SAMPLES: usize = 4;

/// Steps between two looks at the counter, so that counting costs nothing beside them.
const UNROLLED: u32 = 8;

/// The fastest clock seen on so many threads at once. Whatever disturbs a sample makes it slower, never faster.
#[derive(Debug)]
pub(super) struct Clock {
    threads: usize,
    fastest_hz: f64,
}

impl Clock {
    pub(super) const fn new(threads: usize) -> Self {
        Self { threads, fastest_hz: 0.0 }
    }

    /// Looks at the clock for about a millisecond, on all threads at once, as the work beside it runs.
    pub(super) fn look(&mut self) {
        let (_, seen) = together(vec![|| (0..SAMPLES).map(|_| sample()).collect::<Vec<_>>(); self.threads]);
        let took = seen.into_iter().flatten().flatten().min().unwrap_or(Duration::MAX);
        let hz = f64::from(STEPS * CYCLES_PER_STEP) / took.as_secs_f64().max(1e-9);
        self.fastest_hz = self.fastest_hz.max(hz);
    }

    /// Cycles a second, once somebody has looked.
    pub(super) fn hz(&self) -> Option<f64> {
        (self.fastest_hz > 0.0).then_some(self.fastest_hz)
    }
}

fn sample() -> Duration {
    let began = Instant::now();
    black_box(chain(black_box(1), black_box(0x9e37_79b9_7f4a_7c15), black_box(0x5851_f42d_4c95_7f2d)));
    began.elapsed()
}

/// One after the other: `word` plus `addend`, then exclusive-or `mask`. Each takes one cycle on every processor since the
/// Pentium; neither operand is a constant, which some processors add for nothing; and a sum of exclusive ors has no
/// shorter form that a compiler could put in its place, unlike a sum of sums.
fn chain(mut word: u64, addend: u64, mask: u64) -> u64 {
    let step = |word: u64| word.wrapping_add(addend) ^ mask;
    for _ in 0..STEPS / UNROLLED {
        word = step(step(step(step(step(step(step(step(word))))))));
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_takes_all_of_its_steps() {
        let slow = (0..STEPS).fold(7_u64, |word, _| (word.wrapping_add(3)) ^ 0x55);
        assert_eq!(chain(7, 3, 0x55), slow);
    }

    #[test]
    fn a_clock_is_known_once_it_was_looked_at_and_only_rises() {
        let mut clock = Clock::new(2);
        assert_eq!(clock.hz(), None);
        clock.look();
        let first = clock.hz().unwrap();
        clock.look();
        assert!(first > 0.0 && clock.hz().unwrap() >= first);
    }
}
