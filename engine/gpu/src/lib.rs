//! The GPU back end: WGSL compute shaders through wgpu, as a [`cityseal_device::Backend`].
//!
//! ```no_run
//! use cityseal_device::known_answers;
//! use cityseal_gpu::{DiscoverOptions, DiscoveredState, discover};
//!
//! for device in discover(DiscoverOptions::default()).devices {
//!     match device.state {
//!         DiscoveredState::Ready(mut opener) => {
//!             let mut gpu = opener.open().expect("the device opens");
//!             known_answers::run(gpu.as_mut()).expect("the device passes its self-test");
//!         }
//!         DiscoveredState::LeftOut(reason) => eprintln!("{}: {reason}", device.info.name),
//!     }
//! }
//! ```
//!
//! [`discover`] lists the graphics adapters of the machine, with an opener for each usable one. An opened device
//! searches nonces, hashes headers and Merkle nodes, and computes the roots of whole Merkle trees. The shaders are in
//! `shaders/`; [`generate`] writes their straight-line parts.
//!
//! This crate does not decide what to search, does not test devices, and checks only that a result carries the marks of
//! a finished batch. The engine does the rest. This is the only crate that uses wgpu.

mod adapters;
mod backend;
mod discover;
mod fastest_variant;
mod faults;
mod flight;
pub mod generate;
mod items;
pub mod layout;
mod machine;
mod marks;
mod open;
mod pace;
mod pipelines;
pub mod prepare;
mod remember;
mod results;
pub mod sha256;
pub mod shader;
mod slot;
mod trees;

pub use backend::GpuBackend;
pub use discover::{DiscoverNote, DiscoverOptions, Discovered, DiscoveredState, Discovery, VariantChoice, discover};
pub use open::GpuOpener;
pub use remember::Remembered;
