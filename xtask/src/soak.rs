//! Long runs of tests that CI runs briefly.

use crate::say::title;
use crate::shell::{Failure, Outcome, cargo, run};

/// Rounds of `soak crash` if none are given.
const CRASH_ROUNDS: u32 = 1000;

/// Runs the soak of that name; `rest` may have the number of rounds.
pub(crate) fn run_named(name: &str, rest: &[String]) -> Outcome {
    match (name, rest) {
        ("crash", []) => crash(CRASH_ROUNDS),
        ("crash", [rounds]) => {
            let expected = || Failure::usage(format!("expected a number of rounds, found {rounds}"));
            crash(rounds.parse().map_err(|_| expected())?)
        }
        _ => Err(Failure::usage("usage: cargo xtask soak crash [ROUNDS]")),
    }
}

/// Kills the service in each round, and checks afterwards that nothing was lost or doubled.
fn crash(rounds: u32) -> Outcome {
    title(format_args!("kill -9 of a service with a journal, {rounds} times"));
    let test = "a_killed_service_loses_no_job_ends_each_once_and_continues_the_rest";
    let mut command =
        cargo(["test", "--locked", "-p", "cityseal", "--test", "service_suite", test, "--", "--nocapture"]);
    run(command.env("CITYSEAL_CRASH_ROUNDS", rounds.to_string()))
}
