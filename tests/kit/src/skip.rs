//! Reports that a test could not run.
//!
//! The report is one line on stderr and in the file `CITYSEAL_SKIP_LOG`, where `cargo xtask test` counts it. If
//! `CITYSEAL_REQUIRE` lists the resource, the skip is a failure.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;

/// Something that a test needs and a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// CPU instructions.
    Cpu,
    /// The folder of real chain data.
    Data,
    /// Mesa's software Vulkan driver.
    Lavapipe,
    /// A Python interpreter with the packages of the examples.
    Python,
    /// A command prefix (`CITYSEAL_NOOP_GPU`) under which a GPU appears that accepts work and does nothing.
    NoopGpu,
    /// Bitcoin Core's `bitcoind` (`CITYSEAL_BITCOIND`).
    Bitcoind,
}

impl Resource {
    /// Returns the name in `CITYSEAL_REQUIRE`.
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
/// If `CITYSEAL_REQUIRE` lists the resource, or the log cannot be written: an uncounted skip would look like a passed
/// test.
pub fn skip(test: &str, resource: Resource, reason: &str) {
    let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
    assert!(!is_listed(&required, resource), "{test} needs {resource}, which CITYSEAL_REQUIRE lists: {reason}");
    let line = format!("{test}: no {resource}: {reason}\n");
    let _ = write!(std::io::stderr(), "SKIPPED {line}");
    if let Some(log) = std::env::var_os("CITYSEAL_SKIP_LOG") {
        let mut file = OpenOptions::new().create(true).append(true).open(log).expect("the skip log can be opened");
        file.write_all(line.as_bytes()).expect("the skip log can be written");
    }
}

fn is_listed(required: &str, resource: Resource) -> bool {
    required.split(',').any(|name| name.trim() == resource.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_resources_are_separated_by_commas() {
        assert!(is_listed("lavapipe,python", Resource::Python));
        assert!(is_listed(" data , lavapipe", Resource::Lavapipe));
        assert!(!is_listed("lavapipe,python", Resource::Data));
        assert!(!is_listed("", Resource::Data));
    }
}
