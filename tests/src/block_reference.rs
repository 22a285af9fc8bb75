//! The expected verdict on a chain of whole blocks: a slow walk over its bytes, block by block, with the reference
//! implementations of the header and body rules.
//!
//! The product is compared with it from outside, for any splitting, batching, kernel and device. None of the product's
//! splitting code is used: the end of a block without a frame is found by the reference parser.

use cityseal_engine::chain::body::reference::judge_block;
use cityseal_engine::chain::body::{BLOCK_BYTES_MAX, BodyContext, BrokenBody, EncodingFault, EncodingKind};
use cityseal_engine::chain::reference::judge_headers;
use cityseal_engine::chain::{BlockHeader, Fault, FaultValue, PERIOD_HEADERS, Parameters};
use cityseal_input::DecodeError;

use crate::synthetic::FRAME_BYTES;
use crate::synthetic::block::{HEADER_BYTES, header_of};

/// The magics of the networks (Bitcoin Core: `pchMessageStart`).
const MAGICS: [([u8; 4], &str); 5] = [
    ([0xf9, 0xbe, 0xb4, 0xd9], "mainnet"),
    ([0x0b, 0x11, 0x09, 0x07], "testnet3"),
    ([0x1c, 0x16, 0x3f, 0x28], "testnet4"),
    ([0x0a, 0x03, 0xcf, 0x40], "signet"),
    ([0xfa, 0xbf, 0xb5, 0xda], "regtest"),
];

/// Headers before a block that a rule may depend on.
const HEADERS_BEFORE: usize = PERIOD_HEADERS as usize + 11;

/// How the blocks of a chain are concatenated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Blocks directly one after another.
    Raw,
    /// Magic and length before each block.
    Framed,
}

/// The expected verdict on a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Blocks that passed.
    pub count: u64,
    /// The first fault, if any.
    pub fault: Option<Fault>,
    /// The error that ended the walk before the end of the input, if any.
    pub error: Option<DecodeError>,
}

impl Expected {
    /// The verdict's name.
    pub const fn verdict(&self) -> &'static str {
        match (&self.fault, &self.error, self.count) {
            (Some(_), _, _) => "fault",
            (None, Some(_), _) | (None, None, 0) => "incomplete",
            (None, None, _) => "valid",
        }
    }
}

/// A walk over a chain's bytes.
#[derive(Clone, Debug)]
pub struct BlockReference<'a> {
    parameters: &'a Parameters,
    framing: Framing,
    now: u64,
    /// The known headers below the next block.
    headers: Vec<BlockHeader>,
    height: u64,
    /// Offset of the next bytes in the input.
    offset: u64,
    network: Option<&'static str>,
}

/// What the remaining bytes begin with.
enum Front {
    /// A block of `len` bytes after a frame of `skip` bytes.
    Block { skip: usize, len: usize },
    /// A malformed block whose end is unknown; it is checked as a block, and nothing follows it.
    Endless { len: usize },
    /// The end of the input.
    End,
}

impl<'a> BlockReference<'a> {
    /// A walk that starts with the genesis block. `now` is Unix time.
    pub const fn new(parameters: &'a Parameters, framing: Framing, now: u64) -> Self {
        Self { parameters, framing, now, headers: Vec::new(), height: 0, offset: 0, network: None }
    }

    /// A walk that starts at `height` after `below`, the trusted headers directly below it, at byte `offset` of the
    /// input. Earlier frames had the magic of `network`.
    #[must_use]
    pub fn from(mut self, height: u64, below: &[BlockHeader], offset: u64, network: Option<&'static str>) -> Self {
        (self.height, self.headers, self.offset, self.network) = (height, below.to_vec(), offset, network);
        self
    }

