//! The interface between the engine and the devices that hash for it.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use cityseal_device::{Backend, Batch, CheckBatch, CpuBackend, Report};
//! use cityseal_hash::{HashKernel, double_sha256};
//!
//! let mut device = CpuBackend::new(HashKernel::detect());
//! let header = [7; 80];
//! let ticket = device.submit(Batch::Check(CheckBatch::new(Arc::new(header.to_vec()))))?;
//! let done = device.collect(Duration::from_secs(1))?.expect("the CPU is done within a second");
//! assert_eq!(done.ticket, ticket);
//! assert_eq!(done.report, Report::Hashes(vec![double_sha256(&header)]));
//! # Ok::<(), cityseal_device::DeviceError>(())
//! ```
//!
//! A [`Backend`] is one device, or one worker thread of the CPU. It takes a [`Batch`], runs it to its end and answers
//! with a [`Report`]. It makes no decisions: it never retries, stops early, logs or sleeps, so that two correct back
//! ends agree bit for bit on every batch. A report is a claim; the engine checks what matters by hashing again.
//!
//! The crate contains the interface, the CPU back end ([`CpuBackend`]), the suite that every back end must pass before
//! it is used ([`known_answers`]), a scripted fake for tests ([`fake`]), and fault injection for real devices
//! ([`inject`]).

mod backend;
mod batch;
mod cpu;
mod error;
pub mod fake;
mod info;
pub mod inject;
pub mod known_answers;
mod left_out;
mod trees;
mod tuning;

pub use backend::{Backend, Completed, Opener, Ticket};
pub use batch::{Batch, CheckBatch, MerkleBatch, Planted, Report, SearchBatch, SearchReport};
pub use cityseal_hash::{MerkleKind, NonceSpan};
pub use cpu::{CPU_DEVICE_ID, CpuBackend, CpuOpener};
pub use error::{DeviceError, OpenError};
pub use info::{AdapterLimits, BatchLimits, DeviceInfo, DeviceKind};
pub use left_out::LeftOutReason;
pub use trees::{TreeRoot, TreesBatch};
pub use tuning::{Tuned, Tuning};
