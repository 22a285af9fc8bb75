//! Framed blocks as in Bitcoin Core's blk*.dat: magic, length (little-endian), block. Only headers are kept.
//!
//! Zeros between frames are space that Bitcoin Core preallocates. Bodies are skipped unread.

use cityseal_hash::HEADER_LEN;

use super::decode_error::DecodeError;
use super::frame::{FRAME_LEN, Frame, FrameNetwork, STRAY_BYTES, StrayFrame};
use super::place::{HeaderSink, Place};

/// Decoder of framed blocks.
#[derive(Debug)]
pub struct FramedBlocks {
    /// Frame and header of the current block.
    held: [u8; STRAY_BYTES],
    len: usize,
    /// The error in the frame's length, unless the frame turns out to be stray.
    wrong_length: Option<DecodeError>,
    /// Bytes of the body still to be skipped.
    skip: u64,
    /// Bytes of the file so far.
    offset: u64,
    /// Byte at which the current block begins.
    block: u64,
    network: FrameNetwork,
}

impl Default for FramedBlocks {
    fn default() -> Self {
        Self {
            held: [0; STRAY_BYTES],
            len: 0,
            wrong_length: None,
            skip: 0,
            offset: 0,
            block: 0,
            network: FrameNetwork::default(),
        }
    }
}

impl FramedBlocks {
    /// Accepts only frames of this network.
    pub(super) fn expect(&mut self, network: FrameNetwork) {
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
        // Preallocated zeros before a frame are not part of it.
        if self.len == 0 {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            if zeros > 0 {
                return Ok(zeros);
            }
            self.block = self.offset;
        }
        // The frame is checked as soon as it is complete, before the header has arrived.
        let wanted = if self.len < FRAME_LEN { FRAME_LEN } else { self.held.len() };
        let used = bytes.len().min(wanted - self.len);
        self.held[self.len..self.len + used].copy_from_slice(&bytes[..used]);
        self.len += used;
        match self.len {
            FRAME_LEN => self.check_frame()?,
            len if len == self.held.len() => self.take_header(sink)?,
            _ => {}
        }
        Ok(used)
    }

    /// Refuses a wrong magic at once; a wrong length only once the frame is known not to be stray.
    fn check_frame(&mut self) -> Result<(), DecodeError> {
        let [a, b, c, d, e, f, g, h, ..] = self.held;
        self.wrong_length = None;
        match Frame::read([a, b, c, d, e, f, g, h], self.block, &mut self.network) {
            Ok(_) => Ok(()),
            Err(length @ (DecodeError::SmallBlock { .. } | DecodeError::LargeFrame { .. })) => {
                self.wrong_length = Some(length);
                Ok(())
            }
            Err(magic) => Err(magic),
        }
    }

    const fn length(&self) -> u32 {
        u32::from_le_bytes([self.held[4], self.held[5], self.held[6], self.held[7]])
    }

    /// Handles a complete frame and header.
    fn take_header(&mut self, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        if StrayFrame::of(&self.held) == StrayFrame::Yes {
            self.held.copy_within(FRAME_LEN.., 0);
            self.len -= FRAME_LEN;
            self.block += FRAME_LEN as u64;
            return self.check_frame();
        }
        if let Some(wrong) = self.wrong_length.take() {
            return Err(wrong);
        }
        self.skip = u64::from(self.length()) - HEADER_LEN as u64;
        self.len = 0;
        sink.take(&self.held[FRAME_LEN..], Place::Byte(self.block + FRAME_LEN as u64));
        Ok(())
    }

    pub(super) fn end(&self) -> Result<(), DecodeError> {
        match &self.wrong_length {
            Some(wrong) => Err(wrong.clone()),
            None if self.len == 0 && self.skip == 0 => Ok(()),
            None => Err(DecodeError::CutBlock { offset: self.block }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode_error::DecodeError;
    use super::super::decoder::tests::decode;
    use super::super::detect::Format;
    use super::super::place::Place;

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
    fn a_stray_frame_before_a_frame_is_skipped_however_wrong_its_length_is() {
        for length in [0, 79, 80, 90, 500, u32::MAX] {
            let stray = [MAINNET, length.to_le_bytes()].concat();
            let file = [framed(MAINNET, 1, 10), stray, framed(MAINNET, 2, 10)].concat();
            for split in [0, 100, 110, 120, file.len() - 1] {
                let (collected, result) = decode(Format::FramedBlocks, &[&file[..split], &file[split..]]);
                assert_eq!(result, Ok(()), "{length}");
                assert_eq!(collected.headers, [[1; 80], [2; 80]].concat());
                assert_eq!(collected.places, [Place::Byte(8), Place::Byte(98 + 8 + 8)]);
            }
        }
    }

    #[test]
    fn a_file_truncated_in_a_body_gives_its_header_and_reports_where_the_block_begins() {
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
