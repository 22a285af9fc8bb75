//! What a node embeds to offload sealing and verification to a `CitySeal` service.
//!
//! # Seal a block
//! ```no_run
//! use cityseal_client::chain::{BlockHeader, SealTemplate};
//! use cityseal_client::{Client, ClientOptions, SealRequest};
//!
//! async fn seal(header: BlockHeader) -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::connect(ClientOptions::new("127.0.0.1:50051")).await?;
//!     let template = SealTemplate::builder(header).build()?;
//!     let answer = client.seal(&SealRequest::new(template).tenant("land-registry")).await?;
//!     for seal in &answer.seals {
//!         println!("sealed with nonce {}: {}", seal.header().nonce, seal.hash());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Verify a chain
//! ```no_run
//! use cityseal_client::bytes::Bytes;
//! use cityseal_client::chain::Network;
//! use cityseal_client::{ChainParameters, Client, Verdict, VerifyRequest};
//!
//! /// `headers`: packed headers of 80 bytes each, starting with the genesis header.
//! async fn verify(client: &Client, headers: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//!     let request = VerifyRequest::new(ChainParameters::Network(Network::Mainnet));
//!     let answer = client.verify_bytes(&request, Bytes::from(headers)).await?;
//!     match answer.verdict {
//!         Verdict::Valid => println!("{} headers are valid", answer.count),
//!         Verdict::Fault(fault) => println!("rule {} is broken at height {}", fault.rule.code(), fault.height),
//!         other => println!("{other}"), // incomplete: the input ends 3 bytes into the header at byte 160
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Retries and trust
//! The client connects, retries with exponential backoff, reattaches to its jobs after a reconnection, and resubmits
//! them after a restart of the service. It searches no nonces and checks no consensus rules itself. It does not trust
//! the service: it hashes every seal again and compares it with the template; a VALID verdict must name the count, last
//! hash and chain work that this client sent; and a receipt must carry a valid signature over that chain.
//!
//! All types of the API are re-exported, so a node depends only on `cityseal-client` and an async runtime (tokio):
//! [`chain`] (headers, targets, templates), [`receipt`] (keys and receipts) and [`bytes`]. The wire messages are not
//! part of the API; they are in the crate `cityseal-proto`.
//!
//! The cargo feature `bitcoin` adds `From` and `TryFrom` between the headers, hashes, targets, work and networks of
//! [`chain`] and the types of rust-bitcoin 0.32.

mod address;
mod answer;
mod check;
mod connection;
mod credentials;
mod cut;
mod device;
mod error;
mod frames;
mod job;
mod ledger;
mod receipt_check;
mod request;
mod retry;
mod seal;
mod status;
mod upload;
mod verify;
mod verify_call;
mod watch;

pub use address::AddressProblem;
pub use answer::{NotChecked, Verdict, VerifyAnswer};
pub use check::{FalseReceipt, FalseSeal, FalseVerdict, check_seal};
pub use cityseal_chain as chain;
pub use cityseal_proto::{ClaimedSeal, FieldError, FieldProblem};
pub use cityseal_receipt as receipt;
pub use connection::{Client, ClientOptions};
pub use credentials::{CredentialProblem, Tls};
pub use cut::CHUNK_BYTES_MAX;
pub use device::{Crossovers, DeviceKind, DeviceList, DeviceShare, DeviceState, DeviceStatus};
pub use error::ClientError;
pub use job::{ClaimedResult, CoverageSpan, Job, JobAnswer, JobPage, JobState, ListRequest, SealOutcome, WhenNoGpu};
pub use prost::bytes;
pub use request::{ChainParameters, VerifyRequest};
pub use retry::RetryPolicy;
pub use seal::{SealAnswer, SealRequest};
pub use status::{
    DeviceReport, JobReport, Listener, RefusedCall, ServiceReport, ServingState, StatusReport, StatusRequest,
    TenantReport, VerificationReport,
};
pub use tokio_stream::Stream;
pub use tonic::Code;
pub use verify::VerifyProgress;
pub use verify_call::Position;
pub use watch::{JobEvent, Watch};
