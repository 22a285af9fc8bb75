//! Splits a stream of bytes into blocks, because a message must hold whole blocks only.
//!
//! The end of a block follows from the counts and lengths inside it. If these are invalid, everything up to the largest
//! block size is sent as one block, so that the service reports the broken rule and its place; nothing can follow that
//! block.

use cityseal_chain::body::{BLOCK_BYTES_MAX, Extent, block_extent};
use cityseal_proto::field::HEADER_LEN;
use prost::bytes::{Bytes, BytesMut};

/// Maximum size of a message's headers in bytes: 13,107 headers, just below 1 MiB. Larger messages are no faster and
/// delay the first byte. Blocks are gathered up to this size; a larger block gets its own message.
pub const CHUNK_BYTES_MAX: usize = (1 << 20) / HEADER_LEN * HEADER_LEN;

/// Received bytes that are not split into blocks yet.
#[derive(Debug, Default)]
pub(crate) struct BlockCutter {
    held: BytesMut,
    /// Buffered bytes needed before the end of the first block is searched for again.
    wanted: usize,
    /// The end of the first buffered block cannot be determined.
    endless: bool,
}

/// Whole blocks for one message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blocks {
    pub(crate) bytes: Bytes,
    /// Length of each block in bytes.
    pub(crate) lens: Vec<usize>,
}

impl BlockCutter {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The blocks of the next message, or `None` if no whole block is buffered.
    pub(crate) fn next(&mut self) -> Option<Blocks> {
        if self.held.len() < self.wanted {
            return None;
        }
        let (mut end, mut lens) = (0, Vec::new());
        while !self.endless && self.held.len() - end >= HEADER_LEN {
            match block_extent(&self.held[end..]) {
                Ok(Extent::Whole(len)) if lens.is_empty() || end + len <= CHUNK_BYTES_MAX => {
                    end += len;
                    lens.push(len);
                }
                Ok(Extent::Whole(_)) => break,
                Ok(Extent::Cut) => {
                    // Wait for a quarter more each time, so that small pieces do not cause a parse each.
                    let open = self.held.len() - end;
                    self.wanted = open + open / 4;
                    break;
                }
                Err(_) => self.endless = true,
            }
        }
        if lens.is_empty() {
            return (self.endless && self.held.len() >= BLOCK_BYTES_MAX).then(|| self.endless_block());
        }
        Some(Blocks { bytes: self.held.split_to(end).freeze(), lens })
    }

    /// Call repeatedly after the source has ended: returns the remaining blocks. A truncated last block is not
    /// returned.
    pub(crate) fn end(&mut self) -> Option<Blocks> {
        self.wanted = 0;
        self.next().or_else(|| (self.endless && !self.held.is_empty()).then(|| self.endless_block()))
    }

    /// Whether all input was split into whole blocks.
    pub(crate) fn is_even(&self) -> bool {
        self.held.is_empty() && !self.endless
    }

    /// Whether the last block returned was one without a known end, which nothing can follow.
    pub(crate) fn is_over(&self) -> bool {
        self.endless && self.held.is_empty()
    }

    fn endless_block(&mut self) -> Blocks {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.truncate(BLOCK_BYTES_MAX);
        let lens = vec![bytes.len()];
        Blocks { bytes: bytes.freeze(), lens }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A block of one transaction whose script has `script` bytes.
    fn block(script: usize) -> Vec<u8> {
        let transaction =
            [&[1, 0, 0, 0, 1][..], &[7; 36], &[0xfd], &(script as u16).to_le_bytes(), &vec![0x51; script]];
        let rest: [&[u8]; 4] = [&[0xff; 4], &[1], &[0; 9], &[0; 4]];
        [&[script as u8; HEADER_LEN][..], &[1], &transaction.concat(), &rest.concat()].concat()
    }

    fn cut(pieces: &[&[u8]]) -> (Vec<Blocks>, BlockCutter) {
        let (mut cutter, mut out) = (BlockCutter::default(), Vec::new());
        for piece in pieces {
            cutter.push(piece);
            out.extend(std::iter::from_fn(|| cutter.next()));
        }
        out.extend(std::iter::from_fn(|| cutter.end()));
        (out, cutter)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_pieces_give_the_same_blocks(
            scripts in proptest::collection::vec(300_usize..3000, 0..12), piece in 1_usize..4000,
        ) {
            let blocks: Vec<Vec<u8>> = scripts.into_iter().map(block).collect();
            let bytes = blocks.concat();
            let (out, cutter) = cut(&bytes.chunks(piece).collect::<Vec<_>>());
            let lens: Vec<usize> = out.iter().flat_map(|part| part.lens.clone()).collect();
            prop_assert_eq!(lens, blocks.iter().map(Vec::len).collect::<Vec<_>>());
            prop_assert_eq!(out.iter().flat_map(|part| part.bytes.to_vec()).collect::<Vec<_>>(), bytes);
            prop_assert!(cutter.is_even());
        }
    }

    #[test]
    fn a_message_holds_as_many_blocks_as_fit_and_a_larger_block_gets_its_own() {
        let small = block(60_000);
        let (out, _) = cut(&[&small.repeat(40)]);
        assert!(out.iter().all(|part| part.bytes.len() <= CHUNK_BYTES_MAX && part.lens.len() > 1), "{}", out.len());
        assert_eq!(out.iter().map(|part| part.lens.len()).sum::<usize>(), 40);
        let transaction = &small[HEADER_LEN + 1..];
        let large = [&[7; HEADER_LEN][..], &[30], &transaction.repeat(30)].concat();
        let (out, _) = cut(&[&[large.clone(), small].concat()]);
        assert!(large.len() > CHUNK_BYTES_MAX);
        assert_eq!((out.len(), out[0].lens.clone()), (2, vec![large.len()]));
    }

    #[test]
    fn a_truncated_block_is_not_sent_and_one_without_a_known_end_is_sent_unchanged() {
        let whole = block(300);
        let (out, cutter) = cut(&[&whole, &whole[..whole.len() - 1]]);
        assert_eq!((out.len(), cutter.is_even(), cutter.is_over()), (1, false, false));
        // The transaction count is not in its shortest encoding.
        let endless = [&whole[..HEADER_LEN], &[0xfd, 1, 0], &whole].concat();
        let (out, cutter) = cut(&[&whole, &endless]);
        assert_eq!(out[1], Blocks { lens: vec![endless.len()], bytes: endless.into() });
        assert!(cutter.is_over() && !cutter.is_even());
    }
}
