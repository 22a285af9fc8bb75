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

/// Bytes of one read: about a megabyte, and whole headers, so that packed headers are never copied to be joined.
const READ_BYTES: usize = 13_107 * HEADER_LEN;

/// Bytes of every later file that are looked at before it is read: whole headers, so that none is cut (819 × 80 = 65,520).
const NEXT_HEAD_BYTES: usize = 819 * HEADER_LEN;

/// Several files as one chain, in one format.
pub struct ChainInput {
    pub(super) paths: Vec<PathBuf>,
    pub(super) format: Format,
    /// The network that frames must be of.
    pub(super) network: FrameNetwork,
    pub(super) first: Source,
    /// What was read of the first file to tell its format.
    pub(super) head: Vec<u8>,
    /// What every later file must show, where the format was detected.
    pub(super) guard: Option<Recogniser>,
    bytes_total: Option<u64>,
}

impl std::fmt::Debug for ChainInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainInput").field("paths", &self.paths).field("format", &self.format).finish_non_exhaustive()
    }
}

impl ChainInput {
    /// Opens the input. Every file must be there; the format of the first one, where it is not given, holds for all.
    ///
    /// # Errors
    /// [`InputError`] naming the file.
    ///
    /// # Panics
    /// If `paths` is empty: a broken promise of the caller.
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

    /// Opens the input and tells its format by its first bytes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn detect(paths: Vec<PathBuf>) -> Result<Self, InputError> {
        Self::open(paths, detect)
    }

    /// The same input, whose frames must be of this network.
    ///
    /// # Errors
    /// [`InputError::Decode`] where the first frame is of another known network.
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

    /// The same input, whose later files must be written like the first and begin with headers too.
    #[must_use]
    pub fn guarded(mut self, guard: Recogniser) -> Self {
        self.guard = Some(guard);
        self
    }

    /// The beginning of the first file.
    pub fn opening(&self) -> Opening {
        Opening::new(&self.paths[0], &self.head, self.network)
    }

    /// How the input is written.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// About how many headers there are, where sizes and format tell.
    pub fn headers_expected(&self) -> Option<u64> {
        Some(self.bytes_total? / self.format.bytes_per_header()?)
    }

    /// Feeds all headers to the sink, until it asks to stop.
    ///
    /// # Errors
    /// [`InputError`] at the first place where the input is not what it should be; all headers before it have gone
    /// to the sink.
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

/// Opens a later file, and looks at its beginning where the formats are detected.
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
    // What is wrong in the file is reported when it is read.
    let read = Decoder::of(found).of_network(network).push(&head, &mut first);
    let holds_headers = matches!(found, Format::HexBlocks | Format::JsonBlock) || guard.is_chain(&first);
    if !holds_headers {
        return Err(Opening::new(path, &head, network).refuse(read.err().map(|error| error.to_string())));
    }
    if found != expected {
        return Err(InputError::OtherFormat { path: path.into(), expected, found });
    }
    Ok((source, head))
}

/// One file in the row of all.
struct FilePlace<'a> {
    path: &'a Path,
    file: usize,
    /// Bytes of the files before it.
    base: u64,
    network: FrameNetwork,
}

impl FilePlace<'_> {
    /// Decodes one file to its end; gives its size, or `Break` where the sink asked to stop.
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
                // What was read to tell the format is whole headers, unless the file has ended with it.
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

    /// Lets the sink read the rest of the file, from `offset` on, where it can; gives the file's size, or `Break` where the
    /// sink asked to stop.
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

    /// Lets the sink take parts of a file that it reads itself, and moves `offset` on behind them.
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
                // Some files look regular and can only be read in order.
                Err(error) if *offset == begin && error.kind() == io::ErrorKind::NotSeekable => break,
                Err(error) => return Err(error),
                Ok(ControlFlow::Break(())) => return Ok(ControlFlow::Break(())),
                Ok(ControlFlow::Continue(0)) => break,
                Ok(ControlFlow::Continue(bytes)) => *offset += bytes,
            }
        }
        if *offset != begin {
            // Whoever reads on does so where the parts end.
            file.cursor.as_ref().seek(SeekFrom::Start(*offset))?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn failed(&self, offset: u64, source: io::Error) -> InputError {
        InputError::Read { path: self.path.into(), offset, source }
    }
}

/// Adds file and base to what a decoder says.
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

/// Reads until `bytes` bytes are there or the file ends, into `reuse`'s room; a pipe gives less at a time than is wanted.
fn read_up_to(stream: &mut dyn Read, bytes: usize, reuse: &mut Vec<u8>) -> io::Result<Vec<u8>> {
    let mut buffer = std::mem::take(reuse);
    buffer.clear();
    buffer.reserve_exact(bytes);
    stream.take(bytes as u64).read_to_end(&mut buffer)?;
    Ok(buffer)
}

#[cfg(test)]
mod tests;
