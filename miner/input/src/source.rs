//! Feeds the decoders from files and stdin, in large reads and constant memory.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cityseal_hash::HEADER_LEN;

use super::decode_error::DecodeError;
use super::decoder::Decoder;
use super::detect::{Format, detect, detect_for};
use super::frame::{FRAME_LEN, Frame, FrameNetwork, leading_zeros};
use super::input_error::InputError;
use super::looks::Opening;
use super::open::{Source, open, sizes};
use super::paths::is_stdin;
use super::place::{HeaderSink, Place};
use super::recognise::{FirstRecords, Recogniser};
use super::sinks::ChainSink;

/// Bytes per read: about a megabyte, and whole headers, so that packed headers are never copied to be joined.
const READ_BYTES: usize = 13_107 * HEADER_LEN;

/// Bytes of every later file that are inspected before it is read: whole headers, so that none is split (819 × 80 =
/// 65,520).
const NEXT_HEAD_BYTES: usize = 819 * HEADER_LEN;

/// Several files as one chain, in one format.
pub struct ChainInput {
    pub(super) paths: Vec<PathBuf>,
    pub(super) format: Format,
    /// The network that frames must belong to.
    pub(super) network: FrameNetwork,
    pub(super) first: Source,
    /// The bytes of the first file that were read to detect its format.
    pub(super) head: Vec<u8>,
    /// Check that every later file must pass, if the format was detected.
    pub(super) guard: Option<Recogniser>,
    bytes_total: Option<u64>,
}

impl std::fmt::Debug for ChainInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainInput").field("paths", &self.paths).field("format", &self.format).finish_non_exhaustive()
    }
}

impl ChainInput {
    /// Opens the input. Every file must exist; the format of the first file, unless it is given, applies to all.
    ///
    /// # Errors
    /// Returns [`InputError`], which names the file.
    ///
    /// # Panics
    /// If `paths` is empty.
    pub fn open(paths: Vec<PathBuf>, format: impl FnOnce(&[u8]) -> Format) -> Result<Self, InputError> {
        if paths.iter().filter(|path| is_stdin(path)).count() > 1 {
            return Err(InputError::StdinTwice);
        }
        let bytes_total = sizes(&paths)?;
        let mut first = open(&paths[0])?;
        let head = read_up_to(&mut *first.reader, READ_BYTES, &mut Vec::new()).map_err(|source| InputError::Read {
            path: paths[0].clone(),
            offset: 0,
            source,
        })?;
        Ok(Self {
            format: format(&head),
            network: FrameNetwork::default(),
            paths,
            first,
            head,
            guard: None,
            bytes_total,
        })
    }

    /// Opens the input and detects its format from its first bytes.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn detect(paths: Vec<PathBuf>) -> Result<Self, InputError> {
        Self::open(paths, detect)
    }

    /// Returns the same input, restricted to frames of this network.
    ///
    /// # Errors
    /// Returns [`InputError::Decode`] if the first frame belongs to another known network.
    pub fn of_network(mut self, network: FrameNetwork) -> Result<Self, InputError> {
        self.network = network;
        let zeros = leading_zeros(&self.head);
        if self.format == Format::FramedBlocks
            && let Some(frame) = self.head[zeros..].first_chunk::<FRAME_LEN>()
            && let Err(source @ DecodeError::OtherNetwork { .. }) = Frame::read(*frame, zeros as u64, &mut { network })
        {
            return Err(InputError::Decode { path: self.paths[0].clone(), source });
        }
        Ok(self)
    }

    /// Returns the same input, with the check that later files have the format of the first and begin with headers.
    #[must_use]
    pub fn guarded(mut self, guard: Recogniser) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Returns the beginning of the first file.
    pub fn opening(&self) -> Opening {
        Opening::new(&self.paths[0], &self.head, self.network)
    }

    /// Returns the format of the input.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Returns the approximate number of headers, if it follows from sizes and format.
    pub fn headers_expected(&self) -> Option<u64> {
        Some(self.bytes_total? / self.format.bytes_per_header()?)
    }

    /// Feeds all headers to the sink, until the sink stops.
    ///
    /// # Errors
    /// Returns [`InputError`] at the first malformed place; all headers before it have been passed to the sink.
    pub fn read(self, sink: &mut dyn ChainSink) -> Result<(), InputError> {
        let Self { paths, format, network, first, head, guard, .. } = self;
        let mut base = 0;
        let mut opened = Some((first, head));
        for (file, path) in paths.iter().enumerate() {
            let (stream, head) = match opened.take() {
                Some(first) => first,
                None => open_next(path, format, network, guard.as_ref())?,
            };
            let place = FilePlace { path, file, base, network };
            match place.feed(stream, head, format, sink)? {
                ControlFlow::Continue(bytes) => base += bytes,
                ControlFlow::Break(()) => break,
            }
        }
        Ok(())
    }
}

/// Opens a later file, and inspects its beginning if formats are detected.
pub(super) fn open_next(
    path: &Path,
    expected: Format,
    network: FrameNetwork,
    guard: Option<&Recogniser>,
) -> Result<(Source, Vec<u8>), InputError> {
    let mut source = open(path)?;
    let Some(guard) = guard else { return Ok((source, Vec::new())) };
    let head = read_up_to(&mut *source.reader, NEXT_HEAD_BYTES, &mut Vec::new());
    let head = head.map_err(|source| InputError::Read { path: path.into(), offset: 0, source })?;
    if head.is_empty() {
        return Ok((source, head));
    }
    let found = detect_for(network, &head);
    let mut first = FirstRecords::default();
    // Errors in the file's content are reported when it is read.
    let read = Decoder::of(found).of_network(network).push(&head, &mut first);
    let holds_headers = matches!(found, Format::HexBlocks | Format::JsonBlock) || guard.is_chain(&first);
    let opening = Opening::new(path, &head, network);
    if opening.is_proof() {
        return Err(opening.refuse(None));
    }
    if !holds_headers {
        return Err(opening.refuse(read.err().map(|error| error.to_string())));
    }
    if found != expected {
        return Err(InputError::OtherFormat { path: path.into(), expected, found });
    }
    Ok((source, head))
}

