//! Measures the processor's clock during a benchmark: times a chain of dependent additions.
//!
//! The value that the system reports (`cpu MHz`) is often the nominal clock, and meaningless on many virtual machines.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::hands::together;

/// Steps per sample: two cycles each, so about a quarter of a millisecond.
const STEPS: u32 = 1 << 19;

/// Cycles per step: one for the addition, one for the exclusive or.
const CYCLES_PER_STEP: u32 = 2;

/// Samples per measurement of the clock.
const SAMPLES: usize = 4;

/// Steps per loop iteration, so that the cost of the loop counter is negligible.
const UNROLLED: u32 = 8;

/// The fastest clock measured on a number of threads at once. Disturbances make a sample slower, never faster.
#[derive(Debug)]
pub(super) struct Clock {
    threads: usize,
    fastest_hz: f64,
}

impl Clock {
    pub(super) const fn new(threads: usize) -> Self {
        Self { threads, fastest_hz: 0.0 }
    }

    /// Measures the clock for about a millisecond on all threads at once, like the benchmark's work.
    pub(super) fn look(&mut self) {
        let (_, seen) = together(vec![|| (0..SAMPLES).map(|_| sample()).collect::<Vec<_>>(); self.threads]);
        let took = seen.into_iter().flatten().flatten().min().unwrap_or(Duration::MAX);
        let hz = f64::from(STEPS * CYCLES_PER_STEP) / took.as_secs_f64().max(1e-9);
        self.fastest_hz = self.fastest_hz.max(hz);
    }

    /// Cycles per second; `None` before the first measurement.
    pub(super) fn hz(&self) -> Option<f64> {
        (self.fastest_hz > 0.0).then_some(self.fastest_hz)
    }
}

fn sample() -> Duration {
    let began = Instant::now();
    black_box(chain(black_box(1), black_box(0x9e37_79b9_7f4a_7c15), black_box(0x5851_f42d_4c95_7f2d)));
    began.elapsed()
}

/// Alternates `word + addend` and `word ^ mask`. Each takes one cycle on every processor since the Pentium. Neither
/// operand is a constant, because some processors add constants at no cost. A compiler cannot shorten the alternation,
/// as it could a chain of additions only.
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
    fn the_chain_executes_all_of_its_steps() {
        let slow = (0..STEPS).fold(7_u64, |word, _| (word.wrapping_add(3)) ^ 0x55);
        assert_eq!(chain(7, 3, 0x55), slow);
    }

    #[test]
    fn a_clock_is_known_after_a_measurement_and_only_rises() {
        let mut clock = Clock::new(2);
        assert_eq!(clock.hz(), None);
        clock.look();
        let first = clock.hz().unwrap();
        clock.look();
        assert!(first > 0.0 && clock.hz().unwrap() >= first);
    }
}
