//! Output of all tasks.

use std::fmt::Display;
use std::io::Write;

/// Prints one line to stdout. A closed pipe does not fail the task.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints the title of a step, so that a long log can be searched.
pub(crate) fn title(text: impl Display) {
    say(format_args!("\n== {text}"));
}

/// Prints a failure to stderr unless its text is empty. Stdout is not used, so that its last line stays the tests'
/// count.
pub(crate) fn say_error(text: &str) {
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr().lock(), "xtask: {text}");
    }
}
