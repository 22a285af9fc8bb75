//! Finds an input that spends the same output as an earlier input of its transaction.

/// Up to this number of inputs all pairs are compared, because sorting costs more.
const PAIRS_MAX: usize = 8;

/// A key that is equal for inputs that spend the same output, and almost never otherwise.
#[inline]
pub(super) fn key_of(prevout: &[u8; 36]) -> u64 {
    let (head, tail) = (prevout.first_chunk::<8>(), prevout.last_chunk::<4>());
    let head = u64::from_le_bytes(*head.unwrap_or(&[0; 8]));
    let index = u32::from_le_bytes(*tail.unwrap_or(&[0; 4]));
    // Spreads the outputs of one transaction, whose indices are small and close together.
    head ^ u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Returns whether two of the keys are equal. May reorder them.
#[inline]
pub(super) fn sort_and_find_equal(keys: &mut [u64]) -> bool {
    match keys {
        [] | [_] => false,
        [first, second] => first == second,
        _ if keys.len() <= PAIRS_MAX => (1..keys.len()).any(|at| keys[..at].contains(&keys[at])),
        _ => {
            keys.sort_unstable();
            keys.windows(2).any(|pair| pair[0] == pair[1])
        }
    }
}

/// The first input that spends the same output as an earlier one.
#[cold]
pub(super) fn first_repeat(prevouts: &[&[u8; 36]]) -> Option<u32> {
    let mut order: Vec<usize> = (0..prevouts.len()).collect();
    order.sort_by_key(|&at| prevouts[at]);
    let repeats = order.windows(2).filter(|pair| prevouts[pair[0]] == prevouts[pair[1]]).map(|pair| pair[1]);
    repeats.min().map(|at| at as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_the_first_input_that_repeats_an_earlier_one() {
        let [a, b, c] = [[1; 36], [2; 36], [3; 36]];
        assert_eq!(first_repeat(&[&a, &b, &c]), None);
        assert_eq!(first_repeat(&[&c, &b, &a, &b, &c]), Some(3));
        assert_eq!(first_repeat(&[&a, &a, &a]), Some(1));
    }

    proptest! {
        #[test]
        fn equal_keys_are_found_at_every_length(count in 0usize..40, from in any::<u64>(), equal in any::<(u8, u8)>()) {
            let mut keys: Vec<u64> = (0..count as u64).map(|step| from.wrapping_add(step * 77)).collect();
            prop_assert!(!sort_and_find_equal(&mut keys));
            let (left, right) = (usize::from(equal.0) % 40, usize::from(equal.1) % 40);
            if left < count && right < count && left != right {
                keys[left] = keys[right];
                prop_assert!(sort_and_find_equal(&mut keys));
            }
        }
    }
}
