//! A small snapshot of what the rules need to know about the headers before the next one.
//!
//! It advances over packed headers without hashing any and without reading each of them, so one thread can place a
//! snapshot before each segment of a chain while others judge the segments. It does not validate headers: the judge of
//! each segment does, and the lowest fault wins.

use super::median::{MEDIAN_HEADERS, MedianWindow};
use crate::hash::BlockHash;
use crate::header::BlockHeader;
use crate::parameters::{PERIOD_HEADERS, Parameters};
use crate::targets::CompactTarget;
use cityseal_hash::{HEADER_LEN, double_sha256};
use std::convert::Infallible;
use thiserror::Error;

/// The highest start height of a chain: no chain has 2^48 headers, and no sum of heights overflows.
pub const START_HEIGHT_MAX: u64 = 1 << 48;

/// Why headers given as context cannot precede a chain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The start height is too large.
    #[error("start height {found} is above the maximum {max}")]
    StartHeight {
        /// The highest start height.
        max: u64,
        /// The start height given.
        found: u64,
    },
    /// The context is not a whole number of 80-byte headers.
    #[error("the context must be whole headers of 80 bytes, found {found_bytes} bytes")]
    Length {
        /// Bytes given.
        found_bytes: usize,
    },
    /// There are more context headers than heights below the start.
    #[error("{found} context headers do not fit below start height {start_height}")]
    TooMany {
        /// Height of the chain's first header.
        start_height: u64,
        /// Context headers given.
        found: u64,
    },
    /// The context reaches height 0 but does not begin with the genesis header.
    #[error("expected the context to begin with the genesis header {expected}, found {found}")]
    NotGenesis {
        /// The genesis header's hash.
        expected: BlockHash,
        /// Hash of the first context header.
        found: BlockHash,
    },
    /// A context header does not name its predecessor.
    #[error("context header {index} (counted from 0) must name its predecessor {expected}, found {found}")]
    NotLinked {
        /// Index of the header within the context, counted from 0.
        index: u64,
        /// Hash of the preceding header.
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

/// Everything that the rules need to know about the headers before the next one. Rules whose history is unknown are not
/// judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    next_height: u64,
    parent: Option<[u8; HEADER_LEN]>,
    /// Times of the last headers, the oldest first; only the first `times_known` are meaningful.
    times: [u32; MEDIAN_HEADERS],
    times_known: usize,
    period_start: Option<PeriodStart>,
    /// For a network with the minimum-difficulty rule: the bits at which its walk back from the parent ends.
    ordinary_bits: Option<CompactTarget>,
}

impl History {
    /// The history before the genesis header: empty and complete.
    pub const fn before_genesis() -> Self {
        Self::unknown_before(0)
    }

    /// The history before the header at `start_height`, from the packed headers directly below it, which are trusted;
    /// the list may be empty. If the context begins at height 1, or there is none and the start height is 1, the
    /// genesis header is known from the parameters.
    ///
    /// # Errors
    /// If the start height is out of range, or the context is not whole headers, too long, unlinked, or of another
    /// chain.
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
        check_context(parameters, first_height, headers)?;
        let mut history = Self::unknown_before(first_height);
        // The header before a context that begins at height 1 is the genesis header of the parameters.
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

    /// Height of the next header.
    pub const fn next_height(&self) -> u64 {
        self.next_height
    }

    /// The parent of the next header, if known.
    pub fn parent(&self) -> Option<BlockHeader> {
        self.parent.as_ref().map(BlockHeader::from_wire)
    }

    /// The median time of the eleven headers before the next one; near the genesis header, of all preceding headers (of
    /// an even number, the upper middle one). `None` if not all of them are known, or if there are none.
    pub fn median_time(&self) -> Option<u32> {
        let is_known = self.times_known == MEDIAN_HEADERS || self.times_known as u64 == self.next_height;
        (is_known && self.times_known > 0).then(|| MedianWindow::after(self.times()).median())
    }

    /// The known times of the last headers, the oldest first; at most eleven.
    pub(crate) fn times(&self) -> &[u32] {
        &self.times[..self.times_known]
    }

    /// The first header of the parent's difficulty period.
    pub(crate) const fn period_start(&self) -> Option<PeriodStart> {
        self.period_start
    }

    /// The bits at which the minimum-difficulty rule's walk back from the parent ends.
    pub(crate) const fn ordinary_bits(&self) -> Option<CompactTarget> {
        self.ordinary_bits
    }

    /// Advances past the packed headers. Reads the last eleven, the first of the last period, and, if the network has
    /// the minimum-difficulty rule, the ones on its walk back.
    ///
    /// # Panics
    /// If `headers` is not a multiple of 80 bytes, which is a bug of the caller.
    pub fn advance(&mut self, parameters: &Parameters, headers: &[u8]) {
        let (headers, rest) = headers.as_chunks::<HEADER_LEN>();
        assert!(rest.is_empty(), "segments are cut between headers");
        let Ok(()) =
            self.advance_over(parameters, headers.len() as u64, |index| Ok::<_, Infallible>(headers[index as usize]));
    }

    /// Advances past the next `count` headers. Calls `header` for each header that it reads, with an index from 0:
    /// those that [`Self::advance`] reads.
    ///
    /// # Errors
    /// The error of `header`. The snapshot must not be used afterwards.
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
        // Keep as many old times as fit next to the new ones.
        let fresh = count.min(MEDIAN_HEADERS as u64);
        let kept = self.times_known.min(MEDIAN_HEADERS - fresh as usize);
        self.times.copy_within(self.times_known - kept..self.times_known, 0);
        for (time, index) in self.times[kept..].iter_mut().zip(count - fresh..count) {
            *time = time_of(&header(index)?);
        }
        self.times_known = kept + fresh as usize;
        // Unused slots are cleared so that equal histories compare equal.
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

    /// Finds the period's last header above minimum difficulty (Bitcoin Core: `GetNextWorkRequired`).
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
    /// Length of [`Self::to_wire`] in bytes.
    pub const WIRE_LEN: usize = 8 + 1 + HEADER_LEN + 1 + 4 * MEDIAN_HEADERS + 8 + 4;

    /// The history in canonical form: two histories are equal if and only if these bytes are. Little-endian: the next
    /// height (8 bytes), flags of what is known (1 byte: parent 1, period start 2, ordinary bits 4), the parent (80),
    /// the number of times (1), the times (11 x 4), time and bits of the period start (4 + 4), the ordinary bits (4).
    /// Unknown fields are zero.
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

    /// Reads the bytes of [`Self::to_wire`]; `None` for bytes that it never writes.
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
        // Writing the history again and comparing refuses every form that is not canonical.
        let are_plain = times.get(history.times_known..).is_some_and(|rest| rest.iter().all(|time| *time == 0));
        let is_possible = are_plain && history.next_height <= START_HEIGHT_MAX;
        (is_possible && history.to_wire() == bytes).then_some(history)
    }
}

fn check_context(parameters: &Parameters, first_height: u64, headers: &[[u8; HEADER_LEN]]) -> Result<(), HistoryError> {
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
