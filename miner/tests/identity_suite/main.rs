//! Tests of TLS and identity through the service's public API and through the binary: who is refused, what a reload
//! changes, and that no secret is shown.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod binary;
mod canary;
mod dashboard;
mod folder;
mod handshakes;
#[path = "../service_suite/http.rs"]
mod http;
mod limits;
#[cfg(target_os = "linux")]
mod manager;
mod metrics;
mod pki;
mod reloading;
mod rpcs;
#[expect(dead_code, reason = "these tests need no real chains")]
#[path = "../service_suite/skip.rs"]
mod skip;
mod streams;
mod support;
