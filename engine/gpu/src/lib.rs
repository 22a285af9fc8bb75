//! The GPU back end of `CitySeal`: WGSL compute shaders through wgpu, as a [`cityseal_device::Backend`].
//!
//! [`discover`] lists the adapters of the machine and gives an opener for each that can be used; what is opened searches
//! nonces, hashes and checks headers, hashes Merkle nodes, whole trees and messages. The shaders stand in `shaders/`; their straight-line parts are written by
//! [`generate`].
//!
//! This crate does not decide what to search, does not check what a device claims beyond the marks that a batch ran to its
//! end, and does not test devices: the engine does all three. It is the only crate that knows wgpu.

mod backend;
mod contest;
mod discover;
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
pub use discover::{
    DiscoverNote, DiscoverOptions, Discovered, DiscoveredState, Discovery, LeftOutReason, VariantChoice, discover,
};
pub use open::GpuOpener;
pub use remember::Remembered;
