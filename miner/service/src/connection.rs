//! A connection that silence cannot keep open: the client's preface must arrive in time, and the service can close it.
//! It carries the certificate with which its client opened it.
//!
//! It does not parse HTTP/2. Bytes from the socket are not trusted.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use tonic::transport::server::Connected;

use super::certificate::PeerCertificate;
use super::idle::{self, Usage};
use super::limits::{READ_AT_ONCE_BYTES_MAX, UNREAD_PAUSE_MAX};
use super::shares::group_of;
use super::unread::Unread;

/// The client's connection preface (24 bytes, RFC 9113 section 3.4) and the header of the SETTINGS frame that must
/// follow (9).
pub(crate) const HTTP2_PREFACE_LEN: usize = 24 + 9;

/// The first bytes of a connection, and when they must have arrived. The time began when it was accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Preface {
    pub(crate) len: usize,
    pub(crate) deadline: Instant,
}

/// Properties of a connection that its calls can use.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionInfo {
    /// The remote address.
    pub(crate) peer: SocketAddr,
    /// One permit for each further upload that this connection may open.
    pub(crate) uploads: Arc<Semaphore>,
    uploads_max: usize,
    /// The place of the connection, with its open calls.
    pub(crate) usage: Arc<Usage>,
    /// The bytes that its calls have not taken yet.
    pub(crate) unread: Arc<Unread>,
    /// The client's certificate, if it has one.
    pub(crate) certificate: Option<Arc<PeerCertificate>>,
}

impl ConnectionInfo {
    pub(crate) fn new(
        peer: SocketAddr,
        usage: Arc<Usage>,
        certificate: Option<PeerCertificate>,
        uploads_max: usize,
    ) -> Self {
        let uploads = Arc::new(Semaphore::new(uploads_max));
        Self { peer, uploads, uploads_max, usage, unread: Arc::default(), certificate: certificate.map(Arc::new) }
    }

    fn has_uploads(&self) -> bool {
        self.uploads.available_permits() < self.uploads_max
    }
}

/// Counts the connections of each address, up to a limit.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    per_address_max: usize,
}

impl Seats {
    pub(crate) fn new(per_address_max: usize) -> Self {
        Self { taken: Arc::default(), per_address_max }
    }

    /// Returns a seat for one more connection of this address, or `None` if the address has reached its limit.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Seat> {
        let address = group_of(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Seat { seats: self.clone(), address })
    }

    fn leave(&self, address: IpAddr) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&address);
            }
        }
    }
}

/// The seat of one connection; dropping it releases the seat.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    address: IpAddr,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.leave(self.address);
    }
}

/// Resources that a connection holds while it is open.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) _permit: OwnedSemaphorePermit,
    pub(crate) _seat: Seat,
    pub(crate) usage: Arc<Usage>,
}

type Wait<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A socket with a deadline for its preface and a signal with which the service closes it.
pub(crate) struct GuardedStream<S> {
    socket: S,
    info: ConnectionInfo,
    preface_left: usize,
    preface_deadline: Wait<()>,
    /// Bytes read since the connection last let its calls run.
    read_in_a_row: usize,
    /// The end of the pause in which the calls take their bytes.
    pause: Option<Pin<Box<Sleep>>>,
    /// Completes with the reason when the connection must close.
    cut: Wait<&'static str>,
    _admission: Admission,
}

impl<S> GuardedStream<S> {
    pub(crate) fn new(
        socket: S,
        info: ConnectionInfo,
        admission: Admission,
        preface: Preface,
        mut cut: watch::Receiver<bool>,
    ) -> Self {
        let closes = idle::closes(Arc::clone(&admission.usage));
        let cut = async move {
            tokio::select! {
                // A dropped sender means that the service has ended: the connection is closed then too.
                _ = cut.wait_for(|cut| *cut) => "the service closed the connection",
                reason = closes => reason,
            }
        };
        Self {
            socket,
            info,
            preface_left: preface.len,
            read_in_a_row: 0,
            pause: None,
            preface_deadline: Box::pin(sleep_until(preface.deadline)),
            cut: Box::pin(cut),
            _admission: admission,
        }
    }

