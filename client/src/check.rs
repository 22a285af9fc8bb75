//! Checks the service's claims against what the client knows.
//!
//! A seal must be a point of the template's own search space, have the claimed hash, and meet the target; all of this
//! is recomputed here. A verdict must cover exactly the headers that were sent. Nothing is taken from the service on
//! trust.

use cityseal_chain::{
    BlockHash, Bodies, Candidate, CandidateRefused, ChainWork, Fault, RollingVersion, Seal, SealTemplate, Tip,
};
use cityseal_proto::ClaimedSeal;
use cityseal_proto::field::HEADER_LEN;
use cityseal_receipt::ReceiptError;

use crate::ledger::Ledger;
use crate::request::Items;

/// Why a receipt is not accepted for the chain that was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FalseReceipt {
    /// The verdict came without a receipt although it is one that can be signed.
    #[error("the verdict came without a receipt")]
    Absent,
    /// The receipt is malformed, its signature is invalid, or its signer is not trusted.
    #[error(transparent)]
    Refused(#[from] ReceiptError),
    /// The receipt states another chain or verdict.
    #[error("it states {found} as {what}; expected {expected}")]
    Other {
        /// What differs.
        what: &'static str,
        /// What it should state.
        expected: String,
        /// What it states.
        found: String,
    },
}

/// Why a claimed seal is not a seal of the template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FalseSeal {
    /// Version bits outside the mask were rolled.
    #[error("version {found:08x} differs from the template outside the mask {mask:08x}")]
    Version {
        /// The version bits that may roll.
        mask: u32,
        /// The version of the claimed header.
        found: i32,
    },
    /// An extranonce for a template without a coinbase, or no extranonce for a template with one.
    #[error("expected {}, found {found:?}", if *expected { "an extranonce" } else { "no extranonce" })]
    Extranonce {
        /// Whether the template has a coinbase.
        expected: bool,
        /// The extranonce claimed.
        found: Option<u64>,
    },
    /// The point is not in the search space, or its hash misses the target.
    #[error(transparent)]
    Refused(#[from] CandidateRefused),
    /// The header differs from the template's header at that point: another parent, Merkle root or bits.
    #[error("the header does not belong to this template: expected {expected}, found {found}")]
    Header {
        /// The template's header with the claimed version, time, nonce and extranonce, 160 hex digits.
        expected: String,
        /// The claimed header, 160 hex digits.
        found: String,
    },
    /// The claimed hash is not the hash of the header.
    #[error("the claimed hash is not the hash of the header: expected {expected}, found {found}")]
    Hash {
        /// The header's hash.
        expected: BlockHash,
        /// The claimed hash.
        found: BlockHash,
    },
    /// The seals are not in ascending order of the search space, or one is listed twice.
    #[error("seal {index} does not follow the previous seal in the order of the search space")]
    Order {
        /// Index of the seal in the answer.
        index: usize,
    },
    /// The job is reported as sealed, but the answer has no seal.
    #[error("the job is reported as sealed, but the answer has no seal")]
    None,
    /// The space is reported as exhausted, but the number of hashes does not match its size.
    #[error("the search space is reported as exhausted: expected {expected} hashes, found {found}")]
    NotExhausted {
        /// Hashes of the whole space.
        expected: u128,
        /// Hashes that the service reports.
        found: u128,
    },
    /// The answer belongs to another generation of work.
    #[error("the answer belongs to generation {found}; expected {expected}")]
    Generation {
        /// The generation of the request.
        expected: u64,
        /// The generation of the answer.
        found: u64,
    },
}

/// Why a verdict does not match the chain that was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FalseVerdict {
    /// VALID for another number of headers than were sent.
    #[error("VALID for {found} headers; {expected} were sent")]
    Count {
        /// Headers sent.
        expected: u64,
        /// Headers covered by the verdict.
        found: u64,
    },
    /// VALID without a tip.
    #[error("VALID without a tip")]
    NoTip,
    /// The tip has another height.
    #[error("VALID with a tip at height {found}; expected {expected}")]
    Height {
        /// Start height + headers sent - 1.
        expected: u64,
        /// The claimed height.
        found: u64,
    },
    /// The tip is not the last header sent.
    #[error("VALID with the tip {found}; expected {expected}, the hash of the last header sent")]
    TipHash {
        /// The double SHA-256 of the last header sent.
        expected: BlockHash,
        /// The claimed hash.
        found: BlockHash,
    },
    /// The chain work is not the sum over the headers sent.
    #[error("VALID with chain work {found}; expected {expected}, the sum over the headers sent")]
    ChainWork {
        /// Start work plus the work of all headers sent.
        expected: ChainWork,
        /// The claimed work.
        found: ChainWork,
    },
    /// The count or the size of the checked bodies differs from what was sent.
    #[error("VALID for {found_blocks} blocks of {found_bytes} bytes; {expected_blocks} of {expected_bytes} were sent")]
    Bodies {
        /// Blocks sent.
        expected_blocks: u64,
        /// Their bytes.
        expected_bytes: u64,
        /// Blocks whose bodies were checked.
        found_blocks: u64,
        /// Their bytes.
        found_bytes: u64,
    },
    /// VALID although the client had not closed the stream.
    #[error("VALID before the stream was closed")]
    Unfinished,
    /// The fault is outside the range that was sent, or its place contradicts the count.
    #[error(
        "a fault at height {height}, byte {offset}, after {count} headers; {sent} were sent from height {start_height}"
    )]
    FaultPlace {
        /// The claimed height.
        height: u64,
        /// The claimed byte offset.
        offset: u64,
        /// Headers that passed before the fault, as claimed.
        count: u64,
        /// Headers sent.
        sent: u64,
        /// The height of the first header sent.
        start_height: u64,
    },
}

