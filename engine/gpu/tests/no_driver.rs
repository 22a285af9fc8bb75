//! A machine without a graphics driver: discovery finds nothing, returns a note, and neither panics nor prints to
//! stdout.

use std::process::Command;

use cityseal_gpu::{DiscoverNote, DiscoverOptions, discover};

/// Set in the child process, which runs without drivers.
const INSIDE: &str = "CITYSEAL_NO_DRIVER_INSIDE";

#[test]
fn a_machine_without_drivers_gets_a_note() {
    if std::env::var_os(INSIDE).is_some() {
        let found = discover(DiscoverOptions { allow_software: true, ..DiscoverOptions::default() });
        assert_eq!((found.devices.len(), found.note), (0, Some(DiscoverNote::NoAdapter)));
        return;
    }
    let nowhere = "/nonexistent/driver.json";
    let output = Command::new(std::env::current_exe().expect("the test knows its own path"))
        .args(["--exact", "a_machine_without_drivers_gets_a_note", "--nocapture"])
        .envs([
            ("VK_DRIVER_FILES", nowhere),
            ("VK_ICD_FILENAMES", nowhere),
            ("__EGL_VENDOR_LIBRARY_FILENAMES", nowhere),
        ])
        .env_remove("XDG_RUNTIME_DIR")
        .env(INSIDE, "1")
        .output()
        .expect("the test can run itself");
    let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}\n{errors}");
}
