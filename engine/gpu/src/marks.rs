//! Marks that carry a bit. A mark shows that this batch computed an item; it is stored as is or inverted.
//!
//! An item's mark is the batch's tag plus the item's index. Tags are odd, so the marks of two batches for the same item
//! add up to an even number. A mark and its inverse add up to `u32::MAX`, which is odd. So no mark is the inverse of
//! another batch's.

use cityseal_device::DeviceError;

/// Reads whether each item's mark is inverted.
///
/// # Errors
/// [`DeviceError::Incomplete`] unless each item has its mark, as is or inverted.
pub(crate) fn read_inverted(marks: &[u8], tag: u32, count: usize) -> Result<Vec<bool>, DeviceError> {
    let marks = marks.chunks_exact(size_of::<u32>()).map(bytemuck::pod_read_unaligned::<u32>);
    let found = marks.zip(0_u32..).take(count).filter_map(|(mark, item)| is_inverted(mark, tag.wrapping_add(item)));
    let inverted: Vec<bool> = found.collect();
    if inverted.len() == count {
        return Ok(inverted);
    }
    Err(DeviceError::Incomplete { expected: count as u64, found: inverted.len() as u64 })
}

const fn is_inverted(mark: u32, own: u32) -> Option<bool> {
    if mark == own {
        Some(false)
    } else if mark == !own {
        Some(true)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: u32 = 0x9e37_79b9;

    fn bytes(marks: &[u32]) -> Vec<u8> {
        marks.iter().flat_map(|mark| mark.to_le_bytes()).collect()
    }

    #[test]
    fn a_mark_is_read_as_is_or_inverted() {
        let marks = bytes(&[TAG, !(TAG + 1), TAG + 2]);
        assert_eq!(read_inverted(&marks, TAG, 3), Ok(vec![false, true, false]));
    }

    #[test]
    fn an_item_without_its_mark_is_refused() {
        for other in [0, u32::MAX, TAG, TAG + 2, !TAG, TAG ^ 2] {
            let refused = read_inverted(&bytes(&[TAG, other]), TAG, 2);
            assert_eq!(refused, Err(DeviceError::Incomplete { expected: 2, found: 1 }), "{other:#x}");
        }
        assert_eq!(read_inverted(&bytes(&[TAG]), TAG, 2), Err(DeviceError::Incomplete { expected: 2, found: 1 }));
    }

    #[test]
    fn a_mark_with_a_flipped_bit_is_refused_in_both_forms() {
        for (own, bit) in [TAG, !TAG].into_iter().flat_map(|own| (0..32).map(move |bit| (own, bit))) {
            assert!(read_inverted(&bytes(&[own ^ 1 << bit]), TAG, 1).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn marks_of_other_batches_are_refused_in_both_forms() {
        for other in (1..2_000_u32).map(|ticket| (2 * ticket + 1).wrapping_mul(TAG)) {
            for mark in [other, !other] {
                assert!(read_inverted(&bytes(&[mark]), TAG, 1).is_err(), "{other:#x}");
            }
        }
    }
}
