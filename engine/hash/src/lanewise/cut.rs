//! A message divided into the blocks of SHA-256. Most blocks are read in place; the first block after a prefix and the
//! last blocks, with the padding, are copies.

use sha2::block_api::compress256;

use crate::messages::Treatment;
use crate::{BLOCK_LEN, message_blocks};

/// The bytes of one block.
pub(crate) type Block = [u8; BLOCK_LEN];

/// The block of a lane without a message.
const NOTHING: &Block = &[0; BLOCK_LEN];

/// Blocks that are copies: one that begins with a prefix, then up to two with padding.
const OWN: usize = 3;

/// A message divided into blocks.
#[derive(Clone, Copy)]
pub(crate) struct Cut<'a> {
    /// Blocks before the body: one if there is a prefix and the message fills a block with it, otherwise none.
    heads: usize,
    body: &'a [Block],
    own: [Block; OWN],
}

impl<'a> Cut<'a> {
    /// No message, and no blocks.
    pub(crate) const NONE: Self = Self { heads: 0, body: &[], own: [*NOTHING; OWN] };

    /// Replaces the message, pads it (FIPS 180-4, section 5.1.1) and returns its number of blocks.
    #[inline]
    pub(crate) fn set(&mut self, treatment: Treatment, message: &'a [u8]) -> usize {
        let prefix = treatment.prefix();
        let blocks = message_blocks(prefix.len() + message.len());
        let head = message.split_at_checked(BLOCK_LEN - prefix.len()).filter(|_| !prefix.is_empty());
        let (rest, before) = head.map_or((message, prefix), |(_, rest)| (rest, &[][..]));
        let (body, tail) = rest.as_chunks();
        self.lay_out_ends(message, before, tail);
        if let Some((head, _)) = head {
            self.own[0][..prefix.len()].copy_from_slice(prefix);
            self.own[0][prefix.len()..].copy_from_slice(head);
        }
        let ends = blocks - usize::from(head.is_some()) - body.len();
        let bits = 8 * (prefix.len() + message.len()) as u64;
        self.own[ends][BLOCK_LEN - 8..].copy_from_slice(&bits.to_be_bytes());
        (self.heads, self.body) = (usize::from(head.is_some()), body);
        blocks
    }

    /// Writes the blocks after the body without the length: the prefix if it is not in the head, the tail, the padding
    /// bit, zeros.
    #[inline]
    fn lay_out_ends(&mut self, message: &[u8], before: &[u8], tail: &[u8]) {
        self.own[1..].fill(*NOTHING);
        let own = self.own.as_flattened_mut();
        let end = BLOCK_LEN + before.len() + tail.len();
        match message.last_chunk::<BLOCK_LEN>() {
            // A copy of constant length, which overwrites a part of the head's place, takes half the time of one of
            // variable length.
            Some(last) if before.is_empty() => own[end - BLOCK_LEN..end].copy_from_slice(last),
            _ => {
                own[BLOCK_LEN..][..before.len()].copy_from_slice(before);
                own[end - tail.len()..end].copy_from_slice(tail);
            }
        }
        own[end] = 0x80;
    }

    /// The block with the given index; an arbitrary block if the message has no such block.
    #[cfg_attr(not(unoptimised), inline(always))]
    pub(crate) fn block(&self, index: usize) -> &Block {
        match self.body.get(index.wrapping_sub(self.heads)) {
            Some(block) => block,
            None => self.own.get((index + 1).saturating_sub(self.heads + self.body.len())).unwrap_or(NOTHING),
        }
    }

    /// The hash of the whole message of `blocks` blocks, from `hash`, the state after the first `taken` blocks.
    pub(crate) fn hash_rest(&self, (taken, blocks): (usize, usize), hash: &[u8; 32]) -> [u8; 32] {
        let mut state = [0; 8];
        for (word, bytes) in state.iter_mut().zip(hash.as_chunks().0) {
            *word = u32::from_be_bytes(*bytes);
        }
        let before_ends = self.heads + self.body.len();
        compress256(&mut state, &self.own[taken.min(self.heads)..self.heads]);
        compress256(&mut state, self.body.get(taken.saturating_sub(self.heads)..).unwrap_or_default());
        compress256(&mut state, &self.own[1 + taken.saturating_sub(before_ends)..1 + blocks - before_ends]);
        crate::portable::to_bytes(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::constants::IV;

    /// Every treatment and length up to some blocks, the message and its padding.
    fn each_padded(see: impl Fn(Treatment, &[u8], Vec<u8>)) {
        let bytes: Vec<u8> = (0..5 * BLOCK_LEN).map(|i| i as u8 | 1).collect();
        for treatment in [Treatment::Twice, Treatment::Leaf] {
            for message in (0..bytes.len()).map(|len| &bytes[..len]) {
                let len = treatment.prefix().len() + message.len();
                let zeros = (2 * BLOCK_LEN - 9 - len % BLOCK_LEN) % BLOCK_LEN;
                let bits = 8 * len as u64;
                let padded = [treatment.prefix(), message, &[0x80], &vec![0; zeros], &bits.to_be_bytes()].concat();
                see(treatment, message, padded);
            }
        }
    }

    #[test]
    fn every_length_is_padded_as_the_standard_says() {
        each_padded(|treatment, message, padded| {
            let mut cut = Cut { own: [[0x5a; BLOCK_LEN]; OWN], ..Cut::NONE };
            let blocks = cut.set(treatment, message);
            let blocks: Vec<u8> = (0..blocks).flat_map(|index| *cut.block(index)).collect();
            assert_eq!(blocks, padded, "{treatment:?}, {} bytes", message.len());
        });
    }

    #[test]
    fn the_rest_of_a_message_is_hashed_from_any_block_on() {
        each_padded(|treatment, message, padded| {
            let mut cut = Cut::NONE;
            let blocks = cut.set(treatment, message);
            for taken in 0..=blocks {
                let mut state = IV;
                compress256(&mut state, &padded.as_chunks().0[..taken]);
                let hash = cut.hash_rest((taken, blocks), &crate::portable::to_bytes(state));
                assert_eq!(treatment.finish(hash), treatment.of(message), "{} bytes, {taken} taken", message.len());
            }
        });
    }

    #[test]
    fn a_block_beyond_the_end_can_be_read() {
        let mut cut = Cut::NONE;
        assert_eq!(cut.block(1_000), NOTHING);
        let blocks = cut.set(Treatment::Twice, &[7; 3 * BLOCK_LEN]);
        assert_eq!((blocks, cut.block(usize::MAX - 1)), (4, NOTHING));
    }
}