    /// Walks over all bytes, or up to the first fault.
    pub fn walk(mut self, mut bytes: &[u8]) -> Expected {
        let mut verdict = Expected { count: 0, fault: None, error: None };
        while verdict.fault.is_none() {
            let (skip, len, is_last) = match self.front(&mut bytes) {
                Ok(Front::Block { skip, len }) => (skip, len, false),
                Ok(Front::Endless { len }) => (0, len, true),
                Ok(Front::End) => break,
                Err(error) => {
                    verdict.error = Some(error);
                    break;
                }
            };
            let (block, rest) = bytes[skip..].split_at(len);
            verdict.fault = self.judge(block, self.offset + skip as u64);
            verdict.count += u64::from(verdict.fault.is_none());
            self.headers.push(header_of(block));
            self.height += 1;
            self.offset += (skip + len) as u64;
            bytes = rest;
            if is_last {
                break;
            }
        }
        verdict
    }

    fn front(&mut self, bytes: &mut &[u8]) -> Result<Front, DecodeError> {
        match self.framing {
            Framing::Raw => self.front_of_raw(bytes),
            Framing::Framed => self.front_of_framed(bytes),
        }
    }

    fn front_of_framed(&mut self, bytes: &mut &[u8]) -> Result<Front, DecodeError> {
        // Zeros between frames are space that a node has preallocated.
        while let [0, rest @ ..] = bytes {
            *bytes = rest;
            self.offset += 1;
        }
        let offset = self.offset;
        let Some((frame, block)) = bytes.split_at_checked(FRAME_BYTES) else {
            return if bytes.is_empty() { Ok(Front::End) } else { Err(DecodeError::CutBlock { offset }) };
        };
        let found = [frame[0], frame[1], frame[2], frame[3]];
        let known = MAGICS.iter().find(|(magic, _)| *magic == found);
        let Some((_, name)) = known else {
            return Err(DecodeError::Magic { offset, expected: self.network, found });
        };
        let expected = *self.network.get_or_insert(name);
        if expected != *name {
            return Err(DecodeError::MixedNetworks { offset, expected, found: name });
        }
        let len = u32::from_le_bytes([frame[4], frame[5], frame[6], frame[7]]);
        match len as usize {
            0..HEADER_BYTES => Err(DecodeError::SmallBlock { offset, found: len }),
            large if large > BLOCK_BYTES_MAX => Err(DecodeError::LargeFrame { offset, found: len }),
            past if past > block.len() => Err(DecodeError::CutBlock { offset }),
            len => Ok(Front::Block { skip: FRAME_BYTES, len }),
        }
    }

    fn front_of_raw(&self, bytes: &[u8]) -> Result<Front, DecodeError> {
        let offset = self.offset;
        match bytes.len() {
            0 => return Ok(Front::End),
            found @ 1..HEADER_BYTES => return Err(DecodeError::CutHeader { offset, found }),
            _ => {}
        }
        let within = &bytes[..bytes.len().min(BLOCK_BYTES_MAX)];
        match self.encoding_fault(within) {
            None => Ok(Front::Block { skip: 0, len: within.len() }),
            Some(EncodingFault { at, kind: EncodingKind::Trailing }) => Ok(Front::Block { skip: 0, len: at as usize }),
            Some(fault) if self.may_be_truncated(within, fault) => Err(DecodeError::CutBlock { offset }),
            Some(_) => Ok(Front::Endless { len: within.len() }),
        }
    }

    /// Whether the fault could be due to missing bytes: it changes or disappears when zeros are appended up to the
    /// largest block size.
    fn may_be_truncated(&self, within: &[u8], fault: EncodingFault) -> bool {
        let mut padded = within.to_vec();
        padded.resize(BLOCK_BYTES_MAX, 0);
        self.encoding_fault(&padded) != Some(fault)
    }

    /// The fault by R20 in these bytes as one block.
    fn encoding_fault(&self, bytes: &[u8]) -> Option<EncodingFault> {
        match judge_block(self.parameters, &self.body_context(), bytes).broken {
            Some(BrokenBody { found: FaultValue::Encoding(fault), .. }) => Some(fault),
            _ => None,
        }
    }

