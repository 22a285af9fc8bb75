//! A GPU that accepts work and does nothing: the self-test refuses it.
//!
//! Mesa's no-op kernel shim provides such a GPU. `CITYSEAL_NOOP_GPU` holds the command prefix that makes it visible,
//! for example `AMDGPU_GPU_ID=navi31 DIR/run radeon`; the test runs itself with this prefix.

mod common;

use std::io::Write as _;
use std::process::Command;

use cityseal_device::{DeviceError, DeviceKind, known_answers};
use cityseal_gpu::{DiscoverOptions, DiscoveredState, discover};

/// Set in the child process, which runs with the prefix.
const INSIDE: &str = "CITYSEAL_NOOP_GPU_INSIDE";

/// Printed if the GPU was refused for the right reason.
const REFUSED: &str = "the no-op GPU was refused";

#[test]
fn the_self_test_refuses_a_gpu_that_does_nothing() {
    if std::env::var_os(INSIDE).is_some() {
        refuse_the_gpu_that_does_nothing();
        return;
    }
    let test = "the_self_test_refuses_a_gpu_that_does_nothing";
    let Ok(prefix) = std::env::var("CITYSEAL_NOOP_GPU") else {
        common::skip(test, "noop-gpu", "CITYSEAL_NOOP_GPU is not set");
        return;
    };
    // `env` accepts variables and a command, so that the prefix may begin with either.
    let output = Command::new("env")
        .args(prefix.split_whitespace())
        .arg(std::env::current_exe().expect("the test knows its own path"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("the prefix can be run");
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains(REFUSED), "{printed}\n{errors}");
}

fn refuse_the_gpu_that_does_nothing() {
    let found = discover(DiscoverOptions::default());
    let device =
        found.devices.into_iter().find(|device| device.info.kind == DeviceKind::Gpu).expect("a GPU is visible");
    let DiscoveredState::Ready(mut opener) = device.state else { panic!("{:?} cannot be opened", device.info) };
    let mut backend = opener.open().expect("the no-op GPU opens: it compiles like a real one");
    match known_answers::run(backend.as_mut()) {
        Err(known_answers::Failure::Device { source: DeviceError::Incomplete { expected, found }, .. }) => {
            assert!(expected > found);
            writeln!(std::io::stdout(), "{REFUSED}: {found} of {expected}").expect("stdout can be written");
        }
        // The driver leaves the value of a fence uninitialised, so the batch may also seem never to end.
        Err(known_answers::Failure::Device { source: DeviceError::Hung { waited }, .. }) => {
            writeln!(std::io::stdout(), "{REFUSED}: hung for {waited:?}").expect("stdout can be written");
        }
        other => panic!("the self-test did not refuse a GPU that does nothing: {other:?}"),
    }
}
