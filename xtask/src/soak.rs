//! `cargo xtask soak NAME`: long runs of tests that `ci` runs in a short form, and `cargo xtask measure NAME`: figures
//! that the issues promise. Both are release builds, or with `--dev` the build of the tests.

use std::process::Command;

use crate::say::say;
use crate::shell::{Failure, Outcome, cargo, run, target_dir};

/// How the programs are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Build {
    Release,
    Dev,
}

/// One long run.
struct Task {
    name: &'static str,
    what: &'static str,
    run: fn(Build) -> Outcome,
}

/// Runs that fail if a promise is not kept.
const SOAKS: &[Task] = &[
    Task {
        name: "crash",
        what: "kill -9 of a service with a journal, 1,000 times: no job is lost or doubled (an hour)",
        run: crash,
    },
    Task {
        name: "deadlines",
        what: "9 x 1,000 jobs on the CPU: predicted and observed probabilities agree within 5 points (8 minutes)",
        run: deadlines,
    },
];

/// Runs that print figures; they fail if one misses its goal.
const MEASUREMENTS: &[Task] = &[
    Task {
        name: "supersede",
        what: "time from a superseding submission to the end of the older job, 2 x 1,000 times; goal: p99 at most 100 ms",
        run: supersede,
    },
    Task {
        name: "tenants",
        what: "how two tenants share a service on the CPU, and the end of a job of 5 minutes (8 minutes)",
        run: tenants,
    },
];

/// Runs a soak.
pub(crate) fn soak(words: &[String]) -> Outcome {
    run_named("soak", SOAKS, words)
}

/// Runs a measurement.
pub(crate) fn measure(words: &[String]) -> Outcome {
    run_named("measure", MEASUREMENTS, words)
}

fn run_named(command: &str, tasks: &[Task], words: &[String]) -> Outcome {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (name, build) = match *words {
        [name] => (name, Build::Release),
        [name, "--dev"] => (name, Build::Dev),
        _ => return Err(usage(command, tasks)),
    };
    let task = tasks.iter().find(|task| task.name == name).ok_or_else(|| usage(command, tasks))?;
    say(format_args!("{}: {}", task.name, task.what));
    (task.run)(build)
}

fn usage(command: &str, tasks: &[Task]) -> Failure {
    let line = |task: &Task| format!("\n  {:<12} {}", task.name, task.what);
    let known: String = tasks.iter().map(line).collect();
    Failure::usage(format!("usage: cargo xtask {command} NAME [--dev], where NAME is one of{known}"))
}

impl Build {
    fn cargo(self, words: &[&str]) -> Command {
        let (command, rest) = words.split_first().map_or(("", &[][..]), |(first, rest)| (*first, rest));
        let flags = if self == Self::Release { &["--release"][..] } else { &[] };
        cargo([&[command], flags, rest].concat())
    }

    const fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

fn crash(build: Build) -> Outcome {
    const TEST: &str = "a_killed_service_loses_no_job_ends_each_once_and_continues_the_rest";
    let words = ["test", "-p", "cityseal", "--test", "service_suite", TEST, "--", "--nocapture"];
    run(build
        .cargo(&words)
        .env("CITYSEAL_CRASH_ROUNDS", std::env::var("CITYSEAL_CRASH_ROUNDS").as_deref().unwrap_or("1000")))
}

fn deadlines(build: Build) -> Outcome {
    const TEST: &str = "jobs_of_a_real_cpu_are_sealed_by_their_deadlines_as_often_as_predicted";
    let words = ["test", "-p", "cityseal-engine", "--test", "jobs", "--", TEST, "--exact", "--nocapture"];
    run(build.cargo(&words).env("CITYSEAL_SOAK_JOBS", "1000"))
}

fn supersede(build: Build) -> Outcome {
    example(build, "supersede")
}

fn tenants(build: Build) -> Outcome {
    example(build, "tenants")
}

/// Runs an example of the tests against a service.
fn example(build: Build, name: &str) -> Outcome {
    run(&mut build.cargo(&["build", "-p", "cityseal"]))?;
    let words = ["run", "-p", "cityseal-tests", "--example", name, "--", "--service"];
    run(build.cargo(&words).arg(target_dir().join(build.folder()).join("cityseal")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        for words in [&[][..], &["nonsense"], &["deadlines", "--fast"]] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            let refused = soak(&words).unwrap_err();
            assert_eq!(refused.code(), 2, "{words:?}");
            assert!(SOAKS.iter().all(|task| refused.to_string().contains(task.name)), "{refused}");
        }
    }
}
