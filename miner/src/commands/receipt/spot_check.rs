//! Compares random parts of a chain with a receipt: the headers of whole subtrees. In packed files only these are read.
//!
//! The source may have any format; its first header is the receipt's first item. A node's folder has blocks in any
//! order, and its best chain is compared. Block bodies are not compared: to add them, extend [`Reading::open`] by the
//! trees over their contents.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cityseal_chain::Parameters;
use cityseal_chain::header_tree::Root;
use cityseal_cli::unix_now;
use cityseal_engine::{BlockBatch, ReadAt};
use cityseal_hash::HEADER_LEN;
use cityseal_input::{
    BlockSet, BlockSink, ChainInput, ChainSink, FirstRecords, Format, FrameNetwork, Place, Recogniser, Watched,
    detect_for,
};
use cityseal_receipt::{Statement, pick};

use super::ReceiptCommandError;
use crate::answers::{SpotCheck, SpotCheckResult};

/// Compares the subtrees of `wanted` random items with the source. `parameters` are those of the chain, if they are
/// known; only a folder needs them.
pub(super) fn run(
    statement: &Statement,
    seed: &[u8; 32],
    wanted: u64,
    source: &[PathBuf],
    parameters: Option<&Parameters>,
) -> Result<SpotCheck, ReceiptCommandError> {
    let parts = statement.parts();
    let items = pick(seed, parts.count, wanted);
    let mut subtrees: Vec<u64> = items.iter().map(|item| parts.openings.subtree_of(*item)).collect();
    subtrees.dedup();
    let mut reading = Reading::new(statement, subtrees);
    if !reading.wanted.is_empty() {
        reading.read_source(source, parameters)?;
    }
    Ok(SpotCheck {
        heights: items.iter().map(|item| parts.first_height + item).collect(),
        subtrees: reading.opened,
        headers: reading.headers,
        result: reading.conclude().map_or(SpotCheckResult::Right, SpotCheckResult::Wrong),
    })
}

/// State while the source is read.
struct Reading<'a> {
    statement: &'a Statement,
    /// Subtrees not compared yet, in ascending order.
    wanted: VecDeque<u64>,
    /// Packed headers of the first of these subtrees that were read so far.
    held: Vec<u8>,
    /// The item number of the next header.
    at: u64,
    /// The file whose whole headers were read at chosen offsets, so that at most a truncated header is left in it.
    read_anywhere: Option<usize>,
    opened: u64,
    headers: u64,
    wrong: Option<String>,
}

impl<'a> Reading<'a> {
    fn new(statement: &'a Statement, subtrees: Vec<u64>) -> Self {
        Self {
            statement,
            wanted: subtrees.into(),
            held: Vec::new(),
            at: 0,
            read_anywhere: None,
            opened: 0,
            headers: 0,
            wrong: None,
        }
    }

    /// Reads as much of the source as the spot check needs.
    fn read_source(&mut self, source: &[PathBuf], parameters: Option<&Parameters>) -> Result<(), ReceiptCommandError> {
        if let [folder] = source
            && folder.is_dir()
        {
            let wanting = || ReceiptCommandError::FolderWithoutNetwork { path: folder.clone() };
            return self.read_folder(folder, parameters.ok_or_else(wanting)?);
        }
        let recogniser = Recogniser::new(parameters, Some(self.statement.parts().parent), unix_now());
        let network = parameters.map(FrameNetwork::of).unwrap_or_default();
        let input = ChainInput::open(source.to_vec(), |head| detect_for(network, head))?;
        let input = input.of_network(network)?.guarded(recogniser.clone());
        let (opening, mut first) = (input.opening(), FirstRecords::default());
        let mut watched = Watched::new(self, &mut first);
        let read = match input.format() {
            Format::Headers | Format::Hex | Format::FramedBlocks | Format::RawBlocks => input.read(&mut watched),
            // These formats must be parsed as whole blocks to get at their headers.
            Format::HexBlocks | Format::JsonBlock => input.read_blocks(&mut watched),
        };
        // A source that is not a chain is bad input, rather than another chain than the signed one.
        let has_opened_all = self.wrong.is_none() && self.wanted.is_empty();
        if !has_opened_all && !recogniser.is_chain(&first) {
            return Err(opening.refuse(read.err().map(|error| error.to_string())).into());
        }
        Ok(read?)
    }

