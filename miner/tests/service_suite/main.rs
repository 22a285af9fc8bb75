//! The service as its callers see it: jobs, uploads, and how it begins and ends.

#![allow(clippy::unwrap_used, reason = "a test whose scene cannot be set fails")]

mod binary;
mod blocks;
mod fairness;
mod jobs;
mod lifecycle;
mod logged;
mod receipts;
mod refused;
mod resuming;
mod skip;
mod support;
mod uploads;
mod watching;
mod wire;
