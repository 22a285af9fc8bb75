//! What the machine shows around a contestant's laps: the clock of its cores, the energy of its packages.

use super::clock::Clock;
use super::energy::{Meter, Reading};

/// The gauges of one row. Those that a machine or a device does not have show nothing.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    clock: Option<Clock>,
    meter: Option<Meter>,
    at_start: Option<Reading>,
    joules: f64,
    items: u64,
}

impl Gauges {
    /// Those of a device that is the CPU.
    pub(super) fn of_cpu(threads: usize) -> Self {
        Self { clock: Some(Clock::new(threads)), meter: Meter::find(), ..Self::default() }
    }

    /// A lap is about to begin.
    pub(super) fn before_lap(&mut self) {
        self.at_start = self.meter.as_ref().and_then(Meter::read);
    }

    /// A lap over so many hashes, headers or nodes has just ended.
    pub(super) fn after_lap(&mut self, items: u64) {
        if let (Some(meter), Some(before)) = (&self.meter, self.at_start.take())
            && let Some(after) = meter.read()
        {
            self.joules += meter.joules(&before, &after);
            self.items += items;
        }
        if let Some(clock) = &mut self.clock {
            clock.look();
        }
    }

    /// Cycles a second.
    pub(super) fn clock_hz(&self) -> Option<f64> {
        self.clock.as_ref().and_then(Clock::hz)
    }

    /// Nanojoules for one hash, header or node.
    pub(super) fn nj_per_item(&self) -> Option<f64> {
        (self.items > 0).then(|| self.joules * 1e9 / self.items as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_that_are_not_there_show_nothing() {
        let mut gauges = Gauges::default();
        gauges.before_lap();
        gauges.after_lap(7);
        assert_eq!((gauges.clock_hz(), gauges.nj_per_item()), (None, None));
    }

    #[test]
    fn the_clock_is_seen_after_a_lap_and_energy_only_where_there_is_a_meter() {
        let mut gauges = Gauges { meter: None, ..Gauges::of_cpu(1) };
        gauges.before_lap();
        gauges.after_lap(7);
        assert!(gauges.clock_hz().is_some());
        assert_eq!(gauges.nj_per_item(), None);
    }
}
