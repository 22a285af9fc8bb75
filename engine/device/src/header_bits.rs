//! Headers checked to one bit each: is the hash at or under the header's own target, and is it the one that the next
//! header names?
//!
//! Where all bits are set, the hashes need not come back: each but the last stands in the header behind it. Whether a
//! target is the one that the chain demands is not asked here.

use cityseal_hash::{HEADER_LEN, HashKernel};

/// Headers that are hashed at once: 128 KiB of hashes, whatever the batch holds.
const CHUNK: usize = 4_096;

/// Bytes of a header that name the one before it.
const PREVIOUS: std::ops::Range<usize> = 4..36;

/// Bytes of a header that hold its compact target.
const BITS: std::ops::Range<usize> = 72..76;

/// What a check of headers found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderBits {
    /// Of each header in order: whether its hash is at or under its own compact target and, but for the last, is what
    /// the next header holds as the hash before it.
    pub passed: Vec<bool>,
    /// The last header's hash, in wire order.
    pub last_hash: [u8; 32],
}

impl HeaderBits {
    /// Every header's hash, read from the header behind it and written to `hashes`; false and nothing written where a
    /// header did not pass or the bits are not those of so many headers.
    pub fn hashes_of(&self, headers: &[u8], hashes: &mut Vec<[u8; 32]>) -> bool {
        let headers = headers.as_chunks::<HEADER_LEN>().0;
        if headers.is_empty() || self.passed.len() != headers.len() || self.passed.contains(&false) {
            return false;
        }
        hashes.clear();
        hashes.extend(headers[1..].iter().map(previous_hash));
        hashes.push(self.last_hash);
        true
    }

    /// What follows from the hashes of packed headers.
    pub fn of_hashes(packed: &[u8], hashes: &[[u8; 32]]) -> Self {
        let mut found = Self { passed: Vec::with_capacity(hashes.len()), last_hash: [0; 32] };
        found.extend(packed.as_chunks().0, hashes);
        found
    }

    /// What the kernel says of packed headers, at least one; `room` is for hashes.
    pub(crate) fn of(kernel: HashKernel, packed: &[u8], room: &mut Vec<[u8; 32]>) -> Self {
        let headers = packed.as_chunks().0;
        let mut found = Self { passed: Vec::with_capacity(headers.len()), last_hash: [0; 32] };
        for chunk in packed.chunks(CHUNK * HEADER_LEN) {
            room.resize(chunk.len() / HEADER_LEN, [0; 32]);
            kernel.hash_headers(chunk, room);
            found.extend(headers, room);
        }
        found
    }

    /// Adds the bits of the headers behind those that are there, by their hashes.
    fn extend(&mut self, headers: &[[u8; HEADER_LEN]], hashes: &[[u8; 32]]) {
        let (from, next) = (self.passed.len(), |at: usize| headers.get(at + 1));
        let headers = headers[from..].iter().zip(hashes).zip(from..);
        self.passed.extend(headers.map(|((header, hash), at)| passes(header, hash, next(at))));
        self.last_hash = hashes.last().copied().unwrap_or_default();
    }
}

fn passes(header: &[u8; HEADER_LEN], hash: &[u8; 32], next: Option<&[u8; HEADER_LEN]>) -> bool {
    let is_under = target_of(compact_target(header)).is_some_and(|target| hash.iter().rev().le(target.iter().rev()));
    is_under && next.is_none_or(|next| previous_hash(next) == *hash)
}

fn previous_hash(header: &[u8; HEADER_LEN]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(&header[PREVIOUS]);
    hash
}

fn compact_target(header: &[u8; HEADER_LEN]) -> u32 {
    let mut bits = [0; 4];
    bits.copy_from_slice(&header[BITS]);
    u32::from_le_bytes(bits)
}

/// The threshold that a compact target stands for, least significant byte first; `None` where it is negative, zero or
/// needs more than 256 bits (Bitcoin Core: `arith_uint256::SetCompact`). An exponent under 3 shifts the mantissa away
/// before anything else is judged.
fn target_of(bits: u32) -> Option<[u8; 32]> {
    let (exponent, mantissa) = (bits >> 24, bits & 0x007f_ffff);
    let word = mantissa >> (8 * 3_u32.saturating_sub(exponent));
    if word == 0 || bits & 0x0080_0000 != 0 {
        return None;
    }
    let mut target = [0; 32];
    let lowest = exponent.saturating_sub(3) as usize;
    for (byte, at) in word.to_le_bytes().into_iter().zip(lowest..) {
        match target.get_mut(at) {
            Some(place) => *place = byte,
            None if byte == 0 => {}
            None => return None,
        }
    }
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_target_is_decoded_as_bitcoin_core_does() {
        let at = |place: usize, bytes: &[u8]| {
            let mut target = [0; 32];
            target[place..place + bytes.len()].copy_from_slice(bytes);
            Some(target)
        };
        assert_eq!(target_of(0x1d00_ffff), at(26, &[0xff, 0xff]));
        assert_eq!(target_of(0x0112_3456), at(0, &[0x12]));
        assert_eq!(target_of(0x0312_3456), at(0, &[0x56, 0x34, 0x12]));
        assert_eq!(target_of(0x2200_00ff), at(31, &[0xff]));
        assert_eq!(target_of(0x2100_ffff), at(30, &[0xff, 0xff]));
        for nonsense in [0, 0x0080_3456, 0x0100_3456, 0x0180_3456, 0x0192_3456, 0x1d80_ffff, 0x2d00_0000] {
            assert_eq!(target_of(nonsense), None, "{nonsense:08x}");
        }
        for overflow in [0x2101_0000, 0x2200_0100, 0x2300_0001, 0xff12_3456] {
            assert_eq!(target_of(overflow), None, "{overflow:08x}");
        }
    }

    #[test]
    fn a_hash_equal_to_its_target_passes_and_one_more_does_not() {
        let mut header = [0; HEADER_LEN];
        header[BITS].copy_from_slice(&0x1d00_ffff_u32.to_le_bytes());
        let mut hash = target_of(0x1d00_ffff).unwrap();
        assert!(passes(&header, &hash, None));
        hash[0] = 1;
        assert!(!passes(&header, &hash, None));
    }

    #[test]
    fn hashes_are_given_only_where_every_header_passed() {
        let mut headers = [0; 2 * HEADER_LEN];
        headers[HEADER_LEN..][PREVIOUS].fill(7);
        let bits = |passed: &[bool]| HeaderBits { passed: passed.to_vec(), last_hash: [9; 32] };
        let mut hashes = vec![[1; 32]];
        for refused in [&[true, false][..], &[false, true], &[true], &[true; 3]] {
            assert!(!bits(refused).hashes_of(&headers, &mut hashes));
        }
        assert_eq!(hashes, [[1; 32]]);
        assert!(bits(&[true; 2]).hashes_of(&headers, &mut hashes));
        assert_eq!(hashes, [[7; 32], [9; 32]]);
    }
}
