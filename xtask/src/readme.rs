//! Runs the commands of README.md and compares what they print with what the README shows.
//!
//! A block fenced as `console` holds commands (lines that begin with `$ `) and their output. The comparison is loose,
//! since rates, times and devices differ between machines: every number counts as equal to every other, a line
//! `...` stands for any number of lines. Blocks with other fences are not run.

use std::process::Command;

use crate::say::say;
use crate::shell::{self, Failure, Outcome, cargo, run as run_command};

/// Commands that would start this very chore again, or change the machine.
const NOT_RUN: [&str; 3] = ["cargo xtask", "git clone", "cd "];

/// One command with the output that the README shows.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    command: String,
    output: Vec<String>,
}

pub(crate) fn run() -> Outcome {
    let path = shell::workspace_root().join("README.md");
    let text = std::fs::read_to_string(&path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    let examples: Vec<Example> = examples_in(&text).into_iter().filter(Example::is_run).collect();
    if examples.is_empty() {
        return Err(Failure::new("README.md shows no command that can be run"));
    }
    run_command(&mut cargo(["build", "--quiet", "--release", "--locked"]))?;
    examples.iter().try_for_each(Example::check)
}

impl Example {
    fn is_run(&self) -> bool {
        !NOT_RUN.iter().any(|start| self.command.starts_with(start))
    }

    /// Output on stderr is for people and not compared; the shell's exit code is not either, since a session may show a
    /// command that says no.
    fn check(&self) -> Outcome {
        say(format_args!("$ {}", self.command));
        let output = self.shell().output().map_err(|e| Failure::new(format!("bash: {e}")))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let found: Vec<&str> = printed.lines().collect();
        let shown: Vec<&str> = self.output.iter().map(String::as_str).collect();
        if is_alike(&shown, &found) {
            return Ok(());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(format!("`{}` printed\n{printed}{complaint}in place of\n{}", self.command, shown.join("\n"))))
    }

    /// The command in a shell whose `cityseal` is the one just built.
    fn shell(&self) -> Command {
        let built = shell::target_dir().join("release");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = shell::program("bash", ["-o", "pipefail", "-c", &self.command]);
        command.env("PATH", format!("{}:{path}", built.display()));
        command
    }
}

fn examples_in(text: &str) -> Vec<Example> {
    let mut examples = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = !inside && fence == "console";
        } else if inside {
            read_line(line, &mut examples);
        }
    }
    examples
}

fn read_line(line: &str, examples: &mut Vec<Example>) {
    if let Some(command) = line.strip_prefix("$ ") {
        examples.push(Example { command: command.to_owned(), output: Vec::new() });
    } else if let Some(example) = examples.last_mut() {
        example.output.push(line.to_owned());
    }
}

/// Whether two outputs are equal but for numbers; `...` in the shown one stands for any lines.
fn is_alike(shown: &[&str], found: &[&str]) -> bool {
    match (shown.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((&"..." | &"…", rest)), _) => (0..=found.len()).any(|skipped| is_alike(rest, &found[skipped..])),
        (Some((line, shown)), Some((other, found))) => shape(line) == shape(other) && is_alike(shown, found),
        _ => false,
    }
}

/// The line with its numbers and hex strings replaced, and runs of spaces made one.
fn shape(line: &str) -> String {
    line.split_whitespace().map(word_shape).collect::<Vec<_>>().join(" ")
}

/// Each part between punctuation that has a digit becomes `#`: `0.41` and `12.3` alike, `00ffab` and `17` alike.
fn word_shape(word: &str) -> String {
    let parts = word.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    parts.map(part_shape).collect()
}

fn part_shape(part: &str) -> String {
    let body = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    if body.bytes().any(|b| b.is_ascii_digit()) { format!("#{}", &part[body.len()..]) } else { part.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_commands_and_their_output_only_in_console_blocks() {
        let text = "a\n```console\n$ one\nout\n\n$ two\n```\n$ not this\n```text\n$ nor this\n```\n";
        let found = examples_in(text);
        let commands: Vec<&str> = found.iter().map(|e| e.command.as_str()).collect();
        assert_eq!(commands, ["one", "two"]);
        assert_eq!(found[0].output, ["out", ""]);
    }

    #[test]
    fn numbers_are_alike_and_words_are_not() {
        assert!(is_alike(&["found 12.5 MH/s, nonce 0x1f"], &["found  7 MH/s, nonce 0xabc1"]));
        assert!(!is_alike(&["valid: 3 headers"], &["fault: 3 headers"]));
        assert!(!is_alike(&["one"], &["one", "two"]));
        assert!(!is_alike(&["one", "two"], &["one"]));
    }

    #[test]
    fn three_dots_stand_for_any_lines() {
        assert!(is_alike(&["a", "...", "z"], &["a", "b", "c", "z"]));
        assert!(is_alike(&["..."], &[]));
        assert!(!is_alike(&["...", "z"], &["a", "b"]));
    }
}
