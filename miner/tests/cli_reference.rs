//! `docs/CLI.md` lists exactly the commands, flags, values and defaults of the program, and the JSON keys that it
//! prints.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cityseal::args::Cli;
use clap::{Arg, Command, CommandFactory};
use serde_json::Value;

use common::{Folder, GENESIS, cityseal};

/// The heading under which clap lists the flags that choose devices.
const DEVICES: &str = "Devices";
/// The link by which a section says that its command takes those flags.
const DEVICES_LINK: &str = "](#device-flags)";

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CLI.md")).unwrap()
}

/// The sections of the page by heading, without `#` and backticks.
fn sections(page: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut heading = String::new();
    for line in page.lines() {
        if line.starts_with('#') {
            heading = line.trim_start_matches('#').trim().replace('`', "");
            assert!(found.insert(heading.clone(), String::new()).is_none(), "two sections `{heading}`");
        } else if let Some(text) = found.get_mut(&heading) {
            text.push_str(line);
            text.push('\n');
        }
    }
    found
}

/// A row of a table of flags: the usage, the default, the meaning.
#[derive(Debug)]
struct Row {
    usage: String,
    default: String,
    meaning: String,
}

fn rows(section: &str) -> Vec<Row> {
    let lines = section.lines().skip_while(|line| !line.starts_with("| flag |")).skip(2);
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let line = line.replace("\\|", "\u{1}");
            let cells: Vec<String> = line.split('|').map(|cell| cell.trim().replace('\u{1}', "|")).collect();
            let [_, usage, default, meaning, _] = &*cells else { panic!("not three cells: {line}") };
            let strip = |cell: &String| cell.replace('`', "");
            Row { usage: strip(usage), default: strip(default), meaning: meaning.clone() }
        })
        .collect()
}

/// All commands by their full name: `cityseal bench compare`.
fn commands() -> BTreeMap<String, Command> {
    fn walk(name: String, command: &Command, found: &mut BTreeMap<String, Command>) {
        for child in command.get_subcommands() {
            walk(format!("{name} {}", child.get_name()), child, found);
        }
        found.insert(name, command.clone());
    }
    let mut found = BTreeMap::new();
    walk("cityseal".into(), &Cli::command(), &mut found);
    found.remove("cityseal");
    found
}

/// Formats a flag as the page does: `--device NAME`, `--json`, `FILE`.
fn usage(flag: &Arg) -> String {
    let values = flag.get_value_names().unwrap_or_default().iter().map(ToString::to_string);
    let takes_values = flag.get_action().takes_values();
    let words = flag.get_long().map(|long| format!("--{long}")).into_iter();
    words.chain(values.filter(|_| takes_values)).collect::<Vec<_>>().join(" ")
}

fn is_device_flag(flag: &Arg) -> bool {
    flag.get_help_heading() == Some(DEVICES)
}

fn is_standard(flag: &Arg) -> bool {
    flag.is_global_set() || ["help", "version"].contains(&flag.get_id().as_str())
}

fn assert_rows(place: &str, rows: &[Row], flags: &[&Arg]) {
    let documented: BTreeSet<String> = rows.iter().map(|row| row.usage.clone()).collect();
    let defined: BTreeSet<String> = flags.iter().map(|flag| usage(flag)).collect();
    assert_eq!(documented, defined, "docs/CLI.md (left) and the program (right) differ at `{place}`");
    for flag in flags {
        let row = rows.iter().find(|row| row.usage == usage(flag)).unwrap();
        let takes_values = flag.get_action().takes_values();
        for default in flag.get_default_values().iter().filter(|_| takes_values) {
            assert_eq!(row.default, default.to_string_lossy(), "the default of {place} {}", row.usage);
        }
        for value in flag.get_possible_values().iter().filter(|_| takes_values) {
            let word = format!("`{}`", value.get_name());
            assert!(row.meaning.contains(&word), "{place} {}: {word} is not named", row.usage);
        }
    }
}

#[test]
fn every_command_has_a_section_and_every_section_a_command() {
    let page = page();
    let documented: BTreeSet<String> =
        sections(&page).into_keys().filter(|heading| heading.starts_with("cityseal ")).collect();
    assert_eq!(documented, commands().into_keys().collect());
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(page.contains(&format!("| [`{name}`](#cityseal-{name}) |")), "{name} is not in the list of commands");
    }
}

#[test]
fn the_flags_of_each_command_are_those_of_its_section() {
    let sections = sections(&page());
    for (name, command) in commands() {
        let section = &sections[&name];
        let flags: Vec<&Arg> =
            command.get_arguments().filter(|flag| !is_device_flag(flag) && !is_standard(flag)).collect();
        assert_rows(&name, &rows(section), &flags);
        let takes_devices = command.get_arguments().any(is_device_flag);
        assert_eq!(section.contains(DEVICES_LINK), takes_devices, "device flags of `{name}`");
        if !command.has_subcommands() || command.get_arguments().any(|flag| !is_standard(flag)) {
            assert!(section.contains("\nExit codes: 0 "), "`{name}` has no exit codes");
            assert!(section.contains("\nJSON"), "`{name}` has no JSON keys");
        }
    }
}

#[test]
fn the_flags_of_all_commands_and_those_of_devices_are_listed_once() {
    let sections = sections(&page());
    let mut cli = Cli::command();
    cli.build();
    let global: Vec<&Arg> = cli.get_arguments().filter(|flag| is_standard(flag)).collect();
    assert_rows("Flags of every command", &rows(&sections["Flags of every command"]), &global);
    let devices = commands().remove("cityseal devices").unwrap();
    let flags: Vec<&Arg> = devices.get_arguments().filter(|flag| is_device_flag(flag)).collect();
    assert!(flags.len() >= 5);
    assert_rows("Device flags", &rows(&sections["Device flags"]), &flags);
}

