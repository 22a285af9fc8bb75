//! Generates the README's tables of measured figures from the records in `bench-results/`.
//!
//! The tables are between two HTML comments. Each combination of device, kernel, mode and number of threads has one
//! row, from its newest record.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::say::say;
use crate::shell::{Failure, Outcome, workspace_root};

const BEGIN: &str = "<!-- figures: written by `cargo xtask readme --write` from bench-results/ -->";
const END: &str = "<!-- end of figures -->";

/// The device whose rows come first.
const CPU: &str = "cpu";

/// Modes in the order of the table.
const MODES: [&str; 6] = ["search", "search-shared", "headers", "merkle", "verify", "service"];

/// Baselines of the last column; the first one that a record has is used.
const BASELINES: [&str; 2] = ["sha2_node", "sha2_whole_header"];

/// The key of a row, in the order of the table: processor, whether the device is not the CPU, device, mode, threads,
/// kernel.
type Name = (String, bool, String, usize, u64, String);

/// One figure.
#[derive(Clone, Debug, PartialEq)]
struct Figure {
    mode: String,
    median: f64,
    unit: String,
    ratio: f64,
    commit: String,
    day: String,
}

/// Fails if the README's figures differ from the records.
pub(crate) fn check() -> Outcome {
    let text = readme()?;
    if replaced(&text, &tables(&records()?)?)? == text {
        return Ok(());
    }
    Err(Failure::new("the figures in README.md differ from bench-results/: run `cargo xtask readme --write`"))
}

/// Writes the figures of the records into the README.
pub(crate) fn write() -> Outcome {
    let text = replaced(&readme()?, &tables(&records()?)?)?;
    let path = workspace_root().join("README.md");
    std::fs::write(&path, text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    say("wrote the figures of bench-results/ into README.md");
    Ok(())
}

fn readme() -> Outcome<String> {
    text_of(&workspace_root().join("README.md"))
}

fn text_of(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

/// The text with the lines between the two comments replaced.
fn replaced(text: &str, tables: &str) -> Outcome<String> {
    let parts = text.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        parts.ok_or_else(|| Failure::new(format!("README.md lacks the comments `{BEGIN}` and `{END}`")))?;
    Ok(format!("{before}{BEGIN}\n\n{tables}\n{END}{after}"))
}

/// The records with their paths, oldest day first.
fn records() -> Outcome<Vec<(String, String)>> {
    let folder = workspace_root().join("bench-results");
    let mut files = Vec::new();
    for machine in entries(&folder)?.into_iter().filter(|path| path.is_dir()) {
        files.extend(entries(&machine)?.into_iter().filter(|file| file.extension().is_some_and(|e| e == "json")));
    }
    // The file name of a record begins with its day.
    files.sort_by_key(|file| (file.file_name().map(ToOwned::to_owned), file.clone()));
    files.iter().map(|file| Ok((file.display().to_string(), text_of(file)?))).collect()
}

fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let unreadable = |e: std::io::Error| Failure::new(format!("{}: {e}", folder.display()));
    let found = folder.read_dir().map_err(unreadable)?;
    found.map(|entry| entry.map(|entry| entry.path()).map_err(unreadable)).collect()
}

/// A table for each processor, from records in the order of their days.
fn tables(records: &[(String, String)]) -> Outcome<String> {
    let mut figures = BTreeMap::new();
    for (path, text) in records {
        let record = serde_json::from_str(text).map_err(|e| Failure::new(format!("{path}: {e}")))?;
        figures.extend(figures_of(path, &record)?);
    }
    if figures.is_empty() {
        return Err(Failure::new("bench-results/ has no records"));
    }
    let machines: BTreeSet<&String> = figures.keys().map(|(machine, ..)| machine).collect();
    let table = |machine: &&String| {
        let rows: Vec<_> = figures.iter().filter(|((of, ..), _)| of == *machine).collect();
        table(machine, &rows)
    };
    Ok(machines.iter().map(table).collect::<Vec<_>>().join("\n"))
}

fn figures_of(path: &str, record: &Value) -> Outcome<Vec<(Name, Figure)>> {
    let bad = |at: usize, what: &str| Failure::new(format!("{path}: rows[{at}]: {what}"));
    let environment = &record["environment"];
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    let file = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
    let day = environment["measured_at"].as_str().unwrap_or(&file).chars().take("2026-11-22".len()).collect::<String>();
    let rows = record["rows"].as_array().ok_or_else(|| Failure::new(format!("{path}: no list `rows`")))?;
    let mut figures = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if row["answers"] != "right" {
            return Err(bad(at, "`answers` is not `right`; such a figure must not be published"));
        }
        let median = row["median"].as_f64().ok_or_else(|| bad(at, "no number `median`"))?;
        // Rates of Merkle nodes are compared with a loop over nodes, all others with one over headers.
        let ratio = BASELINES.iter().find_map(|baseline| row["versus"][baseline].as_f64());
        let ratio = ratio.ok_or_else(|| bad(at, "no number `versus.sha2_whole_header`"))?;
        let threads = row["threads"].as_u64().ok_or_else(|| bad(at, "no number `threads`"))?;
        let (device, mode) = (text(&row["device"]), text(&row["mode"]));
        let place = MODES.iter().position(|known| *known == mode).unwrap_or(MODES.len());
        let name = (text(&environment["cpu"]), device != CPU, device, place, threads, text(&row["kernel"]));
        let (unit, commit, day) = (text(&row["unit"]), text(&environment["commit"]), day.clone());
        figures.push((name, Figure { mode, median, unit, ratio, commit, day }));
    }
    Ok(figures)
}

