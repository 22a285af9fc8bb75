//! Where the tests of this crate find real chain data, and how they say aloud that it is not there.

use std::io::Write;
use std::path::Path;

/// The bytes of a file of the data folder (`CITYSEAL_DATA`, by default `../shared/data` beside the workspace), or `None`
/// after saying that `test` is skipped: on stderr, and in the file that `CITYSEAL_SKIP_LOG` names.
///
/// Panics where the folder is there and the file is not, and where `CITYSEAL_REQUIRE` demands the data.
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
pub(crate) fn data_bytes(test: &str, name: &str) -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let dir = root.join(std::env::var("CITYSEAL_DATA").unwrap_or_else(|_| "../shared/data".to_owned()));
    if dir.is_dir() {
        let file = dir.join(name);
        return Some(std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    }
    let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == "data"), "{test} needs {}", dir.display());
    let line = format!("{test}: no data: there is no folder {}\n", dir.display());
    std::io::stderr().write_all(format!("SKIPPED {line}").as_bytes()).unwrap();
    if let Some(log) = std::env::var_os("CITYSEAL_SKIP_LOG") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
    None
}
