//! Helpers of the tests on a device: finds lavapipe, reports skipped tests, runs batches.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::Write as _;
use std::time::Duration;

use cityseal_device::{Backend, Batch, Completed, DeviceKind, Report};
use cityseal_gpu::shader::Variant;
use cityseal_gpu::{DiscoverOptions, DiscoveredState, VariantChoice, discover};

/// How long a batch may take before a test fails. Software adapters compile while they run their first.
const PATIENCE: Duration = Duration::from_mins(2);

/// Opens lavapipe; `None` with a printed note if there is none.
pub(crate) fn lavapipe(test: &str, variant: Option<Variant>) -> Option<Box<dyn Backend>> {
    let variant = variant.map_or(VariantChoice::Auto, VariantChoice::Given);
    lavapipe_with(test, variant)
}

/// As [`lavapipe`], with a way of choosing the variant.
pub(crate) fn lavapipe_with(test: &str, variant: VariantChoice) -> Option<Box<dyn Backend>> {
    let found = discover(DiscoverOptions { allow_software: true, variant, ..DiscoverOptions::default() });
    let openers = found.devices.into_iter().filter_map(|device| match device.state {
        DiscoveredState::Ready(opener) if is_lavapipe(&device.info) => Some(opener),
        DiscoveredState::Ready(_) | DiscoveredState::LeftOut(_) => None,
    });
    let Some(mut opener) = openers.into_iter().next() else {
        skip(test, "lavapipe", "no lavapipe was found");
        return None;
    };
    Some(opener.open().expect("lavapipe opens"))
}

/// Whether the device is lavapipe, or the one selected by a part of its name in `CITYSEAL_TEST_DEVICE`.
fn is_lavapipe(info: &cityseal_device::DeviceInfo) -> bool {
    if let Ok(name) = std::env::var("CITYSEAL_TEST_DEVICE") {
        return info.name.contains(&name);
    }
    info.kind == DeviceKind::Software && info.api == "vulkan" && info.name.contains("llvmpipe")
}

/// Panics unless the back end is lavapipe.
pub(crate) fn assert_is_lavapipe(backend: &dyn Backend) {
    assert!(is_lavapipe(backend.info()), "lavapipe did not do the work: {:?}", backend.info());
}

/// Reports that a test is skipped because something is missing; panics if `CITYSEAL_REQUIRE` names it.
pub(crate) fn skip(test: &str, wanted: &str, reason: &str) {
    let required = std::env::var("CITYSEAL_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name.trim() == wanted), "{test}: {wanted} is required, and {reason}");
    // Not `eprintln`, whose output the test harness hides if the test passes.
    writeln!(std::io::stderr(), "SKIPPED: {test}: {reason}").expect("stderr can be written");
    if let Ok(path) = std::env::var("CITYSEAL_SKIP_LOG") {
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(&path).expect("the skip log opens");
        writeln!(log, "{test}: {reason}").expect("the skip log can be written");
    }
}

/// Submits one batch and waits for it.
pub(crate) fn ask(backend: &mut dyn Backend, batch: Batch) -> Report {
    let ticket = backend.submit(batch).expect("the device takes the batch");
    let done = collect(backend);
    assert_eq!(done.ticket, ticket);
    done.report
}

/// Waits for the oldest batch.
pub(crate) fn collect(backend: &mut dyn Backend) -> Completed {
    backend.collect(PATIENCE).expect("the device answers").expect("the batch ends in time")
}
