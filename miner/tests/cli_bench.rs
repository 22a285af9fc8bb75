//! `cityseal bench` and `selftest` as a script sees them, and a kernel that is broken on purpose.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{Folder, Run, cityseal};
use serde_json::json;

fn bench(arguments: &[&str]) -> Run {
    cityseal(&[&["bench", "--device", "cpu", "--seconds", "0.2", "--threads", "1", "--json"], arguments].concat())
}

#[test]
fn every_mode_measures_with_right_answers_and_its_baselines() {
    for (mode, unit, baselines) in [
        ("search", "hash/s", &["sha2_whole_header"][..]),
        ("search-shared", "hash/s", &["sha2_whole_header"]),
        ("headers", "header/s", &["sha2_whole_header"]),
        ("merkle", "node/s", &["sha2_node", "sha2_whole_header"]),
        ("verify", "header/s", &["sha2_whole_header"]),
        ("service", "header/s", &["raw_stream", "sha2_whole_header", "stream_bound", "verify"]),
    ] {
        let run = bench(&["--mode", mode]);
        assert_eq!(run.code, 0, "{run:?}");
        let answer = run.json();
        let row = &answer["rows"][0];
        assert_eq!((&row["mode"], &row["unit"], &row["answers"]), (&json!(mode), &json!(unit), &json!("right")));
        assert_eq!((&row["device"], &row["threads"]), (&json!("cpu"), &json!(1)));
        let rate = |key: &str| row[key].as_f64().unwrap();
        assert!(0.0 < rate("min") && rate("min") <= rate("median") && rate("median") <= rate("max"), "{row}");
        let versus = row["versus"].as_object().unwrap();
        // The port bound is there too, on machines whose ports are known.
        assert_eq!(versus.keys().filter(|name| *name != "port_bound").collect::<Vec<_>>(), baselines);
        assert!(versus.values().all(|ratio| ratio.as_f64().unwrap() > 0.0), "{row}");
        assert!(!answer["environment"]["cpu"].as_str().unwrap().is_empty());
    }
}

#[test]
fn the_text_announces_the_rows_and_numbers_them() {
    let run = cityseal(&["bench", "--device", "cpu", "--mode", "headers", "--seconds", "0.5", "--sweep", "1,2"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.starts_with("2 rows, about 1 s\n"), "{run:?}");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("row     device  kernel") && lines.len() == 4, "{run:?}");
    for (line, row) in lines[1..3].iter().zip(["1 of 2  cpu", "2 of 2  cpu"]) {
        assert!(line.starts_with(row) && line.contains("right"), "{line}");
        assert_eq!(lines[0].find("answers"), line.find("right"), "{run:?}");
    }
    let json = bench(&["--mode", "headers"]);
    assert_eq!(json.stderr, "", "with JSON nothing else is printed: {json:?}");
}

