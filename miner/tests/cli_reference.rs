//! `docs/CLI.md` lists exactly the commands, flags, values and defaults of the program, and the JSON keys of the
//! schemas in `docs/schemas`. Other tests check the program's answers against the schemas.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cityseal::args::Cli;
use clap::{Arg, Command, CommandFactory};
use serde_json::Value;

use common::schemas;

/// The heading under which clap lists the flags that choose devices.
const DEVICES: &str = "Devices";
/// The command that takes the flags of `serve`, and the link by which its section says so.
const PRINTS_SERVE: &str = "cityseal config print";
const SERVE_LINK: &str = "](#cityseal-serve)";
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
    let serve = commands().remove("cityseal serve").unwrap();
    for (name, command) in commands() {
        let section = &sections[&name];
        let prints_serve = name == PRINTS_SERVE;
        assert_eq!(section.contains(SERVE_LINK) && section.contains("Takes the flags of"), prints_serve, "`{name}`");
        let is_of_serve = |flag: &Arg| serve.get_arguments().any(|of_serve| of_serve.get_id() == flag.get_id());
        let flags: Vec<&Arg> = command
            .get_arguments()
            .filter(|flag| !is_device_flag(flag) && !is_standard(flag))
            .filter(|flag| !prints_serve || !is_of_serve(flag))
            .collect();
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

    let in_schema = schemas::schema("error").pointer("/properties/error/properties/reason/enum").unwrap();
    let in_schema = in_schema.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
    let mut in_schema: BTreeSet<String> = in_schema.collect();
    assert!(in_schema.remove("usage") && in_schema.remove("cut"), "{in_schema:?}");
    assert_eq!(in_schema, defined, "docs/schemas/error.schema.json (left) and the program (right) differ");
}

/// The words of a schema.
#[derive(Default)]
struct Words {
    keys: BTreeSet<String>,
    /// The values of its enumerations.
    values: BTreeSet<String>,
}

impl Words {
    fn of(name: &str) -> Self {
        let mut words = Self::default();
        words.gather(schemas::schema(name), schemas::schema(name));
        assert!(!words.keys.is_empty(), "{name}");
        words
    }

    /// Adds the words of all schemas inside this one, which is part of `root`.
    fn gather(&mut self, root: &'static Value, schema: &'static Value) {
        let (root, schema) = schemas::resolved(root, schema);
        let list = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
        self.values.extend(list("enum").chain(schema.get("const")).filter_map(Value::as_str).map(str::to_owned));
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.keys.insert(key.clone());
            self.gather(root, property);
        }
        for inner in list("oneOf").chain(schema.get("items")) {
            self.gather(root, inner);
        }
    }
}

/// The words in backticks of a text, without the `[]` of lists.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).map(|word| word.trim_end_matches("[]")).collect()
}

/// Returns the part of a section that describes JSON, with its tables of keys.
fn json_part(section: &str) -> &str {
    section.find("\nJSON").map_or("", |at| &section[at..])
}

#[test]
fn each_command_with_an_answer_has_a_schema_and_links_it() {
    let sections = sections(&page());
    let mut linked = BTreeSet::from(schemas::NOT_OF_A_COMMAND.map(str::to_owned));
    for (command, section) in sections.iter().filter(|(_, section)| !json_part(section).is_empty()) {
        let name = command.trim_start_matches("cityseal ").replace(' ', "-");
        assert!(json_part(section).contains(&format!("](schemas/{name}.schema.json)")), "`{command}` links no schema");
        linked.insert(name);
    }
    assert_eq!(linked, schemas::all().keys().cloned().collect(), "links in docs/CLI.md (left), docs/schemas (right)");
    let rules = &sections["Rules for all commands"];
    assert!(rules.contains("](schemas/error.schema.json)") && rules.contains("](schemas/common.schema.json)"));
}

