//! Reads what a device wrote, and believes none of it without the marks of a batch that ran to its end.
//!
//! What passes here is well-formed, not right: the engine re-hashes what matters.

use cityseal_device::{DeviceError, SearchBatch, SearchReport};
use cityseal_hash::Hit;

use crate::layout::{ResultsHead, Slot};

/// Bytes of [`ResultsHead`].
pub(crate) const HEAD_BYTES: usize = size_of::<ResultsHead>();

/// Bytes of one [`Slot`].
pub(crate) const SLOT_BYTES: usize = size_of::<Slot>();

/// Bytes of a hash and of a mark.
const HASH_BYTES: usize = 32;

/// Reads a search's head and slots.
///
/// # Errors
/// [`DeviceError::Incomplete`] unless exactly `blocks` blocks of the batch with this `tag` were finished,
/// [`DeviceError::Malformed`] where hits and slots contradict the batch.
pub(crate) fn read_search(
    bytes: &[u8],
    batch: &SearchBatch,
    tag: u32,
    blocks: u64,
) -> Result<SearchReport, DeviceError> {
    let (head, slots) = bytes.split_at(HEAD_BYTES);
    let head: ResultsHead = bytemuck::pod_read_unaligned(head);
    demand_finished(head.finished, tag, blocks)?;
    if head.overflow != 0 {
        return Ok(SearchReport { hits: Vec::new(), overflow: true });
    }
    let count = head.hits as usize;
    if count > batch.hits_max {
        return Err(malformed(format!("{count} hits in {} slots, and no overflow", batch.hits_max)));
    }
    let slots = slots.chunks_exact(SLOT_BYTES).take(count).map(bytemuck::pod_read_unaligned::<Slot>);
    let mut hits = slots.map(|slot| hit(slot, batch)).collect::<Result<Vec<Hit>, DeviceError>>()?;
    hits.sort_unstable();
    match hits.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(malformed(format!("nonce {} is reported twice", pair[0].nonce))),
        None => Ok(SearchReport { hits, overflow: false }),
    }
}

/// Each finished block added the tag once. The tag is odd, so that modulo 2^32 it can be divided by; blocks are always
/// fewer than 2^32.
fn demand_finished(finished: u32, tag: u32, blocks: u64) -> Result<(), DeviceError> {
    let found = u64::from(finished.wrapping_mul(inverse_of_odd(tag)));
    if found == blocks {
        return Ok(());
    }
    Err(DeviceError::Incomplete { expected: blocks, found })
}

/// The inverse modulo 2^32, by Newton's iteration: each step doubles the right bits, and an odd number's own three lowest
/// bits are those of its inverse.
const fn inverse_of_odd(x: u32) -> u32 {
    let mut inverse = x;
    let mut right_bits = 3;
    while right_bits < 32 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(x.wrapping_mul(inverse)));
        right_bits *= 2;
    }
    inverse
}

fn hit(slot: Slot, batch: &SearchBatch) -> Result<Hit, DeviceError> {
    let in_range = (batch.nonces.first()..=batch.nonces.last()).contains(&slot.nonce);
    match u8::try_from(slot.midstate) {
        Ok(midstate) if in_range && usize::from(midstate) < batch.midstates().len() => {
            Ok(Hit { midstate, nonce: slot.nonce })
        }
        _ => Err(malformed(format!("nonce {} of midstate {} is not in the batch", slot.nonce, slot.midstate))),
    }
}

/// Reads hashes and the mark beside each.
///
/// # Errors
/// [`DeviceError::Incomplete`] unless each hash has the mark of this batch.
pub(crate) fn read_hashes(hashes: &[u8], marks: &[u8], tag: u32, count: usize) -> Result<Vec<[u8; 32]>, DeviceError> {
    let marks = marks.chunks_exact(size_of::<u32>()).map(bytemuck::pod_read_unaligned::<u32>);
    let found = marks.zip(0_u32..).take(count).filter(|(mark, item)| *mark == tag.wrapping_add(*item)).count();
    let (hashes, _) = hashes.as_chunks::<HASH_BYTES>();
    if found != count || hashes.len() < count {
        return Err(DeviceError::Incomplete { expected: count as u64, found: found as u64 });
    }
    Ok(hashes[..count].to_vec())
}

const fn malformed(what: String) -> DeviceError {
    DeviceError::Malformed { what }
}
