//! What must be said of a chain of whole blocks: a slow walk over its bytes, block by block, with the reference implementations of both judges.
//!
//! It is the oracle that the product is held against from outside, whatever cuts, batches, kernels and devices it uses. Nothing
//! of the product's cutting is used: where a block without a frame ends, the reference's reading of it tells.

use cityseal::input::DecodeError;
use cityseal_engine::chain::body::reference::judge_block;
use cityseal_engine::chain::body::{BLOCK_BYTES_MAX, BodyContext, BrokenBody, EncodingFault, EncodingKind};
use cityseal_engine::chain::reference::judge_headers;
use cityseal_engine::chain::{BlockHeader, Fault, FaultValue, PERIOD_HEADERS, Parameters};

use crate::synthetic::FRAME_BYTES;
use crate::synthetic::block::{HEADER_BYTES, header_of};

/// The networks that frames tell apart, as Bitcoin Core's `pchMessageStart` has them.
const MAGICS: [([u8; 4], &str); 5] = [
    ([0xf9, 0xbe, 0xb4, 0xd9], "mainnet"),
    ([0x0b, 0x11, 0x09, 0x07], "testnet3"),
    ([0x1c, 0x16, 0x3f, 0x28], "testnet4"),
    ([0x0a, 0x03, 0xcf, 0x40], "signet"),
    ([0xfa, 0xbf, 0xb5, 0xda], "regtest"),
];

/// Headers before a block that any rule may look at.
const HEADERS_BEFORE: usize = PERIOD_HEADERS as usize + 11;

/// How the blocks of a chain stand one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// With nothing between them.
    Raw,
    /// With magic and length before each.
    Framed,
}

/// What must be said of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Blocks that passed.
    pub count: u64,
    /// The first rule that is broken, if one is.
    pub fault: Option<Fault>,
    /// Why the input could not be read to its end, if that was met.
    pub mistake: Option<DecodeError>,
}

impl Said {
    /// The verdict's name.
    pub const fn verdict(&self) -> &'static str {
        match (&self.fault, &self.mistake, self.count) {
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
    /// The headers below the next block, as far as they are known.
    headers: Vec<BlockHeader>,
    height: u64,
    /// Where the next bytes begin in the input.
    offset: u64,
    network: Option<&'static str>,
}

/// What stands at the front of some bytes.
enum Front {
    /// A block of so many bytes, behind so many bytes of frame.
    Block { skip: usize, len: usize },
    /// Bytes that are to be judged as a block and have no end: nothing follows.
    Endless { len: usize },
    /// Nothing more.
    End,
}

impl<'a> BlockReference<'a> {
    /// A walk from the genesis block on. `now` is in seconds since 1970.
    pub const fn new(parameters: &'a Parameters, framing: Framing, now: u64) -> Self {
        Self { parameters, framing, now, headers: Vec::new(), height: 0, offset: 0, network: None }
    }

    /// A walk that begins further up: behind `below`, the trusted headers directly under `height`, at that byte of the input.
    /// Frames before were those of `network`.
    #[must_use]
    pub fn from(mut self, height: u64, below: &[BlockHeader], offset: u64, network: Option<&'static str>) -> Self {
        (self.height, self.headers, self.offset, self.network) = (height, below.to_vec(), offset, network);
        self
    }

    /// Walks over all bytes, or up to the first fault.
    pub fn walk(mut self, mut bytes: &[u8]) -> Said {
        let mut said = Said { count: 0, fault: None, mistake: None };
        while said.fault.is_none() {
            let (skip, len, is_last) = match self.front(&mut bytes) {
                Ok(Front::Block { skip, len }) => (skip, len, false),
                Ok(Front::Endless { len }) => (0, len, true),
                Ok(Front::End) => break,
                Err(mistake) => {
                    said.mistake = Some(mistake);
                    break;
                }
            };
            let (block, behind) = bytes[skip..].split_at(len);
            said.fault = self.judge(block, self.offset + skip as u64);
            said.count += u64::from(said.fault.is_none());
            self.headers.push(header_of(block));
            self.height += 1;
            self.offset += (skip + len) as u64;
            bytes = behind;
            if is_last {
                break;
            }
        }
        said
    }

    fn front(&mut self, bytes: &mut &[u8]) -> Result<Front, DecodeError> {
        match self.framing {
            Framing::Raw => self.front_of_raw(bytes),
            Framing::Framed => self.front_of_framed(bytes),
        }
    }

    /// Zeros between frames are room that a node reserved.
    fn front_of_framed(&mut self, bytes: &mut &[u8]) -> Result<Front, DecodeError> {
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
            Some(fault) if self.could_go_on(within, fault) => Err(DecodeError::CutBlock { offset }),
            Some(_) => Ok(Front::Endless { len: within.len() }),
        }
    }

    /// Whether the fault is one of too few bytes: with as many behind them as a block may have, another one is met or none.
    fn could_go_on(&self, within: &[u8], fault: EncodingFault) -> bool {
        let mut padded = within.to_vec();
        padded.resize(BLOCK_BYTES_MAX, 0);
        self.encoding_fault(&padded) != Some(fault)
    }

    /// What R20 says of these bytes as one block.
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

    /// First the header by all its rules, then the body.
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

    fn said(framing: Framing, bytes: &[u8]) -> Said {
        BlockReference::new(Home::regtest().parameters(), framing, NOW).walk(bytes)
    }

    /// Where the header of a block begins.
    fn start(framing: Framing, block: usize) -> usize {
        let frames = if framing == Framing::Framed { FRAME_BYTES } else { 0 };
        frames
            + (block > 0) as usize
                * (Home::regtest().genesis().len() + frames + (block.max(1) - 1) * (BLOCK_BYTES + frames))
    }

