//! Runs laps of a contestant and its baselines in turn, and computes the figures from them.

use std::time::Duration;

use super::error::BenchError;
use super::gauges::Gauges;

/// Number of laps of each runner that count. Odd, so that the median is one of them.
pub(super) const LAPS: usize = 5;

/// Minimum duration of the trial lap that finds out how fast a runner is.
const TRIAL: Duration = Duration::from_millis(10);

/// A runner whose laps are measured.
pub(super) trait Contestant {
    /// Does `tickets` equal portions of work on all its threads and returns how long that took.
    fn lap(&mut self, tickets: u64) -> Result<Duration, BenchError>;
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
pub(super) trait BaselineRunner: Contestant {
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
pub(super) fn race(
    contestant: &mut dyn Contestant,
    baselines: &mut [Box<dyn BaselineRunner + '_>],
    budget: Duration,
    gauges: &mut Gauges,
) -> Result<Figures, BenchError> {
    let lap = budget / (LAPS * (1 + baselines.len())) as u32;
    let tickets = tickets_for(contestant, lap)?;
    let others =
        baselines.iter_mut().map(|baseline| tickets_for(&mut **baseline, lap)).collect::<Result<Vec<_>, _>>()?;
    let mut rates = Vec::with_capacity(LAPS);
    let mut ratios = vec![Vec::with_capacity(LAPS); baselines.len()];
    for _ in 0..LAPS {
        gauges.before_lap();
        let rate = rate(contestant, tickets)?;
        gauges.after_lap(tickets * contestant.items_per_ticket());
        rates.push(rate);
        for ((baseline, tickets), ratios) in baselines.iter_mut().zip(&others).zip(&mut ratios) {
            ratios.push(rate / self::rate(&mut **baseline, *tickets)?);
        }
    }
    let versus = baselines.iter().zip(&mut ratios).map(|(baseline, ratios)| (baseline.name(), median(ratios)));
    let versus = versus.collect();
    let wrong = contestant.wrong().or_else(|| baselines.iter().find_map(|baseline| baseline.wrong()));
    let median = median(&mut rates);
    Ok(Figures { median, min: rates[0], max: rates[LAPS - 1], versus, wrong })
}

/// The number of portions that fill a lap of that duration: a multiple of the number of threads.
fn tickets_for(runner: &mut dyn Contestant, lap: Duration) -> Result<u64, BenchError> {
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

fn rate(runner: &mut dyn Contestant, tickets: u64) -> Result<f64, BenchError> {
    let took = runner.lap(tickets)?.as_secs_f64();
    Ok((tickets * runner.items_per_ticket()) as f64 / took.max(1e-9))
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
        fn lap(&mut self, tickets: u64) -> Result<Duration, BenchError> {
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

    impl BaselineRunner for Clockwork {
        fn name(&self) -> &'static str {
            "clockwork"
        }
    }

    impl Contestant for &mut Clockwork {
        fn lap(&mut self, tickets: u64) -> Result<Duration, BenchError> {
            (**self).lap(tickets)
        }
        fn items_per_ticket(&self) -> u64 {
            (**self).items_per_ticket()
        }
        fn wrong(&self) -> Option<String> {
            (**self).wrong()
        }
    }

    impl BaselineRunner for &mut Clockwork {
        fn name(&self) -> &'static str {
            "clockwork"
        }
    }

    fn clockwork(millis: u64) -> Clockwork {
        Clockwork { per_ticket: Duration::from_millis(millis), hands: 1, laps: 0, wrong: None }
    }

    #[test]
    fn a_runner_four_times_as_fast_has_a_ratio_of_four() {
        let (mut fast, mut slow) = (clockwork(1), clockwork(4));
        let mut baselines = vec![Box::new(&mut slow) as Box<dyn BaselineRunner>];
        let figures = race(&mut fast, &mut baselines, Duration::from_secs(1), &mut Gauges::default()).unwrap();
        drop(baselines);
        assert!((figures.median - 100_000.0).abs() < 1e-3, "{figures:?}");
        assert_eq!((figures.min, figures.max), (figures.median, figures.median));
        assert_eq!(figures.versus.len(), 1);
        assert!((figures.versus[0].1 - 4.0).abs() < 1e-9);
        assert!(fast.laps > LAPS && slow.laps > LAPS);
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
        let baselines = &mut [Box::new(clockwork(1)) as Box<dyn BaselineRunner>];
        let figures = race(&mut liar, baselines, Duration::from_secs(1), &mut Gauges::default()).unwrap();
        assert_eq!(figures.wrong.as_deref(), Some("two"));
    }

    #[test]
    fn the_median_is_the_middle_value() {
        assert!((median(&mut [5.0, 1.0, 3.0]) - 3.0).abs() < 1e-12);
    }
}
