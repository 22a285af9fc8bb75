//! `cityseal seal` as a script sees it: exit codes, JSON, order of results, exact coverage.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{Folder, GENESIS, GENESIS_HASH, Run, cityseal, command};
use serde_json::{Value, json};

fn seal(arguments: &[&str]) -> Run {
    cityseal(&[&["seal", "--device", "cpu", "--json"], arguments].concat())
}

/// The volume of the coverage, which must be sorted and disjoint.
fn volume(answer: &Value) -> u128 {
    let spans = answer["coverage"].as_array().unwrap();
    let number = |span: &Value, key: &str| span[key].as_u64().unwrap();
    for pair in spans.windows(2) {
        let same_cell = pair[0]["version"] == pair[1]["version"] && pair[0]["time"] == pair[1]["time"];
        assert!(!same_cell || number(&pair[0], "nonce_last") < number(&pair[1], "nonce_first"), "{pair:?}");
    }
    spans.iter().map(|span| u128::from(number(span, "nonce_last") - number(span, "nonce_first") + 1)).sum()
}

#[test]
fn finds_the_nonce_of_the_genesis_block_and_lists_the_coverage() {
    let run = seal(&["--header", GENESIS, "--nonces", "2083230000..=2083240000"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    assert_eq!(answer["outcome"], "sealed");
    let seals = answer["seals"].as_array().unwrap();
    assert_eq!(seals.len(), 1);
    let expected = json!({
        "header": GENESIS, "hash": GENESIS_HASH, "version": "00000001", "time": 1_231_006_505,
        "nonce": 2_083_236_893_u32,
    });
    assert_eq!(seals[0], expected);
    assert_eq!(answer["hashes"].as_str().unwrap().parse::<u128>().unwrap(), volume(&answer));
    assert_eq!(answer["devices"][0]["name"], "cpu");
}

#[test]
fn a_space_without_a_hit_is_exhausted_and_its_coverage_is_the_whole_space() {
    let run = seal(&["--header", GENESIS, "--nonces", "0..=9999"]);
    assert_eq!(run.code, 1, "{run:?}");
    let answer = run.json();
    assert_eq!((&answer["outcome"], &answer["hashes"]), (&json!("exhausted"), &json!("10000")));
    assert_eq!(answer["seals"], json!([]));
    assert_eq!(volume(&answer), 10_000);
}

#[test]
fn both_edge_nonces_are_ordinary_with_an_all_ones_target() {
    let ones = "f".repeat(64);
    for (range, nonces) in [("0..=1", [0, 1]), ("4294967294..=4294967295", [u32::MAX - 1, u32::MAX])] {
        let run = seal(&["--header", GENESIS, "--nonces", range, "--target", &ones, "--all"]);
        assert_eq!(run.code, 0, "{run:?}");
        let found: Vec<_> = run.json()["seals"].as_array().unwrap().iter().map(|seal| seal["nonce"].clone()).collect();
        assert_eq!(found, nonces.map(Value::from));
    }
}

#[test]
fn with_all_the_hits_are_sorted_by_version_time_and_nonce() {
    let run = seal(&[
        "--header",
        GENESIS,
        "--nonces",
        "0..=7",
        "--version-mask",
        "00006000",
        "--time-window",
        "2",
        "--target",
        "207fffff",
        "--all",
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    assert_eq!((answer["hashes"].as_str().unwrap(), volume(&answer)), ("96", 96));
    let key = |seal: &Value| {
        let version = u32::from_str_radix(seal["version"].as_str().unwrap(), 16).unwrap();
        (version, seal["time"].as_u64().unwrap(), seal["nonce"].as_u64().unwrap())
    };
    let keys: Vec<_> = answer["seals"].as_array().unwrap().iter().map(key).collect();
    assert!(keys.len() > 20 && keys.is_sorted(), "{keys:?}");
    assert!(
        keys.iter().all(|(version, time, _)| version & !0x6000 == 1 && (1_231_006_505..=1_231_006_507).contains(time))
    );
}

#[test]
fn more_hits_than_the_limit_give_no_answer() {
    let ask = |max: &str| {
        seal(&["--header", GENESIS, "--nonces", "0..=9", "--target", &"f".repeat(64), "--all", "--max-seals", max])
    };
    assert_eq!(ask("10").code, 0);
    let run = ask("9");
    run.refused(&["9"]);
    assert_eq!(run.json()["outcome"], "failed");
}

#[test]
fn every_kernel_gives_the_same_seals() {
    let ask = |kernel: &str| {
        let run =
            seal(&["--header", GENESIS, "--nonces", "0..=99999", "--target", "1f00ffff", "--all", "--kernel", kernel]);
        assert!(run.code < 2, "{run:?}");
        let answer = run.json();
        assert_eq!(answer["devices"][0]["kernel"], kernel);
        answer["seals"].clone()
    };
    let portable = ask("portable");
    for kernel in cityseal_hash::HashKernel::all_available() {
        assert_eq!(ask(kernel.name()), portable, "{}", kernel.name());
    }
}

#[test]
fn a_template_file_rolls_the_extranonce() {
    let folder = Folder::new();
    let template = json!({
        "header": GENESIS, "target": "1f7fffff", "nonces": { "first": 0, "last": 999 },
        "coinbase": {
            "prefix": "01", "suffix": "02",
            "extranonce_size": 2, "extranonce_first": "0001", "extranonce_last": "0003",
        },
        "merkle_branch": ["11".repeat(32)],
    });
    let path = folder.file("job.json", template.to_string());
    let run = seal(&["--template", &path, "--all"]);
    assert!(run.code < 2, "{run:?}");
    let answer = run.json();
    assert_eq!(answer["hashes"], "3000");
    let extranonces: Vec<_> =
        answer["coverage"].as_array().unwrap().iter().map(|span| span["extranonce"].clone()).collect();
    assert_eq!((extranonces.first(), extranonces.last()), (Some(&json!("1")), Some(&json!("3"))));
}

#[test]
fn the_text_begins_with_the_outcome_and_contains_no_json() {
    let run = cityseal(&["seal", "--device", "cpu", "--header", GENESIS, "--nonces", "2083236890..=2083236899"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.starts_with("SEALED after "), "{run:?}");
    assert!(run.stdout.contains(GENESIS_HASH) && !run.stdout.contains('{'), "{run:?}");
}

#[test]
fn a_closed_pipe_causes_no_panic() {
    let mut child = command(&["seal", "--device", "cpu", "--header", GENESIS, "--nonces", "0..=9999", "--json"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.stderr.contains("panicked")), (1, false), "{run:?}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_gives_the_outcome_cancelled_with_exact_coverage() {
    use std::io::{BufRead, BufReader};

    // The log reports on stderr that the search has begun, so that the test does not have to guess.
    let hopeless = format!("{}1", "0".repeat(63));
    let mut child = command(&["seal", "--device", "cpu", "--header", GENESIS, "--target", &hopeless, "--json"])
        .env("CITYSEAL_LOG", "cityseal=info")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let searching = lines.by_ref().any(|line| line.unwrap().contains("searching"));
    assert!(searching);
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let drain = std::thread::spawn(move || lines.count());
    let run = Run::from(child.wait_with_output().unwrap());
    drain.join().unwrap();
    assert_eq!(run.code, 2, "{run:?}");
    let answer = run.json();
    common::schemas::check("seal", &answer);
    assert_eq!((&answer["outcome"], &answer["reason"]), (&json!("cancelled"), &json!("cancelled by Ctrl-C")));
    assert_eq!(answer["hashes"].as_str().unwrap().parse::<u128>().unwrap(), volume(&answer));
}

#[test]
fn the_text_of_an_exhausted_search_states_its_probability() {
    let run =
        cityseal(&["seal", "--device", "cpu", "--header", GENESIS, "--nonces", "0..=999", "--target", "1f00ffff"]);
    assert_eq!(run.code, 1, "{run:?}");
    // 1000 tries, each of which seals with 65535 / 2^32.
    let expected = "a space of this size has no seal with a probability of 98 %: at this target one hash in 65.5 k";
    assert!(run.stdout.starts_with("EXHAUSTED after 1,000 hashes") && run.stdout.contains(expected), "{run:?}");
    assert_eq!(run.stderr, "", "no progress without a terminal: {run:?}");
}
