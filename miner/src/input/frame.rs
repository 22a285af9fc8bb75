//! The eight bytes before a block in a block file: the network's magic and the block's length, little-endian.

use cityseal_hash::HEADER_LEN;

use super::{BLOCK_BYTES_MAX, DecodeError, MAGICS};

/// Magic and length before each block.
pub(super) const FRAME_LEN: usize = 8;

/// A frame that was judged: of a known network, with a length that a block can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of the block behind it.
    pub(super) len: u32,
}

impl Frame {
    /// Reads the frame at `offset`, in a file of `network`; the first frame tells which that is.
    pub(super) fn read(
        bytes: [u8; FRAME_LEN],
        offset: u64,
        network: &mut Option<&'static str>,
    ) -> Result<Self, DecodeError> {
        let [a, b, c, d, length @ ..] = bytes;
        let magic = [a, b, c, d];
        let known = MAGICS.iter().find(|(bytes, _)| *bytes == magic);
        let &(_, found) = known.ok_or(DecodeError::Magic { offset, expected: *network, found: magic })?;
        let expected = *network.get_or_insert(found);
        if expected != found {
            return Err(DecodeError::MixedNetworks { offset, expected, found });
        }
        match u32::from_le_bytes(length) {
            small if (small as usize) < HEADER_LEN => Err(DecodeError::SmallBlock { offset, found: small }),
            large if u64::from(large) > BLOCK_BYTES_MAX => Err(DecodeError::LargeFrame { offset, found: large }),
            len => Ok(Self { len }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(magic: [u8; 4], len: u32) -> [u8; FRAME_LEN] {
        let mut bytes = [0; FRAME_LEN];
        bytes[..4].copy_from_slice(&magic);
        bytes[4..].copy_from_slice(&len.to_le_bytes());
        bytes
    }

    #[test]
    fn lengths_from_a_header_to_the_largest_block_pass_and_no_others() {
        let read = |len| Frame::read(frame(MAGICS[0].0, len), 7, &mut None);
        assert_eq!(read(80), Ok(Frame { len: 80 }));
        assert_eq!(read(4_000_000), Ok(Frame { len: 4_000_000 }));
        assert_eq!(read(79), Err(DecodeError::SmallBlock { offset: 7, found: 79 }));
        assert_eq!(read(4_000_001), Err(DecodeError::LargeFrame { offset: 7, found: 4_000_001 }));
    }

    #[test]
    fn the_first_frame_tells_the_network_and_a_wrong_magic_is_told_with_what_was_expected() {
        let mut network = None;
        assert!(Frame::read(frame(MAGICS[4].0, 80), 0, &mut network).is_ok());
        assert_eq!(network, Some("regtest"));
        let error = Frame::read(frame([1, 2, 3, 4], 80), 88, &mut network).unwrap_err();
        assert_eq!(error.to_string(), "offset 88: [01, 02, 03, 04] is not the magic of regtest");
        let error = Frame::read(frame([1, 2, 3, 4], 80), 0, &mut None).unwrap_err();
        assert_eq!(error.to_string(), "offset 0: [01, 02, 03, 04] is not the magic of a known network");
    }
}