    /// Polled only while the socket has no data, so that a busy connection pays nothing for it.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if let Poll::Ready(reason) = self.cut.as_mut().poll(cx) {
            return Poll::Ready(io::Error::new(io::ErrorKind::ConnectionAborted, reason));
        }
        if self.preface_left > 0 && self.preface_deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the client's preface did not arrive in time"));
        }
        Poll::Pending
    }

    /// Waits until the calls have taken what was read, or the pause is over.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.info.has_uploads() || self.info.unread.poll_room(cx).is_ready() {
            self.pause = None;
            return Poll::Ready(());
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(UNREAD_PAUSE_MAX)));
        if pause.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.pause = None;
        self.info.unread.forget();
        Poll::Ready(())
    }

    /// The outcome of a write, or the end of the connection while the write waits: a peer that does not read must not
    /// keep its place.
    fn or_end<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match outcome {
            Poll::Pending => self.poll_end(cx).map(Err),
            Poll::Ready(outcome) => Poll::Ready(outcome),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.read_in_a_row >= READ_AT_ONCE_BYTES_MAX {
            self.read_in_a_row = 0;
            // A displaced connection ends even if its socket always has data.
            return match self.poll_end(cx) {
                Poll::Ready(error) => Poll::Ready(Err(error)),
                Poll::Pending => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            };
        }
        if self.poll_room(cx).is_pending() {
            return self.poll_end(cx).map(Err);
        }
        let before = buf.filled().len();
        match Pin::new(&mut self.socket).poll_read(cx, buf) {
            Poll::Ready(result) => {
                let read = buf.filled().len() - before;
                self.preface_left = self.preface_left.saturating_sub(read);
                self.read_in_a_row += read;
                self.info.unread.add(read);
                Poll::Ready(result)
            }
            Poll::Pending => {
                self.read_in_a_row = 0;
                self.poll_end(cx).map(Err)
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.or_end(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.or_end(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.or_end(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

impl<S> Connected for GuardedStream<S> {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::super::idle::Connections;
    use super::super::limits::UNREAD_BYTES_MAX;
    use super::*;
    use crate::limits::CONNECTION_IDLE_MAX;

    const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn guarded(cut: watch::Receiver<bool>) -> (DuplexStream, GuardedStream<DuplexStream>) {
        let (client, server) = duplex(256);
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let usage = Connections::new(1, CONNECTION_IDLE_MAX).admit(LOCALHOST).unwrap();
        let info = ConnectionInfo::new(SocketAddr::new(LOCALHOST, 1), Arc::clone(&usage), None, 1);
        let admission = Admission { _permit: permit, _seat: Seats::new(1).take(LOCALHOST).unwrap(), usage };
        let preface = Preface { len: HTTP2_PREFACE_LEN, deadline: Instant::now() + Duration::from_secs(5) };
        (client, GuardedStream::new(server, info, admission, preface, cut))
    }

    #[test]
    fn an_address_has_as_many_seats_as_the_limit_and_a_closed_connection_frees_one() {
        let seats = Seats::new(2);
        let first = seats.take(LOCALHOST).unwrap();
        let _second = seats.take(LOCALHOST).unwrap();
        assert!(seats.take(LOCALHOST).is_none());
        assert!(seats.take(IpAddr::from([127, 0, 0, 2])).is_some());
        drop(first);
        assert!(seats.take(LOCALHOST).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_is_closed_at_the_deadline() {
        let (_cord, cut) = watch::channel(false);
        let (_client, mut stream) = guarded(cut);
        let error = stream.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_all_but_one_byte_of_its_preface_is_closed_at_the_deadline() {
        let (_cord, cut) = watch::channel(false);
        let (mut client, mut stream) = guarded(cut);
        client.write_all(&[0; HTTP2_PREFACE_LEN - 1]).await.unwrap();
        stream.read_exact(&mut [0; HTTP2_PREFACE_LEN - 1]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_may_be_silent_after_its_preface() {
        let (_cord, cut) = watch::channel(false);
        let (mut client, mut stream) = guarded(cut);
        client.write_all(&[0; HTTP2_PREFACE_LEN]).await.unwrap();
        stream.read_exact(&mut [0; HTTP2_PREFACE_LEN]).await.unwrap();
        let silent = tokio::time::timeout(Duration::from_mins(1), stream.read_u8()).await;
        assert!(silent.is_err(), "the read still waits");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_reads_on_when_its_requests_took_what_arrived_or_the_pause_is_over() {
        let (_cord, cut) = watch::channel(false);
        let (mut client, mut stream) = guarded(cut);
        client.write_all(&[1, 2]).await.unwrap();
        let request = stream.info.unread.open();
        stream.info.unread.add(UNREAD_BYTES_MAX);
        let reading = tokio::time::timeout(UNREAD_PAUSE_MAX / 2, stream.read_u8()).await;
        assert!(reading.is_err(), "the read still waits");
        request.took(1);
        assert_eq!(stream.read_u8().await.unwrap(), 1);
        let began = Instant::now();
        assert_eq!(stream.read_u8().await.unwrap(), 2);
        assert!(began.elapsed() >= UNREAD_PAUSE_MAX, "virtual time: {:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_an_upload_reads_on_at_once() {
        let (_cord, cut) = watch::channel(false);
        let (mut client, mut stream) = guarded(cut);
        client.write_all(&[1]).await.unwrap();
        let _request = stream.info.unread.open();
        let _upload = Arc::clone(&stream.info.uploads).try_acquire_owned().unwrap();
        stream.info.unread.add(UNREAD_BYTES_MAX);
        let began = Instant::now();
        assert_eq!((stream.read_u8().await.unwrap(), began.elapsed()), (1, Duration::ZERO));
    }

    #[tokio::test]
    async fn the_signal_closes_a_connection_whose_peer_does_not_read() {
        let (closer, cut) = watch::channel(false);
        let (_client, mut stream) = guarded(cut);
        // One byte more than the pipe between them holds.
        let write = tokio::spawn(async move { stream.write_all(&[0; 257]).await });
        closer.send(true).unwrap();
        assert_eq!(write.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn the_signal_closes_a_waiting_connection() {
        let (closer, cut) = watch::channel(false);
        let (_client, mut stream) = guarded(cut);
        let read = tokio::spawn(async move { stream.read_u8().await });
        closer.send(true).unwrap();
        assert_eq!(read.await.unwrap().unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
