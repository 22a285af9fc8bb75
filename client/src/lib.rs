//! What a node embeds to offload sealing and verification to a `CitySeal` service.
//!
//! It connects, tries again with growing pauses, finds its jobs again after a reconnection, and submits them again after a restart
//! of the service. It searches nothing and judges no rule itself. It does not trust the service: every seal is hashed again and held against
//! the template, a VALID verdict must name the very count, last hash and work that this side sent, and a receipt must be signed
//! and state that chain.
//!
//! ```no_run
//! # async fn node(template: cityseal_chain::SealTemplate) -> Result<(), cityseal_client::ClientError> {
//! use cityseal_client::{Client, ClientOptions, SealRequest};
//!
//! let client = Client::connect(ClientOptions::new("http://127.0.0.1:50051")).await?;
//! let answer = client.seal(&SealRequest::new(template).tenant("land-registry")).await?;
//! for seal in &answer.seals {
//!     println!("sealed with nonce {}: {}", seal.header().nonce, seal.hash());
//! }
//! # Ok(())
//! # }
//! ```

mod check;
mod connection;
mod cut;
mod error;
mod ledger;
mod receipt;
mod request;
mod retry;
mod seal;
mod upload;
mod verify;
mod verify_call;
mod watch;

pub use check::{FalseSeal, FalseVerdict, check_seal};
pub use connection::{Client, ClientOptions};
pub use error::{Blame, ClientError};
pub use receipt::FalseReceipt;
pub use request::{ChainParameters, VerifyRequest};
pub use retry::RetryPolicy;
pub use seal::{SealAnswer, SealOutcome, SealRequest};
pub use upload::CHUNK_BYTES_MAX;
pub use verify::{VerdictKind, VerifyAnswer, VerifyProgress};
pub use verify_call::Position;
pub use watch::{JobEvent, Watch};
