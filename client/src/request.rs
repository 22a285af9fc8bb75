//! A verification request: the chain's parameters, where it begins, what it consists of, and what the answer must
//! include.

use std::fmt;

use cityseal_chain::{ChainWork, Network, Parameters};
use cityseal_proto::v1;
use cityseal_receipt::PublicKey;
use prost::bytes::Bytes;

/// The network parameters that a chain is verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainParameters {
    /// One of Bitcoin's networks.
    Network(Network),
    /// Custom network parameters as TOML.
    Toml(String),
}

impl fmt::Display for ChainParameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Toml(text) => write!(f, "custom network parameters, {} bytes of TOML", text.len()),
        }
    }
}

impl ChainParameters {
    /// The digest of the parameters, 64 hex digits, computed locally; `None` if the TOML is invalid, which the service
    /// refuses.
    pub(crate) fn digest(&self) -> Option<String> {
        match self {
            Self::Network(network) => Some(Parameters::of(*network).digest().to_string()),
            Self::Toml(text) => Parameters::from_toml(text).ok().map(|parameters| parameters.digest().to_string()),
        }
    }
}

/// The form in which a chain is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Items {
    Headers,
    Blocks,
}

/// A request to verify a chain, or a part of one.
///
/// ```
/// use cityseal_client::chain::Network;
/// use cityseal_client::{ChainParameters, VerifyRequest};
///
/// // Headers of mainnet from height 800,000 on. Earlier headers are not sent, so rules that need them are not checked.
/// let request = VerifyRequest::new(ChainParameters::Network(Network::Mainnet)).start_height(800_000);
/// // Whole blocks, and a receipt signed by any key.
/// let blocks = VerifyRequest::new(ChainParameters::Network(Network::Regtest)).blocks().receipt(Vec::new());
/// # let _ = (request, blocks);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct VerifyRequest {
    pub(crate) parameters: ChainParameters,
    pub(crate) items: Items,
    pub(crate) start_height: u64,
    context: Bytes,
    pub(crate) start_work: ChainWork,
    pub(crate) now: Option<u64>,
    pub(crate) wants_receipt: bool,
    pub(crate) trusted_keys: Vec<PublicKey>,
}

impl VerifyRequest {
    /// Creates a request for headers that start with the genesis header.
    pub fn new(parameters: ChainParameters) -> Self {
        Self {
            parameters,
            items: Items::Headers,
            start_height: 0,
            context: Bytes::new(),
            start_work: ChainWork::ZERO,
            now: None,
            wants_receipt: false,
            trusted_keys: Vec::new(),
        }
    }

    /// Sends whole blocks, one after another, and has their bodies checked too.
    pub fn blocks(self) -> Self {
        Self { items: Items::Blocks, ..self }
    }

    /// The height of the first header.
    pub fn start_height(self, start_height: u64) -> Self {
        Self { start_height, ..self }
    }

    /// Trusted headers just before the first one: packed, 80 bytes each in wire order.
    pub fn context(self, context: impl Into<Bytes>) -> Self {
        Self { context: context.into(), ..self }
    }

    /// The chain's work before the first header.
    pub fn start_work(self, start_work: ChainWork) -> Self {
        Self { start_work, ..self }
    }

    /// The time for the rule on future block times (R10): Unix time in seconds. Default: the service's clock.
    pub fn now(self, now: u64) -> Self {
        Self { now: Some(now), ..self }
    }

    /// Requests a receipt with the verdict, signed by one of these keys, or by any key if the list is empty.
    pub fn receipt(self, trusted_keys: Vec<PublicKey>) -> Self {
        Self { wants_receipt: true, trusted_keys, ..self }
    }

    /// The first message of a call; with a token, the call resumes where the token was issued.
    pub(crate) fn to_wire(&self, want_resume_tokens: bool, resume_token: Bytes) -> v1::VerifyChainRequest {
        let parameters = match &self.parameters {
            ChainParameters::Network(network) => v1::verify_begin::Parameters::Network(network.name().to_owned()),
            ChainParameters::Toml(text) => v1::verify_begin::Parameters::ParametersToml(text.clone()),
        };
        let begin = v1::VerifyBegin {
            parameters: Some(parameters),
            start_height: self.start_height,
            context_headers: self.context.clone(),
            start_work: Bytes::copy_from_slice(&self.start_work.to_wire()),
            now_s: self.now,
            want_receipt: self.wants_receipt,
            want_resume_tokens,
            resume_token,
        };
        v1::VerifyChainRequest { part: Some(v1::verify_chain_request::Part::Begin(begin)) }
    }
}
