//! `cargo xtask ci`: every check that a change must pass.
//!
//! The tests come last, so that their count is the last line of the log. A failed step does not prevent later ones.

use std::process::Command;
use std::time::Instant;

use crate::readme::{self, Build};
use crate::say::{say, title};
use crate::shell::{Failure, Outcome, answers, cargo, program, run, target_dir, workspace_root};
use crate::{figures, isa, test};

/// The name of a check and the check itself.
type Step = (&'static str, fn() -> Outcome);

const STEPS: [Step; 11] = [
    ("format", format),
    ("clippy", clippy),
    ("rustdoc", rustdoc),
    ("layers and style", layers),
    ("tests without features", without_features),
    ("embedding examples", embed),
    ("benches, one iteration each", benches),
    ("shader instructions", isa::run_in_ci),
    ("dependencies", dependencies),
    ("figures in the README", figures::check),
    ("examples in the documentation", examples),
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
    if failed.is_empty() { tests } else { Err(Failure::already_printed()) }
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
    run(&mut cargo(["fmt", "--manifest-path", "proto/codegen/Cargo.toml", "--check"]))?;
    run(&mut cargo(["fmt", "--manifest-path", "examples/embed/Cargo.toml", "--all", "--check"]))
}

/// The checked sets of cargo features: default, none, all.
const FEATURE_SETS: [&[&str]; 3] = [&[], &["--no-default-features"], &["--all-features"]];

/// Tests and benches are checked with the default features only; those that other features change are compiled by
/// [`without_features`].
fn clippy() -> Outcome {
    for features in FEATURE_SETS {
        let mut command = cargo(["clippy", "--quiet", "--workspace", "--locked"]);
        command.args(if features.is_empty() { ["--all-targets"].as_slice() } else { &["--lib", "--bins"] });
        run(command.args(features).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

/// Runs the tests whose results depend on the feature `gpu`: the engine's device selection and the output of `cityseal
/// devices`. The tests with default features come at the very end; they include those of the feature `bitcoin`.
fn without_features() -> Outcome {
    run(&mut workspace_tests(&["--no-default-features", "--test", "jobs", "--test", "cli_devices"]))
}

/// `cargo test` for the whole workspace. A smaller selection of packages would give the dependencies other features,
/// and so compile them once more.
fn workspace_tests(words: &[&str]) -> Command {
    let mut command = cargo(["test", "--quiet", "--workspace", "--locked"]);
    command.args(words);
    command
}

/// Builds and runs the programs of `examples/embed` as a user of the crates would: outside the workspace, at opt-level
/// 0. The artifacts go to the workspace's target folder.
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

fn rustdoc() -> Outcome {
    run(cargo(["doc", "--quiet", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn layers() -> Outcome {
    run(&mut workspace_tests(&["--test", "layers", "--test", "style"]))
}

/// Runs the benches in the test profile, so that nothing is compiled twice; under `cargo test` criterion runs each body
/// once.
fn benches() -> Outcome {
    run(&mut workspace_tests(&["--bench", "*"]))
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
