//! Runs the commands of README.md and of `docs/`, and compares what they print, and their exit codes, with what the
//! documents show.
//!
//! A block fenced as `console` has commands (lines that begin with `$ `) and their output. All blocks of a document run
//! in order in one shell and one new folder. `cityseal` is the release build, or in CI the build of the tests' profile,
//! which exists already. A command must end with exit code 0
//! unless its line ends in `# exit code N`. Outputs are compared loosely, because rates, times and devices differ
//! between machines: all numbers count as equal (except the numbers of rules), and a line `...` matches any lines.
//! Blocks with other fences are not run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python::{self, Python};
use crate::say::say;
use crate::session::{Ran, Session};
use crate::shell::{self, Failure, Outcome, cargo, run as run_command};

/// Commands that are shown but not run, each with the reason.
const NOT_RUN: [(&str, &str); 5] = [
    ("git clone ", "the repository is already here"),
    ("cargo install ", "it changes the machine"),
    ("cargo xtask ", "it would start this check again"),
    ("python3 -m venv ", "this check creates the folder `venv`"),
    ("venv/bin/pip ", "this check installs the packages"),
];

/// A block with such a command needs Python and the packages of the examples.
const PYTHON: &str = "venv/bin/python ";

/// Marks the expected exit code at the end of a command line.
const EXIT_CODE: &str = "# exit code ";

/// How the documents start the binary from a clone.
const CARGO_RUN: &str = "cargo run --release -- ";

/// One command with the output and exit code that the document shows.
#[derive(Debug, PartialEq, Eq)]
struct Example {
    command: String,
    code: i32,
    output: Vec<String>,
}

/// The examples between two fences.
type Block = Vec<Example>;

/// The build of `cityseal` that the documents' commands use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    /// As the documents say it.
    Release,
    /// The profile of the tests: its dependencies are compiled already, and the outputs are the same.
    Dev,
}

impl Build {
    fn command(self) -> Command {
        match self {
            Self::Release => cargo(["build", "--quiet", "--locked", "--release"]),
            // Also builds one test: only then do the dependencies have the features that they have in the tests.
            Self::Dev => cargo(["build", "--quiet", "--locked", "--workspace", "--bin", "cityseal", "--test", "style"]),
        }
    }

    fn folder(self) -> PathBuf {
        shell::target_dir().join(match self {
            Self::Release => "release",
            Self::Dev => "debug",
        })
    }
}

/// Runs the examples of all documents.
pub(crate) fn run(build: Build) -> Outcome {
    run_command(&mut build.command())?;
    let mut skipped = Vec::new();
    for document in documents()? {
        let path = shell::workspace_root().join(&document);
        let text = std::fs::read_to_string(&path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        let blocks = blocks_in(&text).map_err(|why| Failure::new(format!("{}: {why}", document.display())))?;
        if blocks.is_empty() {
            if document == Path::new("README.md") {
                return Err(Failure::new("README.md has no `console` block"));
            }
            continue;
        }
        say(format_args!("-- {}", document.display()));
        let why = run_document(&document, &blocks, build)?;
        skipped.extend(why.map(|why| format!("{}: {why}", document.display())));
    }
    if skipped.is_empty() { Ok(()) } else { Err(Failure::skip(skipped.join("; "))) }
}

/// README.md, then the files of `docs/` sorted by name.
fn documents() -> Outcome<Vec<PathBuf>> {
    let docs = shell::workspace_root().join("docs");
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", docs.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&docs).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            found.push(Path::new("docs").join(name));
        }
    }
    found.sort();
    Ok([vec![PathBuf::from("README.md")], found].concat())
}

/// Runs all blocks of a document. Returns the reason if some were skipped.
fn run_document(document: &Path, blocks: &[Block], build: Build) -> Outcome<Option<String>> {
    let name = document.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut session = Session::start(&name, &[build.folder()])?;
    let mut skipped = None;
    for block in blocks {
        if needs_python(block)
            && let Err(why) = offer_python(&session)
        {
            say(format_args!("SKIPPED: {} commands that need Python: {why}", block.len()));
            skipped = Some(why.to_string());
            continue;
        }
        for example in block {
            example.check(&mut session, build)?;
        }
    }
    Ok(skipped)
}

