//! Energy of the processor's packages, where Linux tells it (RAPL). Where it does not, nothing is said.
//!
//! A package's counter covers all that the package does, other programs included.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Linux shows the counters.
const POWERCAP: &str = "/sys/class/powercap";

/// One package's counter, in microjoules; after `range_uj` it begins again at 0.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counter {
    energy: PathBuf,
    range_uj: u64,
}

/// The counters of all packages.
#[derive(Debug)]
pub(super) struct Meter(Vec<Counter>);

/// What each counter showed at one moment, in microjoules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reading(Vec<u64>);

impl Meter {
    /// The meter of this machine; `None` where it has none that this user may read.
    pub(super) fn find() -> Option<Self> {
        Self::find_in(Path::new(POWERCAP))
    }

    fn find_in(powercap: &Path) -> Option<Self> {
        let zones = fs::read_dir(powercap).ok()?.flatten().map(|entry| entry.path());
        let counters: Option<Vec<_>> = zones.filter(|zone| is_package(zone)).map(|zone| counter(&zone)).collect();
        let meter = Self(counters.filter(|counters| !counters.is_empty())?);
        // Counters that only root may read are there and tell nothing.
        meter.read().map(|_| meter)
    }

    pub(super) fn read(&self) -> Option<Reading> {
        self.0.iter().map(|counter| number(&counter.energy)).collect::<Option<_>>().map(Reading)
    }

    /// Joules of all packages between two readings, less than one round of a counter apart.
    pub(super) fn joules(&self, before: &Reading, after: &Reading) -> f64 {
        let spent = self.0.iter().zip(&before.0).zip(&after.0);
        spent.map(|((counter, before), after)| counter.spent_uj(*before, *after) as f64).sum::<f64>() / 1e6
    }
}

impl Counter {
    fn spent_uj(&self, before: u64, after: u64) -> u64 {
        if after >= before { after - before } else { self.range_uj.saturating_sub(before) + after }
    }
}

/// `intel-rapl:0` is a package (AMD's too); `intel-rapl:0:0` a part of it, already counted.
fn is_package(zone: &Path) -> bool {
    let name = zone.file_name().unwrap_or_default().to_string_lossy();
    let number = name.strip_prefix("intel-rapl:");
    let is_numbered = number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    is_numbered && fs::read_to_string(zone.join("name")).is_ok_and(|name| name.starts_with("package"))
}

fn counter(zone: &Path) -> Option<Counter> {
    Some(Counter { energy: zone.join("energy_uj"), range_uj: number(&zone.join("max_energy_range_uj"))? })
}

fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sample(PathBuf);

    impl Sample {
        fn of(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("cityseal-powercap-{name}-{}", std::process::id())))
        }

        fn zone(&self, zone: &str, files: &[(&str, &str)]) {
            let folder = self.0.join(zone);
            fs::create_dir_all(&folder).unwrap();
            for (name, text) in files {
                fs::write(folder.join(name), text).unwrap();
            }
        }

        fn package(&self, number: u32, energy_uj: &str) {
            let name = format!("package-{number}\n");
            let files = [("name", &*name), ("energy_uj", energy_uj), ("max_energy_range_uj", "262143328850\n")];
            self.zone(&format!("intel-rapl:{number}"), &files);
        }
    }

    impl Drop for Sample {
        fn drop(&mut self) {
            let _absent = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_packages_add_up_and_their_parts_do_not_count_twice() {
        let sample = Sample::of("sum");
        sample.package(0, "1000000\n");
        sample.package(1, "5000000\n");
        sample.zone("intel-rapl:0:0", &[("name", "core"), ("energy_uj", "7"), ("max_energy_range_uj", "9")]);
        sample.zone("intel-rapl:2", &[("name", "psys"), ("energy_uj", "7"), ("max_energy_range_uj", "9")]);
        let meter = Meter::find_in(&sample.0).unwrap();
        let before = meter.read().unwrap();
        sample.package(0, "3500000\n");
        sample.package(1, "5250000\n");
        let joules = meter.joules(&before, &meter.read().unwrap());
        assert!((joules - 2.75).abs() < 1e-9, "{joules}");
    }

    #[test]
    fn a_counter_that_began_again_has_gone_through_its_end() {
        let counter = Counter { energy: PathBuf::new(), range_uj: 1000 };
        assert_eq!(counter.spent_uj(400, 400), 0);
        assert_eq!(counter.spent_uj(400, 900), 500);
        assert_eq!(counter.spent_uj(900, 50), 150);
        assert_eq!(counter.spent_uj(1200, 50), 50, "a counter past its own range does not make energy");
    }

    #[test]
    fn a_machine_that_tells_nothing_has_no_meter() {
        let sample = Sample::of("none");
        assert!(Meter::find_in(&sample.0).is_none());
        sample.zone("dtpm", &[("name", "package-0")]);
        assert!(Meter::find_in(&sample.0).is_none());
        sample.package(0, "not a number");
        assert!(Meter::find_in(&sample.0).is_none());
    }
}
