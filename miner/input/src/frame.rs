//! The eight bytes before a block in a block file: the network's magic and the block's length, little-endian.
//!
//! Bitcoin Core 0.10 to 23 could leave eight stray bytes, the magic and length of an earlier block, before the frame of
//! a block that it wrote after `-reindex`. [`StrayFrame`] recognises them.

use cityseal_chain::{BlockHeader, Network, Parameters};
use cityseal_hash::HEADER_LEN;

use super::decode_error::{BLOCK_BYTES_MAX, DecodeError};

/// The magic of each built-in network, with its name.
pub const MAGICS: [([u8; 4], &str); 5] = {
    let [a, b, c, d, e] = Network::ALL;
    [(a.magic(), a.name()), (b.magic(), b.name()), (c.magic(), c.name()), (d.magic(), d.name()), (e.magic(), e.name())]
};

/// Magic and length before each block.
pub(super) const FRAME_LEN: usize = 8;

/// Name of a custom signet in messages.
const CUSTOM_SIGNET: &str = "the signet of this challenge";

/// The network whose frames a file may hold: the one that the caller names, otherwise that of the first frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameNetwork {
    expected: Option<Magic>,
    /// The caller named the network, and no frame of it was read yet.
    is_asked: bool,
}

/// A network's magic and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Magic {
    bytes: [u8; 4],
    network: &'static str,
}

impl FrameNetwork {
    /// Accepts the frames of these parameters' network, or of any known network if this one has no magic.
    pub fn of(parameters: &Parameters) -> Self {
        let expected = parameters.magic().map(|bytes| Magic { bytes, network: known(bytes).unwrap_or(CUSTOM_SIGNET) });
        Self { expected, is_asked: expected.is_some() }
    }

    /// Returns the name of the network, once it is known.
    pub(super) fn name(&self) -> Option<&'static str> {
        self.expected.map(|magic| magic.network)
    }

    /// Whether a frame of the network was read.
    pub(super) const fn is_settled(&self) -> bool {
        self.expected.is_some() && !self.is_asked
    }

    /// Returns the magics that the next frame may have.
    pub(super) fn magics(self) -> impl Iterator<Item = [u8; 4]> {
        let known = MAGICS.iter().map(|(bytes, _)| *bytes);
        let any = known.filter(move |_| self.expected.is_none());
        self.expected.map(|magic| magic.bytes).into_iter().chain(any)
    }

    /// Checks the magic of a frame at `offset`.
    fn take(&mut self, found: [u8; 4], offset: u64) -> Result<(), DecodeError> {
        let Some(expected) = self.expected else {
            let network = known(found).ok_or(DecodeError::Magic { offset, expected: None, found })?;
            self.expected = Some(Magic { bytes: found, network });
            return Ok(());
        };
        if expected.bytes == found {
            self.is_asked = false;
            return Ok(());
        }
        let expected = expected.network;
        Err(match known(found) {
            Some(found) if self.is_asked => DecodeError::OtherNetwork { offset, expected, found },
            Some(found) => DecodeError::MixedNetworks { offset, expected, found },
            None => DecodeError::Magic { offset, expected: Some(expected), found },
        })
    }
}

/// Returns the built-in network of a magic.
fn known(magic: [u8; 4]) -> Option<&'static str> {
    Network::ALL.into_iter().find(|network| network.magic() == magic).map(Network::name)
}

/// A valid frame: of a known network, with a length that a block can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Length in bytes of the block after the frame.
    pub(super) len: u32,
}

impl Frame {
    /// Reads the frame at `offset` in a file of `network`; if the network is still open, the first frame decides it.
    pub(super) fn read(bytes: [u8; FRAME_LEN], offset: u64, network: &mut FrameNetwork) -> Result<Self, DecodeError> {
        let [a, b, c, d, length @ ..] = bytes;
        network.take([a, b, c, d], offset)?;
        let len = u32::from_le_bytes(length);
        length_fault(len, offset).map_or(Ok(Self { len }), Err)
    }
}

