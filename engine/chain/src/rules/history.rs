//! What the rules need to know about the headers before the next one, as a small snapshot.
//!
//! It advances over packed headers without hashing any and without touching every one, so that one thread can place a
//! snapshot before each segment of a chain while others judge the segments. It believes what it is given: a header that
//! is wrong is found by the judge of its own segment, and the lowest fault wins.

use super::median::{MEDIAN_HEADERS, MedianWindow};
use crate::hash::BlockHash;
use crate::header::BlockHeader;
use crate::parameters::{PERIOD_HEADERS, Parameters};
use crate::target::CompactTarget;
use cityseal_hash::{HEADER_LEN, double_sha256};
use std::convert::Infallible;
use thiserror::Error;

/// The greatest height that a chain may begin at: no chain of 2^48 headers exists, and no sum of heights overflows.
pub const START_HEIGHT_MAX: u64 = 1 << 48;

/// Why headers given as context cannot stand before a chain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The chain begins too high.
    #[error("start height {found} is above the greatest one, {max}")]
    StartHeight {
        /// The greatest height that a chain may begin at.
        max: u64,
        /// The height asked for.
        found: u64,
    },
    /// Headers are 80 bytes each.
    #[error("context of {found_bytes} bytes is cut in the middle of a header of 80 bytes")]
    Length {
        /// Bytes given.
        found_bytes: usize,
    },
    /// There are not that many heights below the start.
    #[error("{found} context headers do not fit below start height {start_height}")]
    TooMany {
        /// Height of the chain's first header.
        start_height: u64,
        /// Context headers given.
        found: u64,
    },
    /// The context reaches down to height 0, and another header stands there.
    #[error("the context begins with {found}, and the genesis header is {expected}")]
    NotGenesis {
        /// The genesis header's hash.
        expected: BlockHash,
        /// Hash of the first context header.
        found: BlockHash,
    },
    /// A context header does not name the one before it.
    #[error("context header {index} (counted from 0) names {found} as its predecessor, which is {expected}")]
    NotLinked {
        /// Which header of the context, counted from 0.
        index: u64,
        /// Hash of the header before.
        expected: BlockHash,
        /// The predecessor that the header names.
        found: BlockHash,
    },
}

/// The first header of a difficulty period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeriodStart {
    pub(crate) time: u32,
    pub(crate) bits: CompactTarget,
}

/// Everything that the rules need to know about the headers before the next one. What is not known is absent, and the
/// rules that need it are not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    next_height: u64,
    parent: Option<[u8; HEADER_LEN]>,
    /// Times of the last headers, the oldest first; only the first `times_known` of them count.
    times: [u32; MEDIAN_HEADERS],
    times_known: usize,
    period_start: Option<PeriodStart>,
    /// Where a network has the minimum-difficulty rule: what its walk back from the parent ends at.
    ordinary_bits: Option<CompactTarget>,
}

impl History {
    /// Before the genesis header: nothing, and nothing is missing.
    pub const fn before_genesis() -> Self {
        Self::unknown_before(0)
    }

    /// Before the header at `start_height`, knowing the packed headers directly below it (trusted; may be none).
    /// Directly above the genesis header, that one is known from the parameters.
    ///
    /// # Errors
    /// A start height out of range, or a context that is cut, too long, not linked, or not of this chain.
    pub fn before(parameters: &Parameters, start_height: u64, context: &[u8]) -> Result<Self, HistoryError> {
        if start_height > START_HEIGHT_MAX {
            return Err(HistoryError::StartHeight { max: START_HEIGHT_MAX, found: start_height });
        }
        let (headers, rest) = context.as_chunks::<HEADER_LEN>();
        if !rest.is_empty() {
            return Err(HistoryError::Length { found_bytes: context.len() });
        }
        let found = headers.len() as u64;
        let first_height = start_height.checked_sub(found).ok_or(HistoryError::TooMany { start_height, found })?;
        refuse_strangers(parameters, first_height, headers)?;
        let mut history = Self::unknown_before(first_height);
        if first_height == 1 {
            history = Self::before_genesis();
            history.advance(parameters, &parameters.genesis().to_wire());
        }
        history.advance(parameters, context);
        Ok(history)
    }

    const fn unknown_before(next_height: u64) -> Self {
        Self {
            next_height,
            parent: None,
            times: [0; MEDIAN_HEADERS],
            times_known: 0,
            period_start: None,
            ordinary_bits: None,
        }
    }

