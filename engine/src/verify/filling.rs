//! A segment while bytes come in. Its buffer is as long as a segment from the beginning, so that a read goes straight into
//! it and a buffer that comes back need not be cleared.

use std::io::{self, ErrorKind, Read};

use cityseal_hash::HEADER_LEN;

use super::permits::Permit;

#[derive(Debug)]
pub(super) struct Filling {
    bytes: Vec<u8>,
    filled: usize,
    permit: Permit,
}

impl Filling {
    /// An empty segment of `len` bytes.
    pub(super) fn new(permit: Permit, len: usize) -> Self {
        let mut bytes = permit.buffer();
        bytes.resize(len, 0);
        Self { bytes, filled: 0, permit }
    }

    /// Whether at least one header came to its end.
    pub(super) const fn has_header(&self) -> bool {
        self.filled >= HEADER_LEN
    }

    /// What is still to be filled.
    pub(super) fn room(&self) -> &[u8] {
        &self.bytes[self.filled..]
    }

    /// Takes as many of the bytes as there is room for; gives how many.
    pub(super) fn copy_from(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room().len());
        self.bytes[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
        self.filled += taken;
        taken
    }

    /// Reads once; gives how many bytes came.
    pub(super) fn read_from(&mut self, source: &mut dyn Read) -> io::Result<usize> {
        loop {
            match source.read(&mut self.bytes[self.filled..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                // A reader that claims more than there was room for breaks its contract; it is believed no further.
                Ok(count) => {
                    let taken = count.min(self.room().len());
                    self.filled += taken;
                    return Ok(taken);
                }
            }
        }
    }

    /// The whole headers that came, without the beginning of one that did not come to its end.
    pub(super) fn into_headers(mut self) -> (Vec<u8>, Permit) {
        self.bytes.truncate(self.filled / HEADER_LEN * HEADER_LEN);
        (self.bytes, self.permit)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::permits::Permits;
    use super::*;

    /// Gives one byte at a time, and is interrupted before each.
    struct Slow(Vec<u8>, bool);

    impl Read for Slow {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(ErrorKind::Interrupted.into());
            }
            let Some(byte) = self.0.pop() else { return Ok(0) };
            room[0] = byte;
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
        assert_eq!((segment.room().len(), segment.copy_from(&[3])), (0, 0));
        assert_eq!(segment.into_headers().0, [[1; 100].as_slice(), &[2; 60]].concat());
    }

    #[test]
    fn the_beginning_of_a_header_is_none_and_its_permit_comes_back() {
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
    fn an_interrupted_read_is_made_again_and_an_end_is_an_end() {
        let mut segment = filling(&Permits::new(1).0, 80);
        let mut slow = Slow(vec![2, 1], false);
        let counts = [0; 3].map(|_| segment.read_from(&mut slow).unwrap());
        assert_eq!((counts, segment.filled), ([1, 1, 0], 2));
        assert_eq!(segment.bytes[..2], [1, 2]);
    }
}
