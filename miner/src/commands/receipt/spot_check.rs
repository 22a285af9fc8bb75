//! Opens random parts of a receipt against the chain: the headers of whole subtrees, and of packed files only these.
//!
//! The source may be of any format; its first header is the receipt's first item. Of a node's folder, where blocks stand in
//! any order, the best chain counts. Bodies are not opened: where they are, the trees over their contents open in the same
//! way, and [`Reading::open`] is the one place to ask for it.

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

/// What a spot check came to.
#[derive(Debug)]
pub(super) struct SpotCheck {
    /// The heights chosen.
    pub(super) heights: Vec<u64>,
    /// Subtrees that were opened.
    pub(super) subtrees: u64,
    /// Headers that were read to open them.
    pub(super) headers: u64,
    /// Why the source is not the chain that was signed; none if it is.
    pub(super) wrong: Option<String>,
}

impl SpotCheck {
    /// Opens the subtrees in which `wanted` random items stand. The parameters are those of the chain, where they are known:
    /// only a folder needs them.
    pub(super) fn run(
        statement: &Statement,
        seed: &[u8; 32],
        wanted: u64,
        source: &[PathBuf],
        parameters: Option<&Parameters>,
    ) -> Result<Self, ReceiptCommandError> {
        let parts = statement.parts();
        let items = pick(seed, parts.count, wanted);
        let mut subtrees: Vec<u64> = items.iter().map(|item| parts.openings.subtree_of(*item)).collect();
        subtrees.dedup();
        let mut reading = Reading::new(statement, subtrees);
        if !reading.wanted.is_empty() {
            reading.read_source(source, parameters)?;
        }
        Ok(Self {
            heights: items.iter().map(|item| parts.first_height + item).collect(),
            subtrees: reading.opened,
            headers: reading.headers,
            wrong: reading.conclude(),
        })
    }
}

/// The source while it is read.
struct Reading<'a> {
    statement: &'a Statement,
    /// Subtrees that are still to be opened, in order.
    wanted: VecDeque<u64>,
    /// Headers of the first of them, so far.
    held: Vec<u8>,
    /// The item of the next header.
    at: u64,
    /// The file that was read here and there, so that only a cut header can be left of it.
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

    /// Reads as much of the source as it takes.
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
            // Their headers are not to be had without the rest.
            Format::HexBlocks | Format::JsonBlock => input.read_blocks(&mut watched),
        };
        // A source that is no chain is bad input, and not a chain that differs.
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

    /// The items of the subtree that is to be opened next.
    fn next_items(&self) -> Option<Range<u64>> {
        let parts = self.statement.parts();
        self.wanted.front().map(|subtree| parts.openings.items(*subtree, parts.count))
    }

    /// Takes `headers` headers of which `fetch` gives any run, as packed bytes; asks only for those that are wanted.
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

    /// Opens the subtree whose headers are all here.
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
        let ends_early = || format!("the source ends after {found} headers, the receipt is about {count}");
        self.wrong.or_else(|| (!self.wanted.is_empty()).then(ends_early))
    }
}

impl ChainSink for Reading<'_> {
    fn take(&mut self, packed: &[u8], _file: usize, _place: Place) -> ControlFlow<()> {
        let fetch = |run: Range<u64>, held: &mut Vec<u8>| {
            held.extend_from_slice(&packed[bytes_of(run.start)..bytes_of(run.end)]);
            Ok(())
        };
        // What is here already can be copied.
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
            // Whoever can not read it here and there reads it in order, from where it was.
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
