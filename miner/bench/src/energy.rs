//! Energy of the processor's packages, if Linux reports it (RAPL), and of an NVIDIA board, if its driver does (NVML).
//!
//! The counters cover the whole package or board, including the work of other programs.

use std::fs;
use std::path::{Path, PathBuf};

use nvml_wrapper::Nvml;

/// Folder in which Linux shows the counters.
const POWERCAP: &str = "/sys/class/powercap";

/// A sensor that counts energy.
#[derive(Debug)]
pub(super) enum Meter {
    /// All packages of the processor.
    Packages(Packages),
    /// One board.
    Board(Box<Board>),
}

/// A reading of a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Each package's counter, in microjoules.
    Packages(Vec<u64>),
    /// Millijoules since the driver was loaded.
    Board(u64),
}

impl Meter {
    /// The meter of the processor; `None` if it has none that this user can read.
    pub(super) fn of_cpu() -> Option<Self> {
        Packages::find_in(Path::new(POWERCAP)).map(Self::Packages)
    }

    /// The meter of the board at this PCI address (`0000:01:00.0`); `None` if no driver reports one.
    pub(super) fn of_board(pci: &str) -> Option<Self> {
        // Loads the driver's library if it is installed. It is not needed to build the program.
        let board = Board { nvml: Nvml::init().ok()?, pci: pci.to_owned() };
        board.read().map(|_| Self::Board(Box::new(board)))
    }

    /// Source of the readings, as in the JSON.
    pub(super) const fn source(&self) -> &'static str {
        match self {
            Self::Packages(_) => "rapl",
            Self::Board(_) => "nvml",
        }
    }

    pub(super) fn read(&self) -> Option<Reading> {
        match self {
            Self::Packages(packages) => packages.read().map(Reading::Packages),
            Self::Board(board) => board.read().map(Reading::Board),
        }
    }

    /// Joules between two readings of this meter, during which a counter wraps around at most once.
    pub(super) fn joules(&self, before: &Reading, after: &Reading) -> Option<f64> {
        match (self, before, after) {
            (Self::Packages(packages), Reading::Packages(before), Reading::Packages(after)) => {
                Some(packages.joules(before, after))
            }
            (Self::Board(_), Reading::Board(before), Reading::Board(after)) => board_joules(*before, *after),
            (Self::Packages(_) | Self::Board(_), Reading::Packages(_) | Reading::Board(_), _) => None,
        }
    }
}

/// `None` if the counter went backwards because the driver was reloaded in between: the energy is unknown.
fn board_joules(before_mj: u64, after_mj: u64) -> Option<f64> {
    after_mj.checked_sub(before_mj).map(|spent_mj| spent_mj as f64 / 1e3)
}

/// An NVIDIA board.
#[derive(Debug)]
pub(super) struct Board {
    nvml: Nvml,
    pci: String,
}

impl Board {
    fn read(&self) -> Option<u64> {
        self.nvml.device_by_pci_bus_id(self.pci.as_str()).ok()?.total_energy_consumption().ok()
    }
}

/// The counter of one package in microjoules. It wraps around to 0 after `range_uj`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counter {
    energy: PathBuf,
    range_uj: u64,
}

/// The counters of all packages.
#[derive(Debug)]
pub(super) struct Packages(Vec<Counter>);

impl Packages {
    fn find_in(powercap: &Path) -> Option<Self> {
        let zones = fs::read_dir(powercap).ok()?.flatten().map(|entry| entry.path());
        let counters: Option<Vec<_>> = zones.filter(|zone| is_package(zone)).map(|zone| counter(&zone)).collect();
        let packages = Self(counters.filter(|counters| !counters.is_empty())?);
        // On many systems the counters exist but only root can read them.
        packages.read().map(|_| packages)
    }

    fn read(&self) -> Option<Vec<u64>> {
        self.0.iter().map(|counter| number(&counter.energy)).collect()
    }

    fn joules(&self, before: &[u64], after: &[u64]) -> f64 {
        let spent = self.0.iter().zip(before).zip(after);
        spent.map(|((counter, before), after)| counter.spent_uj(*before, *after) as f64).sum::<f64>() / 1e6
    }
}

impl Counter {
    fn spent_uj(&self, before: u64, after: u64) -> u64 {
        if after >= before { after - before } else { self.range_uj.saturating_sub(before) + after }
    }
}

/// `intel-rapl:0` is a package (on AMD too); `intel-rapl:0:0` is a part of it, which is already counted.
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
    fn packages_are_added_up_and_their_parts_are_not_counted_twice() {
        let sample = Sample::of("sum");
        sample.package(0, "1000000\n");
        sample.package(1, "5000000\n");
        sample.zone("intel-rapl:0:0", &[("name", "core"), ("energy_uj", "7"), ("max_energy_range_uj", "9")]);
        sample.zone("intel-rapl:2", &[("name", "psys"), ("energy_uj", "7"), ("max_energy_range_uj", "9")]);
        let meter = Packages::find_in(&sample.0).unwrap();
        let before = meter.read().unwrap();
        sample.package(0, "3500000\n");
        sample.package(1, "5250000\n");
        let joules = meter.joules(&before, &meter.read().unwrap());
        assert!((joules - 2.75).abs() < 1e-9, "{joules}");
    }

    #[test]
    fn a_counter_that_went_backwards_has_wrapped_around() {
        let counter = Counter { energy: PathBuf::new(), range_uj: 1000 };
        assert_eq!(counter.spent_uj(400, 400), 0);
        assert_eq!(counter.spent_uj(400, 900), 500);
        assert_eq!(counter.spent_uj(900, 50), 150);
        assert_eq!(counter.spent_uj(1200, 50), 50, "a reading past the range must not underflow");
    }

    #[test]
    fn a_board_counts_millijoules_and_a_reloaded_driver_gives_no_energy() {
        assert_eq!(board_joules(1_000, 351_500), Some(350.5));
        assert_eq!(board_joules(7, 7), Some(0.0));
        assert_eq!(board_joules(7, 6), None);
        assert!(Meter::of_board("no such place").is_none());
    }

    #[test]
    fn a_machine_without_readable_counters_has_no_meter() {
        let sample = Sample::of("none");
        assert!(Packages::find_in(&sample.0).is_none());
        sample.zone("dtpm", &[("name", "package-0")]);
        assert!(Packages::find_in(&sample.0).is_none());
        sample.package(0, "not a number");
        assert!(Packages::find_in(&sample.0).is_none());
    }
}
