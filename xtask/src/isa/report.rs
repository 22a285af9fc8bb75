//! Writes the counts to `bench-results/isa`, and the upper bounds on the rates of ten well-known GPUs that follow from
//! them. The bench has a copy of the bounds, because its package contains only files of its own folder.

use std::fmt::Write as _;

use super::counts::{Count, best, table};
use super::plot::{Bar, bars};
use crate::say::say;
use crate::shell::{Failure, Outcome, workspace_root};

/// A GPU with its published data, and the compiler that represents its driver.
struct Gpu {
    name: &'static str,
    /// 32-bit integer operations issued per clock.
    lanes: u32,
    /// Highest published clock.
    boost_mhz: u32,
    compiler: (&'static str, &'static str),
}

const fn gpu(name: &'static str, units: u32, boost_mhz: u32, compiler: (&'static str, &'static str)) -> Gpu {
    // Each unit (SM, CU) of these GPUs issues 64 such operations per clock.
    Gpu { name, lanes: 64 * units, boost_mhz, compiler }
}

const GPUS: [Gpu; 10] = [
    gpu("GeForce RTX 4090", 128, 2_520, ("ptxas", "Ada")),
    gpu("H100 SXM", 132, 1_980, ("ptxas", "Hopper")),
    gpu("A100 SXM", 108, 1_410, ("ptxas", "A100")),
    gpu("GeForce RTX 3080", 68, 1_710, ("ptxas", "Ampere")),
    gpu("GeForce RTX 2080 Ti", 68, 1_545, ("ptxas", "Turing")),
    gpu("Radeon RX 9070 XT", 64, 2_970, ("RADV 26", "RDNA 4")),
    gpu("Radeon RX 7900 XTX", 96, 2_500, ("RADV 26", "RDNA 3")),
    gpu("Radeon RX 6800 XT", 72, 2_250, ("RADV 26", "RDNA 2")),
    gpu("Radeon RX 5700 XT", 40, 1_905, ("RADV 26", "RDNA 1")),
    gpu("Radeon VII", 60, 1_750, ("RADV 26", "GCN 5")),
];

/// The upper bound on the rate of one GPU, in 10^9 hashes per second.
struct Bound {
    gpu: &'static Gpu,
    one: Option<f64>,
    shared: Option<f64>,
}

impl Bound {
    fn of(gpu: &'static Gpu, counts: &[Count]) -> Self {
        let (compiler, kind) = gpu.compiler;
        let rate = |shader: &str| {
            let is_wanted = |count: &Count| count.compiler == compiler && count.gpu == kind && count.shader == shader;
            let per_hash = best(counts, is_wanted)?.per_hash()?;
            Some(f64::from(gpu.lanes) * f64::from(gpu.boost_mhz) / 1_000.0 / per_hash)
        };
        Self { gpu, one: rate("search_one"), shared: rate("search_shared") }
    }
}

/// Writes the report with its plot.
pub(crate) fn write(counts: &[Count], skipped: &[String]) -> Outcome {
    let bounds: Vec<Bound> = GPUS.iter().map(|gpu| Bound::of(gpu, counts)).collect();
    let bar = |bound: &Bound| Bar { name: bound.gpu.name.to_owned(), values: [bound.one, bound.shared] };
    let plot = bars("Upper bound, 10^9 hashes per second", ["one midstate", "four midstates"], bounds.iter().map(bar));
    let files = [
        ("bench-results/isa/README.md", text(counts, skipped, &bounds)),
        ("bench-results/isa/bounds.svg", plot),
        ("miner/bench/src/gpu_bounds.md", bounds_table(&bounds)),
    ];
    for (name, text) in files {
        let file = workspace_root().join(name);
        std::fs::write(&file, text).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
        say(format_args!("wrote {}", file.display()));
    }
    Ok(())
}

const HEAD: &str = "# Instruction counts of real compilers

Written by `cargo xtask isa --report`. Nothing here ran on a GPU: the compilers are real, but the GPUs were not present.
*Per hash* counts the instructions of a nonce that is not a hit (on AMD only those of the vector unit). With four
midstates it is a quarter of the shared part plus the part of one midstate; for headers and nodes it is the whole
shader. *Whole* is the compiler's count of the shader. RADV and NVK are Mesa's drivers; `ptxas` is NVIDIA's assembler,
with the same expressions as PTX.

## Bounds

A prediction, not a measurement: 32-bit lanes × boost clock ÷ instructions per hash. A rate above it would mean that the
count is wrong; a rate near it can only be improved with fewer instructions.

![the bounds as a bar chart](bounds.svg)

";

const TABLE_HEAD: &str = "\
| GPU | lanes | MHz | counted by | one midstate, GH/s | four midstates, GH/s |
|---|---|---|---|---|---|
";

fn text(counts: &[Count], skipped: &[String], bounds: &[Bound]) -> String {
    let mut text = format!("{HEAD}{}", bounds_table(bounds));
    let _infallible = writeln!(text, "\n## Counts\n\n```text\n{}\n```", table(counts).join("\n"));
    for why in skipped {
        let _infallible = writeln!(text, "\nNot run: {why}");
    }
    text
}

fn bounds_table(bounds: &[Bound]) -> String {
    let mut text = TABLE_HEAD.to_owned();
    for Bound { gpu, one, shared } in bounds {
        let shown = |rate: &Option<f64>| rate.map_or("-".to_owned(), |rate| format!("{rate:.2}"));
        let (compiler, kind) = gpu.compiler;
        let (lanes, mhz, one, shared) = (gpu.lanes, gpu.boost_mhz, shown(one), shown(shared));
        let _infallible = writeln!(text, "| {} | {lanes} | {mhz} | {compiler}, {kind} | {one} | {shared} |", gpu.name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_lanes_times_clock_divided_by_instructions() {
        let counts = Count::of_lines("ptxas", "Ada", "search_one\ta\tturn\t2500\n").unwrap();
        let bound = Bound::of(&GPUS[0], &counts);
        assert!((bound.one.unwrap() - 128.0 * 64.0 * 2_520.0 / 1_000.0 / 2_500.0).abs() < 1e-9);
        assert_eq!(bound.shared, None);
        let text = text(&counts, &["RADV 26: no archive".to_owned()], &[bound]);
        assert!(text.contains("| GeForce RTX 4090 | 8192 | 2520 | ptxas, Ada | 8.26 | - |"), "{text}");
        assert!(text.contains("Not run: RADV 26: no archive"));
    }
}
