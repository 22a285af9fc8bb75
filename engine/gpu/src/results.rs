//! Reads results, and refuses them without the marks of a finished batch.
//!
//! An accepted result is well-formed, but not necessarily correct: the engine hashes again what matters.

use cityseal_device::{DeviceError, SearchBatch, SearchReport};
use cityseal_hash::Hit;

use crate::layout::{ResultsHead, Slot};

/// Bytes of [`ResultsHead`].
pub(crate) const HEAD_BYTES: usize = size_of::<ResultsHead>();

/// Bytes of one [`Slot`].
pub(crate) const SLOT_BYTES: usize = size_of::<Slot>();

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// Reads a search's head and slots.
///
/// # Errors
/// [`DeviceError::Incomplete`] unless exactly `blocks` blocks of the batch with this `tag` were finished,
/// [`DeviceError::Malformed`] if hits or slots contradict the batch.
pub(crate) fn read_search(
    bytes: &[u8],
    batch: &SearchBatch,
    tag: u32,
    blocks: u64,
) -> Result<SearchReport, DeviceError> {
    let (head, slots) = bytes.split_at(HEAD_BYTES);
    let head: ResultsHead = bytemuck::pod_read_unaligned(head);
    check_finished(head.finished, tag, blocks)?;
    let planted_seen = planted_seen(head.planted_seen, tag, batch)?;
    if head.overflow != 0 {
        return Ok(SearchReport { hits: Vec::new(), overflow: true, planted_seen });
    }
    let count = head.hits as usize;
    if count > batch.hits_max {
        return Err(malformed(format!("{count} hits in {} slots without an overflow", batch.hits_max)));
    }
    let slots = slots.chunks_exact(SLOT_BYTES).take(count).map(bytemuck::pod_read_unaligned::<Slot>);
    let mut hits = slots.map(|slot| hit(slot, batch)).collect::<Result<Vec<Hit>, DeviceError>>()?;
    hits.sort_unstable();
    match hits.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(malformed(format!("nonce {} is reported twice", pair[0].nonce))),
        None => Ok(SearchReport { hits, overflow: false, planted_seen }),
    }
}

fn planted_seen(mark: u32, tag: u32, batch: &SearchBatch) -> Result<bool, DeviceError> {
    match mark {
        0 => Ok(false),
        _ if mark == tag && batch.planted().is_some() => Ok(true),
        _ => Err(malformed(format!("unexpected mark {mark:#010x} of a planted nonce"))),
    }
}

/// Each finished block added the tag once. The tag is odd, so the sum can be divided by it modulo 2^32; there are
/// always fewer than 2^32 blocks.
fn check_finished(finished: u32, tag: u32, blocks: u64) -> Result<(), DeviceError> {
    let found = u64::from(finished.wrapping_mul(inverse_of_odd(tag)));
    if found == blocks {
        return Ok(());
    }
    Err(DeviceError::Incomplete { expected: blocks, found })
}

