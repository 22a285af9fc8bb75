//! Judges the claims of devices on the CPU. A hit becomes a seal only here.

use cityseal_chain::{BlockHash, CandidateRefused, Region, RootedTemplate, Seal};
use cityseal_device::{Planted, SearchBatch, SearchReport};
use cityseal_hash::Hit;

/// A wrong answer of a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Caught {
    /// It missed a nonce that was planted in its batch.
    #[error("missed nonce {nonce}, which was planted in its batch")]
    MissedPlanted { nonce: u32 },
    /// It gave a wrong answer to a canary.
    #[error("gave a wrong answer to a batch with a known answer")]
    Canary,
    /// It made a wrong claim.
    #[error("{what}")]
    Wrong { what: String },
}

impl Caught {
    pub(crate) fn wrong(what: impl Into<String>) -> Self {
        Self::Wrong { what: what.into() }
    }

    /// An answer to another kind of batch.
    pub(crate) fn other_kind() -> Self {
        Self::wrong("answered another kind of batch")
    }

    /// Whether it missed a known answer.
    pub(crate) const fn is_miss(&self) -> bool {
        matches!(self, Self::MissedPlanted { .. } | Self::Canary)
    }
}

/// A search report after the CPU has checked it.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// The hits that are seals.
    pub(crate) seals: Vec<Seal>,
    /// Whether there were too many hits to report, so that nothing of the report counts.
    pub(crate) overflow: bool,
}

/// Rehashes every hit. A hit whose top word passes but whose full hash does not is legitimate, because devices compare
/// only the top word.
///
/// # Errors
/// The device's wrong answer.
pub(crate) fn judge_search(
    rooted: &RootedTemplate,
    region: &Region,
    batch: &SearchBatch,
    report: SearchReport,
) -> Result<Judged, Caught> {
    if let Some(Planted { at, .. }) = batch.planted().filter(|_| !report.planted_seen) {
        return Err(Caught::MissedPlanted { nonce: at.nonce });
    }
    if report.overflow {
        let possible = batch.hashes() > batch.hits_max as u64;
        return if possible {
            Ok(Judged { seals: Vec::new(), overflow: true })
        } else {
            let (hits, hashes) = (batch.hits_max, batch.hashes());
            Err(Caught::wrong(format!("claimed more than {hits} hits among {hashes} hashes")))
        };
    }
    if !report.hits.is_sorted_by(|one, two| one < two) {
        return Err(Caught::wrong("reported hits out of order or twice"));
    }
    let mut judged = Judged::default();
    for hit in report.hits {
        let candidate =
            region.candidate(hit).ok_or_else(|| Caught::wrong(format!("claimed a hit outside its lease: {hit:?}")))?;
        match Seal::confirm_rooted(rooted, candidate) {
            Ok(seal) => judged.seals.push(seal),
            Err(CandidateRefused::AboveTarget { found, .. }) if top_word(&found) <= batch.top_word_max => {}
            Err(refused) => return Err(Caught::wrong(format!("claimed a false hit: {refused}"))),
        }
    }
    Ok(judged)
}

/// A planted hit for a search of a region: one of its nonces, which depends on `number` alone and varies with it.
pub(crate) fn plant(rooted: &RootedTemplate, region: &Region, number: u64) -> Planted {
    let mixed = mix(number);
    let nonce = region.nonces.first() + ((mixed >> 8) % region.nonces.count()) as u32;
    let at = Hit { midstate: (mixed as u8) % region.versions.count(), nonce };
    let point = region.candidate(at).expect("the nonce and the version were picked from the region");
    Planted { at, top_word: top_word(&rooted.header_at(&point).hash()) }
}

/// Spreads consecutive numbers over all 64 bits: one step of `SplitMix64`.
const fn mix(number: u64) -> u64 {
    let sum = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    let once = (sum ^ (sum >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}

/// The most significant 32 bits of a hash as a number.
fn top_word(hash: &BlockHash) -> u32 {
    let [.., a, b, c, d] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod flips;