    fn read_folder(&mut self, folder: &Path, parameters: &Parameters) -> Result<(), ReceiptCommandError> {
        let parts = self.statement.parts();
        let below = |height| Root::Above { hash: parts.parent, height };
        let root = parts.first_height.checked_sub(1).map_or(Root::Genesis, below);
        let set = BlockSet::of_folder(folder, parameters, root)?;
        for run in set.best_headers() {
            if ChainSink::take(self, &run, 0, Place::Packed).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The items of the subtree to compare next.
    fn next_items(&self) -> Option<Range<u64>> {
        let parts = self.statement.parts();
        self.wanted.front().map(|subtree| parts.openings.items(*subtree, parts.count))
    }

    /// Advances over the next `headers` headers of the source. `fetch` appends a range of them, counted from 0, to a
    /// buffer as packed bytes; it is called only for headers of wanted subtrees.
    fn walk(
        &mut self,
        headers: u64,
        mut fetch: impl FnMut(Range<u64>, &mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<ControlFlow<()>> {
        let (begin, end) = (self.at, self.at + headers);
        while let Some(items) = self.next_items() {
            let here = items.start.max(begin)..items.end.min(end);
            if !here.is_empty() {
                self.headers += here.end - here.start;
                fetch(here.start - begin..here.end - begin, &mut self.held)?;
            }
            if items.end > end {
                self.at = end;
                return Ok(ControlFlow::Continue(()));
            }
            if self.open().is_break() {
                break;
            }
        }
        Ok(ControlFlow::Break(()))
    }

    /// Compares the first wanted subtree, whose headers are all in `held`, with the receipt.
    fn open(&mut self) -> ControlFlow<()> {
        let Some(subtree) = self.wanted.pop_front() else { return ControlFlow::Break(()) };
        let opened = self.statement.open(subtree, &self.held);
        self.held.clear();
        match opened {
            Ok(()) => {
                self.opened += 1;
                ControlFlow::Continue(())
            }
            Err(error) => {
                self.wrong = Some(error.to_string());
                ControlFlow::Break(())
            }
        }
    }

    fn conclude(self) -> Option<String> {
        let (found, count) = (self.at, self.statement.parts().count);
        let ends_early = || format!("the source ends after {found} headers, but the receipt covers {count}");
        self.wrong.or_else(|| (!self.wanted.is_empty()).then(ends_early))
    }
}

impl ChainSink for Reading<'_> {
    fn take(&mut self, packed: &[u8], _file: usize, _place: Place) -> ControlFlow<()> {
        let fetch = |run: Range<u64>, held: &mut Vec<u8>| {
            held.extend_from_slice(&packed[bytes_of(run.start)..bytes_of(run.end)]);
            Ok(())
        };
        // Copying from memory cannot fail.
        self.walk((packed.len() / HEADER_LEN) as u64, fetch).unwrap_or(ControlFlow::Continue(()))
    }

    fn take_from(
        &mut self,
        source: &Arc<dyn ReadAt>,
        from: u64,
        len: u64,
        file: usize,
    ) -> Option<io::Result<ControlFlow<(), u64>>> {
        let headers = len / HEADER_LEN as u64;
        let (read_before, held_before) = (self.headers, self.held.len());
        let fetch = |run: Range<u64>, held: &mut Vec<u8>| {
            let room = held.len();
            held.resize(room + bytes_of(run.end - run.start), 0);
            source.read_exact_at(&mut held[room..], from + run.start * HEADER_LEN as u64)
        };
        let walked = self.walk(headers, fetch);
        if walked.is_ok() {
            self.read_anywhere = Some(file);
        } else {
            // After a failed read the caller reads the source in order instead, from the same item.
            self.headers = read_before;
            self.held.truncate(held_before);
        }
        Some(walked.map(|flow| flow.map_continue(|()| headers * HEADER_LEN as u64)))
    }

    fn read(&mut self, source: &mut dyn Read, file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        if self.read_anywhere != Some(file) {
            return None;
        }
        let mut cut = [0; HEADER_LEN];
        Some(source.read(&mut cut).map(ControlFlow::Continue))
    }
}

impl BlockSink for Reading<'_> {
    fn take(&mut self, batch: BlockBatch, file: usize, _places: &[Place]) -> ControlFlow<()> {
        ChainSink::take(self, &batch.headers(), file, Place::Packed)
    }
}

const fn bytes_of(headers: u64) -> usize {
    headers as usize * HEADER_LEN
}
