//! A segment that is being filled. Its buffer has the length of a segment from the start, so that reads go straight
//! into it and a reused buffer need not be cleared.

use std::io::{self, ErrorKind, Read};

use cityseal_hash::HEADER_LEN;

use super::permits::Permit;

/// A partly filled segment.
#[derive(Debug)]
pub(crate) struct Filling {
    bytes: Vec<u8>,
    filled: usize,
    permit: Permit,
}

impl Filling {
    /// An empty segment of `len` bytes.
    pub(crate) fn new(permit: Permit, len: usize) -> Self {
        let mut bytes = permit.buffer();
        bytes.resize(len, 0);
        Self { bytes, filled: 0, permit }
    }

    /// Whether it holds at least one whole header.
    pub(crate) const fn has_header(&self) -> bool {
        self.filled >= HEADER_LEN
    }

    /// The part that is not filled yet.
    pub(crate) fn unfilled(&self) -> &[u8] {
        &self.bytes[self.filled..]
    }

    /// Copies as many of the bytes as there is room for; returns how many.
    pub(crate) fn copy_from(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.unfilled().len());
        self.bytes[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        taken
    }

    /// Makes one read; returns the number of bytes.
    pub(crate) fn read_from(&mut self, source: &mut dyn Read) -> io::Result<usize> {
        loop {
            match source.read(&mut self.bytes[self.filled..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                // A broken reader may claim more bytes than there was room for.
                Ok(count) => {
                    let taken = count.min(self.unfilled().len());
                    self.filled += taken;
                    return Ok(taken);
                }
            }
        }
    }

    /// The whole headers, without an unfinished one at the end.
    pub(crate) fn into_headers(mut self) -> (Vec<u8>, Permit) {
        self.bytes.truncate(self.filled / HEADER_LEN * HEADER_LEN);
        (self.bytes, self.permit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::permits::Permits;
    use super::*;

    /// Returns one byte at a time, and `Interrupted` before each.
    struct Slow(Vec<u8>, bool);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let Some(byte) = self.0.pop() else { return Ok(0) };
            buffer[0] = byte;
            Ok(1)
        }
    }

    fn filling(permits: &Arc<Permits>, len: usize) -> Filling {
        Filling::new(permits.try_one().unwrap(), len)
    }

    #[test]
    fn reads_and_copies_fill_one_segment_and_stop_at_its_end() {
        let mut segment = filling(&Permits::new(1).0, 160);
        assert_eq!(segment.copy_from(&[1; 100]), 100);
        assert_eq!(segment.read_from(&mut &[2; 100][..]).unwrap(), 60);
        assert_eq!((segment.unfilled().len(), segment.copy_from(&[3])), (0, 0));
        assert_eq!(segment.into_headers().0, [[1; 100].as_slice(), &[2; 60]].concat());
    }

    #[test]
    fn an_unfinished_header_is_dropped_and_its_permit_is_released() {
        let (permits, _parker) = Permits::new(1);
        let mut segment = filling(&permits, 160);
        segment.copy_from(&[1; 79]);
        assert!(!segment.has_header() && permits.try_one().is_none());
        segment.copy_from(&[2; 2]);
        assert!(segment.has_header());
        let (headers, permit) = segment.into_headers();
        assert_eq!(headers, [[1; 79].as_slice(), &[2]].concat());
        drop(permit);
        assert!(permits.try_one().is_some());
    }

    #[test]
    fn an_interrupted_read_is_retried_and_the_end_is_reported() {
        let mut segment = filling(&Permits::new(1).0, 80);
        let mut slow = Slow(vec![2, 1], false);
        let counts = [0; 3].map(|_| segment.read_from(&mut slow).unwrap());
        assert_eq!((counts, segment.filled), ([1, 1, 0], 2));
        assert_eq!(segment.bytes[..2], [1, 2]);
    }
}