/// Returns the error for a length that no block has.
fn length_fault(len: u32, offset: u64) -> Option<DecodeError> {
    match len {
        small if (small as usize) < HEADER_LEN => Some(DecodeError::SmallBlock { offset, found: small }),
        large if u64::from(large) > BLOCK_BYTES_MAX => Some(DecodeError::LargeFrame { offset, found: large }),
        _ => None,
    }
}

/// What follows a frame that may be stray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StrayFrame {
    /// A frame where a header should be: the frame before it is stray.
    Yes,
    /// No frame, or a header with proof of work whose version happens to equal a magic.
    No,
    /// More bytes are needed to decide.
    Unknown,
}

/// Bytes that decide whether a frame is stray: the frame itself, and the header after it.
pub(super) const STRAY_BYTES: usize = FRAME_LEN + HEADER_LEN;

impl StrayFrame {
    /// Inspects the bytes from a frame on. No mined block has a network's magic as its version, so a second frame right
    /// after the first one shows that the first is stray; proof of work is checked anyway.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let Some((frame, behind)) = bytes.split_first_chunk::<FRAME_LEN>() else { return Self::Unknown };
        let magic = &frame[..4];
        let known = behind.len().min(4);
        if behind[..known] != magic[..known] {
            return Self::No;
        }
        let Some(inner) = behind.first_chunk::<FRAME_LEN>() else { return Self::Unknown };
        let length = u32::from_le_bytes([inner[4], inner[5], inner[6], inner[7]]);
        if length_fault(length, 0).is_some() {
            return Self::No;
        }
        match behind.first_chunk::<HEADER_LEN>() {
            Some(header) if has_work(header) => Self::No,
            Some(_) => Self::Yes,
            None => Self::Unknown,
        }
    }
}

/// Whether the hash of a header meets the target of its own bits.
pub(super) fn has_work(header: &[u8; HEADER_LEN]) -> bool {
    let header = BlockHeader::from_wire(header);
    header.bits.decode().is_ok_and(|target| target.is_met_by(&header.hash()))
}