    /// Height of the header that comes next.
    pub const fn next_height(&self) -> u64 {
        self.next_height
    }

    /// The header before the next one, if it is known.
    pub fn parent(&self) -> Option<BlockHeader> {
        self.parent.as_ref().map(BlockHeader::from_wire)
    }

    /// The median time of the eleven headers before the next one, near the genesis header of all before (of an even number
    /// the upper one of the middle); none where not all of them are known, or where there are none.
    pub fn median_time(&self) -> Option<u32> {
        let is_known = self.times_known == MEDIAN_HEADERS || self.times_known as u64 == self.next_height;
        (is_known && self.times_known > 0).then(|| MedianWindow::after(self.times()).median())
    }

    /// The times of the last headers, as far as they are known, the oldest first; eleven at most.
    pub(crate) fn times(&self) -> &[u32] {
        &self.times[..self.times_known]
    }

    /// The first header of the period that the parent stands in.
    pub(crate) const fn period_start(&self) -> Option<PeriodStart> {
        self.period_start
    }

    /// What the minimum-difficulty rule's walk back from the parent ends at.
    pub(crate) const fn ordinary_bits(&self) -> Option<CompactTarget> {
        self.ordinary_bits
    }

    /// Goes on to behind the packed headers. Reads the last eleven, the first of the last period, and where the network
    /// has the minimum-difficulty rule those that its walk back passes.
    ///
    /// # Panics
    /// If `headers` is not a multiple of 80 bytes: whoever cuts a stream cuts it between headers.
    pub fn advance(&mut self, parameters: &Parameters, headers: &[u8]) {
        let (headers, rest) = headers.as_chunks::<HEADER_LEN>();
        assert!(rest.is_empty(), "segments are cut between headers");
        let Ok(()) =
            self.advance_over(parameters, headers.len() as u64, |index| Ok::<_, Infallible>(headers[index as usize]));
    }

    /// Goes on to behind the next `count` headers, of which it asks for those that it reads, by their index from 0: the
    /// last eleven, and those that [`Self::advance`] names.
    ///
    /// # Errors
    /// What the source of the headers says. The snapshot is of no use then.
    pub fn advance_over<E>(
        &mut self,
        parameters: &Parameters,
        count: u64,
        mut header: impl FnMut(u64) -> Result<[u8; HEADER_LEN], E>,
    ) -> Result<(), E> {
        let Some(last) = count.checked_sub(1) else { return Ok(()) };
        self.advance_ordinary_bits(parameters, count, &mut header)?;
        self.advance_period_start(count, &mut header)?;
        self.advance_times(count, &mut header)?;
        self.parent = Some(header(last)?);
        self.next_height += count;
        Ok(())
    }

    fn advance_times<E>(
        &mut self,
        count: u64,
        header: &mut impl FnMut(u64) -> Result<[u8; HEADER_LEN], E>,
    ) -> Result<(), E> {
        let fresh = count.min(MEDIAN_HEADERS as u64);
        let kept = self.times_known.min(MEDIAN_HEADERS - fresh as usize);
        self.times.copy_within(self.times_known - kept..self.times_known, 0);
        for (time, index) in self.times[kept..].iter_mut().zip(count - fresh..count) {
            *time = time_of(&header(index)?);
        }
        self.times_known = kept + fresh as usize;
        // What no longer counts must not tell two equal histories apart.
        self.times[self.times_known..].fill(0);
        Ok(())
    }

    fn advance_period_start<E>(
        &mut self,
        count: u64,
        header: &mut impl FnMut(u64) -> Result<[u8; HEADER_LEN], E>,
    ) -> Result<(), E> {
        let last_height = self.next_height + count - 1;
        let start_height = last_height - last_height % PERIOD_HEADERS;
        if let Some(index) = start_height.checked_sub(self.next_height) {
            let header = header(index)?;
            self.period_start = Some(PeriodStart { time: time_of(&header), bits: bits_of(&header) });
        }
        Ok(())
    }

    /// Finds the period's last header that is not at minimum difficulty (Bitcoin Core: `GetNextWorkRequired`).
    fn advance_ordinary_bits<E>(
        &mut self,
        parameters: &Parameters,
        count: u64,
        header: &mut impl FnMut(u64) -> Result<[u8; HEADER_LEN], E>,
    ) -> Result<(), E> {
        if !parameters.difficulty().looks_far_back() {
            return Ok(());
        }
        for index in (0..count).rev() {
            let bits = bits_of(&header(index)?);
            if (self.next_height + index).is_multiple_of(PERIOD_HEADERS) || bits != parameters.limit_bits() {
                self.ordinary_bits = Some(bits);
                break;
            }
        }
        Ok(())
    }
}

