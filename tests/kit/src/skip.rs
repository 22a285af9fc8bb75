//! How a test reports that it could not run.
//!
//! The line goes to stderr and into the file that `CITYSEAL_SKIP_LOG` names, where `cargo xtask test` counts it. Where
//! `CITYSEAL_REQUIRE` names the resource, a skip is a failure.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;

/// Something that a test needs and a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Instructions that this machine's CPU may lack.
    Cpu,
    /// The folder of real chains.
    Data,
    /// Mesa's software Vulkan.
    Lavapipe,
    /// A Python interpreter with the packages of the examples.
    Python,
    /// A command prefix (`CITYSEAL_NOOP_GPU`) under which a GPU is seen that accepts work and does nothing.
    NoopGpu,
    /// A `bitcoind` of Bitcoin Core (`CITYSEAL_BITCOIND`).
    Bitcoind,
}

impl Resource {
    /// The name in `CITYSEAL_REQUIRE`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Data => "data",
            Self::Lavapipe => "lavapipe",
            Self::Python => "python",
            Self::NoopGpu => "noop-gpu",
            Self::Bitcoind => "bitcoind",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reports that `test` does not run because `resource` is missing.
///
/// # Panics
/// If `CITYSEAL_REQUIRE` names the resource, or the log cannot be written: an uncounted skip would pass for a test.
pub fn skip(test: &str, resource: Resource, reason: &str) {
    let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
    assert!(!demands(&required, resource), "{test} needs {resource}, which CITYSEAL_REQUIRE demands: {reason}");
    let line = format!("{test}: no {resource}: {reason}\n");
    let _ = write!(std::io::stderr(), "SKIPPED {line}");
    if let Some(log) = std::env::var_os("CITYSEAL_SKIP_LOG") {
        let mut file = OpenOptions::new().create(true).append(true).open(log).expect("the skip log can be opened");
        file.write_all(line.as_bytes()).expect("the skip log can be written");
    }
}

fn demands(required: &str, resource: Resource) -> bool {
    required.split(',').any(|name| name.trim() == resource.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_names_resources_separated_by_commas() {
        assert!(demands("lavapipe,python", Resource::Python));
        assert!(demands(" data , lavapipe", Resource::Lavapipe));
        assert!(!demands("lavapipe,python", Resource::Data));
        assert!(!demands("", Resource::Data));
    }
}