/// Returns the number of leading zero bytes, counted in steps of a machine word.
pub(super) fn leading_zeros(bytes: &[u8]) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    let whole = 8 * words.iter().take_while(|word| **word == [0; 8]).count();
    whole + bytes[whole..].iter().take_while(|byte| **byte == 0).count()
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
        let read = |len| Frame::read(frame(MAGICS[0].0, len), 7, &mut FrameNetwork::default());
        assert_eq!(read(80), Ok(Frame { len: 80 }));
        assert_eq!(read(4_000_000), Ok(Frame { len: 4_000_000 }));
        assert_eq!(read(79), Err(DecodeError::SmallBlock { offset: 7, found: 79 }));
        assert_eq!(read(4_000_001), Err(DecodeError::LargeFrame { offset: 7, found: 4_000_001 }));
    }

    #[test]
    fn the_first_frame_decides_the_network_and_a_wrong_magic_is_named_with_what_was_expected() {
        let mut network = FrameNetwork::default();
        assert_eq!(network.magics().count(), 5);
        assert!(Frame::read(frame(MAGICS[4].0, 80), 0, &mut network).is_ok());
        assert_eq!((network.name(), network.magics().collect::<Vec<_>>()), (Some("regtest"), vec![MAGICS[4].0]));
        let error = Frame::read(frame([1, 2, 3, 4], 80), 88, &mut network).unwrap_err();
        assert_eq!(error.to_string(), "offset 88: expected the magic of regtest, found [01, 02, 03, 04]");
        let error = Frame::read(frame([1, 2, 3, 4], 80), 0, &mut FrameNetwork::default()).unwrap_err();
        assert_eq!(error.to_string(), "offset 0: expected the magic of a known network, found [01, 02, 03, 04]");
    }

    #[test]
    fn a_frame_of_another_network_than_the_requested_one_is_reported_with_the_flag_that_reads_it() {
        let mainnet = FrameNetwork::of(&Parameters::of(Network::Mainnet));
        let signet = frame(Network::Signet.magic(), 80);
        let error = Frame::read(signet, 0, &mut mainnet.clone()).unwrap_err();
        assert_eq!(error, DecodeError::OtherNetwork { offset: 0, expected: "mainnet", found: "signet" });
        assert!(error.to_string().contains("use --network signet"), "{error}");

        let mut seen = mainnet;
        Frame::read(frame(Network::Mainnet.magic(), 80), 0, &mut seen).unwrap();
        let error = Frame::read(signet, 88, &mut seen).unwrap_err();
        assert_eq!(error, DecodeError::MixedNetworks { offset: 88, expected: "mainnet", found: "signet" });
    }

    #[test]
    fn the_frames_of_a_custom_signet_have_only_the_magic_of_its_challenge() {
        let mut custom = FrameNetwork::of(&Parameters::of(Network::Signet).with_signet_challenge(vec![0x51]));
        assert_eq!(custom.magics().collect::<Vec<_>>(), [[0x54, 0xd2, 0x6f, 0xbd]]);
        assert!(Frame::read(frame([0x54, 0xd2, 0x6f, 0xbd], 80), 0, &mut custom).is_ok());
        let asked = FrameNetwork::of(&Parameters::of(Network::Signet).with_signet_challenge(vec![0x51]));
        let error = Frame::read(frame(Network::Signet.magic(), 80), 0, &mut asked.clone()).unwrap_err();
        assert!(matches!(error, DecodeError::OtherNetwork { found: "signet", .. }), "{error}");
    }

    #[test]
    fn a_frame_with_another_frame_in_the_place_of_a_header_is_stray() {
        let inner = [&frame(MAGICS[0].0, 215)[..], &[7; 80]].concat();
        let stray = |outer: u32| [&frame(MAGICS[0].0, outer)[..], &inner].concat();
        for outer in [0, 79, 80, 215, 4_000_000, u32::MAX] {
            assert_eq!(StrayFrame::of(&stray(outer)), StrayFrame::Yes, "{outer}");
        }
        for end in 0..STRAY_BYTES {
            assert_eq!(StrayFrame::of(&stray(100)[..end]), StrayFrame::Unknown, "{end}");
        }
        let other_network = [&frame(MAGICS[1].0, 100)[..], &inner].concat();
        assert_eq!(StrayFrame::of(&other_network), StrayFrame::No);
        let no_length = [&frame(MAGICS[0].0, 100)[..], &frame(MAGICS[0].0, 79), &[7; 80]].concat();
        assert_eq!(StrayFrame::of(&no_length), StrayFrame::No);
    }

    #[test]
    fn a_header_with_work_whose_version_looks_like_a_magic_is_a_block() {
        let parameters = Parameters::of(Network::Regtest);
        let magic = MAGICS[4].0;
        // The second half of the frame is the beginning of the parent's hash: a length of 80 bytes.
        let mut header = *parameters.genesis();
        header.version = i32::from_le_bytes(magic);
        let mut parent = [0; 32];
        parent[..4].copy_from_slice(&80_u32.to_le_bytes());
        header.prev_block_hash = cityseal_chain::BlockHash::from_wire(parent);
        while !has_work(&header.to_wire()) {
            header.nonce += 1;
        }
        let bytes = [&frame(magic, 80)[..], &header.to_wire()].concat();
        assert_eq!(StrayFrame::of(&bytes), StrayFrame::No);
        header.bits = cityseal_chain::CompactTarget::from_bits(0x1d00_ffff);
        let bytes = [&frame(magic, 80)[..], &header.to_wire()].concat();
        assert_eq!(StrayFrame::of(&bytes), StrayFrame::Yes);
    }
}
