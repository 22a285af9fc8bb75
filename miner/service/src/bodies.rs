//! Request bodies: the service holds only so many bytes of incomplete requests, and waits only so long for their end.
//!
//! If the bytes are used up, the connection that holds the most loses its largest body, so that small requests of
//! others still get in. Uploads have their own limits and are not counted.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

use super::limit_table::Limits;
use super::limits::MESSAGE_BYTES_MAX;
use super::refusal::Refusal;
use super::unread::{OpenRequest, Unread};

/// The method whose request is an upload.
pub(super) const UPLOAD: &str = "/cityseal.v1.VerifyService/VerifyChain";

/// Services whose requests are streams without an end in sight.
const REFLECTION: &str = "/grpc.reflection.";

/// Bytes in front of a gRPC message: a flag and its length.
const PREFIX_LEN: usize = 5;

/// The bytes of incomplete requests, by connection.
#[derive(Debug)]
pub(super) struct BodyBudget {
    max: usize,
    per_connection_max: usize,
    /// Time for each request.
    deadline: Duration,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    connections: HashMap<Option<SocketAddr>, Connection>,
    last_id: u64,
}

#[derive(Debug, Default)]
struct Connection {
    bytes: usize,
    bodies: BTreeMap<u64, OpenBody>,
}

#[derive(Debug, Default)]
struct OpenBody {
    bytes: usize,
    waker: Option<Waker>,
}

impl BodyBudget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            max: limits.incomplete_bytes,
            per_connection_max: limits.incomplete_bytes_per_connection,
            deadline: limits.request_deadline,
            held: Mutex::default(),
        }
    }

    /// Limits the body of a request for `path`, unless it is an upload. `unread` opens the request on its connection.
    pub(super) fn limited(
        self: &Arc<Self>,
        body: Body,
        path: &str,
        peer: Option<SocketAddr>,
        unread: Option<&Arc<Unread>>,
    ) -> Body {
        if path == UPLOAD || HttpBody::is_end_stream(&body) {
            return body;
        }
        let deadline = (!path.starts_with(REFLECTION)).then(|| Box::pin(sleep(self.deadline)));
        let request = unread.map(Unread::open);
        Body::new(LimitedBody { inner: body, account: self.open(peer), request, deadline, size: Size::default() })
    }

    fn open(self: &Arc<Self>, peer: Option<SocketAddr>) -> Account {
        let mut held = self.lock();
        held.last_id += 1;
        let id = held.last_id;
        held.connections.entry(peer).or_default().bodies.insert(id, OpenBody::default());
        Account { budget: Arc::clone(self), peer, id }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes of one body; dropping it returns them.
#[derive(Debug)]
struct Account {
    budget: Arc<BodyBudget>,
    peer: Option<SocketAddr>,
    id: u64,
}

impl Account {
    /// Adds bytes.
    ///
    /// # Errors
    /// Returns [`Refusal::Bodies`] if they do not fit, or if the body has lost its bytes to other requests.
    fn add(&self, bytes: usize) -> Result<(), Refusal> {
        let mut held = self.budget.lock();
        let own = held.connections.get(&self.peer).map_or(0, |connection| connection.bytes) + bytes;
        if own > self.budget.per_connection_max {
            return Err(Refusal::Bodies { subject: "connection", max: self.budget.per_connection_max });
        }
        while held.bytes + bytes > self.budget.max {
            held.evict(own).ok_or_else(|| self.exhausted())?;
        }
        held.grow(self.peer, self.id, bytes).ok_or_else(|| self.exhausted())
    }

    /// Checks that the body still has its bytes, and asks to be woken when it loses them.
    fn check(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        let mut held = self.budget.lock();
        let connection = held.connections.get_mut(&self.peer);
        let body = connection.and_then(|connection| connection.bodies.get_mut(&self.id));
        body.ok_or_else(|| self.exhausted())?.waker = Some(cx.waker().clone());
        Ok(())
    }

    fn exhausted(&self) -> Refusal {
        Refusal::Bodies { subject: "service", max: self.budget.max }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.budget.lock().close(self.peer, self.id);
    }
}

impl Held {
    fn grow(&mut self, peer: Option<SocketAddr>, id: u64, bytes: usize) -> Option<()> {
        let connection = self.connections.get_mut(&peer)?;
        connection.bodies.get_mut(&id)?.bytes += bytes;
        connection.bytes += bytes;
        self.bytes += bytes;
        Some(())
    }

    /// Takes the largest body from the connection with the most bytes, if that has more than `own`.
    fn evict(&mut self, own: usize) -> Option<()> {
        let (&peer, most) = self.connections.iter().max_by_key(|(_, connection)| connection.bytes)?;
        if most.bytes <= own {
            return None;
        }
        let (&id, _) = most.bodies.iter().max_by_key(|(_, body)| body.bytes)?;
        if let Some(waker) = self.close(peer, id)?.waker {
            waker.wake();
        }
        Some(())
    }

    fn close(&mut self, peer: Option<SocketAddr>, id: u64) -> Option<OpenBody> {
        let connection = self.connections.get_mut(&peer)?;
        let body = connection.bodies.remove(&id)?;
        connection.bytes -= body.bytes;
        self.bytes -= body.bytes;
        if connection.bodies.is_empty() {
            self.connections.remove(&peer);
        }
        Some(body)
    }
}

/// A request body within the limits.
struct LimitedBody {
    inner: Body,
    account: Account,
    request: Option<OpenRequest>,
    deadline: Option<Pin<Box<Sleep>>>,
    size: Size,
}

/// The memory that a body needs: what has arrived, or the length that its first message announces, which tonic reserves
/// before that has arrived.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    received: usize,
    /// The first bytes of the body: a flag and the length, big-endian.
    prefix: [u8; PREFIX_LEN],
    charged: usize,
}

