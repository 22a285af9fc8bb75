//! Chooses how much work one dispatch gets, from the duration of earlier ones.

use std::time::Duration;

use cityseal_hash::MIDSTATES_MAX;

/// Default duration of a dispatch: long enough that its overhead is negligible, short enough that a desktop stays
/// smooth and that cancelling is prompt.
pub(crate) const AIM_DEFAULT: Duration = Duration::from_millis(20);

/// Longest planned duration of a dispatch: a tenth of the time after which drivers reset the device (2 s on Windows,
/// 2.5 s on i915), so that a dispatch may take ten times as long as planned.
pub(crate) const PLANNED_MAX: Duration = Duration::from_millis(200);

/// A dispatch consists of whole blocks of all midstates, so that a full one may lack up to this many units.
const ROUNDING_MAX: u64 = MIDSTATES_MAX as u64;

/// The size of the next dispatch, in units of work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    aim: Duration,
    units: u64,
    max: u64,
    /// Units per second of the last dispatch that was taken into account.
    rate: Option<f64>,
}

impl Pace {
    /// Starts with `units` (at least 1), never exceeds `max`, and aims at dispatches of duration `aim`.
    pub(crate) fn new(aim: Duration, units: u64, max: u64) -> Self {
        let aim = aim.clamp(Duration::from_micros(1), PLANNED_MAX);
        Self { aim, units: units.clamp(1, max.max(1)), max: max.max(1), rate: None }
    }

    /// Starts with the units that take `aim` at an earlier measured rate, in units per second.
    pub(crate) fn at_rate(aim: Duration, rate: f64, max: u64) -> Self {
        let pace = Self::new(aim, 1, max);
        let units = (rate * pace.aim.as_secs_f64()) as u64;
        Self { rate: Some(rate), ..Self::new(aim, units, max) }
    }

    /// Units for the next dispatch of a batch with `left` unsent units: all of them, if otherwise only a small rest
    /// would remain for one more dispatch.
    pub(crate) fn units_of(self, left: u64) -> u64 {
        let whole = left <= self.units.saturating_add(self.units / 2) && left <= self.planned_max();
        if whole { left } else { self.units() }
    }

    /// Units for the next dispatch.
    pub(crate) fn units(self) -> u64 {
        self.units.min(self.planned_max())
    }

    /// Units per second, if measured.
    pub(crate) const fn rate(self) -> Option<f64> {
        self.rate
    }

    /// The intended duration of a dispatch.
    pub(crate) const fn aim(self) -> Duration {
        self.aim
    }

    /// The most units that take at most [`PLANNED_MAX`] at the last rate.
    fn planned_max(self) -> u64 {
        self.rate.map_or(u64::MAX, |rate| (rate * PLANNED_MAX.as_secs_f64()) as u64).max(1)
    }

