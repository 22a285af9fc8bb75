//! Turns a device's claim into a seal by hashing it again on the CPU.
//!
//! A [`Candidate`] proves nothing. The only constructors of a [`Seal`] are [`Seal::confirm`] and
//! [`Seal::confirm_rooted`], which trust no device and no kernel: they hash the whole header with the plain
//! implementation and compare all 256 bits.

use std::cmp::Ordering;
use std::fmt;

use super::candidate::Candidate;
use super::rooted::RootedTemplate;
use super::template::SealTemplate;
use crate::hash::BlockHash;
use crate::header::BlockHeader;
use crate::targets::Target;

/// Why a candidate is not a seal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CandidateRefused {
    /// The point is not in the search space.
    #[error("candidate outside the search space: {candidate:?}")]
    OutsideSpace {
        /// The claim.
        candidate: Candidate,
    },
    /// The hash misses the target.
    #[error("candidate misses the target: expected a hash of at most {expected}, found {found}")]
    AboveTarget {
        /// The claim.
        candidate: Candidate,
        /// The threshold.
        expected: Target,
        /// The hash of the claimed header.
        found: BlockHash,
    },
}

/// A header that meets its template's target: hashed on the CPU, compared over all 256 bits. Ordered like the space.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seal {
    found_at: Candidate,
    extranonce: Option<u64>,
    header: BlockHeader,
    hash: BlockHash,
}

impl Seal {
    /// Hashes a candidate again and compares it with the template's target.
    ///
    /// # Errors
    /// [`CandidateRefused`] if the candidate is outside the space or its hash is above the target.
    pub fn confirm(template: &SealTemplate, candidate: Candidate) -> Result<Self, CandidateRefused> {
        if !template.space().contains(&candidate) {
            return Err(CandidateRefused::OutsideSpace { candidate });
        }
        Self::of_header(template, template.header_at(&candidate), candidate)
    }

    /// Like [`Self::confirm`], with the Merkle root of the candidate's extranonce already computed.
    ///
    /// # Errors
    /// [`CandidateRefused`] if the candidate is outside the space, has another extranonce, or its hash is above the
    /// target.
    pub fn confirm_rooted(rooted: &RootedTemplate, candidate: Candidate) -> Result<Self, CandidateRefused> {
        if !rooted.contains(&candidate) {
            return Err(CandidateRefused::OutsideSpace { candidate });
        }
        Self::of_header(rooted.template(), rooted.header_at(&candidate), candidate)
    }

    fn of_header(template: &SealTemplate, header: BlockHeader, candidate: Candidate) -> Result<Self, CandidateRefused> {
        let hash = header.hash();
        if !template.target().is_met_by(&hash) {
            return Err(CandidateRefused::AboveTarget { candidate, expected: template.target(), found: hash });
        }
        let extranonce = template.space().shown_extranonce(candidate.extranonce);
        Ok(Self { found_at: candidate, extranonce, header, hash })
    }

    /// The sealed header; its Merkle root is that of the extranonce.
    pub const fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// The header's hash.
    pub const fn hash(&self) -> BlockHash {
        self.hash
    }

    /// The extranonce's value; `None` if the template has no coinbase.
    pub const fn extranonce(&self) -> Option<u64> {
        self.extranonce
    }

    /// Its point in the space.
    pub const fn found_at(&self) -> &Candidate {
        &self.found_at
    }
}

impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} (version {:08x}, time {}, nonce {}",
            self.hash, self.header.version, self.header.time, self.header.nonce
        )?;
        match self.extranonce {
            Some(extranonce) => write!(f, ", extranonce {extranonce})"),
            None => f.write_str(")"),
        }
    }
}

impl Ord for Seal {
    /// Orders by the point in the space; seals of different templates at one point by their headers' bytes.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |seal: &Self| (seal.found_at, seal.extranonce, seal.header.to_wire());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Seal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
