//! Tests of the service through its public API: jobs, uploads, start and shutdown.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod binary;
mod blocks;
mod browser;
mod crashes;
mod dashboard;
mod fairness;
mod hostile;
mod http;
mod jobs;
mod lifecycle;
mod logged;
mod observed;
mod open_metrics;
mod receipts;
mod refused;
mod resuming;
#[allow(dead_code, reason = "other test binaries use the rest of it")]
#[path = "../common/schemas.rs"]
mod schemas;
mod skip;
mod state;
mod support;
mod uploads;
mod watching;
mod wire;
