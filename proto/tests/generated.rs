//! The committed code and descriptor set belong to the `.proto` files as they are.

#![allow(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Digests by path, as `cargo xtask proto` wrote them.
fn digests() -> BTreeMap<PathBuf, String> {
    let text = fs::read_to_string(home().join("src/generated/digests.txt")).unwrap();
    let entry = |line: &str| {
        let (digest, path) = line.split_once("  ").unwrap();
        (PathBuf::from(path), digest.to_owned())
    };
    text.lines().map(entry).collect()
}

/// The files of a folder with one of these extensions, relative to the crate.
fn files_in(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let entries = fs::read_dir(home().join(folder)).unwrap();
    let paths = entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name()));
    paths.filter(|path| extensions.iter().any(|wanted| path.extension().is_some_and(|e| e == *wanted))).collect()
}

#[test]
fn the_committed_files_were_generated_from_the_proto_files_as_they_are() {
    for (path, expected) in digests() {
        let bytes = fs::read(home().join(&path)).unwrap_or_default();
        let mut found = String::new();
        Sha256::digest(bytes).iter().for_each(|byte| write!(found, "{byte:02x}").unwrap());
        assert_eq!(found, expected, "{} has changed: run `cargo xtask proto` and commit the result", path.display());
    }
}

#[test]
fn every_proto_file_and_every_generated_file_has_a_digest() {
    let mut files = [files_in("cityseal/v1", &["proto"]), files_in("src/generated", &["rs", "bin"])].concat();
    files.sort();
    assert_eq!(digests().into_keys().collect::<Vec<_>>(), files);
}
