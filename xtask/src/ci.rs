//! `cargo xtask ci`: every check that a change must pass. The tests come last, so that their count is the last line of
//! the log. A failed step does not hide a later one.

use std::time::Instant;

use crate::readme::{self, Build};
use crate::say::{say, title};
use crate::shell::{Failure, Outcome, answers, cargo, program, run, target_dir, workspace_root};
use crate::{figures, isa, test};

/// A named check.
type Step = (&'static str, fn() -> Outcome);

const STEPS: [Step; 12] = [
    ("format", format),
    ("clippy", clippy),
    ("documents", documents),
    ("layers and style", layers),
    ("tests in other sets of features", other_features),
    ("embedding, outside the workspace", embed),
    ("benches, once each", benches),
    ("fuzz targets", fuzz),
    ("instructions of the shaders", isa::run_in_ci),
    ("dependencies", dependencies),
    ("figures of the README", figures::check),
    ("examples of the documents", examples),
];

/// Runs all steps, then the tests.
pub(crate) fn run_all() -> Outcome {
    let began = Instant::now();
    let (skipped, failed): (Vec<_>, Vec<_>) = STEPS.iter().filter_map(failure_of).partition(Failure::is_skip);
    let mut tests = test::execute(&[])?;
    skipped.iter().for_each(|why| tests.note_skip(&why.to_string()));
    failed.iter().for_each(say);
    say(format_args!("all steps took {} s", began.elapsed().as_secs()));
    let tests = tests.conclude();
    if failed.is_empty() { tests } else { Err(Failure::already_said()) }
}

fn failure_of((name, check): &Step) -> Option<Failure> {
    title(name);
    let began = Instant::now();
    let outcome = check();
    say(format_args!("-- {name}: {} s", began.elapsed().as_secs()));
    let why = outcome.err()?;
    if why.is_skip() {
        say(format_args!("SKIPPED: {why}"));
        return Some(Failure::skip(format!("{name}: {why}")));
    }
    say(&why);
    Some(Failure::new(format!("failed: {name}: {why}")))
}

fn format() -> Outcome {
    run(&mut cargo(["fmt", "--all", "--check"]))?;
    run(&mut cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))?;
    run(&mut cargo(["fmt", "--manifest-path", "examples/embed/Cargo.toml", "--all", "--check"]))
}

/// The sets of cargo features that are checked: the default, none, all.
const FEATURE_SETS: [&[&str]; 3] = [&[], &["--no-default-features"], &["--all-features"]];

fn clippy() -> Outcome {
    for features in FEATURE_SETS {
        let mut command = cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--locked"]);
        run(command.args(features).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Tests that features change: the engine's choice of devices, and what `cityseal devices` prints. The whole workspace is
/// selected, so that the crates below are those of the other steps; the tests with the default features come last of all.
fn other_features() -> Outcome {
    for features in FEATURE_SETS.iter().filter(|features| !features.is_empty()) {
        let mut command = cargo(["test", "--quiet", "--workspace", "--locked"]);
        run(command.args(*features).args(["--test", "jobs", "--test", "trees", "--test", "cli_devices"]))?;
    }
    Ok(())
}

/// Builds and runs the programs of `examples/embed` as a user of the crates does: outside the workspace, at opt-level 0. The
/// artifacts are in a folder of the workspace's own.
fn embed() -> Outcome {
    let target_dir = target_dir();
    let in_embed = |words: &[&str]| {
        let mut command = cargo(words);
        command.args(["--quiet", "--locked", "--manifest-path", "examples/embed/Cargo.toml"]);
        command.arg("--target-dir").arg(&target_dir);
        command
    };
    run(&mut in_embed(&["test", "-p", "embed-engine", "--no-default-features"]))?;
    run(&mut in_embed(&["test"]))?;
    run(&mut in_embed(&["run", "-p", "embed-engine"]))
}

fn documents() -> Outcome {
    run(cargo(["doc", "--quiet", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn layers() -> Outcome {
    run(&mut cargo(["test", "--quiet", "--locked", "-p", "cityseal-tests", "--test", "layers", "--test", "style"]))
}

/// In the tests' own profile, so that nothing is compiled twice; without `--bench` criterion runs each body once.
fn benches() -> Outcome {
    run(&mut cargo(["test", "--quiet", "--workspace", "--locked", "--bench", "*"]))
}

/// Checks the fuzz targets without libFuzzer (which needs a C++ compiler), and runs each body on its seeds and on
/// mutations of them. The artifacts are shared with those of the root's workspace.
fn fuzz() -> Outcome {
    let target_dir = target_dir();
    let in_fuzz = |words: &[&str]| {
        let mut command = cargo(words);
        command.args(["--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--no-default-features"]);
        command.arg("--target-dir").arg(&target_dir);
        command
    };
    run(in_fuzz(&["clippy", "--all-targets"]).args(["--features", "targets", "--", "-D", "warnings"]))?;
    run(&mut in_fuzz(&["test"]))
}

fn examples() -> Outcome {
    readme::run(Build::Dev)
}

fn dependencies() -> Outcome {
    if !answers(&mut program("cargo-deny", ["--version"])) {
        say(format_args!(
            "SKIPPED: cargo-deny is not installed; {} was not checked",
            workspace_root().join("deny.toml").display()
        ));
        return Ok(());
    }
    run(&mut cargo(["deny", "--offline", "check", "bans", "licenses", "sources"]))
}
