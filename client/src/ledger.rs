//! What this side has sent of a chain: how many headers, the last of them, and their work.
//!
//! It judges no rule. A header whose bits are no target adds no work: the service will name it as a fault.

use cityseal_chain::{BlockHeader, ChainWork, CompactTarget, Tip};
use cityseal_proto::field::HEADER_LEN;

/// What has been sent.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    start_height: u64,
    chain_work: ChainWork,
    count: u64,
    last: Option<[u8; HEADER_LEN]>,
    /// The bits of the last header and their work: they rarely change from one header to the next.
    bits: u32,
    work: ChainWork,
    closed: bool,
}

impl Ledger {
    pub(crate) fn new(start_height: u64, start_work: ChainWork) -> Self {
        let bits = 0;
        Self { start_height, chain_work: start_work, count: 0, last: None, bits, work: work_of(bits), closed: false }
    }

    /// Adds whole headers.
    pub(crate) fn add(&mut self, packed_headers: &[u8]) {
        let (headers, rest) = packed_headers.as_chunks::<HEADER_LEN>();
        assert!(rest.is_empty(), "the upload sends whole headers");
        for header in headers {
            let bits = u32::from_le_bytes([header[72], header[73], header[74], header[75]]);
            if bits != self.bits {
                (self.bits, self.work) = (bits, work_of(bits));
            }
            self.chain_work = self.chain_work.saturating_add(self.work);
        }
        self.count += headers.len() as u64;
        self.last = headers.last().copied().or(self.last);
    }

    /// The closing message was sent.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
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

fn work_of(bits: u32) -> ChainWork {
    let work = CompactTarget::from_bits(bits).decode().map(|target| target.work());
    work.map_or(ChainWork::ZERO, ChainWork::from)
}
