//! The gRPC API of `CitySeal`: the messages and services of `cityseal.v1`, and conversions between messages and the
//! types of `cityseal-chain`.
//!
//! The crate does no I/O and has no policy. It trusts no message: each conversion checks every field and names the
//! first invalid one ([`FieldError`]). All 32-byte fields of messages are in wire order.

mod display;
pub mod field;
mod template;
mod verdict;

pub use field::{FieldError, FieldProblem};
pub use template::{ClaimedSeal, template_from_request, template_to_wire};
pub use verdict::{fault_from_wire, tip_from_wire};

#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code; the .proto files hold its documentation"
)]
pub mod v1 {
    include!("generated/cityseal.v1.rs");
}

/// The encoded `FileDescriptorSet` of `cityseal.v1`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/cityseal.v1.descriptor.bin");

/// The `domain` of every `google.rpc.ErrorInfo` that the service sends.
pub const ERROR_DOMAIN: &str = "cityseal";
