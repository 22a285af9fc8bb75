//! The state of a batch in flight: what was sent, what is still to send, and how to read its result. Uses no device.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use cityseal_device::{Batch, DeviceError, Report, SearchBatch, Ticket};
use wgpu::SubmissionIndex;

use crate::items::{HashWork, Items};
use crate::layout::SearchWords;
use crate::machine::Mapping;
use crate::prepare::{blocks_of, search_words};
use crate::results::read_search;
use crate::shader::Shader;
use crate::trees::TreesWork;

/// One dispatch that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The submission to wait for.
    pub(crate) index: SubmissionIndex,
    /// When it was sent.
    pub(crate) at: Instant,
    /// Its part of the work, in units of the pace; `None` if the pace does not choose its size.
    pub(crate) units: Option<u64>,
}

/// A batch in flight.
#[derive(Debug)]
pub(crate) struct Flight {
    /// The batch's ticket.
    pub(crate) ticket: Ticket,
    /// Its slot.
    pub(crate) slot: usize,
    /// Its work.
    pub(crate) work: Work,
    /// Its unfinished dispatches, in order.
    pub(crate) sent: VecDeque<Sent>,
    /// Its readback, requested with the last dispatch: the mapping and the number of bytes.
    pub(crate) readback: Option<(Mapping, usize)>,
    /// How long the device has worked on it.
    pub(crate) busy: Duration,
}

impl Flight {
    /// Prepares a batch.
    pub(crate) fn new(batch: Batch, ticket: Ticket, slot: usize, block_bits: u32) -> Self {
        let tag = tag_of(ticket);
        let work = match batch {
            Batch::Search(search) => Work::Search(SearchWork::new(search, block_bits, tag)),
            Batch::Check(check) => Work::Hash(HashWork::new(Items::Headers(check), tag)),
            Batch::Merkle(merkle) => Work::Hash(HashWork::new(Items::Nodes(merkle), tag)),
            Batch::Trees(trees) => Work::Trees(TreesWork::new(trees, tag)),
        };
        Self { ticket, slot, work, sent: VecDeque::new(), readback: None, busy: Duration::ZERO }
    }

    /// Whether all its work was sent.
    pub(crate) fn is_sent(&self) -> bool {
        match &self.work {
            Work::Search(search) => search.blocks_left == 0,
            Work::Hash(hash) => hash.is_sent,
            Work::Trees(trees) => trees.is_sent,
        }
    }

    /// Reads the result.
    ///
    /// # Errors
    /// [`DeviceError`] if the result is not a complete result of this batch.
    pub(crate) fn report(&self, bytes: &[u8]) -> Result<Report, DeviceError> {
        match &self.work {
            Work::Search(search) => {
                read_search(bytes, &search.batch, search.words.tag, search.blocks).map(Report::Search)
            }
            Work::Hash(hash) => hash.report(bytes),
            Work::Trees(trees) => trees.report(bytes),
        }
    }
}

/// The number that marks a batch's results: odd, and far from those of earlier batches.
fn tag_of(ticket: Ticket) -> u32 {
    // 2^32 divided by the golden ratio, rounded to an odd number: its multiples are spread evenly, and a product of odd
    // numbers is odd.

    (ticket.0 as u32).wrapping_mul(2).wrapping_add(1).wrapping_mul(0x9e37_79b9)
}

/// The work of a batch.
#[derive(Debug)]
pub(crate) enum Work {
    /// A search.
    Search(SearchWork),
    /// Hashes of items.
    Hash(HashWork),
    /// Whole Merkle trees.
    Trees(TreesWork),
}

/// A search, and how much of it was sent.
#[derive(Debug)]
pub(crate) struct SearchWork {
    batch: SearchBatch,
    /// The words that all dispatches share.
    words: Box<SearchWords>,
    next_block: u32,
    blocks_left: u64,
    blocks: u64,
}

/// The next dispatch of a search.
#[derive(Debug)]
pub(crate) struct SearchPart {
    /// The uniform words.
    pub(crate) words: SearchWords,
    /// Its work in blocks × midstates, the unit of the pace.
    pub(crate) units: u64,
    /// Whether it is the batch's first: the results' head must be cleared.
    pub(crate) is_first: bool,
    /// Whether it is the batch's last: the results must be copied.
    pub(crate) is_last: bool,
}

impl SearchWork {
    fn new(batch: SearchBatch, block_bits: u32, tag: u32) -> Self {
        let (next_block, blocks) = blocks_of(batch.nonces.first(), batch.nonces.last(), block_bits);
        let words = Box::new(search_words(&batch, block_bits, tag));
        Self { batch, words, next_block, blocks_left: blocks, blocks }
    }

    /// The shader for it.
    pub(crate) fn shader(&self) -> Shader {
        if self.batch.midstates().len() == 1 { Shader::SearchOne } else { Shader::SearchShared }
    }

    /// The most hits that it may report.
    pub(crate) const fn hits_max(&self) -> usize {
        self.batch.hits_max
    }

    /// The work that is not sent yet, in blocks × midstates.
    pub(crate) fn units_left(&self) -> u64 {
        self.blocks_left * u64::from(self.words.midstate_count)
    }

    /// Takes the next part, of about `units` blocks × midstates and at most `blocks_max` blocks.
    pub(crate) fn next_part(&mut self, units: u64, blocks_max: u32) -> SearchPart {
        let midstates = u64::from(self.words.midstate_count);
        let blocks = (units / midstates).clamp(1, self.blocks_left.min(u64::from(blocks_max)));
        let is_first = self.blocks_left == self.blocks;
        let mut words = *self.words;
        words.block_first = self.next_block;
        words.blocks = blocks as u32;
        // The sum is at most 2^32 / block, after the last block of the space. It wraps only if no block is left.
        self.next_block = self.next_block.wrapping_add(blocks as u32);
        self.blocks_left -= blocks;
        SearchPart { words, units: blocks * midstates, is_first, is_last: self.blocks_left == 0 }
    }
}
