//! `cargo xtask test`: gathers what the tests can use, runs them, streams their output and ends with one line of counts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::require::Resources;
use crate::say::{say, title};
use crate::shell::{self, Failure, Outcome, cargo};
use crate::summary::Summary;

/// What a run of the tests came to; nothing of it is printed yet.
pub(crate) struct Report {
    summary: Summary,
    /// Whether all that `CITYSEAL_REQUIRE` names is there.
    demands: Outcome,
}

/// Runs the tests and prints the outcome; `words` stand in place of `--workspace` where there are any.
pub(crate) fn run(words: &[String]) -> Outcome {
    execute(words)?.conclude()
}

/// Runs the tests; `words` stand in place of `--workspace` where there are any.
pub(crate) fn execute(words: &[String]) -> Outcome<Report> {
    title("what the tests can use");
    let resources = Resources::gather();
    let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
    let demands = resources.refuse_missing(&required);
    title("tests");
    let summary = run_tests(words, &resources)?;
    title("summary");
    Ok(Report { summary, demands })
}

impl Report {
    /// Takes in a check beside the tests that could not be made.
    pub(crate) fn note_skip(&mut self, what: &str) {
        self.summary.note_skip(what);
    }

    /// Says what failed and what was skipped; the counts stand alone on the last line.
    pub(crate) fn conclude(self) -> Outcome {
        self.summary.details().for_each(say);
        let demanded = self.demands.inspect_err(|why| say(format_args!("failed: {why}")));
        say(&self.summary);
        if self.summary.is_green() && demanded.is_ok() { Ok(()) } else { Err(Failure::already_said()) }
    }
}

fn run_tests(words: &[String], resources: &Resources) -> Outcome<Summary> {
    let skip_log = shell::target_dir().join("skipped-tests.log");
    start_fresh(&skip_log)?;
    let everything = ["--workspace".to_owned()];
    let mut command = cargo(["test", "--no-fail-fast"]);
    command.args(if words.is_empty() { everything.as_slice() } else { words });
    command.env("CITYSEAL_SKIP_LOG", &skip_log).stdout(Stdio::piped());
    resources.offer_to(&mut command);
    let child = command.spawn().map_err(|e| Failure::new(format!("cargo test: {e}")))?;
    let mut summary = follow(child)?;
    summary.read_skip_log(&std::fs::read_to_string(&skip_log).unwrap_or_default());
    Ok(summary)
}

fn start_fresh(file: &Path) -> Outcome {
    let folder = file.parent().expect("the log stands in the target folder");
    let made = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, ""));
    made.map_err(|e| Failure::new(format!("{}: {e}", file.display())))
}

/// Repeats the child's output line by line and adds it up.
fn follow(mut child: Child) -> Outcome<Summary> {
    let mut summary = Summary::default();
    let stdout = child.stdout.take().expect("stdout was piped");
    for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        say(&line);
        summary.read_line(&line);
    }
    let status = child.wait().map_err(|e| Failure::new(format!("cargo test: {e}")))?;
    if !status.success() {
        summary.note_exit(&status.to_string());
    }
    Ok(summary)
}
