//! Accounts for what the client has sent of a chain: the number of headers or blocks, their bytes, the last one, and
//! their work.
//!
//! It checks no consensus rule. A header whose bits do not encode a target adds no work; the service reports it as a
//! fault. Items that are resent after an interrupted call are not counted again, and the last of them must equal the
//! last one sent before.

use std::io;

use cityseal_chain::{BlockHeader, ChainWork, CompactTarget, Tip};
use cityseal_proto::field::HEADER_LEN;

/// Running totals of what was sent.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    start_height: u64,
    chain_work: ChainWork,
    /// Headers or blocks, in all calls.
    count: u64,
    bytes: u64,
    last: Option<[u8; HEADER_LEN]>,
    /// The bits of the last header and their work, cached because they rarely change from one header to the next.
    bits: u32,
    work: ChainWork,
    /// Items sent by this call.
    count_of_call: u64,
    /// Items that this call must still resend; an earlier call has counted them.
    to_resend: u64,
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
            to_resend: 0,
            closed: false,
        }
    }

    /// Starts a new call, which resends everything after the first `items` headers or blocks.
    pub(crate) fn begin_again(&mut self, items: u64) {
        assert!(items <= self.count, "a call cannot resume after items that were never sent");
        (self.count_of_call, self.to_resend, self.closed) = (0, self.count - items, false);
    }

    /// Adds whole headers.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub(crate) fn add_headers(&mut self, packed_headers: &[u8]) -> io::Result<()> {
        let (headers, rest) = packed_headers.as_chunks::<HEADER_LEN>();
        assert!(rest.is_empty(), "the upload sends whole headers");
        let resent = headers.len().min(usize::try_from(self.to_resend).unwrap_or(usize::MAX));
        let (resent, new) = headers.split_at(resent);
        resent.iter().try_for_each(|header| self.add(header, HEADER_LEN))?;
        // Bits rarely change from one header to the next: the work of a run of equal bits is one multiplication.
        for run in new.chunk_by(|one, two| bits_of(one) == bits_of(two)) {
            self.add_run(bits_of(&run[0]), run.len() as u64, run.len() * HEADER_LEN);
        }
        self.count_of_call += new.len() as u64;
        self.last = new.last().copied().or(self.last);
        Ok(())
    }

    /// Adds a header, or a block of `bytes` bytes with this header.
    ///
    /// # Errors
    /// If the resent items differ from those sent before.
    pub(crate) fn add(&mut self, header: &[u8; HEADER_LEN], bytes: usize) -> io::Result<()> {
        self.count_of_call += 1;
        if self.to_resend > 0 {
            self.to_resend -= 1;
            // In a valid chain the last header commits to all before it, so comparing it alone is enough.
            let has_changed = self.to_resend == 0 && self.last.as_ref() != Some(header);
            return if has_changed { Err(changed()) } else { Ok(()) };
        }
        self.add_run(bits_of(header), 1, bytes);
        self.last = Some(*header);
        Ok(())
    }

    /// Adds `count` headers or blocks with the same bits, of `bytes` bytes together.
    fn add_run(&mut self, bits: u32, count: u64, bytes: usize) {
        if bits != self.bits {
            (self.bits, self.work) = (bits, work_of(bits));
        }
        self.chain_work = self.chain_work.saturating_add(self.work.saturating_mul(count));
        self.count += count;
        self.bytes += bytes as u64;
    }

    /// Checks that the source has not ended too early.
    ///
    /// # Errors
    /// If it is shorter than when it was first read.
    pub(crate) fn end(&self) -> io::Result<()> {
        if self.to_resend > 0 { Err(changed()) } else { Ok(()) }
    }

    /// Records that the closing message was sent.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Headers or blocks sent, over all calls.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }

    /// Headers or blocks sent by this call, including resent ones.
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

    /// The tip of the chain if all headers sent are valid; `None` before the first header.
    pub(crate) fn tip(&self) -> Option<Tip> {
        let hash = BlockHeader::from_wire(self.last.as_ref()?).hash();
        let height = self.start_height.checked_add(self.count - 1)?;
        Some(Tip { height, hash, chain_work: self.chain_work })
    }
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the source returned another chain when it was reopened")
}

fn bits_of(header: &[u8; HEADER_LEN]) -> u32 {
    u32::from_le_bytes([header[72], header[73], header[74], header[75]])
}

fn work_of(bits: u32) -> ChainWork {
    let work = CompactTarget::from_bits(bits).decode().map(|target| target.work());
    work.map_or(ChainWork::ZERO, ChainWork::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn resent_items_are_counted_once_and_new_items_after_them_too() {
        let (mut ledger, whole) = (sent(5), sent(6));
        ledger.begin_again(2);
        (2..6).for_each(|nonce| ledger.add(&header(nonce), 100).unwrap());
        assert_eq!((ledger.count(), ledger.bytes(), ledger.count_of_call()), (6, 600, 4));
        assert_eq!(ledger.tip(), whole.tip());
        assert!(ledger.end().is_ok());
    }

    #[test]
    fn a_source_that_returns_another_chain_or_a_shorter_one_when_reopened_is_refused() {
        let mut ledger = sent(3);
        ledger.begin_again(1);
        ledger.add(&header(1), 100).unwrap();
        assert!(ledger.end().is_err());
        assert!(ledger.add(&header(9), 100).unwrap_err().to_string().contains("another chain"));
    }

    proptest! {
        #[test]
        fn whole_headers_at_once_count_as_one_by_one(
            bits in proptest::collection::vec(prop_oneof![Just(0x207f_ffff_u32), Just(0x1d00_ffff), any::<u32>()], 0..40),
            resent in 0_usize..40, work in any::<[u8; 32]>(),
        ) {
            let header = |bits: &u32| {
                let mut header = [0; HEADER_LEN];
                header[72..76].copy_from_slice(&bits.to_le_bytes());
                header
            };
            let packed: Vec<u8> = bits.iter().flat_map(header).collect();
            let already_sent = &packed[..bits.len().min(resent) * HEADER_LEN];
            let mut at_once = Ledger::new(7, ChainWork::from_wire(&work));
            at_once.add_headers(already_sent).unwrap();
            let mut one_by_one = at_once.clone();
            at_once.begin_again(0);
            one_by_one.begin_again(0);
            at_once.add_headers(&packed).unwrap();
            bits.iter().for_each(|bits| one_by_one.add(&header(bits), HEADER_LEN).unwrap());
            let facts = |ledger: &Ledger| (ledger.count(), ledger.bytes(), ledger.count_of_call(), ledger.tip());
            prop_assert_eq!(facts(&at_once), facts(&one_by_one));
            prop_assert!(at_once.end().is_ok());
        }
    }
}
