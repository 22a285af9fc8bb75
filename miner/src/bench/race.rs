//! Runs laps of a contestant and its baselines in turn, and computes the figures from them.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use super::gauges::Gauges;
use crate::error::CommandError;

/// Number of laps of each runner that count. Odd, so that the median is one of them.
pub(super) const LAPS: usize = 5;

/// Minimum duration of the trial lap that finds out how fast a runner is.
const TRIAL: Duration = Duration::from_millis(10);

/// A runner whose laps are measured.
pub(super) trait Contestant {
    /// Does `tickets` equal portions of work on all its threads and returns how long that took.
    fn lap(&mut self, tickets: u64) -> Result<Duration, CommandError>;
    /// Hashes, headers or nodes per portion.
    fn items_per_ticket(&self) -> u64;
    /// Number of threads that share the portions of a lap. A multiple of it as the number of portions leaves no thread
    /// idle at the end of the lap.
    fn hands(&self) -> usize {
        1
    }
    /// What is wrong with its answers so far; `None` if all are right.
    fn wrong(&self) -> Option<String>;
}

/// A baseline: a runner whose laps alternate with the contestant's.
pub(super) trait Beside: Contestant {
    /// Name of the baseline in JSON.
    fn name(&self) -> &'static str;
}

/// The figures of the laps. Rates are in items per second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figures {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) versus: Vec<(&'static str, f64)>,
    pub(super) wrong: Option<String>,
}

/// Runs the contestant and the baselines in turn for about `budget`, without the warm-up. The gauges are read around
/// the contestant's laps.
pub(super) fn race<B: Beside>(
    contestant: &mut dyn Contestant,
    baselines: &mut [B],
    budget: Duration,
    gauges: &mut Gauges,
) -> Result<Figures, CommandError> {
    let lap = budget / (LAPS * (1 + baselines.len())) as u32;
    let tickets = tickets_for(contestant, lap)?;
    let others = baselines.iter_mut().map(|baseline| tickets_for(baseline, lap)).collect::<Result<Vec<_>, _>>()?;
    let mut rates = Vec::with_capacity(LAPS);
    let mut ratios = vec![Vec::with_capacity(LAPS); baselines.len()];
    for _ in 0..LAPS {
        gauges.before_lap();
        let rate = rate(contestant, tickets)?;
        gauges.after_lap(tickets * contestant.items_per_ticket());
        rates.push(rate);
        for ((baseline, tickets), ratios) in baselines.iter_mut().zip(&others).zip(&mut ratios) {
            ratios.push(rate / self::rate(baseline, *tickets)?);
        }
    }
    let versus = baselines.iter().zip(&mut ratios).map(|(baseline, ratios)| (baseline.name(), median(ratios)));
    let versus = versus.collect();
    let wrong = contestant.wrong().or_else(|| baselines.iter().find_map(Contestant::wrong));
    let median = median(&mut rates);
    Ok(Figures { median, min: rates[0], max: rates[LAPS - 1], versus, wrong })
}

/// The number of portions that fill a lap of that duration: a multiple of the number of threads.
fn tickets_for(runner: &mut dyn Contestant, lap: Duration) -> Result<u64, CommandError> {
    let mut tickets = 1;
    loop {
        let took = runner.lap(tickets)?;
        if took >= TRIAL.min(lap) {
            let wanted = tickets as f64 * lap.as_secs_f64() / took.as_secs_f64();
            let hands = runner.hands().max(1) as u64;
            return Ok((wanted / hands as f64).round().max(1.0) as u64 * hands);
        }
        tickets *= 2;
    }
}

fn rate(runner: &mut dyn Contestant, tickets: u64) -> Result<f64, CommandError> {
    let took = runner.lap(tickets)?.as_secs_f64();
    Ok((tickets * runner.items_per_ticket()) as f64 / took.max(1e-9))
}

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

/// Sorts the values and returns the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reports a fixed time per portion, without waiting for it.
    struct Clockwork {
        per_ticket: Duration,
        hands: usize,
        laps: usize,
        wrong: Option<String>,
    }

    impl Contestant for Clockwork {
        fn lap(&mut self, tickets: u64) -> Result<Duration, CommandError> {
            self.laps += 1;
            Ok(self.per_ticket * tickets as u32)
        }
        fn items_per_ticket(&self) -> u64 {
            100
        }
        fn hands(&self) -> usize {
            self.hands
        }
        fn wrong(&self) -> Option<String> {
            self.wrong.clone()
        }
    }

    impl Beside for Clockwork {
        fn name(&self) -> &'static str {
            "clockwork"
        }
    }

    fn clockwork(millis: u64) -> Clockwork {
        Clockwork { per_ticket: Duration::from_millis(millis), hands: 1, laps: 0, wrong: None }
    }

    #[test]
    fn a_runner_four_times_as_fast_has_a_ratio_of_four() {
        let (mut fast, mut slow) = (clockwork(1), [clockwork(4)]);
        let figures = race(&mut fast, &mut slow, Duration::from_secs(1), &mut Gauges::default()).unwrap();
        assert!((figures.median - 100_000.0).abs() < 1e-3, "{figures:?}");
        assert_eq!((figures.min, figures.max), (figures.median, figures.median));
        assert_eq!(figures.versus.len(), 1);
        assert!((figures.versus[0].1 - 4.0).abs() < 1e-9);
        assert!(fast.laps > LAPS && slow[0].laps > LAPS);
    }

    #[test]
    fn all_threads_have_the_same_number_of_portions_in_a_lap() {
        for (hands, lap, expected) in [(1, 17, 17), (2, 17, 18), (3, 16, 15), (4, 1, 4)] {
            let mut clockwork = Clockwork { hands, ..clockwork(1) };
            assert_eq!(tickets_for(&mut clockwork, Duration::from_millis(lap)).unwrap(), expected);
        }
    }

    #[test]
    fn a_wrong_answer_is_reported() {
        let mut liar = Clockwork { wrong: Some("two".into()), ..clockwork(1) };
        let figures = race(&mut liar, &mut [clockwork(1)], Duration::from_secs(1), &mut Gauges::default()).unwrap();
        assert_eq!(figures.wrong.as_deref(), Some("two"));
    }

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

    #[test]
    fn the_median_is_the_middle_value() {
        assert!((median(&mut [5.0, 1.0, 3.0]) - 3.0).abs() < 1e-12);
    }
}
