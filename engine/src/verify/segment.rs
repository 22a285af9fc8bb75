//! A run of whole headers on its way to a device: handed over as bytes, or as a part of a file that the worker reads itself,
//! so that the bytes are in the cache of the core that hashes them.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cityseal_chain::{History, Parameters};
use cityseal_hash::HEADER_LEN;

use super::file::ReadAt;
use super::permits::Permit;

/// Where a segment stands in its stream, and what comes before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(super) sequence: u64,
    /// Where its first header or block stands in the input, in bytes.
    pub(super) offset: u64,
    pub(super) before: History,
}

/// A run of whole headers. Its permit and its buffer return to the stream when the last hand lets go.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) place: Place,
    count: usize,
    headers: OnceLock<Arc<Vec<u8>>>,
    unread: Mutex<Option<Unread>>,
    permit: Permit,
}

/// What is still to be read.
pub(super) struct Unread {
    pub(super) file: Arc<dyn ReadAt>,
    /// Where it begins in the file, in bytes.
    pub(super) from: u64,
    /// What comes before the segment behind this one, as its maker saw it.
    pub(super) after: History,
}

impl std::fmt::Debug for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unread").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Segment {
    /// A segment whose headers are there.
    pub(super) fn of_headers(place: Place, headers: Vec<u8>, permit: Permit) -> Self {
        let count = headers.len() / HEADER_LEN;
        Self { place, count, headers: Arc::new(headers).into(), unread: Mutex::new(None), permit }
    }

    /// A segment of `count` headers that stand in a file.
    pub(super) fn of_file(place: Place, count: usize, unread: Unread, permit: Permit) -> Self {
        let unread = Mutex::new(Some(unread));
        Self { place, count, headers: OnceLock::new(), unread, permit }
    }

    /// Where it stands.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// How many headers there are.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// The headers, once they were loaded.
    pub(super) fn headers(&self) -> &[u8] {
        self.headers.get().map_or(&[], |headers| headers)
    }

    /// The headers; reads them where nobody has yet.
    ///
    /// # Errors
    /// What the file says, or that it changed since the segment was made: the next one would be judged after headers that
    /// nobody has seen. The file will not be asked again.
    pub(crate) fn load(&self, parameters: &Parameters) -> io::Result<Arc<Vec<u8>>> {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(headers) = self.headers.get() {
            return Ok(Arc::clone(headers));
        }
        let Some(Unread { file, from, after }) = unread.take() else {
            return Err(io::Error::other("the file could not be read before"));
        };
        let mut buffer = self.permit.buffer();
        buffer.resize(self.count * HEADER_LEN, 0);
        file.read_exact_at(&mut buffer, from)?;
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
        // A device that hangs may hold on to the bytes: then they are its own.
        let buffer = self.headers.take().and_then(|headers| Arc::try_unwrap(headers).ok());
        self.permit.keep(buffer);
    }
}