impl Size {
    /// Counts a part of the body, and returns by how many bytes the need has grown.
    fn grow(&mut self, part: &[u8]) -> usize {
        if self.received < PREFIX_LEN {
            let missing = &mut self.prefix[self.received..];
            missing.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
        }
        self.received += part.len();
        let [_, length @ ..] = self.prefix;
        let announced = u32::from_be_bytes(length) as usize;
        // A message above the limit is refused by tonic, without a reserve.
        let is_reserved = self.received >= PREFIX_LEN && announced <= MESSAGE_BYTES_MAX;
        let need = if is_reserved { self.received.max(announced) } else { self.received };
        let more = need.saturating_sub(self.charged);
        self.charged += more;
        more
    }
}

impl HttpBody for LimitedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.account.check(cx)?;
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let received = frame.data_ref().map_or(0, Bytes::len);
                if let Some(request) = &self.request {
                    request.took(received);
                }
                let more = frame.data_ref().map_or(0, |data| self.size.grow(data));
                self.account.add(more)?;
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Pending => {
                if let Some(deadline) = &mut self.deadline
                    && deadline.as_mut().poll(cx).is_ready()
                {
                    let refusal = Refusal::BodyDeadline { limit_s: self.account.budget.deadline.as_secs() };
                    return Poll::Ready(Some(Err(refusal.into())));
                }
                Poll::Pending
            }
            end @ Poll::Ready(_) => end,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tonic::Code;

    use super::*;
    use crate::limits::BODY_DEADLINE;

    fn peer(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn budget(max: usize, per_connection_max: usize) -> Arc<BodyBudget> {
        let limits =
            Limits { incomplete_bytes: max, incomplete_bytes_per_connection: per_connection_max, ..Limits::default() };
        Arc::new(BodyBudget::new(&limits))
    }

    #[test]
    fn the_connection_with_the_most_bytes_loses_its_largest_body_to_a_smaller_one() {
        let budget = budget(10, 9);
        let [large, small] = [7, 2].map(|bytes| (bytes, budget.open(Some(peer(1)))));
        for (bytes, account) in [&large, &small] {
            account.add(*bytes).unwrap();
        }
        let other = budget.open(Some(peer(2)));
        other.add(4).unwrap();
        let cx = Context::from_waker(Waker::noop());
        assert!(large.1.check(&cx).is_err() && small.1.check(&cx).is_ok());
        assert_eq!(large.1.add(1), Err(Refusal::Bodies { subject: "service", max: 10 }));
        assert_eq!(budget.lock().bytes, 6);
        drop((large, small, other));
        assert!(budget.lock().connections.is_empty() && budget.lock().bytes == 0);
    }

    #[test]
    fn a_connection_that_would_hold_the_most_is_refused_itself() {
        let budget = budget(10, 8);
        let (first, second) = (budget.open(Some(peer(1))), budget.open(Some(peer(2))));
        first.add(5).unwrap();
        second.add(5).unwrap();
        assert_eq!(second.add(1), Err(Refusal::Bodies { subject: "service", max: 10 }));
        assert_eq!(first.add(4), Err(Refusal::Bodies { subject: "connection", max: 8 }));
        assert!(first.check(&Context::from_waker(Waker::noop())).is_ok());
    }

    #[test]
    fn a_body_is_charged_for_the_length_that_it_announces_and_then_for_what_exceeds_it() {
        let mut size = Size::default();
        assert_eq!([size.grow(&[0, 0, 0]), size.grow(&[3, 232, 7]), size.grow(&[7; 994])], [3, 997, 0]);
        assert_eq!((size.grow(&[7; 5]), size.received), (5, 1_005));
        let mut larger = Size::default();
        assert_eq!(larger.grow(&[0, 0xff, 0xff, 0xff, 0xff, 7]), 6, "tonic refuses it");
    }

    /// A body that never ends.
    struct Endless;

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            Poll::Pending
        }
    }

    async fn first_frame(path: &str) -> Status {
        let budget = Arc::new(BodyBudget::new(&Limits::default()));
        let mut body = budget.limited(Body::new(Endless), path, Some(peer(1)), None);
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        frame.unwrap().unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_does_not_end_in_time_is_refused_and_an_upload_is_not() {
        let status = first_frame("/cityseal.v1.SealService/GetJob").await;
        assert_eq!(status.code(), Code::DeadlineExceeded);
        for path in [UPLOAD, "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] {
            let waiting = tokio::time::timeout(10 * BODY_DEADLINE, first_frame(path));
            assert!(waiting.await.is_err(), "{path}");
        }
    }
}