/// Collects all keys of a JSON value at any depth, except inside `statement` and `versus`, whose keys are names.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                found.insert(key.clone());
                if !["statement", "versus"].contains(&key.as_str()) {
                    keys(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Runs a command with `--json`, and returns the keys that the command's section does not mention.
fn unnamed_keys(section: &str, arguments: &[&str]) -> Vec<String> {
    let sections = sections(&page());
    let run = cityseal(&[arguments, &["--json"]].concat());
    let answer = run.json();
    let (place, text) = match answer.get("error") {
        Some(_) => ("Rules for all commands", &sections["Rules for all commands"]),
        None => (section, &sections[section]),
    };
    let devices = &sections["Device flags"];
    let mut found = BTreeSet::new();
    keys(&answer, &mut found);
    assert!(!found.is_empty(), "{run:?}");
    let is_named = |key: &String| {
        let names = [format!("`{key}`"), format!("`{key}[]`"), format!("\"{key}\"")];
        names.iter().any(|name| text.contains(name) || devices.contains(name))
    };
    found.into_iter().filter(|key| !is_named(key)).map(|key| format!("{place}: {key}")).collect()
}

/// The words for programs that the methods `reason` of a source return: `"no-receipt"`.
fn reasons_in(source: &str) -> BTreeSet<String> {
    let bodies = source.split("fn reason(&self) -> &'static str {").skip(1);
    let bodies = bodies.map(|rest| rest.split("\n    }\n").next().unwrap_or_default());
    let quoted = bodies.flat_map(|body| body.split('"').skip(1).step_by(2));
    let is_reason = |word: &&str| word.contains('-') && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    quoted.filter(is_reason).map(str::to_owned).collect()
}

/// The Rust sources in a folder and those below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let is_source = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    files.into_iter().filter(is_source).chain(folders.iter().flat_map(|folder| sources(folder))).collect()
}

#[test]
fn exactly_the_error_reasons_of_the_program_are_listed() {
    // The crates whose errors end a command.
    let crates = ["src", "bench/src", "input/src", "../cli/src"];
    let sources = crates.iter().flat_map(|of| sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(of)));
    let defined: BTreeSet<String> =
        sources.flat_map(|source| reasons_in(&std::fs::read_to_string(source).unwrap())).collect();
    assert!(defined.len() > 30, "{defined:?}");
    let sections = sections(&page());
    let rows = sections["Rules for all commands"].lines().skip_while(|line| !line.starts_with("| about |")).skip(2);
    let listed: String = rows.take_while(|line| line.starts_with('|')).collect();
    let mut listed: BTreeSet<String> = listed.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    // These two have no hyphen.
    assert!(listed.remove("usage") && listed.remove("cut"), "{listed:?}");
    assert_eq!(listed, defined, "docs/CLI.md (left) and the program (right) differ");
}

#[test]
fn every_key_of_an_answer_is_named_in_the_section_of_its_command() {
    let folder = Folder::new();
    let kept = folder.path().join("city");
    let kept = |name: &str| kept.join(name).to_str().unwrap().to_owned();
    let mut unnamed = unnamed_keys("cityseal demo", &["demo", "--device", "cpu", "--keep", &kept("")]);
    let (toml, blocks, forged) = (kept("city.toml"), kept("blocks.dat"), kept("forged-blocks.dat"));
    let (receipt, public) = (kept("chain.receipt"), kept("auditor.pub"));
    let (new_key, part) = (kept("new.key"), kept("part.json"));
    let seal = ["seal", "--device", "cpu", "--nonces", "2083236893..=2083236893", "--header", GENESIS];
    let verify = |more: &[&str]| {
        let arguments = [&["verify", "--device", "cpu", "--network", &toml][..], more].concat();
        unnamed_keys("cityseal verify", &arguments)
    };
    unnamed.extend(unnamed_keys("cityseal devices", &["devices"]));
    unnamed.extend(unnamed_keys("cityseal selftest", &["selftest", "--device", "cpu"]));
    unnamed.extend(unnamed_keys("cityseal seal", &seal));
    unnamed.extend(unnamed_keys("cityseal key new", &["key", "new", "--out", &new_key, "--label", "a"]));
    unnamed.extend(unnamed_keys("cityseal key show", &["key", "show", &new_key]));
    unnamed.extend(verify(&["--stats", &blocks]));
    unnamed.extend(verify(&["--forks", &forged, &blocks]));
    unnamed.extend(verify(&["--shard", "1/2", "--out", &part, &blocks]));
    unnamed.extend(verify(&[&forged]));
    unnamed.extend(verify(&[&kept("no-such-file")]));
    unnamed.extend(verify(&[&toml]));
    unnamed.extend(unnamed_keys("cityseal receipt show", &["receipt", "show", &receipt]));
    let spot_check = ["receipt", "verify", &receipt, "--key", &public, "--spot-check", "2", "--source", &blocks];
    unnamed.extend(unnamed_keys("cityseal receipt verify", &spot_check));
    let bench = ["bench", "--device", "cpu", "--seconds", "0.01", "--by-batch"];
    unnamed.extend(unnamed_keys("cityseal bench", &bench));
    assert_eq!(unnamed, [""; 0], "docs/CLI.md does not name these keys");
}