fn needs_python(block: &Block) -> bool {
    block.iter().any(|example| example.command.starts_with(PYTHON))
}

/// Provides an interpreter with the packages at `venv/bin/python`.
fn offer_python(session: &Session) -> Outcome {
    let python: Python = python::ensure()?;
    python.write_launcher(&session.work().join("venv/bin"))
}

impl Example {
    fn check(&self, session: &mut Session, build: Build) -> Outcome {
        if let Some((_, why)) = NOT_RUN.iter().find(|(start, _)| self.command.starts_with(start)) {
            say(format_args!("$ {}   (not run: {why})", self.command));
            return Ok(());
        }
        say(format_args!("$ {}", self.command));
        let Ran { stdout, code } = session.run(&self.in_folder(build))?;
        let found: Vec<&str> = stdout.lines().collect();
        let shown: Vec<&str> = self.output.iter().map(String::as_str).collect();
        let difference = if code != self.code {
            format!("exit code {code}; expected {}", self.code)
        } else if !is_alike(&shown, &found) {
            "the output differs from the document".to_owned()
        } else {
            return Ok(());
        };
        let (shown, stderr) = (shown.join("\n"), session.stderr());
        Err(Failure::new(format!(
            "`{}`: {difference}\nexpected:\n{shown}\nfound:\n{stdout}\nstderr of the session:\n{stderr}",
            self.command
        )))
    }

    /// The command to run in the session's folder. `Build::Dev` replaces a `cargo run` by the binary; other cargo
    /// commands change to the repository first.
    fn in_folder(&self, build: Build) -> String {
        let root = shell::workspace_root();
        let arguments = self.command.strip_prefix(CARGO_RUN);
        if let (Build::Dev, Some(arguments)) = (build, arguments) {
            format!("cityseal {arguments}")
        } else if self.command.starts_with("cargo ") {
            format!("(cd '{}' && {})", root.display(), self.command)
        } else {
            self.command.clone()
        }
    }
}

fn blocks_in(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = None;
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            inside = match inside {
                None => Some(fence == "console"),
                Some(_) => None,
            };
            if inside == Some(true) {
                blocks.push(Vec::new());
            }
        } else if inside == Some(true)
            && let Some(block) = blocks.last_mut()
        {
            read_line(line, block)?;
        }
    }
    Ok(blocks)
}

fn read_line(line: &str, block: &mut Block) -> Result<(), String> {
    if let Some(command) = line.strip_prefix("$ ") {
        let (command, code) = command_and_code(command)?;
        block.push(Example { command, code, output: Vec::new() });
        return Ok(());
    }
    let Some(example) = block.last_mut() else {
        return Err(format!("a console block begins with `{line}`; expected `$ COMMAND`"));
    };
    if example.output.is_empty() && example.command.ends_with('\\') {
        let (more, code) = command_and_code(line.strip_prefix("> ").unwrap_or(line))?;
        example.command = format!("{}\n{more}", example.command);
        example.code = code;
    } else {
        example.output.push(line.to_owned());
    }
    Ok(())
}

fn command_and_code(line: &str) -> Result<(String, i32), String> {
    let Some((command, code)) = line.rsplit_once(EXIT_CODE) else { return Ok((line.trim_end().to_owned(), 0)) };
    let code = code.trim().parse().map_err(|_| format!("`{line}`: expected a number after `{EXIT_CODE}`"))?;
    Ok((command.trim_end().to_owned(), code))
}

/// Whether two outputs are equal except for numbers; `...` in the shown one matches any lines.
fn is_alike(shown: &[&str], found: &[&str]) -> bool {
    match (shown.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((&"..." | &"…", rest)), _) => (0..=found.len()).any(|skipped| is_alike(rest, &found[skipped..])),
        (Some((line, shown)), Some((other, found))) => shape(line) == shape(other) && is_alike(shown, found),
        _ => false,
    }
}

/// The line with numbers and hex strings replaced and runs of spaces collapsed.
fn shape(line: &str) -> String {
    line.split_whitespace().map(word_shape).collect::<Vec<_>>().join(" ")
}

