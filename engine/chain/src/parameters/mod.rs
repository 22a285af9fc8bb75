//! Consensus parameters: those of the public networks, and custom network parameters from TOML.

mod consensus;
mod difficulty;
mod error;
mod file;
mod network;

pub use cityseal_hash::MerkleKind;
pub use consensus::{BodyRules, FUTURE_LIMIT_S, Parameters, VersionRule};
pub use difficulty::{Asert, Difficulty, MIN_DIFFICULTY_AFTER_S, PERIOD_HEADERS, PERIOD_S, TIMEWARP_MAX_S, retarget};
pub use error::{NAME_BYTES_MAX, ParametersError, ValueFault};
pub use file::{SIGNET_CHALLENGE_BYTES_MAX, decode_signet_challenge};
pub use network::{Network, UnknownNetwork};
