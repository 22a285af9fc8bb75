//! Real chains: the folder that `CITYSEAL_DATA` names, by default `../shared/data` beside the workspace; without it what packages of
//! the registry ship.

use std::path::{Path, PathBuf};

use crate::shipped;
use crate::skip::{Resource, skip};

/// The folder of the workspace's `Cargo.toml`.
///
/// # Panics
/// Never: this crate is two folders below it.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate is two folders below the workspace").to_path_buf()
}

fn folder() -> PathBuf {
    let root = workspace_root();
    match std::env::var_os("CITYSEAL_DATA") {
        Some(folder) => root.join(folder),
        None => root.join("../shared/data"),
    }
}

/// The folder of real chains, or `None` after reporting that `test` is skipped.
pub fn data_dir(test: &str) -> Option<PathBuf> {
    let folder = folder();
    if folder.is_dir() {
        return Some(folder);
    }
    skip(test, Resource::Data, &format!("there is no folder {}", folder.display()));
    None
}

/// A file of the folder of real chains, or `None` after reporting that `test` is skipped.
///
/// # Panics
/// If the folder is there and the file is not: a renamed file must not read as a skipped test.
pub fn data_file(test: &str, name: &str) -> Option<PathBuf> {
    let file = data_dir(test)?.join(name);
    assert!(file.is_file(), "{} is missing from the data", file.display());
    Some(file)
}

/// The bytes of a file of the folder of real chains, or `None` after reporting that `test` is skipped.
///
/// # Panics
/// As [`data_file`], or if the file cannot be read.
pub fn data_bytes(test: &str, name: &str) -> Option<Vec<u8>> {
    data_file(test, name).map(|file| read(&file))
}

/// The same without a skip: for tests that use something else where the folder is absent.
///
/// # Panics
/// If the folder is there and the file is not, or if the file cannot be read.
pub fn data_bytes_if_any(name: &str) -> Option<Vec<u8>> {
    let folder = folder();
    folder.is_dir().then(|| read(&folder.join(name)))
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Mainnet's headers from genesis on, with what is known of the last one.
#[derive(Clone, Debug)]
pub struct MainnetStart {
    /// Packed headers, 80 bytes each in wire order.
    pub headers: Vec<u8>,
    /// The last one's hash, most significant byte first.
    pub tip_hash: &'static str,
    /// The last digits of its chain work; those before are zeros.
    pub chain_work: &'static str,
}

impl MainnetStart {
    /// How many headers there are.
    pub const fn count(&self) -> u64 {
        self.headers.len() as u64 / 80
    }
}

/// The longest start of mainnet that this machine has: 32,261 headers, up to the first real retarget, from the folder of real
/// chains, or 1,112 that a package ships.
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
