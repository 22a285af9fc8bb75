//! The bodies of the fuzz targets. Each takes any bytes and compares the product with a simple reference written here,
//! or with an invariant; none only waits for a panic.
//!
//! A file under `fuzz_targets/` passes libFuzzer's bytes to one body. `tests/bodies.rs` runs every body on its seeds
//! and on mutations of them, without libFuzzer.

mod block;
mod chunks;
mod compact_target;
mod cursor;
mod decoders;
mod easy;
mod hash_each;
mod header_hex;
mod nonce_range;
mod parameters;
mod part;
mod partial_tree;
mod ranges;
mod receipt;
mod reference;
mod segments;
mod template;

/// A fuzz target.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of its file under `fuzz_targets/`.
    pub name: &'static str,
    /// The function under test.
    pub body: fn(&[u8]),
    /// Inputs that reach deep into the code.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every fuzz target.
pub const TARGETS: &[Target] = &[
    Target { name: "block", body: block::body, seeds: block::seeds },
    Target { name: "chunks", body: chunks::body, seeds: chunks::seeds },
    Target { name: "compact_target", body: compact_target::body, seeds: compact_target::seeds },
    Target { name: "decoders", body: decoders::body, seeds: decoders::seeds },
    Target { name: "hash_each", body: hash_each::body, seeds: hash_each::seeds },
    Target { name: "header_hex", body: header_hex::body, seeds: header_hex::seeds },
    Target { name: "nonce_range", body: nonce_range::body, seeds: nonce_range::seeds },
    Target { name: "parameters", body: parameters::body, seeds: parameters::seeds },
    Target { name: "part", body: part::body, seeds: part::seeds },
    Target { name: "partial_tree", body: partial_tree::body, seeds: partial_tree::seeds },
    Target { name: "ranges", body: ranges::body, seeds: ranges::seeds },
    Target { name: "receipt", body: receipt::body, seeds: receipt::seeds },
    Target { name: "segments", body: segments::body, seeds: segments::seeds },
    Target { name: "template", body: template::body, seeds: template::seeds },
];

/// Runs the body of the target with that name.
///
/// # Panics
/// If there is no such target, or the body finds a bug.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target with that name is in the table");
    (target.body)(data);
}

/// Runs the body of the target with that name on each file that an argument of the program names.
///
/// # Errors
/// If a file cannot be read.
///
/// # Panics
/// As [`run`].
pub fn run_files(name: &str) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        run(name, &std::fs::read(path)?);
    }
    Ok(())
}
