//! What a processor's ports allow at best: the fewest cycles that a kernel's folded operations can take, where the ports
//! of the machine are known. Of every other machine nothing is said.

use crate::args::BenchMode;

/// Lanes of the AVX-512 kernel.
const LANES: f64 = 16.0;

/// Operations on 512-bit words for 16 items: the sums that the tests of `engine/hash` hold the kernel to.
const SEARCH: u32 = 2_847;
/// The message schedule, which midstates of one second block share.
const SCHEDULE: u32 = 460;
/// Midstates of the mode `search-shared`.
const SHARED: u32 = 4;
/// A whole header: two blocks and the block of its digest. Its loads come on top.
const HEADER: u32 = 4_672;
/// A Merkle node: two blocks, of which the second is padding, and the block of its digest.
const NODE: u32 = 4_175;

/// A processor whose ports are known.
struct Ports {
    vendor: &'static str,
    family: u32,
    models: &'static [u32],
    /// 512-bit additions and three-input logic in a cycle. Rotates and shifts have one port less; they are fewer than half of
    /// every kernel's operations, so that they bind nothing.
    operations_per_cycle: f64,
}

/// Granite Rapids (server and edge): 512-bit integer work on ports 0 and 5, as measured there kernel by kernel.
const KNOWN: [Ports; 1] =
    [Ports { vendor: "GenuineIntel", family: 6, models: &[0xad, 0xae], operations_per_cycle: 2.0 }];

/// Fewest cycles of one core for one hash, header or node, on the processor that this text of `/proc/cpuinfo` tells of.
pub(super) fn cycles_per_item(cpu_info: &str, kernel: &str, mode: BenchMode) -> Option<f64> {
    let operations = operations(mode).filter(|_| kernel == "avx512")?;
    let ports = KNOWN.iter().find(|ports| ports.are_of(cpu_info))?;
    Some(operations / LANES / ports.operations_per_cycle)
}

/// For 16 items.
fn operations(mode: BenchMode) -> Option<f64> {
    match mode {
        BenchMode::Search => Some(f64::from(SEARCH)),
        BenchMode::SearchShared => Some(f64::from(SCHEDULE + SHARED * (SEARCH - SCHEDULE)) / f64::from(SHARED)),
        BenchMode::Headers => Some(f64::from(HEADER)),
        BenchMode::Merkle => Some(f64::from(NODE)),
        BenchMode::Verify | BenchMode::Service | BenchMode::Latency => None,
    }
}

impl Ports {
    fn are_of(&self, cpu_info: &str) -> bool {
        let field = |name| super::environment::field(cpu_info, name);
        let number = |name| field(name).and_then(|text| text.parse::<u32>().ok());
        field("vendor_id") == Some(self.vendor)
            && number("cpu family") == Some(self.family)
            && number("model").is_some_and(|model| self.models.contains(&model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANITE_RAPIDS: &str =
        "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 173\nmodel name\t: Intel Xeon 6\n";

    #[test]
    fn two_ports_at_three_point_six_gigahertz_allow_the_published_rates() {
        let rate = |mode| 3.6e9 / cycles_per_item(GRANITE_RAPIDS, "avx512", mode).unwrap() / 1e6;
        for (mode, expected) in [
            (BenchMode::Search, 40.5),
            (BenchMode::SearchShared, 46.0),
            (BenchMode::Headers, 24.7),
            (BenchMode::Merkle, 27.6),
        ] {
            assert!((rate(mode) - expected).abs() < 0.05, "{} {}", mode.name(), rate(mode));
        }
    }

    #[test]
    fn of_other_machines_kernels_and_modes_nothing_is_said() {
        let zen = GRANITE_RAPIDS.replace("GenuineIntel", "AuthenticAMD");
        assert_eq!(cycles_per_item(&zen, "avx512", BenchMode::Search), None);
        assert_eq!(cycles_per_item("", "avx512", BenchMode::Search), None);
        let older = GRANITE_RAPIDS.replace("173", "85");
        assert_eq!(cycles_per_item(&older, "avx512", BenchMode::Search), None);
        assert_eq!(cycles_per_item(GRANITE_RAPIDS, "avx2", BenchMode::Search), None);
        assert_eq!(cycles_per_item(GRANITE_RAPIDS, "avx512", BenchMode::Verify), None);
    }
}
