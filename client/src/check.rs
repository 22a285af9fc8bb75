//! What the service says, held against what this side knows.
//!
//! A seal must be a point of the template's own search space, hash to what is said, and meet the target: all is computed here. A
//! verdict must speak of the headers that were sent. It trusts nothing of the service.

use cityseal_chain::{
    BlockHash, Bodies, Candidate, CandidateRefused, ChainWork, Fault, RollingVersion, Seal, SealTemplate, Tip,
};
use cityseal_proto::ClaimedSeal;
use cityseal_proto::field::HEADER_LEN;

use crate::ledger::Ledger;
use crate::request::Items;

/// Why what the service calls a seal is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FalseSeal {
    /// Bits of the version rolled that may not.
    #[error("version {found:08x} differs from the template outside the mask {mask:08x}")]
    Version {
        /// The bits that may roll.
        mask: u32,
        /// The version of the claimed header.
        found: i32,
    },
    /// An extranonce where none may roll, or none where one must.
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
    /// The header is not the template's at that point: another parent, Merkle root or bits.
    #[error("the header is not of this template: expected {expected}, found {found}")]
    Header {
        /// The template's header with the claimed version, time, nonce and extranonce, 160 hex digits.
        expected: String,
        /// The header claimed, 160 hex digits.
        found: String,
    },
    /// The hash is not the header's.
    #[error("the hash is not the header's: expected {expected}, found {found}")]
    Hash {
        /// The header's hash.
        expected: BlockHash,
        /// The hash claimed.
        found: BlockHash,
    },
    /// The seals do not ascend: one is given twice, or their order is not that of the space.
    #[error("seal {index} does not come after the one before it in the order of the search space")]
    Order {
        /// Which seal.
        index: usize,
    },
    /// The job is said to be sealed, and no seal came with it.
    #[error("the job is said to be sealed, and no seal came with it")]
    None,
    /// The space is said to be exhausted, and what was searched is not the whole of it.
    #[error("the space is said to be exhausted: expected {expected} hashes, found {found}")]
    NotExhausted {
        /// Hashes of the whole space.
        expected: u128,
        /// Hashes that the service says it did.
        found: u128,
    },
    /// The answer belongs to another generation of work.
    #[error("the answer is of generation {found}; expected {expected}")]
    Generation {
        /// The generation asked for.
        expected: u64,
        /// The generation answered.
        found: u64,
    },
}

/// Why a verdict does not speak of the chain that was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FalseVerdict {
    /// VALID without having seen all.
    #[error("VALID for {found} headers; {expected} were sent")]
    Count {
        /// Headers sent.
        expected: u64,
        /// Headers judged.
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
        /// The height claimed.
        found: u64,
    },
    /// The tip is not the last header sent.
    #[error("VALID with the tip {found}; expected {expected}, the hash of the last header sent")]
    TipHash {
        /// The double SHA-256 of the last header sent.
        expected: BlockHash,
        /// The hash claimed.
        found: BlockHash,
    },
    /// The work is not the sum of what was sent.
    #[error("VALID with chain work {found}; expected {expected}, the sum over the headers sent")]
    ChainWork {
        /// Start work and the work of all headers sent.
        expected: ChainWork,
        /// The work claimed.
        found: ChainWork,
    },
    /// The bodies are not all that was sent.
    #[error("VALID for {found_blocks} blocks of {found_bytes} bytes; {expected_blocks} of {expected_bytes} were sent")]
    Bodies {
        /// Blocks sent.
        expected_blocks: u64,
        /// Their bytes.
        expected_bytes: u64,
        /// Blocks whose bodies were judged.
        found_blocks: u64,
        /// Their bytes.
        found_bytes: u64,
    },
    /// VALID without having been told that the stream was whole.
    #[error("VALID before the stream was closed")]
    Unfinished,
    /// The fault lies outside what was sent, or its place and the count contradict each other.
    #[error(
        "a fault at height {height}, byte {offset}, after {count} headers; {sent} were sent from height {start_height}"
    )]
    FaultPlace {
        /// The height claimed.
        height: u64,
        /// The offset claimed.
        offset: u64,
        /// Headers said to have passed before it.
        count: u64,
        /// Headers sent.
        sent: u64,
        /// The height of the first header sent.
        start_height: u64,
    },
}

/// Confirms what a service calls a seal of `template`, by hashing it again.
///
/// # Errors
/// [`FalseSeal`], where it is none.
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

/// Confirms a list of seals: each for itself, and that they ascend.
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

/// Whether a VALID verdict speaks of what was sent.
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

/// Whether a VALID verdict speaks of all bodies that were sent.
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

/// Whether a fault lies in what was sent.
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

/// Whether the item of that index may begin at that byte. Blocks are longer than their headers; where each began is not kept.
fn is_place(sent: &Ledger, items: Items, index: u64, offset: u64) -> bool {
    let least = index.checked_mul(HEADER_LEN as u64);
    match items {
        Items::Headers => least == Some(offset),
        Items::Blocks if index == 0 => offset == 0,
        Items::Blocks => least.is_some_and(|least| (least..sent.bytes()).contains(&offset)),
    }
}
