//! External resources of the tests: which of them are available, and which `CITYSEAL_REQUIRE` lists.

use std::path::PathBuf;
use std::process::Command;

use crate::python::Python;
use crate::say::say;
use crate::shell::{self, Failure, Outcome};
use crate::{chromium, isa, lavapipe, node, python};

/// Names that `CITYSEAL_REQUIRE` may list, separated by commas.
const NAMES: [&str; 7] = ["data", "lavapipe", "python", "node", "chromium", "noop-gpu", "bitcoind"];

/// The command prefix under which the no-op GPU appears.
const NOOP_GPU: &str = "CITYSEAL_NOOP_GPU";

/// The available resources, and the missing ones with the reasons.
pub(crate) struct Resources {
    python: Option<Python>,
    node: Option<PathBuf>,
    chromium: Option<PathBuf>,
    noop_gpu: Option<String>,
    missing: Vec<(&'static str, String)>,
}

impl Resources {
    /// Finds or installs everything that the tests can use, and prints which tests will be skipped.
    pub(crate) fn gather() -> Self {
        let mut missing = Vec::new();
        note("data", data_dir(), &mut missing);
        note("lavapipe", lavapipe::ensure(), &mut missing);
        let python = note("python", python::ensure(), &mut missing);
        let node = note("node", node::ensure(), &mut missing);
        let chromium = note("chromium", chromium::ensure(), &mut missing);
        let noop_gpu = note("noop-gpu", noop_gpu(), &mut missing);
        note("bitcoind", bitcoind(), &mut missing);
        Self { python, node, chromium, noop_gpu, missing }
    }

    /// Passes the locations of the resources to the tests in the environment.
    pub(crate) fn offer_to(&self, command: &mut Command) {
        if let Some(python) = &self.python {
            python.offer_to(command);
        }
        if let Some(folder) = &self.node {
            command.env("CITYSEAL_NODE", folder);
        }
        if let Some(browser) = &self.chromium {
            command.env("CITYSEAL_CHROMIUM", browser);
        }
        if let Some(prefix) = &self.noop_gpu {
            command.env(NOOP_GPU, prefix);
        }
    }

    /// Fails if a required resource is missing or its name is unknown.
    pub(crate) fn refuse_missing(&self, required: &str) -> Outcome {
        for name in names_in(required) {
            if !NAMES.contains(&name) {
                let known = NAMES.join(", ");
                return Err(Failure::new(format!("CITYSEAL_REQUIRE lists {name:?}; expected names of: {known}")));
            }
            if let Some((_, why)) = self.missing.iter().find(|(missing, _)| *missing == name) {
                return Err(Failure::new(format!("CITYSEAL_REQUIRE lists {name}, which is not available: {why}")));
            }
        }
        Ok(())
    }
}

fn names_in(required: &str) -> impl Iterator<Item = &str> {
    required.split(',').map(str::trim).filter(|name| !name.is_empty())
}

fn note<T>(name: &'static str, found: Outcome<T>, missing: &mut Vec<(&'static str, String)>) -> Option<T> {
    match found {
        Ok(value) => {
            say(format_args!("{name}: ready"));
            Some(value)
        }
        Err(why) => {
            say(format_args!("{name}: not available ({why}); its tests will be skipped"));
            missing.push((name, why.to_string()));
            None
        }
    }
}

/// The command prefix of the no-op GPU: the one in the environment, or one that is built here.
fn noop_gpu() -> Outcome<String> {
    std::env::var(NOOP_GPU).or_else(|_| isa::noop_gpu())
}

/// The Bitcoin Core node for the differential tests. It is never downloaded or built here.
fn bitcoind() -> Outcome<PathBuf> {
    let named = std::env::var_os("CITYSEAL_BITCOIND").map(PathBuf::from);
    let named = named.ok_or_else(|| Failure::new("CITYSEAL_BITCOIND is not set"))?;
    if named.is_file() { Ok(named) } else { Err(Failure::new(format!("{} is not a file", named.display()))) }
}

/// The folder of real chain data, found in the same way as by the tests.
fn data_dir() -> Outcome<PathBuf> {
    let root = shell::workspace_root();
    let dir = match std::env::var_os("CITYSEAL_DATA") {
        Some(dir) => root.join(dir),
        None => root.join("../shared/data"),
    };
    if dir.is_dir() { Ok(dir) } else { Err(Failure::new(format!("{} is not a folder", dir.display()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_lavapipe() -> Resources {
        let missing = vec![("lavapipe", "no driver".into())];
        Resources { python: None, node: None, chromium: None, noop_gpu: None, missing }
    }

    #[test]
    fn a_missing_required_resource_is_a_failure() {
        assert!(without_lavapipe().refuse_missing("").is_ok());
        assert!(without_lavapipe().refuse_missing("data, python").is_ok());
        let refused = without_lavapipe().refuse_missing("data,lavapipe").unwrap_err();
        assert_eq!(refused.to_string(), "CITYSEAL_REQUIRE lists lavapipe, which is not available: no driver");
    }

    #[test]
    fn an_unknown_required_resource_is_a_failure() {
        let refused = without_lavapipe().refuse_missing("lavapip").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "CITYSEAL_REQUIRE lists \"lavapip\"; expected names of: data, lavapipe, python, node, chromium, noop-gpu, bitcoind"
        );
    }
}