impl History {
    /// Bytes of [`Self::to_wire`].
    pub const WIRE_LEN: usize = 8 + 1 + HEADER_LEN + 1 + 4 * MEDIAN_HEADERS + 8 + 4;

    /// All that is known, in one form: two histories are equal where these bytes are. Little-endian: the next height (8
    /// bytes), what is known (1: parent 1, period's first header 2, ordinary bits 4), the parent (80), how many times (1), the
    /// times (11 x 4), the period's first time and bits (4 + 4), the ordinary bits (4); what is not known is zero.
    pub fn to_wire(&self) -> Vec<u8> {
        let known = u8::from(self.parent.is_some())
            | u8::from(self.period_start.is_some()) << 1
            | u8::from(self.ordinary_bits.is_some()) << 2;
        let period = self.period_start.map_or((0, 0), |start| (start.time, start.bits.to_bits()));
        let ordinary = self.ordinary_bits.map_or(0, CompactTarget::to_bits);
        let mut bytes = Vec::with_capacity(Self::WIRE_LEN);
        bytes.extend_from_slice(&self.next_height.to_le_bytes());
        bytes.push(known);
        bytes.extend_from_slice(&self.parent.unwrap_or([0; HEADER_LEN]));
        bytes.push(self.times_known as u8);
        let words = self.times.into_iter().chain([period.0, period.1, ordinary]);
        bytes.extend(words.flat_map(u32::to_le_bytes));
        bytes
    }

    /// Reads what [`Self::to_wire`] wrote; `None` for bytes that it never writes.
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        let (next_height, rest) = bytes.split_first_chunk::<8>()?;
        let (&[known], rest) = rest.split_first_chunk::<1>()?;
        let (parent, rest) = rest.split_first_chunk::<HEADER_LEN>()?;
        let (&[times_known], rest) = rest.split_first_chunk::<1>()?;
        let (words, &[]) = rest.as_chunks::<4>() else { return None };
        let words: [u32; MEDIAN_HEADERS + 3] =
            <[[u8; 4]; MEDIAN_HEADERS + 3]>::try_from(words).ok()?.map(u32::from_le_bytes);
        let (times, &[time, bits, ordinary]) = words.split_first_chunk::<MEDIAN_HEADERS>()? else { return None };
        let is_known = |bit: u8| known & bit != 0;
        let history = Self {
            next_height: u64::from_le_bytes(*next_height),
            parent: is_known(1).then_some(*parent),
            times: *times,
            times_known: usize::from(times_known),
            period_start: is_known(2).then_some(PeriodStart { time, bits: CompactTarget::from_bits(bits) }),
            ordinary_bits: is_known(4).then_some(CompactTarget::from_bits(ordinary)),
        };
        // What cannot be is refused by its not being written again in the same way.
        let are_plain = times.get(history.times_known..).is_some_and(|rest| rest.iter().all(|time| *time == 0));
        let is_possible = are_plain && history.next_height <= START_HEIGHT_MAX;
        (is_possible && history.to_wire() == bytes).then_some(history)
    }
}

fn refuse_strangers(
    parameters: &Parameters,
    first_height: u64,
    headers: &[[u8; HEADER_LEN]],
) -> Result<(), HistoryError> {
    let Some(first) = headers.first() else { return Ok(()) };
    let expected = parameters.genesis_hash();
    let first_hash = BlockHash::from_wire(double_sha256(first));
    if first_height == 0 && first_hash != expected {
        return Err(HistoryError::NotGenesis { expected, found: first_hash });
    }
    for (index, pair) in (1..).zip(headers.windows(2)) {
        let expected = BlockHash::from_wire(double_sha256(&pair[0]));
        let found = BlockHeader::from_wire(&pair[1]).prev_block_hash;
        if found != expected {
            return Err(HistoryError::NotLinked { index, expected, found });
        }
    }
    Ok(())
}

fn time_of(header: &[u8; HEADER_LEN]) -> u32 {
    u32::from_le_bytes([header[68], header[69], header[70], header[71]])
}

fn bits_of(header: &[u8; HEADER_LEN]) -> CompactTarget {
    CompactTarget::from_bits(u32::from_le_bytes([header[72], header[73], header[74], header[75]]))
}