/// The inverse modulo 2^32, by Newton's iteration. The three lowest bits of an odd number are those of its inverse, and
/// each step doubles the number of correct bits.
const fn inverse_of_odd(x: u32) -> u32 {
    let mut inverse = x;
    let mut correct_bits = 3;
    while correct_bits < 32 {
        inverse = inverse.wrapping_mul(2_u32.wrapping_sub(x.wrapping_mul(inverse)));
        correct_bits *= 2;
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

/// Reads hashes and their marks.
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

#[cfg(test)]
mod tests {
    use cityseal_device::{NonceSpan, Planted};
    use cityseal_hash::Midstate;

    use super::*;

    const TAG: u32 = 0x9e37_79b9;

    fn batch() -> SearchBatch {
        let nonces = NonceSpan::new(100, 163).expect("a range that goes up");
        SearchBatch::new(vec![Midstate([0; 8]); 2], [0; 12], nonces, u32::MAX, 3)
    }

    fn results(head: ResultsHead, slots: &[(u32, u32)]) -> Vec<u8> {
        let mut slots: Vec<Slot> = slots.iter().map(|&(nonce, midstate)| Slot { nonce, midstate }).collect();
        slots.resize(3, Slot::default());
        [bytemuck::bytes_of(&head), bytemuck::cast_slice(&slots)].concat()
    }

    fn head(blocks: u32, hits: u32) -> ResultsHead {
        ResultsHead { finished: TAG.wrapping_mul(blocks), hits, ..ResultsHead::default() }
    }

    #[test]
    fn hits_are_sorted() {
        let bytes = results(head(2, 3), &[(163, 0), (100, 1), (100, 0)]);
        let report = read_search(&bytes, &batch(), TAG, 2).expect("a valid result");
        let hits = [(0, 100), (0, 163), (1, 100)].map(|(midstate, nonce)| Hit { midstate, nonce });
        assert_eq!((report.hits.as_slice(), report.overflow), (hits.as_slice(), false));
    }

    #[test]
    fn a_zeroed_search_result_is_refused() {
        let refused = read_search(&results(ResultsHead::default(), &[]), &batch(), TAG, 2);
        assert_eq!(refused, Err(DeviceError::Incomplete { expected: 2, found: 0 }));
    }

    #[test]
    fn a_search_result_with_a_missing_or_an_additional_block_is_refused() {
        for found in [1, 3] {
            let refused = read_search(&results(head(found, 0), &[]), &batch(), TAG, 2);
            assert_eq!(refused, Err(DeviceError::Incomplete { expected: 2, found: u64::from(found) }));
        }
    }

    #[test]
    fn a_search_result_of_another_batch_is_refused() {
        for other in [1, 3, TAG.wrapping_mul(3), TAG.wrapping_mul(5), u32::MAX] {
            let refused = read_search(&results(head(2, 0), &[]), &batch(), other, 2);
            assert!(matches!(refused, Err(DeviceError::Incomplete { expected: 2, .. })), "{other:#x}");
        }
    }

    #[test]
    fn an_overflow_is_reported_for_any_count() {
        for hits in [0, 3, 4, u32::MAX] {
            let bytes = results(ResultsHead { overflow: 1, ..head(2, hits) }, &[]);
            assert!(read_search(&bytes, &batch(), TAG, 2).expect("a valid result").overflow);
        }
        let contradiction = read_search(&results(head(2, 4), &[]), &batch(), TAG, 2);
        assert!(matches!(contradiction, Err(DeviceError::Malformed { .. })));
    }

    #[test]
    fn a_planted_nonce_needs_the_mark_of_its_batch() {
        let planted = Planted { at: Hit { midstate: 1, nonce: 120 }, top_word: 7 };
        let with = batch().with_planted(planted);
        let read = |mark, batch: &SearchBatch| {
            let bytes = results(ResultsHead { planted_seen: mark, ..head(2, 0) }, &[]);
            read_search(&bytes, batch, TAG, 2).map(|report| report.planted_seen)
        };
        assert_eq!((read(TAG, &with), read(0, &with), read(0, &batch())), (Ok(true), Ok(false), Ok(false)));
        for (mark, batch) in [(1, &with), (TAG + 2, &with), (TAG, &batch())] {
            assert!(matches!(read(mark, batch), Err(DeviceError::Malformed { .. })), "{mark:#x}");
        }
    }

    #[test]
    fn hits_outside_the_batch_and_duplicate_hits_are_refused() {
        for slots in [
            [(99, 0), (100, 0)],
            [(164, 0), (100, 0)],
            [(100, 2), (100, 0)],
            [(100, 256), (100, 0)],
            [(100, 1), (100, 1)],
        ] {
            let refused = read_search(&results(head(2, 2), &slots), &batch(), TAG, 2);
            assert!(matches!(refused, Err(DeviceError::Malformed { .. })), "{slots:?}");
        }
    }

    #[test]
    fn each_hash_needs_its_own_mark() {
        let hashes = [7; 64];
        let marks = |first: u32, second: u32| [first.to_le_bytes(), second.to_le_bytes()].concat();
        assert_eq!(read_hashes(&hashes, &marks(TAG, TAG + 1), TAG, 2), Ok(vec![[7; 32]; 2]));
        for (first, second, found) in [(0, 0, 0), (TAG, 0, 1), (TAG, TAG, 1), (TAG + 1, TAG, 0), (TAG - 2, TAG - 1, 0)]
        {
            let refused = read_hashes(&hashes, &marks(first, second), TAG, 2);
            assert_eq!(refused, Err(DeviceError::Incomplete { expected: 2, found }));
        }
    }

    #[test]
    fn the_inverse_of_every_odd_number_is_its_inverse() {
        for odd in (0..100_000_u32).map(|i| i.wrapping_mul(85_899).wrapping_mul(2) + 1) {
            assert_eq!(odd.wrapping_mul(inverse_of_odd(odd)), 1, "{odd}");
        }
    }
}