#[test]
fn the_keys_and_words_of_each_schema_are_those_of_its_section() {
    let sections = sections(&page());
    let receipts = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/RECEIPTS.md")).unwrap();
    let mut differences = Vec::new();
    for name in schemas::all().keys().filter(|name| !schemas::NOT_OF_A_COMMAND.contains(&name.as_str())) {
        let words = Words::of(name);
        let heading = format!("cityseal {}", name.replace('-', " "));
        let own = quoted(json_part(&sections[&heading]));
        // Rows of devices are described once for several commands, the fields of a statement with receipts.
        let shared = if name == "receipt-verify" { &receipts } else { &sections["Device flags"] };
        let shared = quoted(shared);
        let missing = words.keys.iter().filter(|key| !own.contains(key.as_str()) && !shared.contains(key.as_str()));
        differences.extend(missing.map(|key| format!("{name}: docs/CLI.md has no key `{key}`")));
        // A value may be explained by a flag, by another command of the same family, or by `devices`.
        let family = heading.splitn(3, ' ').take(2).collect::<Vec<_>>().join(" ");
        let family: BTreeSet<&str> = sections
            .iter()
            .filter(|(other, _)| other.starts_with(&family) || other.as_str() == "cityseal devices")
            .flat_map(|(_, text)| quoted(text))
            .collect();
        let missing =
            words.values.iter().filter(|word| !family.contains(word.as_str()) && !shared.contains(word.as_str()));
        differences.extend(missing.map(|word| format!("{name}: docs/CLI.md does not name the value `{word}`")));
        let is_key =
            |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let is_known = |word: &str| words.keys.contains(word) || words.values.contains(word) || word == "null";
        let unknown = own.into_iter().filter(is_key).filter(|word| !is_known(word));
        differences.extend(unknown.map(|word| format!("{name}: the schema has no key or value `{word}`")));
    }
    assert_eq!(differences, [""; 0]);
}

#[test]
fn the_keys_of_an_error_are_listed() {
    let sections = sections(&page());
    let listed = quoted(&sections["Rules for all commands"]).into_iter().map(str::to_owned).collect();
    let error = schemas::schema("error").pointer("/properties/error/properties").unwrap();
    let keys: BTreeSet<String> = error.as_object().unwrap().keys().cloned().collect();
    assert!(keys.is_subset(&listed), "{keys:?}");
}

#[test]
fn the_limits_that_can_be_changed_are_listed_with_default_and_range() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/SERVICE.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| key of `[limits]` |")).skip(2);
    let listed: Vec<[String; 3]> = rows
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let plain = |cell: &str| cell.replace(['`', ','], "");
            [plain(cells[1]), plain(cells[2]), plain(cells[3])]
        })
        .collect();
    let defaults = cityseal_service::Limits::default();
    let defined: Vec<[String; 3]> = cityseal_service::LIMIT_KEYS
        .iter()
        .map(|key| {
            let range = format!("{} to {}", key.range().start(), key.range().end());
            [key.name().to_owned(), key.value_in(&defaults).to_string(), range]
        })
        .collect();
    assert_eq!(listed, defined, "docs/SERVICE.md (left) and the program (right) differ");
}

/// The words of a text that begin with `cityseal_`.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("cityseal_")).map(str::to_owned).collect()
}

#[test]
fn every_alert_has_a_heading_and_names_only_metrics_of_the_reference() {
    let read = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (rules, page) = (read("../packaging/prometheus/cityseal.rules.yml"), read("../docs/ALERTS.md"));
    let alerts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    let names: BTreeSet<&str> = alerts.iter().map(|alert| alert.lines().next().unwrap()).collect();
    assert!(names.len() == alerts.len() && names.len() >= 10, "{names:?}");
    let headings: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(names, headings, "packaging/prometheus (left), docs/ALERTS.md (right)");
    for alert in &alerts {
        for key in ["expr: ", "summary: \"", "action: \"", "severity: "] {
            assert_eq!(alert.matches(key).count(), 1, "`{key}` in {alert}");
        }
    }
    let service = read("../docs/SERVICE.md");
    let rows: String = service.lines().filter(|line| line.starts_with("| `cityseal_")).collect();
    let known = metrics_in(&rows);
    for metric in metrics_in(&rules).union(&metrics_in(&page)) {
        let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| metric.strip_suffix(end)).unwrap_or(metric);
        assert!(known.contains(family), "{metric} is not in docs/SERVICE.md");
    }
}