    fn body_context(&self) -> BodyContext {
        let mut times: Vec<u32> = self.headers.iter().rev().take(11).map(|header| header.time).collect();
        times.sort_unstable();
        let is_known = times.len() == 11 || self.headers.len() as u64 == self.height;
        let median_time = if is_known { times.get(times.len() / 2).copied() } else { None };
        BodyContext { height: self.height, median_time }
    }

    /// Checks the header by all its rules, then the body.
    fn judge(&self, block: &[u8], offset: u64) -> Option<Fault> {
        let below = &self.headers[self.headers.len().saturating_sub(HEADERS_BEFORE)..];
        let summary = judge_headers(self.parameters, self.height, below, &[header_of(block)], self.now);
        if let Some(fault) = summary.fault {
            return Some(Fault { offset, ..fault });
        }
        let BrokenBody { rule, expected, found, transaction } =
            judge_block(self.parameters, &self.body_context(), block).broken?;
        Some(Fault { height: self.height, rule, expected, found, offset, transaction })
    }
}

#[cfg(test)]
mod tests {
    use cityseal_engine::chain::Rule;

    use super::*;
    use crate::synthetic::{Home, chain};

    const NOW: u64 = 4_000_000_000;
    const BLOCKS: usize = 8;
    const BLOCK_BYTES: usize = 3_000;

    fn bytes(framing: Framing) -> Vec<u8> {
        let home = Home::regtest();
        let blocks = chain(21, BLOCKS as u64, BLOCK_BYTES);
        match framing {
            Framing::Raw => blocks.concat(),
            Framing::Framed => blocks.iter().flat_map(|block| home.framed(block)).collect(),
        }
    }

    fn walked(framing: Framing, bytes: &[u8]) -> Expected {
        BlockReference::new(Home::regtest().parameters(), framing, NOW).walk(bytes)
    }

    /// Offset of a block's header.
    fn start(framing: Framing, block: usize) -> usize {
        let frames = if framing == Framing::Framed { FRAME_BYTES } else { 0 };
        frames
            + (block > 0) as usize
                * (Home::regtest().genesis().len() + frames + (block.max(1) - 1) * (BLOCK_BYTES + frames))
    }

    fn rule_at(verdict: &Expected) -> Option<(u64, Rule, u64)> {
        verdict.fault.map(|fault| (fault.height, fault.rule, fault.offset))
    }

    #[test]
    fn an_intact_chain_is_valid_with_and_without_frames() {
        for framing in [Framing::Raw, Framing::Framed] {
            let all = Expected { count: BLOCKS as u64, fault: None, error: None };
            assert_eq!(walked(framing, &bytes(framing)), all);
            assert_eq!(all.verdict(), "valid");
        }
        assert_eq!(walked(Framing::Raw, &[]).verdict(), "incomplete");
        let preallocated = [bytes(Framing::Framed), vec![0; 999]].concat();
        assert_eq!(walked(Framing::Framed, &preallocated).verdict(), "valid");
    }

    #[test]
    fn a_flipped_bit_in_a_body_breaks_the_merkle_root_and_one_in_a_link_the_link() {
        for framing in [Framing::Raw, Framing::Framed] {
            let (at, intact) = (start(framing, 4), bytes(framing));
            let mut body = intact.clone();
            // In the coinbase script, after the height.
            body[at + HEADER_BYTES + 1 + 4 + 2 + 1 + 36 + 1 + 20] ^= 1;
            assert_eq!(rule_at(&walked(framing, &body)), Some((4, Rule::MerkleRoot, at as u64)));
            // The changed header may still meet its target, but its link is broken in any case.
            let mut link = intact.clone();
            link[at + 4] ^= 1;
            let (height, rule, offset) = rule_at(&walked(framing, &link)).unwrap();
            assert_eq!((height, offset), (4, at as u64));
            assert!([Rule::ProofOfWork, Rule::Link].contains(&rule));
            assert_eq!(walked(framing, &link).count, 4);
        }
    }

