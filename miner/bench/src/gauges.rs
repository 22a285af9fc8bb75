//! The sensors that are read around a contestant's laps: the clock of the cores, and the energy of packages or of a
//! board.

use super::clock::Clock;
use super::energy::{Meter, Reading};
use super::json::EnergyRow;

/// The sensors of one row. Sensors that the machine or the device does not have give no values.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    clock: Option<Clock>,
    meter: Option<Meter>,
    at_start: Option<Reading>,
    joules: f64,
    items: u64,
}

impl Gauges {
    /// The sensors of the CPU.
    pub(super) fn of_cpu(threads: usize) -> Self {
        Self { clock: Some(Clock::new(threads)), meter: Meter::of_cpu(), ..Self::default() }
    }

    /// The sensors of another device, by its PCI address and ids if it has them: `0000:01:00.0 10de:2684`.
    pub(super) fn of_board(pci: Option<&str>) -> Self {
        let address = pci.and_then(|pci| pci.split_whitespace().next());
        Self { meter: address.and_then(Meter::of_board), ..Self::default() }
    }

    /// Must be called directly before a lap.
    pub(super) fn before_lap(&mut self) {
        self.at_start = self.meter.as_ref().and_then(Meter::read);
    }

    /// Must be called directly after a lap of `items` hashes, headers or nodes.
    pub(super) fn after_lap(&mut self, items: u64) {
        if let (Some(meter), Some(before)) = (&self.meter, self.at_start.take())
            && let Some(joules) = meter.read().and_then(|after| meter.joules(&before, &after))
        {
            self.joules += joules;
            self.items += items;
        }
        if let Some(clock) = &mut self.clock {
            clock.look();
        }
    }

    /// Clock of the cores in cycles per second.
    pub(super) fn clock_hz(&self) -> Option<f64> {
        self.clock.as_ref().and_then(Clock::hz)
    }

    /// Energy per hash, header or node.
    pub(super) fn energy(&self) -> Option<EnergyRow> {
        let meter = self.meter.as_ref().filter(|_| self.items > 0)?;
        Some(EnergyRow { nj_per_item: self.joules * 1e9 / self.items as f64, source: meter.source().into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_sensors_give_no_values() {
        let mut gauges = Gauges::default();
        gauges.before_lap();
        gauges.after_lap(7);
        assert_eq!((gauges.clock_hz(), gauges.energy()), (None, None));
    }

    #[test]
    fn the_clock_is_known_after_a_lap_and_energy_only_with_a_meter() {
        let mut gauges = Gauges { meter: None, ..Gauges::of_cpu(1) };
        gauges.before_lap();
        gauges.after_lap(7);
        assert!(gauges.clock_hz().is_some());
        assert_eq!(gauges.energy(), None);
    }
}
