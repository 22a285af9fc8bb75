//! The CPU's judgement over what devices claim. A hit becomes a seal only here.

use cityseal_chain::{BlockHash, CandidateRefused, Region, Seal, SealTemplate};
use cityseal_device::{SearchBatch, SearchReport};

/// What remains of a search report when the CPU has looked at it.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// The hits that are seals.
    pub(crate) seals: Vec<Seal>,
    /// There were too many hits to report; nothing of the report counts.
    pub(crate) overflow: bool,
}

/// Hashes every hit again. A hit whose top word passes and whose whole hash does not is no lie: devices look at the top
/// word alone.
///
/// # Errors
/// What the device was caught in, in words.
pub(crate) fn judge_search(
    template: &SealTemplate,
    region: &Region,
    batch: &SearchBatch,
    report: SearchReport,
) -> Result<Judged, String> {
    if report.overflow {
        let possible = batch.hashes() > batch.hits_max as u64;
        return if possible {
            Ok(Judged { seals: Vec::new(), overflow: true })
        } else {
            Err(format!("claimed more than {} hits among {} hashes", batch.hits_max, batch.hashes()))
        };
    }
    if !report.hits.is_sorted_by(|one, two| one < two) {
        return Err("reported hits out of order or twice".to_owned());
    }
    let mut judged = Judged::default();
    for hit in report.hits {
        let candidate = region.candidate(hit).ok_or_else(|| format!("claimed a hit outside its lease: {hit:?}"))?;
        match Seal::confirm(template, candidate) {
            Ok(seal) => judged.seals.push(seal),
            Err(CandidateRefused::AboveTarget { found, .. }) if top_word(&found) <= batch.top_word_max => {}
            Err(refused) => return Err(format!("claimed a hit that is none: {refused}")),
        }
    }
    Ok(judged)
}

/// The most significant 32 bits of a hash as a number.
fn top_word(hash: &BlockHash) -> u32 {
    let [.., a, b, c, d] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod flips;
