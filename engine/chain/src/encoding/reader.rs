//! Reads fields from the bytes of a block or a proof, with bounds checks, and reports where they become invalid.

use super::fault::{EncodingFault, EncodingKind};
use super::limits::BLOCK_BYTES_MAX;

/// Why reading stopped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) fault: EncodingFault,
    /// The minimum length of the bytes for the field to fit.
    pub(crate) needs: u64,
}

impl Stop {
    /// Whether more bytes could complete the block.
    pub(crate) const fn is_completable(&self) -> bool {
        matches!(self.fault.kind, EncodingKind::Cut | EncodingKind::Count) && self.needs <= BLOCK_BYTES_MAX as u64
    }
}

/// The unread rest of the bytes.
pub(crate) struct Reader<'a> {
    len: usize,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { len: bytes.len(), rest: bytes }
    }

    /// Number of bytes read.
    #[inline]
    pub(crate) const fn at(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Number of bytes left.
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// A field of known length.
    #[inline]
    pub(crate) fn field<const N: usize>(&mut self) -> Result<&'a [u8; N], Stop> {
        match self.rest.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.rest = rest;
                Ok(field)
            }
            None => Err(self.cut(N)),
        }
    }

    #[inline]
    pub(crate) fn word(&mut self) -> Result<u32, Stop> {
        self.field().copied().map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn long(&mut self) -> Result<u64, Stop> {
        self.field().copied().map(u64::from_le_bytes)
    }

    /// Reads the number of items that follow. Refuses a number that the remaining bytes cannot hold at `bytes_min`
    /// bytes each.
    #[inline]
    pub(crate) fn count(&mut self, bytes_min: usize) -> Result<usize, Stop> {
        let at = self.at();
        let count = self.compact_size()?;
        let bytes = count.saturating_mul(bytes_min as u64);
        if bytes <= self.rest.len() as u64 { Ok(count as usize) } else { Err(self.too_many(at, bytes)) }
    }

    /// Reads bytes that are prefixed with their length.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Stop> {
        let len = self.count(1)?;
        // The count fits, so this never falls back.
        let (bytes, rest) = self.rest.split_at_checked(len).unwrap_or((self.rest, &[]));
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    fn compact_size(&mut self) -> Result<u64, Stop> {
        match self.rest.split_first() {
            Some((&first, rest)) if first < 0xfd => {
                self.rest = rest;
                Ok(u64::from(first))
            }
            _ => self.long_size(),
        }
    }

    /// Reads a compact size of three, five or nine bytes. The first byte gives the length, which must be the shortest.
    fn long_size(&mut self) -> Result<u64, Stop> {
        let at = self.at();
        let (len, least) = match self.rest.first() {
            None => return Err(self.cut(1)),
            Some(0xff) => (8, 0x1_0000_0000),
            Some(0xfe) => (4, 0x1_0000),
            Some(_) => (2, 0xfd),
        };
        let Some(digits) = self.rest.get(1..=len) else { return Err(self.cut(1 + len)) };
        let size = digits.iter().rev().fold(0, |size, &digit| size << 8 | u64::from(digit));
        if size < least {
            return Err(self.stop(at, EncodingKind::LongSize, 0));
        }
        self.rest = &self.rest[1 + len..];
        Ok(size)
    }

    #[cold]
    fn cut(&self, len: usize) -> Stop {
        self.stop(self.at(), EncodingKind::Cut, (self.at() + len) as u64)
    }

    #[cold]
    fn too_many(&self, at: usize, bytes: u64) -> Stop {
        self.stop(at, EncodingKind::Count, bytes.saturating_add(self.at() as u64))
    }

    #[cold]
    #[expect(clippy::unused_self, reason = "called on the reader like the methods that use it")]
    pub(crate) fn stop(&self, at: usize, kind: EncodingKind, needs: u64) -> Stop {
        Stop { fault: EncodingFault { at: at as u32, kind }, needs }
    }
}
