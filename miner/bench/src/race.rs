//! Laps, in turn: the contestant, its baselines, the contestant again; and what the laps say.

use std::time::Duration;

use super::error::BenchError;
use super::gauges::Gauges;

/// Laps of each runner that count. Odd, so that the median is one of them.
pub(super) const LAPS: usize = 5;

/// A lap that only finds out how fast a runner is lasts at least so long.
const TRIAL: Duration = Duration::from_millis(10);

/// Whoever runs laps.
pub(super) trait Contestant {
    /// Does `tickets` equal portions of work on all its threads and tells how long that took.
    fn lap(&mut self, tickets: u64) -> Result<Duration, BenchError>;
    /// Hashes, headers or nodes of one portion.
    fn items_per_ticket(&self) -> u64;
    /// How many hands share a lap's portions: a lap of as many for each leaves no hand idle at its end.
    fn hands(&self) -> usize {
        1
    }
    /// What was wrong with its answers so far.
    fn wrong(&self) -> Option<String>;
}

/// A runner whose laps stand beside the contestant's.
pub(super) trait Beside: Contestant {
    /// Its name in JSON.
    fn name(&self) -> &'static str;
}

/// What the laps say. Rates in items a second.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figures {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) versus: Vec<(&'static str, f64)>,
    pub(super) wrong: Option<String>,
}

/// Runs all in turn for about `budget`, warm-up not counted; the gauges are read around the contestant's laps.
pub(super) fn race<B: Beside>(
    contestant: &mut dyn Contestant,
    baselines: &mut [B],
    budget: Duration,
    gauges: &mut Gauges,
) -> Result<Figures, BenchError> {
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

/// How many portions fill a lap of that length: as many for each hand, at least one.
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

/// Sorts, and gives the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a fixed time a portion, without waiting for it.
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
    fn every_hand_has_as_many_portions_of_a_lap_as_the_others() {
        for (hands, lap, expected) in [(1, 17, 17), (2, 17, 18), (3, 16, 15), (4, 1, 4)] {
            let mut clockwork = Clockwork { hands, ..clockwork(1) };
            assert_eq!(tickets_for(&mut clockwork, Duration::from_millis(lap)).unwrap(), expected);
        }
    }

    #[test]
    fn a_wrong_answer_of_anyone_is_told() {
        let mut liar = Clockwork { wrong: Some("two".into()), ..clockwork(1) };
        let figures = race(&mut liar, &mut [clockwork(1)], Duration::from_secs(1), &mut Gauges::default()).unwrap();
        assert_eq!(figures.wrong.as_deref(), Some("two"));
    }

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((median(&mut [5.0, 1.0, 3.0]) - 3.0).abs() < 1e-12);
    }
}
