//! Real chains, kept outside the repository: `CITYSEAL_DATA`, by default `../shared/data` beside the workspace.

use std::path::{Path, PathBuf};

use crate::skip::{Resource, skip};

/// The folder of the workspace's `Cargo.toml`.
///
/// # Panics
/// Never: this crate stands in a folder of the workspace.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("this crate is a folder of the workspace").to_path_buf()
}

/// The folder of real chains, or `None` after saying that `test` is skipped.
pub fn data_dir(test: &str) -> Option<PathBuf> {
    let root = workspace_root();
    let dir = match std::env::var_os("CITYSEAL_DATA") {
        Some(dir) => root.join(dir),
        None => root.join("../shared/data"),
    };
    if dir.is_dir() {
        return Some(dir);
    }
    skip(test, Resource::Data, &format!("there is no folder {}", dir.display()));
    None
}

/// A file of the folder of real chains, or `None` after saying that `test` is skipped.
///
/// # Panics
/// If the folder is there and the file is not: a renamed file must not read as a skipped test.
pub fn data_file(test: &str, name: &str) -> Option<PathBuf> {
    let file = data_dir(test)?.join(name);
    assert!(file.is_file(), "{} is missing from the data", file.display());
    Some(file)
}

/// The bytes of a file of the folder of real chains, or `None` after saying that `test` is skipped.
///
/// # Panics
/// As [`data_file`], or if the file cannot be read.
pub fn data_bytes(test: &str, name: &str) -> Option<Vec<u8>> {
    let file = data_file(test, name)?;
    Some(std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display())))
}
