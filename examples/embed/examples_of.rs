//! Build script of both packages: turns every rustdoc example of the embedded crate into a test. The package
//! `embed-NAME` embeds the crate in the folder `NAME` at the repository's root.
//!
//! `cargo test --doc` in the workspace also compiles the examples, but with all dependencies of the crate in scope;
//! here only those are in scope that a user of the crate has.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let package = env::var("CARGO_PKG_NAME").expect("cargo sets CARGO_PKG_NAME");
    let name = package.strip_prefix("embed-").expect("the package is called embed-NAME");
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../..");
    let sources = root.join(name).join("src");
    println!("cargo::rerun-if-changed={}", sources.display());
    println!("cargo::rerun-if-changed=../examples_of.rs");
    let mut files = Vec::new();
    collect(&sources, &mut files);
    files.sort();
    let mut tests = String::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let shown = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        for example in examples(&text) {
            tests += &example.test(&shown);
        }
    }
    assert!(!tests.is_empty(), "{} has no rustdoc example", sources.display());
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("examples.rs");
    fs::write(&out, tests).unwrap_or_else(|e| panic!("{}: {e}", out.display()));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A block of Rust in a documentation comment.
struct Example {
    /// Its first line, from 1.
    line: usize,
    code: String,
    runs: bool,
}

/// The Rust examples of a source file, except `ignore` and `compile_fail`.
fn examples(text: &str) -> Vec<Example> {
    let mut found = Vec::new();
    let mut open: Option<(String, Example)> = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let comment = line.strip_prefix("//!").or_else(|| line.strip_prefix("///"));
        let Some(comment) = comment else { continue };
        let comment = comment.strip_prefix(' ').unwrap_or(comment);
        match (&mut open, comment.trim_start().strip_prefix("```")) {
            (None, Some(tags)) => {
                open = Some((tags.trim().to_owned(), Example { line: at + 1, code: String::new(), runs: true }));
            }
            (None, None) => {}
            (Some((_, example)), None) => {
                let visible = match comment.trim_start() {
                    "#" => "",
                    hidden => hidden.strip_prefix("# ").unwrap_or(comment),
                };
                let _infallible = writeln!(example.code, "{visible}");
            }
            (Some(_), Some(_)) => {
                let (tags, mut example) = open.take().expect("it is open");
                let tags: Vec<&str> = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).collect();
                example.runs = !tags.contains(&"no_run");
                if tags.iter().all(|tag| ["rust", "no_run"].contains(tag)) {
                    found.push(example);
                }
            }
        }
    }
    found
}

impl Example {
    /// The test, wrapped as rustdoc wraps it.
    fn test(&self, file: &str) -> String {
        let Self { line, code, runs } = self;
        let name: String = file.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let attribute = if *runs { "#[test]\n" } else { "#[allow(dead_code)]\n" };
        let head =
            format!("/// {file}, line {line}\n#[allow(unused, clippy::all, clippy::pedantic)]\nmod {name}_{line} {{\n");
        let body = if code.contains("fn main()") {
            format!("{code}\n{attribute}fn example() {{ let _outcome = main(); }}\n")
        } else if code.trim_end().ends_with("(())") {
            format!(
                "{attribute}fn example() {{\nfn body() -> Result<(), impl core::fmt::Debug> {{\n{code}}}\nbody().unwrap();\n}}\n"
            )
        } else {
            format!("{attribute}fn example() {{\n{code}}}\n")
        };
        format!("{head}{body}}}\n")
    }
}