    fn rule_at(said: &Said) -> Option<(u64, Rule, u64)> {
        said.fault.map(|fault| (fault.height, fault.rule, fault.offset))
    }

    #[test]
    fn a_sound_chain_is_valid_however_it_is_framed() {
        for framing in [Framing::Raw, Framing::Framed] {
            let all = Said { count: BLOCKS as u64, fault: None, mistake: None };
            assert_eq!(said(framing, &bytes(framing)), all);
            assert_eq!(all.verdict(), "valid");
        }
        assert_eq!(said(Framing::Raw, &[]).verdict(), "incomplete");
        let reserved = [bytes(Framing::Framed), vec![0; 999]].concat();
        assert_eq!(said(Framing::Framed, &reserved).verdict(), "valid");
    }

    #[test]
    fn a_bit_of_a_body_breaks_its_block_s_root_and_one_of_a_link_the_link() {
        for framing in [Framing::Raw, Framing::Framed] {
            let (at, sound) = (start(framing, 4), bytes(framing));
            let mut body = sound.clone();
            // In the coinbase's script, behind the height.
            body[at + HEADER_BYTES + 1 + 4 + 2 + 1 + 36 + 1 + 20] ^= 1;
            assert_eq!(rule_at(&said(framing, &body)), Some((4, Rule::MerkleRoot, at as u64)));
            // Every second header still meets its target; one whose predecessor is another does not pass in any case.
            let mut link = sound.clone();
            link[at + 4] ^= 1;
            let (height, rule, offset) = rule_at(&said(framing, &link)).unwrap();
            assert_eq!((height, offset), (4, at as u64));
            assert!([Rule::ProofOfWork, Rule::Link].contains(&rule));
            assert_eq!(said(framing, &link).count, 4);
        }
    }

    #[test]
    fn bytes_that_end_too_early_are_named_by_where_their_block_begins() {
        for framing in [Framing::Raw, Framing::Framed] {
            let sound = bytes(framing);
            let offset = start(framing, 6) as u64 - if framing == Framing::Framed { FRAME_BYTES as u64 } else { 0 };
            let cut = said(framing, &sound[..start(framing, 6) + 500]);
            assert_eq!((cut.count, cut.mistake), (6, Some(DecodeError::CutBlock { offset })));
        }
        let sound = bytes(Framing::Raw);
        let offset = start(Framing::Raw, 6) as u64;
        let cut = said(Framing::Raw, &sound[..start(Framing::Raw, 6) + 79]);
        assert_eq!(cut.mistake, Some(DecodeError::CutHeader { offset, found: 79 }));
    }

    #[test]
    fn a_frame_that_is_wrong_ends_the_walk_with_its_place() {
        let sound = bytes(Framing::Framed);
        let frame = start(Framing::Framed, 3) - FRAME_BYTES;
        let offset = frame as u64;
        let with = |at: usize, new: &[u8]| {
            let mut bytes = sound.clone();
            bytes[at..at + new.len()].copy_from_slice(new);
            said(Framing::Framed, &bytes)
        };
        let magic = DecodeError::Magic { offset, expected: Some("regtest"), found: *b"what" };
        assert_eq!(with(frame, b"what"), Said { count: 3, fault: None, mistake: Some(magic) });
        let other = DecodeError::MixedNetworks { offset, expected: "regtest", found: "mainnet" };
        assert_eq!(with(frame, &MAGICS[0].0).mistake, Some(other));
        assert_eq!(with(frame + 4, &79_u32.to_le_bytes()).mistake, Some(DecodeError::SmallBlock { offset, found: 79 }));
        let large = DecodeError::LargeFrame { offset, found: 4_000_001 };
        assert_eq!(with(frame + 4, &4_000_001_u32.to_le_bytes()).mistake, Some(large));
        // A frame that says too little leaves a block that is none.
        let short = with(frame + 4, &2_999_u32.to_le_bytes());
        assert_eq!(rule_at(&short), Some((3, Rule::BlockEncoding, offset + 8)));
    }

    #[test]
    fn a_block_without_an_end_is_judged_with_all_behind_it_and_one_that_may_have_one_is_cut() {
        let sound = bytes(Framing::Raw);
        let at = start(Framing::Raw, 5);
        let with_count = |count: &[u8]| {
            let body = [&sound[..at + HEADER_BYTES], count, &sound[at + HEADER_BYTES + 1..]].concat();
            said(Framing::Raw, &body)
        };
        // More transactions than a block of the largest size can hold; a number in too many bytes; more than are there.
        assert_eq!(rule_at(&with_count(&[0xfe, 0, 0, 0, 1])), Some((5, Rule::BlockEncoding, at as u64)));
        assert_eq!(rule_at(&with_count(&[0xfd, 1, 0])), Some((5, Rule::BlockEncoding, at as u64)));
        let cut = with_count(&[0xfd, 0xff, 0xff]);
        assert_eq!((cut.count, cut.mistake), (5, Some(DecodeError::CutBlock { offset: at as u64 })));
    }

    #[test]
    fn a_walk_that_begins_further_up_says_the_same() {
        let mut sound = bytes(Framing::Raw);
        let (from, at) = (start(Framing::Raw, 3), start(Framing::Raw, 6));
        sound[at + 200] ^= 4;
        let headers: Vec<BlockHeader> = (0..3).map(|block| header_of(&sound[start(Framing::Raw, block)..])).collect();
        let home = Home::regtest();
        let reference = BlockReference::new(home.parameters(), Framing::Raw, NOW).from(3, &headers, from as u64, None);
        let (whole, part) = (said(Framing::Raw, &sound), reference.walk(&sound[from..]));
        assert_eq!((whole.fault, whole.count), (part.fault, part.count + 3));
        assert!(whole.fault.is_some());
    }
}
