//! Blocks framed as in Bitcoin Core's blk*.dat: magic, length (little-endian), block. Only the header is taken.
//!
//! Zeros between frames are the room that Bitcoin Core reserves in advance. The bodies are skipped unread.

use cityseal_hash::HEADER_LEN;

use super::frame::{FRAME_LEN, Frame, FrameNetwork};
use super::{DecodeError, HeaderSink, Place};

/// Decoder of framed blocks.
#[derive(Debug)]
pub struct FramedBlocks {
    /// Frame and header of the block that is being read.
    held: [u8; FRAME_LEN + HEADER_LEN],
    len: usize,
    /// Bytes of the body that are still to come.
    skip: u64,
    /// Bytes of the file so far.
    offset: u64,
    /// Where the block that is being read begins.
    block: u64,
    network: FrameNetwork,
}

impl Default for FramedBlocks {
    fn default() -> Self {
        Self {
            held: [0; FRAME_LEN + HEADER_LEN],
            len: 0,
            skip: 0,
            offset: 0,
            block: 0,
            network: FrameNetwork::default(),
        }
    }
}

impl FramedBlocks {
    /// Takes frames of this network alone.
    pub(super) const fn expect(&mut self, network: FrameNetwork) {
        self.network = network;
    }

    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        while !bytes.is_empty() {
            let used = if self.skip > 0 { self.skip_body(bytes) } else { self.collect(bytes, sink)? };
            self.offset += used as u64;
            bytes = &bytes[used..];
        }
        Ok(())
    }

    fn skip_body(&mut self, bytes: &[u8]) -> usize {
        let used = self.skip.min(bytes.len() as u64);
        self.skip -= used;
        used as usize
    }

    fn collect(&mut self, bytes: &[u8], sink: &mut dyn HeaderSink) -> Result<usize, DecodeError> {
        if self.len == 0 {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            if zeros > 0 {
                return Ok(zeros);
            }
            self.block = self.offset;
        }
        // A frame is judged as soon as it is whole, so that an error does not depend on how the bytes arrive.
        let wanted = if self.len < FRAME_LEN { FRAME_LEN } else { self.held.len() };
        let used = bytes.len().min(wanted - self.len);
        self.held[self.len..self.len + used].copy_from_slice(&bytes[..used]);
        self.len += used;
        match self.len {
            FRAME_LEN => self.judge_frame()?,
            len if len == self.held.len() => self.give(sink),
            _ => {}
        }
        Ok(used)
    }

    fn judge_frame(&mut self) -> Result<(), DecodeError> {
        let [a, b, c, d, e, f, g, h, ..] = self.held;
        Frame::read([a, b, c, d, e, f, g, h], self.block, &mut self.network).map(|_| ())
    }

    const fn length(&self) -> u32 {
        u32::from_le_bytes([self.held[4], self.held[5], self.held[6], self.held[7]])
    }

    fn give(&mut self, sink: &mut dyn HeaderSink) {
        self.skip = u64::from(self.length()) - HEADER_LEN as u64;
        self.len = 0;
        sink.take(&self.held[FRAME_LEN..], Place::Byte(self.block + FRAME_LEN as u64));
    }

    pub(super) const fn end(&self) -> Result<(), DecodeError> {
        if self.len == 0 && self.skip == 0 { Ok(()) } else { Err(DecodeError::CutBlock { offset: self.block }) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::decode;
    use super::super::{DecodeError, Format, Place};

    const MAINNET: [u8; 4] = [0xf9, 0xbe, 0xb4, 0xd9];

    fn framed(magic: [u8; 4], header: u8, body: usize) -> Vec<u8> {
        [&magic[..], &(80 + body as u32).to_le_bytes(), &[header; 80], &vec![0x5a; body]].concat()
    }

    #[test]
    fn takes_the_header_of_each_frame_and_skips_bodies_and_reserved_zeros() {
        let file = [framed(MAINNET, 1, 200), vec![0; 13], framed(MAINNET, 2, 0), vec![0; 50]].concat();
        let (collected, result) = decode(Format::FramedBlocks, &[&file]);
        assert_eq!(result, Ok(()));
        assert_eq!(collected.headers, [[1; 80], [2; 80]].concat());
        assert_eq!(collected.places, [Place::Byte(8), Place::Byte(288 + 13 + 8)]);
    }

    #[test]
    fn a_file_cut_in_a_body_gives_its_header_and_says_where_the_block_began() {
        let file = [framed(MAINNET, 1, 10), framed(MAINNET, 2, 10)].concat();
        let (collected, result) = decode(Format::FramedBlocks, &[&file[..file.len() - 1]]);
        assert_eq!(collected.headers.len(), 160);
        assert_eq!(result, Err(DecodeError::CutBlock { offset: 98 }));
    }

    #[test]
    fn refuses_an_unknown_magic_another_network_and_a_block_smaller_than_a_header() {
        let (_, result) = decode(Format::FramedBlocks, &[&framed([1, 2, 3, 4], 1, 0)]);
        assert_eq!(result, Err(DecodeError::Magic { offset: 0, expected: None, found: [1, 2, 3, 4] }));

        let mixed = [framed(MAINNET, 1, 0), framed([0x0b, 0x11, 0x09, 0x07], 1, 0)].concat();
        let (_, result) = decode(Format::FramedBlocks, &[&mixed]);
        assert_eq!(result, Err(DecodeError::MixedNetworks { offset: 88, expected: "mainnet", found: "testnet3" }));

        let mut small = framed(MAINNET, 1, 0);
        small[4] = 79;
        let (_, result) = decode(Format::FramedBlocks, &[&small]);
        assert_eq!(result, Err(DecodeError::SmallBlock { offset: 0, found: 79 }));
    }
}