    /// Adjusts to a dispatch of `units` that took `took`.
    ///
    /// If the duration was far from the aim, the size becomes what would have taken the aim, at most twice the current
    /// size. If it was near, the size moves half of the way, so that single disturbed dispatches have little effect. A
    /// dispatch that was not full is ignored unless it was slow.
    pub(crate) fn observe(&mut self, units: u64, took: Duration) {
        let is_slow = took > 2 * self.aim;
        if !is_slow && units.saturating_add(ROUNDING_MAX) <= self.units {
            return;
        }
        let rate = units as f64 / took.as_secs_f64().max(1e-9);
        let ideal = (rate * self.aim.as_secs_f64()) as u64;
        let is_near = !is_slow && took >= self.aim / 2;
        let next = if is_near { self.units / 2 + ideal / 2 } else { ideal };
        let most = if is_slow { self.units } else { self.units.saturating_mul(2) };
        self.rate = Some(rate);
        self.units = next.clamp(1, most.min(self.max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AIM: Duration = AIM_DEFAULT;

    /// A simulated device with a fixed cost per dispatch and a constant rate.
    #[derive(Clone, Copy)]
    struct Device {
        fixed_ns: u64,
        unit_ns: u64,
    }

    impl Device {
        fn takes(self, units: u64) -> Duration {
            Duration::from_nanos(self.fixed_ns + units * self.unit_ns)
        }

        /// Runs full dispatches; returns the durations of the longest and of the last one.
        fn run(self, pace: &mut Pace, dispatches: u32) -> (Duration, Duration) {
            let took = (0..dispatches).map(|_| {
                let (units, took) = (pace.units(), self.takes(pace.units()));
                pace.observe(units, took);
                took
            });
            took.fold((Duration::ZERO, Duration::ZERO), |(longest, _), took| (longest.max(took), took))
        }
    }

    fn assert_near(took: Duration, aim: Duration) {
        assert!(took > aim * 9 / 10 && took < aim * 11 / 10, "{took:?}, the aim was {aim:?}");
    }

    #[test]
    fn starts_small_and_doubles_until_it_reaches_the_aim_of_each_profile() {
        for aim in [5, 20, 100].map(Duration::from_millis) {
            let mut pace = Pace::new(aim, 1 << 10, u64::MAX);
            let device = Device { fixed_ns: 100_000, unit_ns: 10 };
            assert_eq!(pace.units(), 1 << 10);
            device.run(&mut pace, 1);
            assert_eq!(pace.units(), 1 << 11);
            let (longest, last) = device.run(&mut pace, 40);
            assert_near(last, aim);
            assert!(longest <= 2 * aim, "{longest:?}");
        }
    }

    #[test]
    fn a_device_that_becomes_slower_or_faster_reaches_the_aim_again() {
        let mut pace = Pace::new(AIM, 1 << 10, u64::MAX);
        for unit_ns in [30, 90, 10, 30, 31, 3_000, 1] {
            let (_, last) = Device { fixed_ns: 50_000, unit_ns }.run(&mut pace, 40);
            assert_near(last, AIM);
        }
    }

    #[test]
    fn a_device_that_slows_down_gets_less_work_immediately() {
        let mut pace = Pace::new(AIM, 1 << 20, 1 << 40);
        pace.observe(1 << 20, 10 * AIM);
        assert_eq!(pace.units(), (1 << 20) / 10);
    }

    #[test]
    fn a_dispatch_that_was_not_full_is_ignored_unless_it_was_slow() {
        let mut pace = Pace::new(AIM, 1 << 20, 1 << 40);
        pace.observe(5, Duration::from_micros(1));
        assert_eq!((pace.units(), pace.rate()), (1 << 20, None));
        pace.observe(5_000, 5 * AIM);
        assert_eq!(pace.units(), 1_000);
    }

    #[test]
    fn a_dispatch_of_whole_blocks_of_all_midstates_counts_as_full() {
        let mut pace = Pace::new(AIM, 1_001, 1 << 40);
        pace.observe(1_000, Duration::from_micros(1));
        assert_eq!(pace.units(), 2_002);
    }

    #[test]
    fn one_disturbed_dispatch_has_little_effect() {
        let mut pace = Pace::at_rate(AIM, 1e9, u64::MAX);
        let before = pace.units();
        pace.observe(before, AIM * 3 / 2);
        assert!(pace.units() > before * 4 / 5 && pace.units() < before, "{pace:?}");
    }

    #[test]
    fn no_dispatch_is_planned_to_take_longer_than_the_maximum() {
        for aim in [Duration::from_millis(5), Duration::from_mins(1)] {
            for rate in [0.0, 1e-3, 1e3, 1e9, 1e30, f64::INFINITY, f64::NAN, -1.0] {
                let pace = Pace::at_rate(aim, rate, 1 << 40);
                for left in [1, 1 << 20, 1 << 40, u64::MAX] {
                    let planned = pace.units_of(left).max(pace.units());
                    let takes_at_most = rate.max(0.0) * PLANNED_MAX.as_secs_f64();
                    assert!(planned <= 1 || planned as f64 <= takes_at_most, "{planned} at {rate}");
                }
            }
        }
        // The size was right for a faster device: the first measured dispatch reduces the next one.
        let mut pace = Pace { units: 1 << 30, ..Pace::new(AIM, 1, u64::MAX) };
        pace.observe(1 << 10, Duration::from_secs(1));
        assert!(pace.units() <= (1 << 10) / 5, "{pace:?}");
    }

    #[test]
    fn a_small_rest_is_joined_to_the_dispatch_before_it() {
        let pace = Pace::new(AIM, 1_000, u64::MAX);
        assert_eq!([1, 1_000, 1_500, 1_501, u64::MAX].map(|left| pace.units_of(left)), [1, 1_000, 1_500, 1_000, 1_000]);
    }

    #[test]
    fn stays_between_one_and_the_maximum() {
        let mut pace = Pace::new(AIM, 0, 3);
        assert_eq!(pace.units(), 1);
        for _ in 0..5 {
            pace.observe(pace.units(), Duration::ZERO);
        }
        assert_eq!(pace.units(), 3);
        pace.observe(3, Duration::from_hours(1));
        assert_eq!(pace.units(), 1);
    }
}