/// Confirms that `claim` is a seal of `template`, by hashing it again.
///
/// # Errors
/// [`FalseSeal`] if it is not.
pub fn check_seal(template: &SealTemplate, claim: &ClaimedSeal) -> Result<Seal, FalseSeal> {
    let candidate = candidate_of(template, claim)?;
    if !template.space().contains(&candidate) {
        return Err(CandidateRefused::OutsideSpace { candidate }.into());
    }
    let expected = template.header_at(&candidate);
    if expected != claim.header {
        return Err(FalseSeal::Header { expected: expected.to_hex(), found: claim.header.to_hex() });
    }
    let seal = Seal::confirm(template, candidate)?;
    if seal.hash() != claim.hash {
        return Err(FalseSeal::Hash { expected: seal.hash(), found: claim.hash });
    }
    Ok(seal)
}

/// Confirms each seal of a list, and that the list is in strictly ascending order.
pub(crate) fn check_seals(template: &SealTemplate, claims: &[ClaimedSeal]) -> Result<Vec<Seal>, FalseSeal> {
    let mut seals: Vec<Seal> = Vec::with_capacity(claims.len());
    for (index, claim) in claims.iter().enumerate() {
        let seal = check_seal(template, claim)?;
        if seals.last().is_some_and(|before| before.found_at() >= seal.found_at()) {
            return Err(FalseSeal::Order { index });
        }
        seals.push(seal);
    }
    Ok(seals)
}

fn candidate_of(template: &SealTemplate, claim: &ClaimedSeal) -> Result<Candidate, FalseSeal> {
    let (versions, found): (RollingVersion, _) = (template.space().versions(), claim.header.version);
    let version_index = versions.index_of(found).ok_or(FalseSeal::Version { mask: versions.mask(), found })?;
    let expected = template.space().extranonces().is_some();
    if expected != claim.extranonce.is_some() {
        return Err(FalseSeal::Extranonce { expected, found: claim.extranonce });
    }
    let extranonce = claim.extranonce.unwrap_or(0);
    Ok(Candidate { extranonce, version_index, time: claim.header.time, nonce: claim.header.nonce })
}

/// Checks that a VALID verdict covers exactly what was sent.
pub(crate) fn check_valid(sent: &Ledger, count: u64, tip: Option<&Tip>) -> Result<(), FalseVerdict> {
    if !sent.is_closed() {
        return Err(FalseVerdict::Unfinished);
    }
    if count != sent.count() {
        return Err(FalseVerdict::Count { expected: sent.count(), found: count });
    }
    let (Some(tip), Some(expected)) = (tip, sent.tip()) else { return Err(FalseVerdict::NoTip) };
    if tip.height != expected.height {
        return Err(FalseVerdict::Height { expected: expected.height, found: tip.height });
    }
    if tip.hash != expected.hash {
        return Err(FalseVerdict::TipHash { expected: expected.hash, found: tip.hash });
    }
    if tip.chain_work != expected.chain_work {
        return Err(FalseVerdict::ChainWork { expected: expected.chain_work, found: tip.chain_work });
    }
    Ok(())
}

/// Checks that a VALID verdict covers all bodies that were sent.
pub(crate) fn check_bodies(sent: &Ledger, bodies: &Bodies) -> Result<(), FalseVerdict> {
    if (bodies.blocks, bodies.bytes) == (sent.count(), sent.bytes()) {
        return Ok(());
    }
    Err(FalseVerdict::Bodies {
        expected_blocks: sent.count(),
        expected_bytes: sent.bytes(),
        found_blocks: bodies.blocks,
        found_bytes: bodies.bytes,
    })
}

/// Checks that a fault is within the range that was sent and directly after the items that passed.
pub(crate) fn check_fault(sent: &Ledger, items: Items, count: u64, fault: &Fault) -> Result<(), FalseVerdict> {
    let index = fault.height.checked_sub(sent.start_height()).filter(|index| *index < sent.count());
    if index.is_some_and(|index| index == count && is_place(sent, items, index, fault.offset)) {
        return Ok(());
    }
    Err(FalseVerdict::FaultPlace {
        height: fault.height,
        offset: fault.offset,
        count,
        sent: sent.count(),
        start_height: sent.start_height(),
    })
}

/// Whether the item with this index can begin at this byte offset. Block offsets are not recorded, so blocks are only
/// bounded: each is longer than its header.
fn is_place(sent: &Ledger, items: Items, index: u64, offset: u64) -> bool {
    let least = index.checked_mul(HEADER_LEN as u64);
    match items {
        Items::Headers => least == Some(offset),
        Items::Blocks if index == 0 => offset == 0,
        Items::Blocks => least.is_some_and(|least| (least..sent.bytes()).contains(&offset)),
    }
}
