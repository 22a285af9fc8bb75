//! Real chain data from the folder `CITYSEAL_DATA` (default `../shared/data`, relative to the workspace), or, without
//! that folder, from packages of the registry.

use std::path::{Path, PathBuf};

use crate::shipped;
use crate::skip::{Resource, skip};

/// Returns the workspace root.
///
/// # Panics
/// Never: this crate is two folders below the root.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate is two folders below the workspace root").to_path_buf()
}

fn folder() -> PathBuf {
    let root = workspace_root();
    match std::env::var_os("CITYSEAL_DATA") {
        Some(folder) => root.join(folder),
        None => root.join("../shared/data"),
    }
}

/// Returns the data folder, or `None` after reporting that `test` is skipped.
pub fn data_dir(test: &str) -> Option<PathBuf> {
    let folder = folder();
    if folder.is_dir() {
        return Some(folder);
    }
    skip(test, Resource::Data, &format!("the folder {} does not exist", folder.display()));
    None
}

/// Returns the path of a file in the data folder, or `None` after reporting that `test` is skipped.
///
/// # Panics
/// If the folder exists without the file: a renamed file must not count as a skipped test.
pub fn data_file(test: &str, name: &str) -> Option<PathBuf> {
    let file = data_dir(test)?.join(name);
    assert!(file.is_file(), "{} is missing from the data", file.display());
    Some(file)
}

/// Reads a file of the data folder, or returns `None` after reporting that `test` is skipped.
///
/// # Panics
/// As [`data_file`], or if the file cannot be read.
pub fn data_bytes(test: &str, name: &str) -> Option<Vec<u8>> {
    data_file(test, name).map(|file| read(&file))
}

/// Reads a file of the data folder, or returns `None` without reporting a skip, for tests that have a substitute.
///
/// # Panics
/// If the folder exists and the file is missing or cannot be read.
pub fn data_bytes_if_any(name: &str) -> Option<Vec<u8>> {
    let folder = folder();
    folder.is_dir().then(|| read(&folder.join(name)))
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Mainnet headers from genesis on, with the known values of the last one.
#[derive(Clone, Debug)]
pub struct MainnetStart {
    /// Packed headers, 80 bytes each in wire order.
    pub headers: Vec<u8>,
    /// The hash of the last header, most significant byte first.
    pub tip_hash: &'static str,
    /// The last hex digits of its chain work; all digits before them are zeros.
    pub chain_work: &'static str,
}

impl MainnetStart {
    /// Returns the number of headers.
    pub const fn count(&self) -> u64 {
        self.headers.len() as u64 / 80
    }
}

/// Returns the longest available start of mainnet: 32,261 headers, up to the first difficulty change, from the data
/// folder, or 1,112 from a package.
pub fn mainnet_start() -> MainnetStart {
    match data_bytes_if_any("headers/mainnet_0_32260.bin") {
        Some(headers) => MainnetStart {
            headers,
            tip_hash: "0000000007bfbe7ec5510ccf80c5a291bf8fc603dd79f5d6a69fae6039f8a35e",
            chain_work: "7e066822ed1a",
        },
        None => MainnetStart {
            headers: shipped::mainnet_headers(),
            tip_hash: shipped::MAINNET_TIP,
            // 1,112 × 0x1_0001_0001, the work of a header with bits 1d00ffff.
            chain_work: "045804580458",
        },
    }
}
