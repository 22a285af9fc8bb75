//! `cityseal drill` as a script sees it: every kind of fault is injected, and every answer stays right.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{cityseal, schemas};
use serde_json::Value;

#[test]
fn the_cpu_device_gives_right_answers_under_every_injected_fault() {
    let run = cityseal(&["drill", "--device", "cpu", "--threads", "2", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    schemas::check_is_exact("drill", &answer);
    let rows = answer["rows"].as_array().unwrap();
    let faults: Vec<&str> = rows.iter().map(|row| row["fault"].as_str().unwrap()).collect();
    assert_eq!(faults, ["loss", "hang", "stuck", "false-hits", "missed-hits", "zeros", "wrong-hashes"]);
    for row in rows {
        assert_eq!((&row["device"], &row["answer"]), (&"cpu-as-device".into(), &"right".into()), "{row}");
        assert!(row["injected"].as_u64().unwrap() > 0, "{row}");
        assert!(row["job_ms"].as_f64().unwrap() > 0.0 && row["state"].is_string(), "{row}");
        // A segment with a wrong hash is verified again immediately, even if no other device takes over.
        assert!(row["takeover_ms"].is_number() || row["fault"] == "wrong-hashes", "{row}");
    }
    // A slow device does not count as hung, and a hung device is detected only after the time limit.
    let hang = rows.iter().find(|row| row["fault"] == "hang").map(|row| &row["takeover_ms"]);
    assert!(hang.and_then(Value::as_f64) >= answer["hang_after_ms"].as_f64(), "{answer}");
}

#[test]
fn a_device_that_is_missing_or_not_ready_is_exit_code_2() {
    cityseal(&["drill", "--device", "voodoo"]).refused(&["no device is called 'voodoo'"]);
    let broken = cityseal(&["drill", "--device", "cpu", "--kernel", "broken", "--json"]);
    broken.refused(&["self-test failed"]);
}
