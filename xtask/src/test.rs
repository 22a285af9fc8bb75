//! `cargo xtask test`: finds the tests' resources, runs the tests, streams their output, and ends with one line of
//! counts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::require::Resources;
use crate::say::{say, title};
use crate::shell::{self, Failure, Outcome, cargo};
use crate::summary::Summary;

/// The result of a test run, not printed yet.
pub(crate) struct Report {
    summary: Summary,
    /// Fails if a resource that `CITYSEAL_REQUIRE` lists is missing.
    requirements: Outcome,
}

/// Runs the tests and prints the result; `words`, if any, replace `--workspace`.
pub(crate) fn run(words: &[String]) -> Outcome {
    execute(words)?.conclude()
}

/// Runs the tests; `words`, if any, replace `--workspace`.
pub(crate) fn execute(words: &[String]) -> Outcome<Report> {
    title("resources of the tests");
    let resources = Resources::gather();
    let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
    let requirements = resources.refuse_missing(&required);
    title("tests");
    let summary = run_tests(words, &resources)?;
    title("summary");
    Ok(Report { summary, requirements })
}

impl Report {
    /// Adds a check, other than a test, that could not run.
    pub(crate) fn note_skip(&mut self, what: &str) {
        self.summary.note_skip(what);
    }

    /// Prints failed and skipped tests, then the counts on the last line.
    pub(crate) fn conclude(self) -> Outcome {
        self.summary.details().for_each(say);
        let requirements = self.requirements.inspect_err(|why| say(format_args!("failed: {why}")));
        say(&self.summary);
        if self.summary.is_green() && requirements.is_ok() { Ok(()) } else { Err(Failure::already_printed()) }
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
    let folder = file.parent().expect("the log is in the target folder");
    let made = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(file, ""));
    made.map_err(|e| Failure::new(format!("{}: {e}", file.display())))
}

/// Prints the child's output line by line and adds up its results.
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