/// Replaces each part between punctuation that has a digit by `#`: `0.41` and `12.3`, or `00ffab` and `17`, become
/// equal.
fn word_shape(word: &str) -> String {
    let parts = word.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    parts.map(part_shape).collect()
}

fn part_shape(part: &str) -> String {
    let body = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_number = body.bytes().any(|b| b.is_ascii_digit()) && !is_rule(body);
    if is_number { format!("#{}", &part[body.len()..]) } else { part.to_owned() }
}

/// Whether the word is the number of a rule, such as `R05`. These must match exactly, because they do not depend on the
/// machine.
fn is_rule(word: &str) -> bool {
    word.len() == 3 && word.starts_with('R') && word[1..].bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_their_output_are_found_in_console_blocks_only() {
        let text =
            "a\n```console\n$ one\nout\n\n$ two\n```\n$ not this\n```text\n$ nor this\n```\n```console\n$ three\n```";
        let found = blocks_in(text).unwrap();
        let commands: Vec<Vec<&str>> = found.iter().map(|b| b.iter().map(|e| e.command.as_str()).collect()).collect();
        assert_eq!(commands, [vec!["one", "two"], vec!["three"]]);
        assert_eq!(found[0][0].output, ["out", ""]);
    }

    #[test]
    fn in_ci_a_cargo_run_of_the_release_becomes_the_binary_of_the_tests_profile() {
        let command =
            |text: &str, build| blocks_in(&format!("```console\n$ {text}\n```")).unwrap()[0][0].in_folder(build);
        assert_eq!(command("cargo run --release -- demo --keep x", Build::Dev), "cityseal demo --keep x");
        assert!(command("cargo run --release -- demo", Build::Release).ends_with(" && cargo run --release -- demo)"));
        assert!(command("cargo tree", Build::Dev).ends_with(" && cargo tree)"));
        assert_eq!(command("cityseal devices", Build::Dev), "cityseal devices");
    }

    #[test]
    fn the_expected_exit_code_is_the_one_on_the_line_or_0() {
        let found =
            blocks_in("```console\n$ one   # exit code 1\n$ two \\\n>   --long # exit code 2\nout\n```").unwrap();
        let found: Vec<(&str, i32, usize)> =
            found[0].iter().map(|e| (e.command.as_str(), e.code, e.output.len())).collect();
        assert_eq!(found, [("one", 1, 0), ("two \\\n  --long", 2, 1)]);
        assert!(blocks_in("```console\n$ one # exit code x\n```").unwrap_err().contains("number"));
        assert!(blocks_in("```console\nout\n```").unwrap_err().contains("`out`"));
    }

    #[test]
    fn a_wrong_exit_code_and_a_missing_command_fail_and_a_command_that_is_not_run_does_not() {
        let mut session = Session::start("readme-test", &[]).unwrap();
        let mut check = |command: &str, code| {
            let example = Example { command: command.into(), code, output: vec!["...".into()] };
            example.check(&mut session, Build::Release)
        };
        assert!(check("(exit 1)", 1).is_ok() && check("true", 0).is_ok());
        assert!(check("(exit 1)", 0).unwrap_err().to_string().contains("exit code 1"));
        assert!(check("no-such-command-of-cityseal", 0).unwrap_err().to_string().contains("not found"));
        assert!(check("cargo install --locked --path miner", 0).is_ok());
    }

    #[test]
    fn numbers_compare_as_equal_but_words_and_rules_do_not() {
        assert!(is_alike(&["found 12.5 MH/s, nonce 0x1f"], &["found  7 MH/s, nonce 0xabc1"]));
        assert!(!is_alike(&["valid: 3 headers"], &["fault: 3 headers"]));
        assert!(!is_alike(&["FAULT: rule R05 at 2"], &["FAULT: rule R21 at 2"]));
        assert!(!is_alike(&["one"], &["one", "two"]));
        assert!(!is_alike(&["one", "two"], &["one"]));
    }

    #[test]
    fn three_dots_match_any_lines() {
        assert!(is_alike(&["a", "...", "z"], &["a", "b", "c", "z"]));
        assert!(is_alike(&["..."], &[]));
        assert!(!is_alike(&["...", "z"], &["a", "b"]));
    }
}
