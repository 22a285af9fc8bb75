//! A run of whole headers on its way to a device: handed over as bytes, or as a part of a file that the worker reads itself,
//! so that the bytes are in the cache of the core that hashes them.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cityseal_chain::History;
use cityseal_hash::HEADER_LEN;
use crossbeam::channel::Sender;

use super::file::ReadAt;

pub(super) type Waker = Arc<dyn Fn() + Send + Sync>;

/// Where a segment stands in its stream, and what comes before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) sequence: u64,
    /// Where its first header stands in the input, in bytes.
    pub(super) offset: u64,
    pub(super) before: History,
}

/// A run of whole headers. Its buffer returns to the stream when the last hand lets go.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(super) place: Place,
    count: usize,
    headers: OnceLock<Arc<Vec<u8>>>,
    unread: Mutex<Option<Unread>>,
    home: Home,
}

/// What is still to be read, and the buffer for it.
struct Unread {
    file: Arc<dyn ReadAt>,
    /// Where it begins in the file, in bytes.
    from: u64,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unread").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Segment {
    /// A segment whose headers are there.
    pub(super) fn of_headers(place: Place, headers: Vec<u8>, home: Home) -> Self {
        let count = headers.len() / HEADER_LEN;
        Self { place, count, headers: Arc::new(headers).into(), unread: Mutex::new(None), home }
    }

    /// A segment of `count` headers that stand in a file, from byte `from` on.
    pub(super) fn of_file(
        place: Place,
        count: usize,
        file: Arc<dyn ReadAt>,
        from: u64,
        buffer: Vec<u8>,
        home: Home,
    ) -> Self {
        let unread = Mutex::new(Some(Unread { file, from, buffer }));
        Self { place, count, headers: OnceLock::new(), unread, home }
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
    /// What the file says; it will not be asked again.
    pub(crate) fn load(&self) -> io::Result<Arc<Vec<u8>>> {
        let mut unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(headers) = self.headers.get() {
            return Ok(Arc::clone(headers));
        }
        let Some(Unread { file, from, mut buffer }) = unread.take() else {
            return Err(io::Error::other("the file could not be read before"));
        };
        buffer.resize(self.count * HEADER_LEN, 0);
        let read = file.read_exact_at(&mut buffer, from);
        match read {
            Ok(()) => Ok(Arc::clone(self.headers.get_or_init(|| Arc::new(buffer)))),
            Err(error) => {
                self.home.take_back(buffer);
                Err(error)
            }
        }
    }

    /// The buffer, unless a device that hangs holds on to it.
    fn buffer(&mut self) -> Option<Vec<u8>> {
        if let Some(headers) = self.headers.get_mut() {
            // A fresh buffer takes the place of one that is held on to.
            return Some(Arc::get_mut(headers).map(std::mem::take).unwrap_or_default());
        }
        self.unread.get_mut().unwrap_or_else(PoisonError::into_inner).take().map(|unread| unread.buffer)
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer() {
            self.home.take_back(buffer);
        }
    }
}

/// Where buffers wait to be filled. The number of buffers never changes: it bounds the stream's memory.
#[derive(Clone)]
pub(super) struct Home {
    pub(super) free: Sender<Vec<u8>>,
    pub(super) wakers: Arc<Mutex<Vec<Waker>>>,
}

impl std::fmt::Debug for Home {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Home").field("free", &self.free.len()).finish_non_exhaustive()
    }
}

impl Home {
    pub(super) fn take_back(&self, buffer: Vec<u8>) {
        // The channel has room for every buffer there is, and it is closed only when the stream is gone.
        drop(self.free.try_send(buffer));
        let wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        wakers.iter().for_each(|wake| wake());
    }
}
