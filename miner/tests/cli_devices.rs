//! `cityseal devices` as a script sees it.
#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]

mod common;
#[path = "service_suite/skip.rs"]
#[expect(dead_code, reason = "only what says that a test was skipped is used here")]
mod skip;

use common::{Run, cityseal, command};
use serde_json::json;

#[test]
fn devices_tells_of_each_adapter_its_state_or_the_reason() {
    let run = cityseal(&["devices", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    let devices = answer["devices"].as_array().unwrap();
    let cpu = devices.iter().find(|device| device["kind"] == "cpu").unwrap();
    assert_eq!((&cpu["id"], &cpu["state"]), (&json!("cpu"), &json!("ready")));
    assert!(devices.iter().all(|device| device["state"] == "ready" || device["reason"].is_string()), "{answer}");
    assert!(cpu["tuning"].is_null() && cpu["limits"].is_null(), "{cpu}");
}

#[test]
fn devices_says_of_software_what_it_allows_why_it_is_left_out_and_how_it_is_tuned() {
    let named = |answer: &serde_json::Value| {
        let devices = answer["devices"].as_array().unwrap().clone();
        devices.into_iter().find(|device| device["kind"] == "software")
    };
    let answer = cityseal(&["devices", "--json"]).json();
    let Some(left_out) = named(&answer) else {
        skip::skip("devices_says_of_software", "lavapipe", "no software adapter was found");
        return;
    };
    assert_eq!(left_out["state"], "software", "{left_out}");
    assert!(left_out["limits"]["buffer_bytes"].as_u64().unwrap() >= 1 << 20, "{left_out}");
    assert!(left_out["tuning"].is_null() && left_out["rate_hz"].is_null(), "{left_out}");

    let used = named(&cityseal(&["devices", "--allow-software", "--profile", "interactive", "--json"]).json()).unwrap();
    assert_eq!((&used["state"], &used["tuning"]["profile"]), (&json!("ready"), &json!("interactive")), "{used}");
    assert!(used["rate_hz"].as_f64().unwrap() > 0.0 && used["tuning"]["crossover"].is_object(), "{used}");

    let software = cityseal(&["devices", "--allow-software", "--device", "software", "--json"]).json();
    let cpu = software["devices"].as_array().unwrap().iter().find(|device| device["kind"] == "cpu").unwrap().clone();
    assert_eq!(cpu["state"], "not-selected", "{cpu}");
    let named = named(&software).unwrap();
    assert!(named["state"] == "ready" && named["tuning"]["crossover"].is_null(), "named, it always works: {named}");
}

/// Drivers print to stderr by themselves where there is no display: OpenGL's libraries are not in the default build, and Mesa's
/// Vulkan layer is turned off.
#[cfg(not(feature = "gl"))]
#[test]
fn without_a_runtime_directory_only_our_own_words_reach_stderr() {
    let run: Run = command(&["devices", "--allow-software"])
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("NODEVICE_SELECT")
        .output()
        .unwrap()
        .into();
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stderr.lines().all(|line| line.starts_with("note: ")), "{run:?}");
}

#[cfg(not(feature = "gpu"))]
#[test]
fn a_build_without_gpu_support_says_so_and_refuses_a_gpu_by_name() {
    let run = cityseal(&["devices"]);
    assert!(run.code == 0 && run.stdout.contains("built without GPU support"), "{run:?}");
    cityseal(&["devices", "--device", "gpu"]).refused(&["gpu", "built without GPU support"]);
    cityseal(&["devices", "--kernel", "wgsl-loaded-or"]).refused(&["wgsl-loaded-or", "built without GPU support"]);
}
