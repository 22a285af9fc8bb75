//! Passes the commit that is built to the program, so that the records of benchmarks can name it. Never fails: outside
//! a git checkout, or without git, the commit is `unknown`.

use std::path::Path;
use std::process::Command;

fn main() {
    // What can change the commit or make the checkout dirty.
    for path in [
        "../.git/logs/HEAD",
        "../Cargo.lock",
        "../cli",
        "../client",
        "../engine",
        "../proto",
        "../receipt",
        "bench",
        "input",
        "service",
        "src",
    ] {
        if Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rustc-env=CITYSEAL_COMMIT={}", commit());
}

fn commit() -> String {
    let Some(hash) = git(&["rev-parse", "--short=12", "HEAD"]).filter(|hash| !hash.is_empty()) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => hash,
        _ => format!("{hash}-dirty"),
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
