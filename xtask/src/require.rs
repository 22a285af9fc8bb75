//! What the tests can use beyond the repository, what of it is there, and what `CITYSEAL_REQUIRE` demands.

use std::path::PathBuf;
use std::process::Command;

use crate::python::Python;
use crate::say::say;
use crate::shell::{self, Failure, Outcome};
use crate::{isa, lavapipe, python};

/// Names that `CITYSEAL_REQUIRE` may hold, comma-separated.
const NAMES: [&str; 5] = ["data", "lavapipe", "python", "noop-gpu", "bitcoind"];

/// Tells the tests how the no-op GPU is seen.
const NOOP_GPU: &str = "CITYSEAL_NOOP_GPU";

/// What was found or made, and what was not.
pub(crate) struct Resources {
    python: Option<Python>,
    noop_gpu: Option<String>,
    missing: Vec<(&'static str, String)>,
}

impl Resources {
    /// Finds or installs everything that the tests can use, and says aloud what they will skip.
    pub(crate) fn gather() -> Self {
        let mut missing = Vec::new();
        note("data", data_dir(), &mut missing);
        note("lavapipe", lavapipe::ensure(), &mut missing);
        let python = note("python", python::ensure(), &mut missing);
        let noop_gpu = note("noop-gpu", noop_gpu(), &mut missing);
        note("bitcoind", bitcoind(), &mut missing);
        Self { python, noop_gpu, missing }
    }

    /// Tells the tests where things are.
    pub(crate) fn offer_to(&self, command: &mut Command) {
        if let Some(python) = &self.python {
            python.offer_to(command);
        }
        if let Some(prefix) = &self.noop_gpu {
            command.env(NOOP_GPU, prefix);
        }
    }

    /// Refuses to go on where something demanded is missing, or the demand names what nobody knows.
    pub(crate) fn refuse_missing(&self, required: &str) -> Outcome {
        for name in names_in(required) {
            if !NAMES.contains(&name) {
                return Err(Failure::new(format!("CITYSEAL_REQUIRE names {name:?}; known: {}", NAMES.join(", "))));
            }
            if let Some((_, why)) = self.missing.iter().find(|(missing, _)| *missing == name) {
                return Err(Failure::new(format!("CITYSEAL_REQUIRE demands {name}: {why}")));
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

/// The command prefix that shows the no-op GPU: the one that is set, or one of our own making.
fn noop_gpu() -> Outcome<String> {
    std::env::var(NOOP_GPU).or_else(|_| isa::noop_gpu())
}

/// The Bitcoin Core node that the differential test compares with. It is never fetched or built here.
fn bitcoind() -> Outcome<PathBuf> {
    let named = std::env::var_os("CITYSEAL_BITCOIND").map(PathBuf::from);
    let named = named.ok_or_else(|| Failure::new("CITYSEAL_BITCOIND names none"))?;
    if named.is_file() { Ok(named) } else { Err(Failure::new(format!("no file {}", named.display()))) }
}

/// Real chains for the tests, where the tests themselves look for them.
fn data_dir() -> Outcome<PathBuf> {
    let root = shell::workspace_root();
    let dir = match std::env::var_os("CITYSEAL_DATA") {
        Some(dir) => root.join(dir),
        None => root.join("../shared/data"),
    };
    if dir.is_dir() { Ok(dir) } else { Err(Failure::new(format!("no folder {}", dir.display()))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_lavapipe() -> Resources {
        Resources { python: None, noop_gpu: None, missing: vec![("lavapipe", "no driver".into())] }
    }

    #[test]
    fn refuses_to_go_on_without_what_is_required() {
        assert!(without_lavapipe().refuse_missing("").is_ok());
        assert!(without_lavapipe().refuse_missing("data, python").is_ok());
        let refused = without_lavapipe().refuse_missing("data,lavapipe").unwrap_err();
        assert_eq!(refused.to_string(), "CITYSEAL_REQUIRE demands lavapipe: no driver");
    }

    #[test]
    fn refuses_a_demand_that_nobody_knows() {
        let refused = without_lavapipe().refuse_missing("lavapip").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "CITYSEAL_REQUIRE names \"lavapip\"; known: data, lavapipe, python, noop-gpu, bitcoind"
        );
    }
}