fn table(machine: &str, rows: &[(&Name, &Figure)]) -> String {
    let list = |of: fn(&Figure) -> &String| {
        let all: BTreeSet<&str> = rows.iter().map(|(_, figure)| of(figure).as_str()).collect();
        all.into_iter().collect::<Vec<_>>().join(", ")
    };
    let mut ordered = rows.to_vec();
    // Within one mode and number of threads, the fastest comes first.
    ordered.sort_by(
        |((_, a_other, a_device, a_mode, a_threads, _), a), ((_, b_other, b_device, b_mode, b_threads, _), b)| {
            let names = (a_other, a_device, a_mode, a_threads).cmp(&(b_other, b_device, b_mode, b_threads));
            names.then(b.median.total_cmp(&a.median))
        },
    );
    let head = format!(
        "{machine}, {}, commit {}:\n\n\
         | device | kernel | mode | threads | per second | × `sha2` loop |\n|---|---|---|---|---|---|\n",
        list(|figure| &figure.day),
        list(|figure| &figure.commit),
    );
    let line = |((_, _, device, _, threads, kernel), figure): &(&Name, &Figure)| {
        let device = device.split_whitespace().next().unwrap_or(device);
        let rate = rate_text(figure.median, &figure.unit);
        format!("| {device} | {kernel} | {} | {threads} | {rate} | {:.2} |\n", figure.mode, figure.ratio)
    };
    head + &ordered.iter().map(line).collect::<Vec<_>>().concat()
}

/// Formats a rate as `43.2 M hashes`.
fn rate_text(rate: f64, unit: &str) -> String {
    let items = match unit {
        "hash/s" => "hashes",
        "header/s" => "headers",
        "node/s" => "nodes",
        other => other,
    };
    let (scaled, prefix) = if rate >= 1e9 { (rate / 1e9, "G") } else { (rate / 1e6, "M") };
    let digits = if scaled < 10.0 { 2 } else { usize::from(scaled < 100.0) };
    format!("{scaled:.digits$} {prefix} {items}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(day: &str, cpu: &str, rows: &Value) -> (String, String) {
        let environment = json!({"cpu": cpu, "commit": format!("c{day}"), "os": "linux"});
        (format!("m/{day}-c.json"), json!({"rows": rows, "environment": environment}).to_string())
    }

    fn row(kernel: &str, threads: u64, median: f64) -> Value {
        json!({"device": "cpu", "kernel": kernel, "mode": "search", "threads": threads, "median": median,
            "unit": "hash/s", "answers": "right", "versus": {"sha2_whole_header": 4.5}})
    }

    #[test]
    fn a_row_has_its_newest_figure_and_the_fastest_row_comes_first() {
        let old = record("2026-11-21", "EPYC", &json!([row("avx2", 1, 9e6), row("portable", 1, 9.5e6)]));
        let new = record("2026-11-22", "EPYC", &json!([row("avx2", 1, 12.34e6), row("avx2", 2, 2.5e9)]));
        let expected = "EPYC, 2026-11-21, 2026-11-22, commit c2026-11-21, c2026-11-22:\n\n\
            | device | kernel | mode | threads | per second | × `sha2` loop |\n|---|---|---|---|---|---|\n\
            | cpu | avx2 | search | 1 | 12.3 M hashes | 4.50 |\n\
            | cpu | portable | search | 1 | 9.50 M hashes | 4.50 |\n\
            | cpu | avx2 | search | 2 | 2.50 G hashes | 4.50 |\n";
        assert_eq!(tables(&[old, new]).unwrap(), expected);
    }

    #[test]
    fn rates_of_nodes_are_compared_with_a_loop_over_nodes() {
        let mut nodes = row("avx2", 1, 1e7);
        nodes["versus"] = json!({"sha2_node": 3.25, "sha2_whole_header": 3.5, "port_bound": 0.9});
        let text = tables(&[record("2026-11-22", "EPYC", &json!([nodes]))]).unwrap();
        assert!(text.contains("| 3.25 |\n"), "{text}");
    }

    #[test]
    fn each_processor_has_its_own_table() {
        let records = ["EPYC", "Xeon"].map(|cpu| record("2026-11-22", cpu, &json!([row("avx2", 1, 1e7)])));
        let text = tables(&records).unwrap();
        assert_eq!(text.matches("| device |").count(), 2, "{text}");
        assert!(text.contains("EPYC, ") && text.contains("\n\nXeon, "), "{text}");
    }

    #[test]
    fn refuses_wrong_answers_and_malformed_records_with_their_place() {
        let mut wrong = row("avx2", 1, 1e7);
        wrong["answers"] = json!("wrong");
        let error = tables(&[record("2026-11-22", "EPYC", &json!([row("avx2", 2, 1e7), wrong]))]).unwrap_err();
        assert!(error.to_string().contains("2026-11-22-c.json: rows[1]"), "{error}");
        let error = tables(&[("a.json".into(), "{".into())]).unwrap_err();
        assert!(error.to_string().contains("a.json"), "{error}");
        assert!(tables(&[]).is_err());
    }

    #[test]
    fn only_the_lines_between_the_comments_are_replaced() {
        let text = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let once = replaced(&text, "new\n").unwrap();
        assert_eq!(once, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert!(replaced("no comments", "new\n").is_err());
    }
}
