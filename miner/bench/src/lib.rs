//! Measures how fast each kernel and device works, keeps and compares the figures, and drills devices with faults.
//!
//! - [`measure()`] runs the laps of each row and records its figures.
//! - [`compare()`] compares two records, and [`report()`] draws them on one page.
//! - [`drill()`] injects faults into devices and checks that the answers stay right.

mod baseline;
mod bound;
mod chain;
pub mod city;
mod clock;
mod compare;
mod device;
mod drill;
mod energy;
mod environment;
mod error;
mod gauges;
mod hands;
mod json;
mod latency;
mod measure;
mod mode;
pub mod processor;
mod question;
mod race;
mod record;
mod recorded;
mod records;
mod report;
mod settings;
mod show;
mod stream;

pub use compare::compare;
pub use drill::drill;
pub use error::{BenchError, DrillError};
pub use measure::{BenchOptions, measure};
pub use mode::{BenchMode, Sweep};
pub use recorded::{RecordedRate, rates_of_this_machine};
pub use report::{ReportOptions, report};
pub use settings::{EngineSettings, openers};
