//! The files of the repository and the crates of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::data::workspace_root;

/// A Rust file of a crate of the workspace.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The crate.
    pub package: String,
    /// The path from the workspace's root.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Whether it is under `tests/`, `benches/` or `examples/` of its crate, its `build.rs`, or a file of unit tests.
    pub is_outside_product: bool,
}

/// Folders without files written by hand.
const BUILT: [&str; 6] = ["target", ".git", ".venv", "__pycache__", "corpus", "artifacts"];

/// The output of `cargo metadata` for the workspace, without its dependencies.
///
/// # Panics
/// If cargo cannot be run or does not print JSON.
pub fn cargo_metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let output = Command::new(cargo).args(words).current_dir(workspace_root()).output().expect("cargo can be started");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON")
}

/// The names of all crates that a build of this crate compiles on this platform, by `cargo tree`.
///
/// # Panics
/// If cargo cannot be run.
pub fn crates_in_build_of(package: &str, features: &[&str]) -> Vec<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = ["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--package"];
    let mut command = Command::new(cargo);
    let output = command.args(words).arg(package).args(features).current_dir(workspace_root()).output();
    let output = output.expect("cargo can be started");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Every Rust file of every crate of the workspace.
///
/// # Panics
/// If a file cannot be read.
pub fn source_files(metadata: &Value) -> Vec<SourceFile> {
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    let homes: Vec<PathBuf> = packages.iter().map(home_of).collect();
    let of_package = |(package, home): (&Value, &PathBuf)| source_files_of(package, home, &homes);
    packages.iter().zip(&homes).flat_map(of_package).collect()
}

fn home_of(package: &Value) -> PathBuf {
    let manifest = package["manifest_path"].as_str().expect("a package has a manifest");
    Path::new(manifest).parent().expect("a manifest is in a folder").to_path_buf()
}

fn source_files_of(package: &Value, home: &Path, homes: &[PathBuf]) -> Vec<SourceFile> {
    let name = package["name"].as_str().expect("a package has a name");
    // A folder with a manifest is another package, also if it is not in this workspace.
    let files = files_under(home, &|dir| homes.iter().any(|other| other == dir) || dir.join("Cargo.toml").is_file());
    let rust = files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs"));
    rust.map(|file| SourceFile {
        package: name.to_owned(),
        path: shown(file),
        text: text_of(file),
        is_outside_product: is_outside_product(file.strip_prefix(home).unwrap_or(file)),
    })
    .collect()
}

fn is_outside_product(path: &Path) -> bool {
    let is_other_root = ["tests", "benches", "examples"].iter().any(|root| path.starts_with(root));
    is_other_root || path == Path::new("build.rs") || path.file_name().is_some_and(|name| name == "tests.rs")
}

/// Every file of the repository except built ones, as (path from the root, full path).
///
/// # Panics
/// If a folder cannot be read.
pub fn all_files() -> Vec<(String, PathBuf)> {
    files_under(&workspace_root(), &|_| false).into_iter().map(|file| (shown(&file), file)).collect()
}

/// The text of a file.
///
/// # Panics
/// If the file cannot be read.
pub fn text_of(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn shown(file: &Path) -> String {
    file.strip_prefix(workspace_root()).unwrap_or(file).to_string_lossy().into_owned()
}

/// All files under a folder, without built folders and folders for which `is_foreign` holds.
fn files_under(dir: &Path, is_foreign: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(dir) = open.pop() {
        let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        for path in entries.flatten().map(|entry| entry.path()) {
            if !path.is_dir() {
                files.push(path);
            } else if !is_built(&path) && !is_foreign(&path) {
                open.push(path);
            }
        }
    }
    files.sort();
    files
}

fn is_built(dir: &Path) -> bool {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    BUILT.contains(&name.as_ref()) || name.starts_with("target-")
}
