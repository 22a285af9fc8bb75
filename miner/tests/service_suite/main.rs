//! Tests of the service through its public API: jobs, uploads, start and shutdown.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod binary;
mod blocks;
mod browser;
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
mod skip;
mod support;
mod uploads;
mod watching;
mod wire;
