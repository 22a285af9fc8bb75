//! `cargo xtask ci`: every check that a change must pass. The tests come last, so that their count is the last line of
//! the log. A failed step does not hide a later one.

use std::time::Instant;

use crate::say::{say, title};
use crate::shell::{Failure, Outcome, answers, cargo, program, run, target_dir, workspace_root};
use crate::{figures, isa, readme, test};

/// A named check.
type Step = (&'static str, fn() -> Outcome);

const STEPS: [Step; 10] = [
    ("format", format),
    ("clippy", clippy),
    ("documents", documents),
    ("floors and style", floors),
    ("benches, once each", benches),
    ("fuzz targets", fuzz),
    ("instructions of the shaders", isa::run_in_ci),
    ("dependencies", dependencies),
    ("figures of the README", figures::check),
    ("examples of the README", readme::run),
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
    run(&mut cargo(["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
}

fn clippy() -> Outcome {
    run(&mut cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn documents() -> Outcome {
    run(cargo(["doc", "--quiet", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn floors() -> Outcome {
    run(&mut cargo(["test", "--quiet", "--locked", "-p", "cityseal-tests", "--test", "floors", "--test", "style"]))
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
