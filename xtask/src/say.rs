//! The one place where xtask speaks.

use std::fmt::Display;
use std::io::Write;

/// Prints one line to stdout. A reader that has gone away is no reason to fail a chore.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints the title of a step, so that a long log can be searched.
pub(crate) fn title(text: impl Display) {
    say(format_args!("\n== {text}"));
}

/// Prints a failure to stderr, so that the last line of stdout stays the tests' count; says nothing of an empty one.
pub(crate) fn complain(text: &str) {
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr().lock(), "xtask: {text}");
    }
}
