//! The seam between the engine and whatever hashes for it.
//!
//! A [`Backend`] is one device (or one worker thread of the CPU). It takes a [`Batch`], runs it to its end and
//! answers with a [`Report`]. It decides nothing: it never retries, stops early, logs or sleeps, so that two honest
//! back ends agree bit for bit on every batch. What it says is a claim; the engine re-hashes what matters.
//!
//! Here stand the seam itself, the CPU back end ([`CpuBackend`]), the known-answer suite that every back end must
//! pass before it is used ([`known_answers`]), a scripted fake for tests of the engine ([`fake`]), and faults on purpose in
//! the answers of real devices ([`inject`]).

mod backend;
mod batch;
mod cpu;
mod error;
pub mod fake;
mod info;
pub mod inject;
pub mod known_answers;
mod trees;
mod tuning;

pub use backend::{Backend, Completed, Opener, Ticket};
pub use batch::{Batch, CheckBatch, MerkleBatch, Planted, Report, SearchBatch, SearchReport};
pub use cityseal_hash::{MerkleKind, NonceSpan};
pub use cpu::{CPU_DEVICE_ID, CpuBackend, CpuOpener};
pub use error::{DeviceError, OpenError};
pub use info::{AdapterLimits, BatchLimits, DeviceInfo, DeviceKind};
pub use trees::{TreeRoot, TreesBatch};
pub use tuning::{Tuned, Tuning};
