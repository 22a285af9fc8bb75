//! What this side has sent of a chain: how many headers or blocks, their bytes, the last of them, and their work.
//!
//! It judges no rule. A header whose bits are no target adds no work: the service will name it as a fault. What is sent again
//! after a call broke off is not counted again; it must end at the very header that was the last one before.

use std::io;

use cityseal_chain::{BlockHeader, ChainWork, CompactTarget, Tip};
use cityseal_proto::field::HEADER_LEN;

/// What has been sent.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    start_height: u64,
    chain_work: ChainWork,
    /// Headers or blocks, in all calls.
    count: u64,
    bytes: u64,
    last: Option<[u8; HEADER_LEN]>,
    /// The bits of the last header and their work: they rarely change from one header to the next.
    bits: u32,
    work: ChainWork,
    /// What this call has sent.
    count_of_call: u64,
    /// What this call is still to send that was counted in one before.
    again: u64,
    closed: bool,
}

impl Ledger {
    pub(crate) fn new(start_height: u64, start_work: ChainWork) -> Self {
        let bits = 0;
        Self {
            start_height,
            chain_work: start_work,
            count: 0,
            bytes: 0,
            last: None,
            bits,
            work: work_of(bits),
            count_of_call: 0,
            again: 0,
            closed: false,
        }
    }

    /// A new call begins behind the first `items` headers or blocks of those that were sent.
    pub(crate) fn begin_again(&mut self, items: u64) {
        assert!(items <= self.count, "nobody goes on behind what was never sent");
        (self.count_of_call, self.again, self.closed) = (0, self.count - items, false);
    }

    /// Adds whole headers.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(crate) fn add_headers(&mut self, packed_headers: &[u8]) -> io::Result<()> {
        let (headers, rest) = packed_headers.as_chunks::<HEADER_LEN>();
        assert!(rest.is_empty(), "the upload sends whole headers");
        headers.iter().try_for_each(|header| self.add(header, HEADER_LEN))
    }

    /// Adds a header, or a block that has so many bytes with it.
    ///
    /// # Errors
    /// Where what is sent again is not what was sent before.
    pub(crate) fn add(&mut self, header: &[u8; HEADER_LEN], bytes: usize) -> io::Result<()> {
        self.count_of_call += 1;
        if self.again > 0 {
            self.again -= 1;
            let has_changed = self.again == 0 && self.last.as_ref() != Some(header);
            return if has_changed { Err(changed()) } else { Ok(()) };
        }
        let bits = u32::from_le_bytes([header[72], header[73], header[74], header[75]]);
        if bits != self.bits {
            (self.bits, self.work) = (bits, work_of(bits));
        }
        self.chain_work = self.chain_work.saturating_add(self.work);
        self.count += 1;
        self.bytes += bytes as u64;
        self.last = Some(*header);
        Ok(())
    }

    /// The source has ended.
    ///
    /// # Errors
    /// Where it ended before what it gave the first time.
    pub(crate) fn end(&self) -> io::Result<()> {
        if self.again > 0 { Err(changed()) } else { Ok(()) }
    }

    /// The closing message was sent.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Headers or blocks, in all calls.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Headers or blocks that this call has sent.
    pub(crate) const fn count_of_call(&self) -> u64 {
        self.count_of_call
    }

    /// Bytes of all headers or blocks.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) const fn start_height(&self) -> u64 {
        self.start_height
    }

    /// The tip that a valid chain of these headers has; none before the first.
    pub(crate) fn tip(&self) -> Option<Tip> {
        let hash = BlockHeader::from_wire(self.last.as_ref()?).hash();
        let height = self.start_height.checked_add(self.count - 1)?;
        Some(Tip { height, hash, chain_work: self.chain_work })
    }
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the source gave another chain when it was opened again")
}

fn work_of(bits: u32) -> ChainWork {
    let work = CompactTarget::from_bits(bits).decode().map(|target| target.work());
    work.map_or(ChainWork::ZERO, ChainWork::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(nonce: u8) -> [u8; HEADER_LEN] {
        let mut header = [nonce; HEADER_LEN];
        header[72..76].copy_from_slice(&0x207f_ffff_u32.to_le_bytes());
        header
    }

    fn sent(headers: u8) -> Ledger {
        let mut ledger = Ledger::new(7, ChainWork::ZERO);
        (0..headers).for_each(|nonce| ledger.add(&header(nonce), 100).unwrap());
        ledger
    }

    #[test]
    fn what_is_sent_again_is_counted_once_and_what_follows_is_counted_too() {
        let (mut ledger, whole) = (sent(5), sent(6));
        ledger.begin_again(2);
        (2..6).for_each(|nonce| ledger.add(&header(nonce), 100).unwrap());
        assert_eq!((ledger.count(), ledger.bytes(), ledger.count_of_call()), (6, 600, 4));
        assert_eq!(ledger.tip(), whole.tip());
        assert!(ledger.end().is_ok());
    }

    #[test]
    fn a_source_that_gives_another_chain_or_less_of_it_the_second_time_is_refused() {
        let mut ledger = sent(3);
        ledger.begin_again(1);
        ledger.add(&header(1), 100).unwrap();
        assert!(ledger.end().is_err());
        assert!(ledger.add(&header(9), 100).unwrap_err().to_string().contains("another chain"));
    }
}
