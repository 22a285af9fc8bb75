//! A run of whole headers for one device, given as bytes or as a part of a file. The worker reads the file itself, so
//! that the bytes are in the cache of the core that hashes them.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cityseal_chain::{History, Parameters};
use cityseal_hash::HEADER_LEN;

use super::file::ReadAt;
use super::permits::Permit;

/// The position of a segment in its stream, and the history before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    /// Offset of its first header or block in the input, in bytes.
    pub(crate) offset: u64,
    pub(crate) before: History,
}

/// A run of whole headers. Dropping it returns its permit and its buffer to the stream.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) place: Place,
    count: usize,
    headers: OnceLock<Arc<Vec<u8>>>,
    unread: Mutex<Option<Unread>>,
    permit: Permit,
}

/// The part of a file that holds the headers of a segment.
pub(crate) struct Unread {
    pub(crate) file: Arc<dyn ReadAt>,
    /// Offset in the file, in bytes.
    pub(crate) from: u64,
    /// The history after this segment, as it was when the segment was made.
    pub(crate) after: History,
}

impl std::fmt::Debug for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unread").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Segment {
    /// A segment of the given headers.
    pub(crate) fn of_headers(place: Place, headers: Vec<u8>, permit: Permit) -> Self {
        let count = headers.len() / HEADER_LEN;
        Self { place, count, headers: Arc::new(headers).into(), unread: Mutex::new(None), permit }
    }

    /// A segment of `count` headers in a file.
    pub(crate) fn of_file(place: Place, count: usize, unread: Unread, permit: Permit) -> Self {
        let unread = Mutex::new(Some(unread));
        Self { place, count, headers: OnceLock::new(), unread, permit }
    }

    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// The headers; empty before they are loaded.
    pub(crate) fn headers(&self) -> &[u8] {
        self.headers.get().map_or(&[], |headers| headers)
    }

    /// The headers; the first call reads them.
    ///
    /// # Errors
    /// The read failed, or the file has changed since the segment was made, so that the history of the next segment
    /// would be wrong. The file is not read again.
    pub(crate) fn load(&self, parameters: &Parameters) -> io::Result<Arc<Vec<u8>>> {
        // The lock also makes a second worker wait for the first one's read.
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(headers) = self.headers.get() {
            return Ok(Arc::clone(headers));
        }
        let Some(Unread { file, from, after }) = unread.take() else {
            return Err(io::Error::other("an earlier read of the file failed"));
        };
        let mut buffer = self.permit.buffer();
        buffer.resize(self.count * HEADER_LEN, 0);
        file.read_exact_at(&mut buffer, from)?;
        // The next segment's history was derived from few of these headers: check all of them.
        let mut found = self.place.before;
        found.advance(parameters, &buffer);
        if found != after {
            return Err(io::Error::other("the file changed while it was read"));
        }
        Ok(Arc::clone(self.headers.get_or_init(|| Arc::new(buffer))))
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // A hung device may still hold the buffer; then it is not reused.
        let buffer = self.headers.take().and_then(|headers| Arc::try_unwrap(headers).ok());
        self.permit.keep(buffer);
    }
}
