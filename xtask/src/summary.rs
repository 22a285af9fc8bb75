//! Adds up the results that test runners print and the skip log that tests write.

use std::fmt;

/// The total over all test runners.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    passed: usize,
    failed: Vec<String>,
    /// Failures counted by the runners; more than `failed` has if a name was missed.
    failed_count: usize,
    skips: Vec<String>,
}

impl Summary {
    /// Adds one line of a runner's output.
    pub(crate) fn read_line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count_before(counts, " passed");
            self.failed_count += count_before(counts, " failed");
        } else if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            self.read_outcome(name, outcome);
        }
    }

    fn read_outcome(&mut self, name: &str, outcome: &str) {
        if outcome == "FAILED" {
            self.failed.push(name.to_owned());
        } else if let Some(why) = outcome.strip_prefix("ignored") {
            let why = why.trim_start_matches(", ");
            self.skips.push(format!("{name}: {}", if why.is_empty() { "ignored" } else { why }));
        }
    }

    /// Adds the skip log, which has one line `test: reason` for each test that could not run fully. Its runner has
    /// counted such a test as passed.
    pub(crate) fn read_skip_log(&mut self, log: &str) {
        let mut lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.sort_unstable();
        lines.dedup();
        self.passed = self.passed.saturating_sub(lines.len());
        self.skips.extend(lines.into_iter().map(str::to_owned));
    }

    /// Adds a check, other than a test, that could not run.
    pub(crate) fn note_skip(&mut self, what: &str) {
        self.skips.push(what.to_owned());
    }

    /// Counts a failure if cargo failed although no test did: the build failed or a runner crashed.
    pub(crate) fn note_exit(&mut self, exit: &str) {
        if self.failed_count == 0 {
            self.failed_count = 1;
            self.failed.push(format!("cargo test: {exit}"));
        }
    }

    pub(crate) fn is_green(&self) -> bool {
        self.failed_count == 0 && self.passed > 0
    }

    /// One line for each failed and each skipped test, the latter with the reason.
    pub(crate) fn details(&self) -> impl Iterator<Item = String> {
        let failed = self.failed.iter().map(|name| format!("failed: {name}"));
        failed.chain(self.skips.iter().map(|skip| format!("skipped: {skip}")))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed_count, self.skips.len())
    }
}

/// The number directly before `word`, or 0.
fn count_before(text: &str, word: &str) -> usize {
    let before = text.split_once(word).map_or("", |(before, _)| before);
    before.rsplit(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary_of(output: &str) -> Summary {
        let mut summary = Summary::default();
        output.lines().for_each(|line| summary.read_line(line));
        summary
    }

    #[test]
    fn adds_up_several_runners() {
        let summary = summary_of(
            "running 2 tests\n\
             test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n",
        );
        assert_eq!(summary.to_string(), "42 passed, 0 failed, 0 skipped");
        assert!(summary.is_green());
    }

    #[test]
    fn lists_failed_and_ignored_tests() {
        let summary = summary_of(
            "test a::b ... FAILED\n\
             test c ... ignored, needs a GPU\n\
             test d - e (line 3) ... ignored\n\
             test result: FAILED. 0 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s\n",
        );
        assert_eq!(summary.to_string(), "0 passed, 1 failed, 2 skipped");
        assert!(!summary.is_green());
        let details: Vec<_> = summary.details().collect();
        assert_eq!(details, ["failed: a::b", "skipped: c: needs a GPU", "skipped: d - e (line 3): ignored"]);
    }

    #[test]
    fn a_skipped_test_is_not_counted_as_passed() {
        let mut summary = summary_of("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n");
        summary.read_skip_log("scan: no data\nscan: no data\n\nchain: no data\n");
        assert_eq!(summary.to_string(), "1 passed, 0 failed, 2 skipped");
    }

    #[test]
    fn a_check_that_could_not_run_is_counted_as_skipped() {
        let mut summary = summary_of("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n");
        summary.note_skip("dependencies: no cargo-deny");
        assert_eq!(summary.to_string(), "3 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_crashed_runner_is_a_failure() {
        let mut summary = summary_of("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n");
        summary.note_exit("exit status: 101");
        assert_eq!(summary.to_string(), "3 passed, 1 failed, 0 skipped");
        assert!(!summary.is_green());
    }

    #[test]
    fn a_run_without_tests_is_not_green() {
        assert!(!Summary::default().is_green());
    }
}