    #[test]
    fn truncated_input_is_an_error_at_the_start_of_its_last_block() {
        for framing in [Framing::Raw, Framing::Framed] {
            let intact = bytes(framing);
            let offset = start(framing, 6) as u64 - if framing == Framing::Framed { FRAME_BYTES as u64 } else { 0 };
            let cut = walked(framing, &intact[..start(framing, 6) + 500]);
            assert_eq!((cut.count, cut.error), (6, Some(DecodeError::CutBlock { offset })));
        }
        let intact = bytes(Framing::Raw);
        let offset = start(Framing::Raw, 6) as u64;
        let cut = walked(Framing::Raw, &intact[..start(Framing::Raw, 6) + 79]);
        assert_eq!(cut.error, Some(DecodeError::CutHeader { offset, found: 79 }));
    }

    #[test]
    fn an_invalid_frame_ends_the_walk_with_its_offset() {
        let intact = bytes(Framing::Framed);
        let frame = start(Framing::Framed, 3) - FRAME_BYTES;
        let offset = frame as u64;
        let with = |at: usize, new: &[u8]| {
            let mut bytes = intact.clone();
            bytes[at..at + new.len()].copy_from_slice(new);
            walked(Framing::Framed, &bytes)
        };
        let magic = DecodeError::Magic { offset, expected: Some("regtest"), found: *b"what" };
        assert_eq!(with(frame, b"what"), Expected { count: 3, fault: None, error: Some(magic) });
        let other = DecodeError::MixedNetworks { offset, expected: "regtest", found: "mainnet" };
        assert_eq!(with(frame, &MAGICS[0].0).error, Some(other));
        assert_eq!(with(frame + 4, &79_u32.to_le_bytes()).error, Some(DecodeError::SmallBlock { offset, found: 79 }));
        let large = DecodeError::LargeFrame { offset, found: 4_000_001 };
        assert_eq!(with(frame + 4, &4_000_001_u32.to_le_bytes()).error, Some(large));
        // A length that is too small truncates the block.
        let short = with(frame + 4, &2_999_u32.to_le_bytes());
        assert_eq!(rule_at(&short), Some((3, Rule::BlockEncoding, offset + 8)));
    }

    #[test]
    fn a_malformed_block_is_a_fault_and_one_that_may_be_truncated_an_error() {
        let intact = bytes(Framing::Raw);
        let at = start(Framing::Raw, 5);
        let with_count = |count: &[u8]| {
            let body = [&intact[..at + HEADER_BYTES], count, &intact[at + HEADER_BYTES + 1..]].concat();
            walked(Framing::Raw, &body)
        };
        // A count above the limit of the largest block; a count not in its shortest encoding; a count above what
        // follows.
        assert_eq!(rule_at(&with_count(&[0xfe, 0, 0, 0, 1])), Some((5, Rule::BlockEncoding, at as u64)));
        assert_eq!(rule_at(&with_count(&[0xfd, 1, 0])), Some((5, Rule::BlockEncoding, at as u64)));
        let cut = with_count(&[0xfd, 0xff, 0xff]);
        assert_eq!((cut.count, cut.error), (5, Some(DecodeError::CutBlock { offset: at as u64 })));
    }

    #[test]
    fn a_walk_that_starts_at_a_later_block_finds_the_same_fault() {
        let mut broken = bytes(Framing::Raw);
        let (from, at) = (start(Framing::Raw, 3), start(Framing::Raw, 6));
        broken[at + 200] ^= 4;
        let headers: Vec<BlockHeader> = (0..3).map(|block| header_of(&broken[start(Framing::Raw, block)..])).collect();
        let home = Home::regtest();
        let reference = BlockReference::new(home.parameters(), Framing::Raw, NOW).from(3, &headers, from as u64, None);
        let (whole, part) = (walked(Framing::Raw, &broken), reference.walk(&broken[from..]));
        assert_eq!((whole.fault, whole.count), (part.fault, part.count + 3));
        assert!(whole.fault.is_some());
    }
}
