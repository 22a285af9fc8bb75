//! Conversions of seal templates and seals to and from the wire.
//!
//! A template from the wire is checked field by field. A seal from the wire is only parsed; the receiver must check
//! that it is a seal.

use cityseal_chain::{
    BlockHash, BlockHeader, CoinbaseError, CoinbaseParts, ExtranonceSpan, NonceSpan, Seal, SealTemplate, TemplateError,
};

use crate::field::{self, FieldError, FieldProblem};
use crate::v1;

/// Reads the template of a submission, including its target.
///
/// # Errors
/// [`FieldError`] with a path from the request down (`template.coinbase.merkle_branch[3]`).
pub fn template_from_request(request: &v1::SubmitSealRequest) -> Result<SealTemplate, FieldError> {
    let Some(message) = &request.template else {
        return Err(FieldError::missing("template", "a header and what may roll in it"));
    };
    let header = field::fixed("template.header", &message.header)?;
    let mut builder = SealTemplate::builder(BlockHeader::from_wire(&header))
        .nonces(nonces(message.nonces).map_err(|error| error.under("template"))?)
        .version_mask(message.version_mask)
        .time_window_s(message.time_window_s);
    if let Some(message) = &message.coinbase {
        let parts = coinbase(message).map_err(|error| error.under("template.coinbase"))?;
        builder = builder.coinbase(parts, branch(message)?);
    }
    if !request.target.is_empty() {
        builder = builder.target(field::target("target", &request.target)?);
    }
    builder.build().map_err(|error| refused(&error))
}

/// Writes the template for a submission, and its target: 32 bytes, little-endian.
pub fn template_to_wire(template: &SealTemplate) -> (v1::SealTemplate, prost::bytes::Bytes) {
    let space = template.space();
    let times = space.times();
    let message = v1::SealTemplate {
        header: field::bytes(template.header().to_wire()),
        nonces: Some(v1::NonceSpan { first: space.nonces().first(), last: space.nonces().last() }),
        version_mask: space.versions().mask(),
        time_window_s: times.last() - times.first(),
        coinbase: template.coinbase().map(|parts| coinbase_to_wire(parts, template.merkle_branch())),
    };
    (message, field::bytes(template.target().to_wire()))
}

/// Writes a confirmed seal.
impl From<&Seal> for v1::Seal {
    fn from(seal: &Seal) -> Self {
        Self {
            header: field::bytes(seal.header().to_wire()),
            hash: field::bytes(seal.hash().to_wire()),
            extranonce: seal.extranonce(),
        }
    }
}

/// A seal as claimed by a peer. Only the lengths of its fields are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimedSeal {
    /// The header, which is claimed to meet the target.
    pub header: BlockHeader,
    /// The claimed hash of the header.
    pub hash: BlockHash,
    /// The claimed extranonce of the Merkle root.
    pub extranonce: Option<u64>,
}

impl TryFrom<&v1::Seal> for ClaimedSeal {
    type Error = FieldError;

    fn try_from(message: &v1::Seal) -> Result<Self, FieldError> {
        Ok(Self {
            header: BlockHeader::from_wire(&field::fixed("header", &message.header)?),
            hash: field::hash("hash", &message.hash)?,
            extranonce: message.extranonce,
        })
    }
}

fn nonces(message: Option<v1::NonceSpan>) -> Result<NonceSpan, FieldError> {
    let Some(v1::NonceSpan { first, last }) = message else { return Ok(NonceSpan::ALL) };
    NonceSpan::new(first, last).map_err(|error| FieldError::refused("nonces", &error))
}

fn coinbase(message: &v1::Coinbase) -> Result<CoinbaseParts, FieldError> {
    let size = u8::try_from(message.extranonce_size_bytes).unwrap_or(u8::MAX);
    let parts = CoinbaseParts::new(message.prefix.to_vec(), message.suffix.to_vec(), size)
        .map_err(|error| coinbase_refused(&error))?;
    let last = message.extranonce_last.unwrap_or(parts.extranonces().last());
    let extranonces = ExtranonceSpan::new(message.extranonce_first, last)
        .map_err(|error| FieldError::refused("extranonce_last", &error))?;
    parts.with_extranonces(extranonces).map_err(|error| coinbase_refused(&error))
}

fn branch(message: &v1::Coinbase) -> Result<Vec<[u8; 32]>, FieldError> {
    let node = |(index, node): (usize, &prost::bytes::Bytes)| {
        field::fixed("", node).map_err(|error| error.under(&format!("template.coinbase.merkle_branch[{index}]")))
    };
    // Check the length before copying; the builder would refuse it only afterwards.
    let (found, expected_max) = (message.merkle_branch.len() as u64, SealTemplate::BRANCH_LEN_MAX as u64);
    field::at_most("template.coinbase.merkle_branch", found, expected_max)?;
    message.merkle_branch.iter().enumerate().map(node).collect()
}

fn coinbase_to_wire(parts: &CoinbaseParts, branch: &[[u8; 32]]) -> v1::Coinbase {
    v1::Coinbase {
        prefix: field::bytes(parts.prefix()),
        suffix: field::bytes(parts.suffix()),
        extranonce_size_bytes: parts.extranonce_len().into(),
        extranonce_first: parts.extranonces().first(),
        extranonce_last: Some(parts.extranonces().last()),
        merkle_branch: branch.iter().map(field::bytes).collect(),
    }
}

fn coinbase_refused(error: &CoinbaseError) -> FieldError {
    let path = match error {
        CoinbaseError::ExtranonceLen { .. } => "extranonce_size_bytes",
        CoinbaseError::ExtranonceTooLarge { .. } => "extranonce_last",
        CoinbaseError::TooLong { .. } => "prefix",
        _ => "",
    };
    FieldError::refused(path, error)
}

fn refused(error: &TemplateError) -> FieldError {
    let path = match error {
        TemplateError::TimeWindow { .. } => "template.time_window_s",
        TemplateError::Bits { .. } => "template.header",
        TemplateError::BranchTooLong { .. } => "template.coinbase.merkle_branch",
        TemplateError::VersionMask(_) => "template.version_mask",
        TemplateError::Space(_) | _ => "template",
    };
    FieldError::new(path, FieldProblem::Refused(error.to_string()))
}
