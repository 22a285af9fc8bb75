//! Finds a header by its hash: an open-addressing table of indices into the list of hashes.
//!
//! Eight bytes of the hash give the slot. They are as good as random unless the hashes were searched for on purpose:
//! crowding a table of a million entries takes about 2^41 hashes, and only slows lookups.

/// An empty slot.
const EMPTY: u32 = u32::MAX;

/// An index of hashes; of equal hashes the first one is found.
#[derive(Debug)]
pub(super) struct HashIndex {
    /// Their number is a power of two, at least twice that of the hashes: 8 to 16 bytes per hash.
    slots: Vec<u32>,
}

impl HashIndex {
    /// Builds the index. Also returns the repeated hashes: the index of each repetition and of its first occurrence.
    pub(super) fn of(hashes: &[[u8; 32]]) -> (Self, Vec<(u32, u32)>) {
        let mut index = Self { slots: vec![EMPTY; (2 * hashes.len()).next_power_of_two().max(2)] };
        let mut again = Vec::new();
        for (number, hash) in (0..).zip(hashes) {
            let slot = index.slot_of(hash, hashes);
            match index.slots[slot] {
                EMPTY => index.slots[slot] = number,
                first => again.push((number, first)),
            }
        }
        (index, again)
    }

    /// The index of the first such hash among those that the table was built from.
    pub(super) fn find(&self, hash: &[u8; 32], hashes: &[[u8; 32]]) -> Option<u32> {
        Some(self.slots[self.slot_of(hash, hashes)]).filter(|number| *number != EMPTY)
    }

    /// The slot of the hash, or the empty slot where it would be inserted.
    fn slot_of(&self, hash: &[u8; 32], hashes: &[[u8; 32]]) -> usize {
        let mask = self.slots.len() - 1;
        let [a, b, c, d, e, f, g, h, ..] = *hash;
        let mut slot = u64::from_le_bytes([a, b, c, d, e, f, g, h]) as usize & mask;
        while self.slots[slot] != EMPTY && hashes[self.slots[slot] as usize] != *hash {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(low: u8, high: u8) -> [u8; 32] {
        let mut hash = [0; 32];
        (hash[0], hash[31]) = (low, high);
        hash
    }

    #[test]
    fn hashes_with_the_same_slot_are_all_found_and_equal_ones_are_reported() {
        let hashes = [hash(1, 0), hash(1, 1), hash(2, 0), hash(1, 0), hash(1, 2), hash(2, 0)];
        let (index, again) = HashIndex::of(&hashes);
        assert_eq!(again, [(3, 0), (5, 2)]);
        let found: Vec<_> = hashes.iter().map(|hash| index.find(hash, &hashes)).collect();
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(0), Some(4), Some(2)]);
        assert_eq!(index.find(&hash(1, 3), &hashes), None);
    }

    #[test]
    fn an_empty_index_finds_nothing_and_ends() {
        let (index, again) = HashIndex::of(&[]);
        assert_eq!((index.find(&[0; 32], &[]), again), (None, Vec::new()));
    }
}
