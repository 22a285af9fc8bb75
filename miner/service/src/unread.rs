//! The bytes of a connection that have arrived and that its calls have not taken yet.
//!
//! HTTP/2 accepts a window of data for each stream. If the calls do not run for a while, because the machine is busy, a
//! fast sender could fill every window. So a connection with open requests reads on only once they have taken what
//! arrived. Uploads have windows of their own and are not counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::limits::UNREAD_BYTES_MAX;

/// The count of one connection.
#[derive(Debug, Default)]
pub(crate) struct Unread(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    bytes: usize,
    /// Requests that have not arrived completely, or whose bytes are not taken yet.
    requests: usize,
    reader: Option<Waker>,
}

impl Unread {
    /// Counts a request until the returned value is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> OpenRequest {
        let mut state = self.lock();
        if state.requests == 0 {
            state.bytes = 0;
        }
        state.requests += 1;
        OpenRequest(Arc::clone(self))
    }

    /// Counts bytes that were read from the socket.
    pub(crate) fn add(&self, bytes: usize) {
        self.lock().bytes += bytes;
    }

    /// Waits until the connection may read on.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.has_room() {
            return Poll::Ready(());
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Lets the connection read on although nothing was taken.
    pub(crate) fn forget(&self) {
        self.lock().bytes = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.requests == 0 || self.bytes < UNREAD_BYTES_MAX
    }

    fn wake_reader(&mut self) {
        if self.has_room()
            && let Some(reader) = self.reader.take()
        {
            reader.wake();
        }
    }
}

/// A request of a connection.
#[derive(Debug)]
pub(crate) struct OpenRequest(Arc<Unread>);

impl OpenRequest {
    /// Counts bytes that the request has taken.
    pub(crate) fn took(&self, bytes: usize) {
        let mut state = self.0.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.wake_reader();
    }
}

impl Drop for OpenRequest {
    /// What had arrived for this request is freed, so the count begins again.
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.requests -= 1;
        state.bytes = 0;
        state.wake_reader();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_reads_on_once_its_requests_have_taken_what_arrived() {
        let unread = Arc::<Unread>::default();
        let cx = Context::from_waker(Waker::noop());
        unread.add(2 * UNREAD_BYTES_MAX);
        assert!(unread.poll_room(&cx).is_ready(), "no request is open");
        let first = unread.open();
        unread.add(UNREAD_BYTES_MAX - 1);
        assert!(unread.poll_room(&cx).is_ready(), "one byte below the limit");
        unread.add(1);
        assert!(unread.poll_room(&cx).is_pending());
        let second = unread.open();
        first.took(1);
        assert!(unread.poll_room(&cx).is_ready());
        unread.add(1);
        assert!(unread.poll_room(&cx).is_pending());
        drop(second);
        assert!(unread.poll_room(&cx).is_ready(), "a request ended");
    }
}
