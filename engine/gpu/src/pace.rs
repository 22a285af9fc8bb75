//! How much work one dispatch gets, from how long the ones before took. Decides; measures nothing.

use std::time::Duration;

use cityseal_hash::MIDSTATES_MAX;

/// What a dispatch should take unless told otherwise: long enough that starting it costs nothing, short enough that a
/// desktop stays smooth and that cancelling is prompt.
pub(crate) const AIM_DEFAULT: Duration = Duration::from_millis(20);

/// No dispatch is planned to take longer: a tenth of what drivers bear before they reset the device (2 s on Windows, 2.5 s
/// on i915), so that one which takes ten times as long as planned is still survived.
pub(crate) const PLANNED_MAX: Duration = Duration::from_millis(200);

/// A dispatch is cut to whole blocks of all midstates, so that a full one may lack fewer units than this.
const CUT_OFF: u64 = MIDSTATES_MAX as u64;

/// The size of the next dispatch, in units of work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    aim: Duration,
    units: u64,
    max: u64,
    /// Units per second, as the last dispatch that taught something had them.
    rate: Option<f64>,
}

impl Pace {
    /// Starts at `units` (at least 1), never passes `max`, and goes for dispatches of `aim`.
    pub(crate) fn new(aim: Duration, units: u64, max: u64) -> Self {
        let aim = aim.clamp(Duration::from_micros(1), PLANNED_MAX);
        Self { aim, units: units.clamp(1, max.max(1)), max: max.max(1), rate: None }
    }

    /// Starts at what takes `aim` at a rate that was measured before, in units per second.
    pub(crate) fn at_rate(aim: Duration, rate: f64, max: u64) -> Self {
        let pace = Self::new(aim, 1, max);
        let units = (rate * pace.aim.as_secs_f64()) as u64;
        Self { rate: Some(rate), ..Self::new(aim, units, max) }
    }

    /// Units for the next dispatch of a batch of which `left` units are not sent: all of them, where only a splinter would
    /// be left for one more dispatch.
    pub(crate) fn units_of(self, left: u64) -> u64 {
        let whole = left <= self.units.saturating_add(self.units / 2) && left <= self.planned_max();
        if whole { left } else { self.units() }
    }

    /// Units for the next dispatch.
    pub(crate) fn units(self) -> u64 {
        self.units.min(self.planned_max())
    }

    /// Units per second, where measured.
    pub(crate) const fn rate(self) -> Option<f64> {
        self.rate
    }

    /// What a dispatch should take.
    pub(crate) const fn aim(self) -> Duration {
        self.aim
    }

    /// The most units that take no longer than [`PLANNED_MAX`] at the last rate.
    fn planned_max(self) -> u64 {
        self.rate.map_or(u64::MAX, |rate| (rate * PLANNED_MAX.as_secs_f64()) as u64).max(1)
    }

    /// Learns that a dispatch of `units` took `took`.
    ///
    /// Far off the aim it goes to what would have taken the aim, and at most doubles; near it, half the way, so that single
    /// dispatches that were disturbed do not shake it. A dispatch that was not full teaches nothing unless it was slow.
    pub(crate) fn observe(&mut self, units: u64, took: Duration) {
        let is_slow = took > 2 * self.aim;
        if !is_slow && units.saturating_add(CUT_OFF) <= self.units {
            return;
        }
        let rate = units as f64 / took.as_secs_f64().max(1e-9);
        let fitting = (rate * self.aim.as_secs_f64()) as u64;
        let is_near = !is_slow && took >= self.aim / 2;
        let next = if is_near { self.units / 2 + fitting / 2 } else { fitting };
        let most = if is_slow { self.units } else { self.units.saturating_mul(2) };
        self.rate = Some(rate);
        self.units = next.clamp(1, most.min(self.max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AIM: Duration = AIM_DEFAULT;

    /// A device with a fixed cost a dispatch and a rate, simulated.
    #[derive(Clone, Copy)]
    struct Device {
        fixed_ns: u64,
        unit_ns: u64,
    }

    impl Device {
        fn takes(self, units: u64) -> Duration {
            Duration::from_nanos(self.fixed_ns + units * self.unit_ns)
        }

        /// Runs full dispatches; gives how long the longest and the last one took.
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
        assert!(took > aim * 9 / 10 && took < aim * 11 / 10, "{took:?} where {aim:?} was the aim");
    }

    #[test]
    fn starts_small_and_doubles_until_it_is_at_the_aim_of_each_profile() {
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
    fn a_device_that_becomes_three_times_slower_or_faster_ends_up_at_the_aim_again() {
        let mut pace = Pace::new(AIM, 1 << 10, u64::MAX);
        for unit_ns in [30, 90, 10, 30, 31, 3_000, 1] {
            let (_, last) = Device { fixed_ns: 50_000, unit_ns }.run(&mut pace, 40);
            assert_near(last, AIM);
        }
    }

    #[test]
    fn a_device_that_slows_down_gets_less_at_once() {
        let mut pace = Pace::new(AIM, 1 << 20, 1 << 40);
        pace.observe(1 << 20, 10 * AIM);
        assert_eq!(pace.units(), (1 << 20) / 10);
    }

    #[test]
    fn a_short_dispatch_of_little_work_teaches_nothing_and_a_slow_one_does() {
        let mut pace = Pace::new(AIM, 1 << 20, 1 << 40);
        pace.observe(5, Duration::from_micros(1));
        assert_eq!((pace.units(), pace.rate()), (1 << 20, None));
        pace.observe(5_000, 5 * AIM);
        assert_eq!(pace.units(), 1_000);
    }

    #[test]
    fn a_dispatch_that_was_cut_to_whole_blocks_of_all_midstates_counts_as_full() {
        let mut pace = Pace::new(AIM, 1_001, 1 << 40);
        pace.observe(1_000, Duration::from_micros(1));
        assert_eq!(pace.units(), 2_002);
    }

    #[test]
    fn one_disturbed_dispatch_shakes_it_by_no_more_than_half() {
        let mut pace = Pace::at_rate(AIM, 1e9, u64::MAX);
        let before = pace.units();
        pace.observe(before, AIM * 3 / 2);
        assert!(pace.units() > before * 4 / 5 && pace.units() < before, "{pace:?}");
    }

    #[test]
    fn no_dispatch_is_planned_past_the_greatest_time_at_the_last_rate() {
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
        // A size that was right for a faster device: the first dispatch that teaches the rate cuts the next.
        let mut pace = Pace { units: 1 << 30, ..Pace::new(AIM, 1, u64::MAX) };
        pace.observe(1 << 10, Duration::from_secs(1));
        assert!(pace.units() <= (1 << 10) / 5, "{pace:?}");
    }

    #[test]
    fn what_would_be_a_splinter_goes_with_the_dispatch_before_it() {
        let pace = Pace::new(AIM, 1_000, u64::MAX);
        assert_eq!([1, 1_000, 1_500, 1_501, u64::MAX].map(|left| pace.units_of(left)), [1, 1_000, 1_500, 1_000, 1_000]);
    }

    #[test]
    fn stays_between_one_and_the_greatest() {
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
