//! Flips one bit of a report, as a broken memory cell or a bad link would.

use cityseal_hash::Hit;

use crate::{Report, SearchReport, TreeRoot};

/// Where a bit was flipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The nonce of a hit.
    Nonce,
    /// The index of a hit's midstate.
    Midstate,
    /// The overflow flag of a search.
    Overflow,
    /// The flag that the planted nonce was seen.
    Planted,
    /// The number of hits or hashes; new entries are zeros.
    Count,
    /// A hash.
    Hash,
    /// The mutated flag of a tree.
    Mutated,
}

impl Place {
    /// The number of places.
    pub(super) const KINDS: usize = 7;

    /// The place's index, below [`Self::KINDS`].
    pub(super) const fn kind(self) -> usize {
        match self {
            Self::Nonce => 0,
            Self::Midstate => 1,
            Self::Overflow => 2,
            Self::Planted => 3,
            Self::Count => 4,
            Self::Hash => 5,
            Self::Mutated => 6,
        }
    }
}

/// Bits of a hit's nonce.
const NONCE_BITS: u64 = 32;
/// Bits of a hit: nonce and index of the midstate.
const HIT_BITS: u64 = NONCE_BITS + 8;
/// Bits of a hash.
const HASH_BITS: u64 = 256;
/// Bits of a count that can be flipped: a higher bit would give a longer list than any report has.
const COUNT_BITS: u64 = 13;
/// Flags of a search report.
const FLAGS: u64 = 2;

/// Flips the bit of a report that a random number selects, all bits with equal probability.
pub fn flip_a_bit(report: &mut Report, random: u64) -> Place {
    match report {
        Report::Search(search) => flip_in_search(search, random),
        Report::Hashes(hashes) => flip_in_list(hashes, random, HASH_BITS, [0; 32], flip_in_hash),
        Report::Trees(trees) => flip_in_list(trees, random, HASH_BITS + 1, TreeRoot::default(), flip_in_root),
    }
}

const fn flip_in_root(tree: &mut TreeRoot, bit: u64) -> Place {
    let TreeRoot { root, mutated } = tree;
    if bit < HASH_BITS {
        return flip_in_hash(root, bit);
    }
    *mutated = !*mutated;
    Place::Mutated
}

const fn flip_in_hash(hash: &mut [u8; 32], bit: u64) -> Place {
    hash[(bit / 8) as usize] ^= 1 << (bit % 8);
    Place::Hash
}

fn flip_in_search(search: &mut SearchReport, random: u64) -> Place {
    let SearchReport { hits, overflow, planted_seen } = search;
    let bits = FLAGS + COUNT_BITS + hits.len() as u64 * HIT_BITS;
    match random % bits {
        0 => {
            *overflow = !*overflow;
            Place::Overflow
        }
        1 => {
            *planted_seen = !*planted_seen;
            Place::Planted
        }
        bit => flip_in_list(hits, bit - FLAGS, HIT_BITS, Hit { midstate: 0, nonce: 0 }, |hit, bit| {
            if bit < NONCE_BITS {
                hit.nonce ^= 1 << bit;
                Place::Nonce
            } else {
                hit.midstate ^= 1 << (bit - NONCE_BITS);
                Place::Midstate
            }
        }),
    }
}

/// Flips a bit of a list: first come the bits of its length, then those of its entries.
fn flip_in_list<T: Copy>(
    list: &mut Vec<T>,
    random: u64,
    entry_bits: u64,
    empty: T,
    flip: impl FnOnce(&mut T, u64) -> Place,
) -> Place {
    let bit = random % (COUNT_BITS + list.len() as u64 * entry_bits);
    let Some(bit) = bit.checked_sub(COUNT_BITS) else {
        list.resize(list.len() ^ (1 << bit), empty);
        return Place::Count;
    };
    flip(&mut list[(bit / entry_bits) as usize], bit % entry_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search() -> Report {
        let hits = vec![Hit { midstate: 0, nonce: 5 }, Hit { midstate: 3, nonce: 77 }];
        Report::Search(SearchReport { hits, overflow: false, planted_seen: true })
    }

    #[test]
    fn every_bit_of_a_search_can_be_flipped_and_flipping_it_twice_restores_the_report() {
        let bits = FLAGS + COUNT_BITS + 2 * HIT_BITS;
        let mut seen = Vec::new();
        for bit in 0..bits {
            let mut flipped = search();
            let place = flip_a_bit(&mut flipped, bit);
            assert_ne!(flipped, search(), "bit {bit}");
            assert!(!seen.contains(&flipped), "bit {bit} was flipped before");
            if !matches!(place, Place::Count) {
                let mut back = flipped.clone();
                flip_a_bit(&mut back, bit);
                assert_eq!(back, search());
            }
            seen.push(flipped);
        }
        let mut around = search();
        flip_a_bit(&mut around, bits);
        assert_eq!(around, seen[0]);
    }

    #[test]
    fn a_flipped_count_drops_hits_or_adds_zeros() {
        let (mut fewer, mut more) = (search(), search());
        assert_eq!([flip_a_bit(&mut fewer, 3), flip_a_bit(&mut more, 2)], [Place::Count; 2]);
        let hits = |report: &Report| match report {
            Report::Search(search) => search.hits.clone(),
            Report::Hashes(_) | Report::Trees(_) => panic!("not a search any more"),
        };
        assert_eq!(hits(&fewer), []);
        assert_eq!(hits(&more)[2], Hit { midstate: 0, nonce: 0 });
    }

    #[test]
    fn a_flip_in_hashes_changes_one_bit() {
        let clean = vec![[0_u8; 32]; 3];
        for bit in COUNT_BITS..COUNT_BITS + 3 * HASH_BITS {
            let mut report = Report::Hashes(clean.clone());
            assert_eq!(flip_a_bit(&mut report, bit), Place::Hash);
            let Report::Hashes(hashes) = report else { panic!("no hashes any more") };
            assert_eq!(hashes.as_flattened().iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        }
    }

    #[test]
    fn a_flip_in_trees_changes_a_root_or_a_mutated_flag() {
        let clean = Report::Trees(vec![TreeRoot::default(); 2]);
        for bit in COUNT_BITS..COUNT_BITS + 2 * (HASH_BITS + 1) {
            let mut report = clean.clone();
            let is_mutated = (bit - COUNT_BITS) % (HASH_BITS + 1) == HASH_BITS;
            assert_eq!(flip_a_bit(&mut report, bit), if is_mutated { Place::Mutated } else { Place::Hash });
            assert_ne!(report, clean);
        }
    }
}
