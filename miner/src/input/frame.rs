//! The eight bytes before a block in a block file: the network's magic and the block's length, little-endian.

use cityseal_chain::{Network, Parameters};
use cityseal_hash::HEADER_LEN;

use super::{BLOCK_BYTES_MAX, DecodeError, MAGICS};

/// Magic and length before each block.
pub(super) const FRAME_LEN: usize = 8;

/// What a custom signet is called in messages.
const CUSTOM_SIGNET: &str = "the signet of this challenge";

/// The network whose frames a file may hold: the one that the caller names, otherwise that of the first frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameNetwork {
    expected: Option<Magic>,
    /// The caller named the network, and no frame of it was read yet.
    is_asked: bool,
}

/// A network's magic with the network's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Magic {
    bytes: [u8; 4],
    network: &'static str,
}

impl FrameNetwork {
    /// The frames of these parameters' network; any known ones for a network of its own that has no magic.
    pub fn of(parameters: &Parameters) -> Self {
        let expected = parameters.magic().map(|bytes| Magic { bytes, network: known(bytes).unwrap_or(CUSTOM_SIGNET) });
        Self { expected, is_asked: expected.is_some() }
    }

    /// The name of the network, once it is known.
    pub(super) fn name(&self) -> Option<&'static str> {
        self.expected.map(|magic| magic.network)
    }

    /// A frame of the network was read.
    pub(super) const fn is_settled(&self) -> bool {
        self.expected.is_some() && !self.is_asked
    }

    /// The magics that the next frame may have.
    pub(super) fn magics(self) -> impl Iterator<Item = [u8; 4]> {
        let known = MAGICS.iter().map(|(bytes, _)| *bytes);
        let any = known.filter(move |_| self.expected.is_none());
        self.expected.map(|magic| magic.bytes).into_iter().chain(any)
    }

    /// Takes the magic of a frame at `offset`.
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

/// The built-in network of a magic.
fn known(magic: [u8; 4]) -> Option<&'static str> {
    Network::ALL.into_iter().find(|network| network.magic() == magic).map(Network::name)
}

/// A frame that was judged: of a known network, with a length that a block can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of the block behind it.
    pub(super) len: u32,
}

impl Frame {
    /// Reads the frame at `offset`, in a file of `network`; where that is open, the first frame decides it.
    pub(super) fn read(bytes: [u8; FRAME_LEN], offset: u64, network: &mut FrameNetwork) -> Result<Self, DecodeError> {
        let [a, b, c, d, length @ ..] = bytes;
        network.take([a, b, c, d], offset)?;
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
        assert_eq!(error.to_string(), "offset 88: [01, 02, 03, 04] is not the magic of regtest");
        let error = Frame::read(frame([1, 2, 3, 4], 80), 0, &mut FrameNetwork::default()).unwrap_err();
        assert_eq!(error.to_string(), "offset 0: [01, 02, 03, 04] is not the magic of a known network");
    }

    #[test]
    fn a_frame_of_another_network_than_the_one_asked_for_is_named_with_the_flag_that_reads_it() {
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
    fn the_frames_of_a_custom_signet_have_the_magic_of_its_challenge_alone() {
        let mut custom = FrameNetwork::of(&Parameters::of(Network::Signet).with_signet_challenge(vec![0x51]));
        assert_eq!(custom.magics().collect::<Vec<_>>(), [[0x54, 0xd2, 0x6f, 0xbd]]);
        assert!(Frame::read(frame([0x54, 0xd2, 0x6f, 0xbd], 80), 0, &mut custom).is_ok());
        let asked = FrameNetwork::of(&Parameters::of(Network::Signet).with_signet_challenge(vec![0x51]));
        let error = Frame::read(frame(Network::Signet.magic(), 80), 0, &mut asked.clone()).unwrap_err();
        assert!(matches!(error, DecodeError::OtherNetwork { found: "signet", .. }), "{error}");
    }
}