#[test]
fn all_kernels_have_a_row_each() {
    let run = bench(&["--mode", "headers", "--kernel", "all"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    let kernels: Vec<_> =
        answer["rows"].as_array().unwrap().iter().map(|row| row["kernel"].as_str().unwrap()).collect();
    let expected: Vec<_> = cityseal_hash::HashKernel::all_available().iter().map(|kernel| kernel.name()).collect();
    assert_eq!(kernels, expected);
}

#[test]
fn a_kernel_broken_on_purpose_gives_wrong_answers_and_exit_code_1() {
    for mode in ["search", "search-shared", "headers", "merkle"] {
        let run = bench(&["--mode", mode, "--kernel", "broken"]);
        assert_eq!((run.code, &run.json()["rows"][0]["answers"]), (1, &json!("wrong")), "{run:?}");
    }
    let run = cityseal(&["selftest", "--device", "cpu", "--kernel", "broken", "--json"]);
    assert_eq!((run.code, &run.json()["rows"][0]["answers"]), (1, &json!("wrong")), "{run:?}");
}

#[test]
fn a_broken_kernel_is_not_ready_for_work() {
    cityseal(&["seal", "--device", "cpu", "--kernel", "broken", "--header", common::GENESIS]).refused(&["self-test"]);
}

#[test]
fn a_record_is_kept_under_its_machine_date_and_commit() {
    let folder = Folder::new();
    let records = folder.path().join("records");
    let run = bench(&["--mode", "merkle", "--record", records.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    let machine = std::fs::read_dir(&records).unwrap().next().unwrap().unwrap().path();
    let record = std::fs::read_dir(&machine).unwrap().next().unwrap().unwrap().path();
    let kept: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
    assert_eq!(kept, run.json());
    assert!(run.stderr.contains(record.to_str().unwrap()), "{run:?}");
}

#[test]
fn a_sweep_has_a_row_for_each_number_of_threads() {
    let run = cityseal(&["bench", "--device", "cpu", "--seconds", "0.1", "--json", "--sweep", "1,2"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    let threads: Vec<_> = answer["rows"].as_array().unwrap().iter().map(|row| row["threads"].as_u64()).collect();
    assert_eq!(threads, [Some(1), Some(2)]);
    assert!(answer["rows"].as_array().unwrap().iter().all(|row| row["clock_hz"].as_f64().unwrap() > 0.0), "{answer}");
    cityseal(&["bench", "--sweep", "1,0"]).refused(&["--sweep", "1 to 1024"]);
    cityseal(&["bench", "--sweep", "all", "--threads", "1"]).refused(&["--sweep", "--threads"]);
}

#[test]
fn by_batch_gives_a_rate_for_each_size_and_is_refused_for_modes_without_sizes() {
    let run = bench(&["--mode", "headers", "--by-batch"]);
    assert_eq!(run.code, 0, "{run:?}");
    let row = &run.json()["rows"][0];
    let sizes: Vec<_> =
        row["by_batch"].as_array().unwrap().iter().map(|at| at["batch_items"].as_u64().unwrap()).collect();
    assert!(sizes.len() > 3 && sizes.is_sorted() && sizes[0] == 16, "{row}");
    assert!(row["batch_items"].as_u64().unwrap() > 0, "{row}");
    bench(&["--mode", "verify", "--by-batch"]).refused(&["--by-batch", "verify"]);
}

#[test]
fn the_mode_latency_reports_three_delays_and_records_them() {
    let folder = Folder::new();
    let records = folder.path().join("records");
    let run = bench(&["--mode", "latency", "--record", records.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    assert_eq!(answer["rows"], json!([]));
    let row = &answer["latencies"][0];
    assert_eq!((&row["device"], &row["answers"], &row["trials"]), (&json!("cpu"), &json!("right"), &json!(21)));
    for wait in ["first_hit_us", "cancel_us", "round_trip_us"] {
        let [min, median, max] = ["min", "median", "max"].map(|key| row[wait][key].as_f64().unwrap());
        assert!(0.0 < min && min <= median && median <= max, "{wait}: {row}");
    }
    let machine = std::fs::read_dir(&records).unwrap().next().unwrap().unwrap().path();
    let record = std::fs::read_dir(&machine).unwrap().next().unwrap().unwrap().path();
    let kept: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&record).unwrap()).unwrap();
    assert_eq!(kept["latencies"], answer["latencies"]);
}

/// A record with one row, as `--record` writes it.
fn record(folder: &Folder, name: &str, kernel: &str, median: f64) -> String {
    let row = json!({
        "device": "cpu", "kernel": kernel, "mode": "search", "threads": 1, "median": median, "min": median * 0.99,
        "max": median * 1.01, "unit": "hash/s", "answers": "right", "versus": {"sha2_whole_header": 5.0},
    });
    let environment = json!({"cpu": "AMD EPYC", "commit": "0123abc", "os": "linux"});
    folder.file(name, json!({"rows": [row], "environment": environment}).to_string())
}

#[test]
fn compare_reports_better_same_or_worse_with_an_exit_code() {
    let folder = Folder::new();
    let before = record(&folder, "before.json", "avx2", 100.0);
    for (median, verdict, code) in [(104.0, "better", 0), (101.0, "same", 0), (96.0, "worse", 1)] {
        let after = record(&folder, "after.json", "avx2", median);
        let run = cityseal(&["bench", "compare", &before, &after, "--json"]);
        let answer = run.json();
        assert_eq!((run.code, &answer["rows"][0]["verdict"]), (code, &json!(verdict)), "{run:?}");
        assert_eq!(answer["rows"][0]["ratio"], json!(median / 100.0));
        let human = cityseal(&["bench", "compare", &before, &after]);
        assert!(human.code == code && human.stdout.contains(verdict) && human.stdout.contains("noise:"), "{human:?}");
    }
}

#[test]
fn compare_names_the_file_and_the_place_of_bad_input() {
    let folder = Folder::new();
    let good = record(&folder, "good.json", "avx2", 100.0);
    let bad = folder.file("bad.json", "{\"rows\":[{}]}");
    cityseal(&["bench", "compare", &good, &bad]).refused(&["bad.json", "line 1", "device"]);
    let negative = record(&folder, "negative.json", "avx2", -1.0);
    cityseal(&["bench", "compare", &negative, &good]).refused(&["negative.json", "rows[0]", "above 0"]);
    cityseal(&["bench", "compare", &good, "absent.json"]).refused(&["absent.json"]);
    let other = record(&folder, "other.json", "sha-ni", 100.0);
    cityseal(&["bench", "compare", &good, &other]).refused(&["no row in common", "other.json"]);
    cityseal(&["bench", "compare", &good]).refused(&["<B>"]);
}

#[test]
fn report_writes_one_page_and_the_requested_plots() {
    let folder = Folder::new();
    record(&folder, "2026-11-22-0123abc.json", "avx2", 100.0);
    record(&folder, "2026-11-22-0123abd.json", "sha-ni", 50.0);
    record(&folder, "2026-11-22-0123abe.json", "portable", 20.0);
    let (records, page) = (folder.path().to_str().unwrap().to_owned(), folder.path().join("out/page.html"));
    let plots = folder.path().join("plots");
    let arguments = ["bench", "report", &records, "--out", page.to_str().unwrap(), "--svg", plots.to_str().unwrap()];
    let run = cityseal(&[&arguments[..], &["--json"]].concat());
    assert_eq!((run.code, &run.json()["rows"]), (0, &json!(3)), "{run:?}");
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.contains("AMD EPYC") && html.contains("sha-ni"), "{html}");
    for name in ["amd-epyc-rate-search.svg", "amd-epyc-ratios.svg"] {
        assert!(std::fs::read_to_string(plots.join(name)).unwrap().starts_with("<svg"), "{name}");
    }
    std::fs::remove_file(folder.path().join("2026-11-22-0123abe.json")).unwrap();
    let few = cityseal(&[&arguments[..], &["--json"]].concat());
    assert_eq!((few.code, &few.json()["plots"]), (0, &json!([])), "two figures are a table: {few:?}");
    assert!(std::fs::read_to_string(&page).unwrap().contains("avx2, 1 thread"), "each names its threads");
    let nothing = folder.path().join("out");
    let arguments = ["bench", "report", nothing.to_str().unwrap(), "--out", page.to_str().unwrap()];
    cityseal(&arguments).refused(&["no record"]);
}

#[test]
fn selftest_has_a_row_for_each_kernel_of_this_cpu() {
    let run = cityseal(&["selftest", "--device", "cpu", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows.len(), cityseal_hash::HashKernel::all_available().len());
    assert!(rows.iter().all(|row| row["answers"] == "right" && row["cases"].as_u64().unwrap() >= 10), "{answer}");
}
