//! Marks that carry a bit: what proves that an item was done by this batch is left as it is, or turned over.
//!
//! An item's mark is the batch's tag plus the item's number. Tags are odd: the marks of two batches for one item add up to
//! an even number, and a mark and its reverse to `u32::MAX`, which is odd. So no batch's mark is the reverse of another's.

use cityseal_device::DeviceError;

/// Whether each item's mark was turned over.
///
/// # Errors
/// [`DeviceError::Incomplete`] unless each item has its mark, in either form.
pub(crate) fn read_turned(marks: &[u8], tag: u32, count: usize) -> Result<Vec<bool>, DeviceError> {
    let marks = marks.chunks_exact(size_of::<u32>()).map(bytemuck::pod_read_unaligned::<u32>);
    let turned = marks.zip(0_u32..).take(count).filter_map(|(mark, item)| is_turned(mark, tag.wrapping_add(item)));
    let turned: Vec<bool> = turned.collect();
    if turned.len() == count {
        return Ok(turned);
    }
    Err(DeviceError::Incomplete { expected: count as u64, found: turned.len() as u64 })
}

const fn is_turned(mark: u32, own: u32) -> Option<bool> {
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
    fn a_mark_says_by_its_form_what_was_found() {
        let marks = bytes(&[TAG, !(TAG + 1), TAG + 2]);
        assert_eq!(read_turned(&marks, TAG, 3), Ok(vec![false, true, false]));
    }

    #[test]
    fn an_item_without_its_own_mark_is_refused() {
        for other in [0, u32::MAX, TAG, TAG + 2, !TAG, TAG ^ 2] {
            let refused = read_turned(&bytes(&[TAG, other]), TAG, 2);
            assert_eq!(refused, Err(DeviceError::Incomplete { expected: 2, found: 1 }), "{other:#x}");
        }
        assert_eq!(read_turned(&bytes(&[TAG]), TAG, 2), Err(DeviceError::Incomplete { expected: 2, found: 1 }));
    }

    #[test]
    fn a_mark_with_any_flipped_bit_is_refused_in_either_form() {
        for (own, bit) in [TAG, !TAG].into_iter().flat_map(|own| (0..32).map(move |bit| (own, bit))) {
            assert!(read_turned(&bytes(&[own ^ 1 << bit]), TAG, 1).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn no_mark_of_another_batch_passes_in_either_form() {
        for other in (1..2_000_u32).map(|ticket| (2 * ticket + 1).wrapping_mul(TAG)) {
            for mark in [other, !other] {
                assert!(read_turned(&bytes(&[mark]), TAG, 1).is_err(), "{other:#x}");
            }
        }
    }
}
