//! `cityseal devices` as a script sees it.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;
#[path = "service_suite/skip.rs"]
#[expect(dead_code, reason = "only the function that reports a skip is used here")]
mod skip;

use common::{GENESIS, cityseal};
#[cfg(not(feature = "gl"))]
use common::{Run, command};
use serde_json::json;

#[test]
fn devices_lists_the_state_or_the_reason_of_each_adapter() {
    let run = cityseal(&["devices", "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let answer = run.json();
    let devices = answer["devices"].as_array().unwrap();
    let cpu = devices.iter().find(|device| device["kind"] == "cpu").unwrap();
    assert_eq!((&cpu["id"], &cpu["state"]), (&json!("cpu"), &json!("ready")));
    assert!(devices.iter().all(|device| device["state"] == "ready" || device["reason"].is_string()), "{answer}");
    assert!(devices.iter().all(|device| !device["why"].as_str().unwrap().is_empty()), "{answer}");
    assert!(cpu["threads"].as_u64().unwrap() >= 1 && cpu["reason"].is_null(), "{cpu}");
    assert!(devices.iter().all(|device| device["kind"] == "cpu" || device["threads"].is_null()), "{answer}");
    assert!(cpu["tuning"].is_null() && cpu["limits"].is_null(), "{cpu}");
}

#[cfg(feature = "gpu")]
#[test]
fn devices_shows_the_limits_the_reason_and_the_tuning_of_software() {
    let named = |answer: &serde_json::Value| {
        let devices = answer["devices"].as_array().unwrap().clone();
        devices.into_iter().find(|device| device["kind"] == "software")
    };
    let answer = cityseal(&["devices", "--json"]).json();
    let Some(left_out) = named(&answer) else {
        skip::skip(
            "devices_shows_the_limits_the_reason_and_the_tuning_of_software",
            "lavapipe",
            "no software adapter was found",
        );
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
    assert!(
        named["state"] == "ready" && named["tuning"]["crossover"].is_null(),
        "a named device is always used: {named}"
    );
}

/// Drivers print to stderr by themselves if there is no display: OpenGL's libraries are not in the default build, and
/// Mesa's Vulkan layer is turned off.
#[cfg(not(feature = "gl"))]
#[test]
fn without_a_runtime_directory_only_our_own_notes_reach_stderr() {
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
fn a_build_without_gpu_support_reports_it_and_refuses_a_gpu_by_name() {
    let run = cityseal(&["devices"]);
    assert!(run.code == 0 && run.stdout.contains("built without GPU support"), "{run:?}");
    cityseal(&["devices", "--device", "gpu"]).refused(&["gpu", "built without GPU support"]);
    cityseal(&["devices", "--kernel", "wgsl-loaded-or"]).refused(&["wgsl-loaded-or", "built without GPU support"]);
}

/// What a run prints if no GPU is ready.
const NO_GPU: &str = "no GPU is ready";

#[test]
fn a_missing_gpu_is_not_reported_by_commands_that_do_not_need_one() {
    let ones = "f".repeat(64);
    for arguments in [
        &["seal", "--header", GENESIS, "--nonces", "0..=0", "--target", &ones][..],
        &["verify", "-"],
        &["selftest"],
        &["selftest", "--json"],
    ] {
        let run = cityseal(arguments);
        assert!(!run.stderr.contains(NO_GPU), "{arguments:?}: {run:?}");
    }
}

#[test]
fn a_missing_gpu_is_noted_once_by_commands_about_devices_that_could_use_one() {
    let has_gpu = cityseal(&["devices", "--json"]).json()["devices"]
        .as_array()
        .unwrap()
        .iter()
        .any(|device| device["kind"] == "gpu" && device["state"] == "ready");
    let notes = |arguments: &[&str]| {
        let run = cityseal(arguments);
        assert_eq!(run.code, 0, "{run:?}");
        (run.stdout + &run.stderr).matches(NO_GPU).count()
    };
    let expected = usize::from(!has_gpu);
    assert_eq!(notes(&["devices"]), expected);
    assert_eq!(notes(&["devices", "--json"]), expected);
    assert_eq!(notes(&["bench", "--seconds", "0.01"]), expected);
    for only_cpu in [&["--device", "cpu"][..], &["--kernel", "portable"]] {
        assert_eq!(notes(&[&["devices"][..], only_cpu].concat()), 0, "{only_cpu:?}");
        assert_eq!(notes(&[&["bench", "--seconds", "0.01"][..], only_cpu].concat()), 0, "{only_cpu:?}");
    }
}

#[cfg(feature = "gpu")]
#[test]
fn a_named_software_adapter_needs_the_flag_that_allows_it_in_every_command() {
    let answer = cityseal(&["devices", "--json"]).json();
    let devices = answer["devices"].as_array().unwrap();
    let Some(software) = devices.iter().find(|device| device["state"] == "software") else {
        skip::skip(
            "a_named_software_adapter_needs_the_flag_that_allows_it_in_every_command",
            "lavapipe",
            "no software adapter was found",
        );
        return;
    };
    let id = software["id"].as_str().unwrap();
    let is_mesa = software["name"].as_str().unwrap().contains("llvmpipe");
    let mesa = ["llvmpipe", "lavapipe", "LLVM", "LLVMpipe"];
    for name in mesa.into_iter().filter(|_| is_mesa).chain(["software", id]) {
        cityseal(&["selftest", "--device", name]).refused(&["--allow-software", name]);
    }
    for command in [
        &["seal", "--header", GENESIS][..],
        &["verify", "-"],
        &["bench"],
        &["drill"],
        &["devices"],
        &["serve", "--listen", "127.0.0.1:0"],
        &["demo"],
    ] {
        cityseal(&[command, &["--device", "software"]].concat()).refused(&["--allow-software"]);
    }
    let allowed = cityseal(&["selftest", "--allow-software", "--device", "software", "--json"]);
    assert_eq!(allowed.code, 0, "{allowed:?}");
}
