//! Upper bounds of rates. For a CPU with known execution ports: from the fewest cycles that a kernel's operations can
//! take. For a GPU that `cargo xtask isa --report` has analysed: from its instruction counts. Other machines have no
//! bound.

use super::mode::BenchMode;

/// The bounds of GPUs as a Markdown table, written by `cargo xtask isa --report`.
const BOUNDS: &str = include_str!("gpu_bounds.md");

/// Names that drivers use for devices in that table: (name in the table, name of the driver).
const ALSO_CALLED: [(&str, &str); 2] = [("H100 SXM", "H100 80GB HBM3"), ("A100 SXM", "A100-SXM4")];

/// Lanes of the AVX-512 kernel.
const LANES: f64 = 16.0;

/// Operations on 512-bit words for 16 items of a search; the tests of `engine/hash` check these sums.
const SEARCH: u32 = 2_847;
/// Operations of the message schedule, which midstates with the same second block share.
const SCHEDULE: u32 = 460;
/// Number of midstates in the mode `search-shared`.
const SHARED: u32 = 4;
/// Operations for whole headers: two blocks and the block of the digest, without loads.
const HEADER: u32 = 4_672;
/// Operations for Merkle nodes: two blocks, of which the second is padding, and the block of the digest.
const NODE: u32 = 4_175;

/// A processor with known execution ports.
struct Ports {
    vendor: &'static str,
    family: u32,
    models: &'static [u32],
    /// 512-bit additions and three-input logic operations per cycle. Rotates and shifts have one port less, but are
    /// fewer than half of every kernel's operations, so they are not the limit.
    operations_per_cycle: f64,
}

/// Granite Rapids (server and edge): 512-bit integer operations on ports 0 and 5, as measured for each kernel.
const KNOWN: [Ports; 1] =
    [Ports { vendor: "GenuineIntel", family: 6, models: &[0xad, 0xae], operations_per_cycle: 2.0 }];

/// Minimum cycles of one core per hash, header or node, on the processor described by this text of `/proc/cpuinfo`;
/// `None` if its ports or the kernel's operations are unknown.
pub(super) fn cycles_per_item(cpu_info: &str, kernel: &str, mode: BenchMode) -> Option<f64> {
    let operations = operations(mode).filter(|_| kernel == "avx512")?;
    let ports = KNOWN.iter().find(|ports| ports.are_of(cpu_info))?;
    Some(operations / LANES / ports.operations_per_cycle)
}

/// Maximum hashes per second of a GPU of this name, from the instructions that its compiler needs per hash; `None` if
/// the GPU is not in the table.
pub(super) fn hashes_per_second(device: &str, mode: BenchMode) -> Option<f64> {
    let column = match mode {
        BenchMode::Search => 5,
        BenchMode::SearchShared => 6,
        BenchMode::Headers | BenchMode::Merkle | BenchMode::Verify | BenchMode::Service | BenchMode::Latency => {
            return None;
        }
    };
    let rows = BOUNDS.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let row = { rows }.find(|cells| cells.len() > 6 && is_called(device, cells[1]))?;
    Some(row[column].parse::<f64>().ok()? * 1e9)
}

/// Whether a device's name from its driver is that of a GPU in the table. A longer name may be that of another model.
fn is_called(device: &str, name: &str) -> bool {
    let also = ALSO_CALLED.iter().filter(|(known, _)| *known == name).map(|(_, also)| *also);
    let is = |name: &str| device.split_once(name).is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(" ("));
    let is_board = |name: &str| device.contains(name);
    !name.is_empty() && (is(name) || { also }.any(is_board))
}

/// Operations for 16 items in this mode.
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
        let field = |name| super::processor::field(cpu_info, name);
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
    fn other_machines_kernels_and_modes_have_no_bound() {
        let zen = GRANITE_RAPIDS.replace("GenuineIntel", "AuthenticAMD");
        assert_eq!(cycles_per_item(&zen, "avx512", BenchMode::Search), None);
        assert_eq!(cycles_per_item("", "avx512", BenchMode::Search), None);
        let older = GRANITE_RAPIDS.replace("173", "85");
        assert_eq!(cycles_per_item(&older, "avx512", BenchMode::Search), None);
        assert_eq!(cycles_per_item(GRANITE_RAPIDS, "avx2", BenchMode::Search), None);
        assert_eq!(cycles_per_item(GRANITE_RAPIDS, "avx512", BenchMode::Verify), None);
    }

    #[test]
    fn the_table_is_that_of_the_report() {
        let report = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bench-results/isa/README.md");
        let report = std::fs::read_to_string(report).unwrap();
        assert!(BOUNDS.lines().count() > 2 && report.contains(BOUNDS), "run `cargo xtask isa --report`");
    }

    #[test]
    fn only_gpus_in_the_table_have_a_bound() {
        let bound = |device: &str| hashes_per_second(device, BenchMode::Search);
        for device in [
            "NVIDIA GeForce RTX 4090",
            "AMD Radeon RX 7900 XTX (RADV NAVI31)",
            "NVIDIA H100 80GB HBM3",
            "NVIDIA A100-SXM4-40GB",
            "NVIDIA GeForce RTX 3080",
        ] {
            let (one, shared) = (bound(device).unwrap(), hashes_per_second(device, BenchMode::SearchShared).unwrap());
            assert!((1e9..2e10).contains(&one) && shared > one, "{device}: {one} and {shared}");
        }
        for device in
            ["NVIDIA GeForce RTX 3080 Ti", "AMD Radeon RX 6800", "llvmpipe (LLVM 15.0.6, 256 bits)", "GPU", ""]
        {
            assert_eq!(bound(device), None, "{device}");
        }
        assert_eq!(hashes_per_second("NVIDIA GeForce RTX 4090", BenchMode::Headers), None);
    }
}
