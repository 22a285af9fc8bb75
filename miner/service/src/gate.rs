//! Checks who makes a call, and whether they may, before any service sees it: for all routes, health and reflection
//! included.
//!
//! A call that is open ends within a second after its credential was removed or has expired, or, if it has none, after
//! the configuration has begun to require one.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cityseal_cli::unix_now;
use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::sync::watch;
use tokio::time::sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response, header};
use tonic::codegen::{BoxFuture, Service};
use tonic::service::Routes;

use super::access::{Access, Authorization, Identified, Presented, Snapshot};
use super::call_note::CallNote;
use super::caller::Caller;
use super::certificate::PeerCertificate;
use super::connection::ConnectionInfo;
use super::refusal::Refusal;
use super::rpcs::{Need, need_of};
use super::tokens::PresentedToken;

/// The longest sleep between two looks at the clock, so that a clock that is set forward is noticed.
const CLOCK_LOOK_MAX: Duration = Duration::from_mins(1);

/// The routes of the service behind the check of identity.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    routes: Routes,
    access: Arc<Access>,
}

impl Gate {
    pub(crate) const fn new(routes: Routes, access: Arc<Access>) -> Self {
        Self { routes, access }
    }
}

impl Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let certificate = request.extensions().get::<ConnectionInfo>().and_then(|info| info.certificate.clone());
        let presented = take_presented(request.headers_mut(), certificate);
        // Subscribed before the snapshot is read, so that no change in between is missed.
        let mut current = self.access.subscribe();
        let snapshot = Arc::clone(&current.borrow_and_update());
        if !snapshot.needs_identity() {
            CallNote::of(request.extensions()).caller(&Caller::local());
            prove(&request);
            request.extensions_mut().insert(Caller::local());
            return open(self.routes.call(request), Box::pin(gains_identity(current)));
        }
        let need = need_of(request.uri().path());
        let identified = snapshot.identify(&presented, unix_now());
        if let Some(Identified { caller, .. }) = &identified {
            let note = CallNote::of(request.extensions());
            note.caller(caller);
            note.tenant(caller.tenant().map_or("", |tenant| tenant));
        }
        let identified = match check(identified, need) {
            Ok(identified) => identified,
            Err(refusal) => return Box::pin(async move { Ok(Status::from(refusal).into_http()) }),
        };
        prove(&request);
        request.extensions_mut().insert(identified.caller);
        let lapse = lapse(current, presented, need, identified.not_after);
        open(self.routes.call(request), Box::pin(lapse))
    }
}

/// The answer to a call that was admitted, until it lapses.
fn open(
    answering: impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
    mut lapse: Lapse,
) -> BoxFuture<Response<Body>, Infallible> {
    Box::pin(async move {
        tokio::select! {
            response = answering => {
                response.map(|response| response.map(|inner| Body::new(OpenAnswer::new(inner, lapse))))
            }
            refusal = &mut lapse => Ok(Status::from(refusal).into_http()),
        }
    })
}

/// Records that the connection of a call had one that was admitted.
fn prove(request: &Request<Body>) {
    if let Some(info) = request.extensions().get::<ConnectionInfo>() {
        info.usage.prove();
    }
}

/// Takes the credentials of a call. The token leaves the headers, so that no service, log or error can show it.
pub(crate) fn take_presented(headers: &mut HeaderMap, certificate: Option<Arc<PeerCertificate>>) -> Presented {
    let values: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().cloned().collect();
    headers.remove(header::AUTHORIZATION);
    let authorization = match &*values {
        [] => Authorization::Absent,
        [one] => PresentedToken::from_header(one.as_bytes()).map_or(Authorization::Malformed, Authorization::Token),
        _ => Authorization::Malformed,
    };
    Presented { authorization, certificate }
}

/// Finds who makes a call, and checks that they may.
pub(crate) fn admit(snapshot: &Snapshot, presented: &Presented, need: Need) -> Result<Identified, Refusal> {
    check(snapshot.identify(presented, unix_now()), need)
}

fn check(identified: Option<Identified>, need: Need) -> Result<Identified, Refusal> {
    let identified = identified.ok_or(Refusal::Unauthenticated)?;
    match need {
        Need::Scope(scope) if !identified.caller.has(scope) => Err(Refusal::ScopeMissing { scope: scope.name() }),
        Need::Scope(_) | Need::Identity => Ok(identified),
    }
}

type Lapse = Pin<Box<dyn Future<Output = Refusal> + Send>>;

/// Waits until a call would no longer be admitted, and returns the reason.
async fn lapse(
    mut current: watch::Receiver<Arc<Snapshot>>,
    presented: Presented,
    need: Need,
    mut not_after: u64,
) -> Refusal {
    loop {
        let left = Duration::from_secs(not_after.saturating_sub(unix_now()));
        tokio::select! {
            changed = current.changed() => if changed.is_err() {
                // The service has ended, and closes its calls itself.
                std::future::pending::<()>().await;
            },
            () = sleep(left.min(CLOCK_LOOK_MAX)) => {}
        }
        let snapshot = Arc::clone(&current.borrow_and_update());
        match admit(&snapshot, &presented, need) {
            Ok(identified) => not_after = identified.not_after,
            Err(refusal) => return refusal,
        }
    }
}

/// Waits until callers must say who they are: a local caller has not.
async fn gains_identity(mut current: watch::Receiver<Arc<Snapshot>>) -> Refusal {
    if current.wait_for(|snapshot| snapshot.needs_identity()).await.is_err() {
        // The service has ended, and closes its calls itself.
        std::future::pending::<()>().await;
    }
    Refusal::Unauthenticated
}

/// The body of an answer, which ends early with a status if the caller's credential lapses.
struct OpenAnswer {
    inner: Option<Body>,
    lapse: Lapse,
}

impl OpenAnswer {
    fn new(inner: Body, lapse: Lapse) -> Self {
        Self { inner: Some(inner), lapse }
    }
}

impl http_body::Body for OpenAnswer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let frame = Pin::new(inner).poll_frame(cx);
        // Also polled after a frame, so that a busy stream ends too.
        let Poll::Ready(refusal) = self.lapse.as_mut().poll(cx) else { return frame };
        // Dropping the body ends the work behind it.
        self.inner = None;
        let mut trailers = HeaderMap::new();
        Poll::Ready(Some(Status::from(refusal).add_header(&mut trailers).map(|()| Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, http_body::Body::size_hint)
    }
}