/// One file and its position in the input.
struct FilePlace<'a> {
    path: &'a Path,
    file: usize,
    /// Bytes of the files before it.
    base: u64,
    network: FrameNetwork,
}

impl FilePlace<'_> {
    /// Decodes one file to its end; returns its size, or `Break` if the sink stopped.
    fn feed(
        &self,
        mut source: Source,
        mut buffer: Vec<u8>,
        format: Format,
        sink: &mut dyn ChainSink,
    ) -> Result<ControlFlow<(), u64>, InputError> {
        let refuse = |source| InputError::Decode { path: self.path.into(), source };
        let mut decoder = Decoder::of(format).of_network(self.network);
        let mut tagged = Tagged { file: self.file, base: self.base, sink, flow: ControlFlow::Continue(()) };
        let mut offset = 0;
        loop {
            if buffer.is_empty() {
                // The bytes read to detect the format are whole headers, unless the file has ended with them.
                // A sink that reads by itself avoids a copy of packed headers.
                if format == Format::Headers
                    && let Some(flow) = self.let_it_read(&mut source, offset, tagged.sink)?
                {
                    return Ok(flow);
                }
                buffer = read_up_to(&mut *source.reader, READ_BYTES, &mut buffer)
                    .map_err(|error| self.failed(offset, error))?;
            }
            if buffer.is_empty() {
                break;
            }
            decoder.push(&buffer, &mut tagged).map_err(refuse)?;
            if tagged.flow.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            offset += buffer.len() as u64;
            buffer.clear();
        }
        decoder.end(&mut tagged).map_err(refuse)?;
        Ok(tagged.flow.map_continue(|()| offset))
    }

    /// Lets the sink read the rest of the file from `offset` on, if it can; returns the file's size, or `Break` if the
    /// sink stopped.
    fn let_it_read(
        &self,
        source: &mut Source,
        mut offset: u64,
        sink: &mut dyn ChainSink,
    ) -> Result<Option<ControlFlow<(), u64>>, InputError> {
        if !offset.is_multiple_of(HEADER_LEN as u64) {
            return Ok(None);
        }
        if self.let_it_take(source, &mut offset, sink).map_err(|error| self.failed(offset, error))?.is_break() {
            return Ok(Some(ControlFlow::Break(())));
        }
        loop {
            let Some(read) = sink.read(&mut *source.reader, self.file) else { return Ok(None) };
            match read.map_err(|error| self.failed(offset, error))? {
                ControlFlow::Break(()) => return Ok(Some(ControlFlow::Break(()))),
                ControlFlow::Continue(0) => break,
                ControlFlow::Continue(bytes) => offset += bytes as u64,
            }
        }
        match (offset % HEADER_LEN as u64) as usize {
            0 => Ok(Some(ControlFlow::Continue(offset))),
            found => {
                let source = DecodeError::CutHeader { offset: offset - found as u64, found };
                Err(InputError::Decode { path: self.path.into(), source })
            }
        }
    }

    /// Lets the sink take parts of a file that it reads itself, and moves `offset` past them.
    fn let_it_take(
        &self,
        source: &mut Source,
        offset: &mut u64,
        sink: &mut dyn ChainSink,
    ) -> io::Result<ControlFlow<()>> {
        let Some(file) = &source.file else { return Ok(ControlFlow::Continue(())) };
        let begin = *offset;
        while let Some(taken) = sink.take_from(&file.anywhere, *offset, file.len.saturating_sub(*offset), self.file) {
            match taken {
                // Some files look regular but can only be read in order.
                Err(error) if *offset == begin && error.kind() == io::ErrorKind::NotSeekable => break,
                Err(error) => return Err(error),
                Ok(ControlFlow::Break(())) => return Ok(ControlFlow::Break(())),
                Ok(ControlFlow::Continue(0)) => break,
                Ok(ControlFlow::Continue(bytes)) => *offset += bytes,
            }
        }
        if *offset != begin {
            // Continue reading where the parts end.
            file.cursor.as_ref().seek(SeekFrom::Start(*offset))?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn failed(&self, offset: u64, source: io::Error) -> InputError {
        InputError::Read { path: self.path.into(), offset, source }
    }
}

/// Adds the file index and the base offset to what a decoder emits.
struct Tagged<'a> {
    file: usize,
    base: u64,
    sink: &'a mut dyn ChainSink,
    flow: ControlFlow<()>,
}

impl HeaderSink for Tagged<'_> {
    fn take(&mut self, packed: &[u8], place: Place) {
        let place = match place {
            Place::Byte(byte) => Place::Byte(self.base + byte),
            other @ (Place::Packed | Place::Line(_) | Place::OneLine(_)) => other,
        };
        if self.flow.is_continue() {
            self.flow = self.sink.take(packed, self.file, place);
        }
    }
}

/// Reads until `bytes` bytes are there or the file ends, reusing the allocation of `reuse`; a pipe returns less per
/// read.
fn read_up_to(stream: &mut dyn Read, bytes: usize, reuse: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut buffer = std::mem::take(reuse);
    buffer.clear();
    buffer.reserve_exact(bytes);
    stream.take(bytes as u64).read_to_end(&mut buffer)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests;
