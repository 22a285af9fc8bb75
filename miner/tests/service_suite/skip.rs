//! Reports skipped tests on stderr, and in the file that `CITYSEAL_SKIP_LOG` names.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

/// Reports that `test` does not run because `resource` is missing; fails if `CITYSEAL_REQUIRE` names the resource.
#[expect(clippy::print_stderr, reason = "skipped tests are reported, and only here")]
pub(crate) fn skip(test: &str, resource: &str, reason: &str) {
    let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
    let is_required = required.split(',').any(|name| name.trim() == resource);
    assert!(!is_required, "{test} needs {resource}, which CITYSEAL_REQUIRE lists: {reason}");
    let line = format!("{test}: no {resource}: {reason}\n");
    eprint!("SKIPPED {line}");
    if let Some(log) = std::env::var_os("CITYSEAL_SKIP_LOG") {
        let mut file = OpenOptions::new().create(true).append(true).open(log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns a file in the folder of real chains, if it exists.
pub(crate) fn data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CITYSEAL_DATA").map_or_else(|| workspace().join("../shared/data"), PathBuf::from);
    Some(folder.join(path)).filter(|path| path.is_file())
}

pub(crate) fn example() -> PathBuf {
    workspace().join("examples/python/cityseal_example.py")
}

/// Returns the Python interpreter for the examples: the configured one, or the one created for the tests.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("CITYSEAL_PYTHON").map_or_else(|| workspace().join("target/python/venv/bin/python"), PathBuf::from)
}
