//! How much work one dispatch gets, from how long the ones before took. Decides; measures nothing.

use std::time::Duration;

/// What a dispatch should take: long enough that starting it costs nothing, short enough that a desktop stays smooth and
/// that cancelling is prompt. A hundredth of what drivers bear before they reset the device (2 s on Windows, 2.5 s on i915).
pub(crate) const AIM: Duration = Duration::from_millis(20);

/// The size of the next dispatch, in units of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    units: u64,
    max: u64,
}

impl Pace {
    /// Starts at `units` (at least 1) and never passes `max`.
    pub(crate) fn new(units: u64, max: u64) -> Self {
        Self { units: units.clamp(1, max.max(1)), max: max.max(1) }
    }

    /// Units for the next dispatch.
    pub(crate) const fn units(self) -> u64 {
        self.units
    }

    /// Learns that a dispatch of `units` took `took`.
    ///
    /// Doubles after a full dispatch of less than half of [`AIM`]; goes to what would have taken [`AIM`] after one that
    /// took more than twice as long.
    pub(crate) fn observe(&mut self, units: u64, took: Duration) {
        if took > 2 * AIM {
            let fitting = u128::from(units) * AIM.as_nanos() / took.as_nanos();
            self.units = u64::try_from(fitting).unwrap_or(self.max).clamp(1, self.units);
        } else if took < AIM / 2 && units >= self.units {
            self.units = self.units.saturating_mul(2).min(self.max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_until_half_of_the_aim_is_reached_and_stays_there() {
        let mut pace = Pace::new(1 << 10, 1 << 40);
        let took = |units: u64| Duration::from_nanos(units * 10);
        for _ in 0..64 {
            pace.observe(pace.units(), took(pace.units()));
        }
        assert!((AIM / 2..AIM).contains(&took(pace.units())), "{pace:?}");
    }

    #[test]
    fn a_device_that_slows_down_gets_less_at_once() {
        let mut pace = Pace::new(1 << 20, 1 << 40);
        pace.observe(1 << 20, 10 * AIM);
        assert_eq!(pace.units(), (1 << 20) / 10);
    }

    #[test]
    fn a_short_dispatch_of_little_work_teaches_nothing() {
        let mut pace = Pace::new(1 << 20, 1 << 40);
        pace.observe(5, Duration::from_micros(1));
        assert_eq!(pace.units(), 1 << 20);
    }

    #[test]
    fn stays_between_one_and_the_greatest() {
        let mut pace = Pace::new(0, 3);
        assert_eq!(pace.units(), 1);
        for _ in 0..5 {
            pace.observe(pace.units(), Duration::ZERO);
        }
        assert_eq!(pace.units(), 3);
        pace.observe(3, Duration::from_hours(1));
        assert_eq!(pace.units(), 1);
    }
}
