//! Common handling of all calls: a call must be gRPC, its request must arrive in time, a status made by tonic gets the
//! service's details, and one log line reports the outcome.
//!
//! The number of lines is bounded by [`LogBudgets`], so that callers cannot flood the log.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::time::timeout;
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use tonic::codegen::{BoxFuture, Service};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tracing::{Level, debug, info, warn};

use super::bodies::BodyBudget;
use super::call_note::{CallNote, peer_of};
use super::connection::ConnectionInfo;
use super::deadline::deadline_in;
use super::echo::{cut, shown};
use super::event_log::RefusedCall;
use super::foreign::explained;
use super::gate::Gate;
use super::idle::InUse;
use super::limits::ECHO_BYTES_MAX;
use super::log_budget::LogBudgets;
use super::observer::Observer;
use super::refusal::Refusal;
use super::refusals::{Refusals, Refused};
use super::tally::code_name;
use super::trace::{CallTrace, TraceIds};

/// The media type of gRPC, without `+proto` or parameters.
const GRPC: &str = "application/grpc";

/// Services that machines call constantly: their calls are logged at `debug`.
const STANDARD_SERVICES: &str = "/grpc.";

/// The routes of the service, with the common handling of calls.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    routes: Gate,
    shared: Arc<Shared>,
}

/// What all calls share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) budgets: LogBudgets,
    pub(super) observer: Arc<Observer>,
    pub(super) traces: TraceIds,
    pub(super) refusals: Arc<Refusals>,
    pub(super) bodies: Arc<BodyBudget>,
    /// From the head of a call to the head of its answer.
    pub(super) answer_deadline: Duration,
}

impl Calls {
    pub(super) fn new(routes: Gate, shared: Shared) -> Self {
        Self { routes, shared: Arc::new(shared) }
    }
}

impl Service<Request<Body>> for Calls {
    type Response = Response<CallBody>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Body>>::poll_ready(&mut self.routes, cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let call = OpenCall::of(&request, Arc::clone(&self.shared));
        if let Err(refusal) = check_grpc(&request) {
            let mut response = Status::from(refusal).into_http();
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Box::pin(async move { Ok(call.answered(response)) });
        }
        request.extensions_mut().insert(call.note.clone());
        request.extensions_mut().insert(call.trace);
        let unread = request.extensions().get::<ConnectionInfo>().map(|info| Arc::clone(&info.unread));
        let bodies = &self.shared.bodies;
        let request = request.map(|body| bodies.limited(body, &call.path, call.peer, unread.as_ref()));
        let deadline = deadline_in(request.headers(), self.shared.answer_deadline);
        // This timer starts before tonic's own timer for the same deadline, so that the refusal carries the service's
        // details.
        let answering = timeout(deadline, self.routes.call(request));
        Box::pin(async move {
            let response = match answering.await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_) => Status::from(Refusal::Deadline).into_http(),
            };
            Ok(call.answered(response))
        })
    }
}

/// Checks that a request is a gRPC call: a POST with its media type.
fn check_grpc(request: &Request<Body>) -> Result<(), Refusal> {
    let media_type = request.headers().get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let media_type = media_type.unwrap_or_default();
    let after = media_type.strip_prefix(GRPC);
    if request.method() == Method::POST && after.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';'])) {
        return Ok(());
    }
    let found = format!("{} with content type '{media_type}'", request.method());
    Err(Refusal::NotGrpc { found: shown(&found, ECHO_BYTES_MAX) })
}

/// A call that has not ended; dropping it ends the call and writes its log line.
#[derive(Debug)]
pub(super) struct OpenCall {
    shared: Arc<Shared>,
    trace: CallTrace,
    path: String,
    peer: Option<SocketAddr>,
    began: Instant,
    note: CallNote,
    /// Keeps the connection in use until the call ends.
    _in_use: Option<InUse>,
    /// The status sent to the caller; `None` if the caller disconnected before.
    status: Option<Status>,
}

impl OpenCall {
    fn of(request: &Request<Body>, shared: Arc<Shared>) -> Self {
        let trace = shared.traces.next(request.headers());
        let peer = peer_of(request.extensions());
        let path = request.uri().path().to_owned();
        let in_use = request.extensions().get::<ConnectionInfo>().map(|info| info.usage.begin());
        let (began, note) = (Instant::now(), CallNote::default());
        Self { shared, trace, path, peer, began, note, _in_use: in_use, status: None }
    }

    /// Returns the response with a body that ends the call.
    fn answered(mut self, response: Response<Body>) -> Response<CallBody> {
        let (mut parts, body) = response.into_parts();
        self.settle(&mut parts.headers);
        Response::from_parts(parts, CallBody { inner: body, call: self })
    }

    /// Takes the status from headers or trailers, if they hold one, and adds details to it.
    fn settle(&mut self, headers: &mut HeaderMap) {
        let Some(status) = Status::from_header_map(headers) else { return };
        let status = explained(status, &self.path);
        // Fails only for a message that no header can hold; the service's messages are percent-encoded.
        if status.add_header(headers).is_ok() {
            self.status = Some(status);
        }
    }

    /// The refusal of a call that was refused, for the status and the dashboard.
    fn refusal(&self) -> Option<Refused> {
        let status = self.status.as_ref().filter(|status| status.code() != Code::Ok)?;
        let refused = Refused::of(status, &self.path, &self.note.noted(), self.peer);
        Some(Refused { trace: Some(self.trace), ..refused })
    }

    fn log(&self) {
        let took = self.began.elapsed();
        let refusal = self.status.as_ref().filter(|status| status.code() != Code::Ok);
        let reason = refusal.and_then(Status::get_details_error_info).map(|info| info.reason);
        // A caller that leaves after its answer, before the trailers, has had what it wanted.
        let concluded = || self.note.noted().outcome.map(|_| Code::Ok);
        let code = self.status.as_ref().map(Status::code).or_else(concluded);
        self.shared.observer.tally.call(&self.path, code, reason.as_deref(), took);
        if let Some(status) = refusal {
            self.shared.observer.refused(|| self.refused(status, reason.clone(), took));
        }
        match &self.status {
            Some(status) if matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss) => {
                self.log_failure(status, took);
            }
            _ => self.log_end(refusal, reason.as_deref(), took),
        }
    }

    /// The call for the event log.
    fn refused(&self, status: &Status, reason: Option<String>, took: Duration) -> RefusedCall {
        let noted = self.note.noted();
        RefusedCall {
            method: self.method(),
            code: code_name(status.code()),
            reason,
            error: cut(status.message(), ECHO_BYTES_MAX),
            duration_ms: took.as_millis() as u64,
            call_id: self.trace.call_id.to_string(),
            trace_id: self.trace.trace_id.to_string(),
            peer: self.peer.map(|peer| peer.to_string()),
            tenant: noted.tenant,
            request_id: noted.request_id,
            job_id: noted.job_id,
        }
    }

    /// Writes one line at `info`, or at `debug` for the standard services.
    fn log_end(&self, refusal: Option<&Status>, reason: Option<&str>, took: Duration) {
        let is_standard = self.path.starts_with(STANDARD_SERVICES);
        let is_wanted = if is_standard { tracing::enabled!(Level::DEBUG) } else { tracing::enabled!(Level::INFO) };
        if !is_wanted {
            return;
        }
        let LogBudgets { admitted, refused } = &self.shared.budgets;
        let budget = if refusal.is_some() { refused } else { admitted };
        let Some(left_out) = budget.take(Instant::now()) else { return };
        let (noted, method) = (self.note.noted(), self.method());
        let peer = self.peer.map(tracing::field::display);
        let outcome: &str = match (&self.status, reason) {
            // As above: it may have had its answer.
            (None, _) => noted.outcome.unwrap_or("caller disconnected"),
            (Some(_), Some(reason)) => reason,
            (Some(_), None) => noted.outcome.unwrap_or("ok"),
        };
        let error = refusal.map(|status| cut(status.message(), ECHO_BYTES_MAX));
        let (tenant, network, detail) = (noted.tenant.as_deref(), noted.network.as_deref(), noted.detail.as_deref());
        let (request_id, job_id) = (noted.request_id.as_deref(), noted.job_id.as_deref());
        let (duration_ms, left_out) = (took.as_millis() as u64, (left_out > 0).then_some(left_out));
        let CallTrace { call_id, trace_id } = self.trace;
        if is_standard {
            debug!(method, peer, outcome, error, duration_ms, %call_id, %trace_id, left_out, "call ended");
        } else {
            info!(
                method, peer, tenant, network, request_id, job_id, outcome, detail, error, duration_ms, %call_id,
                %trace_id, left_out, "call ended"
            );
        }
    }

    /// Writes a line about a failure of the service itself.
    fn log_failure(&self, status: &Status, took: Duration) {
        let Some(left_out) = self.shared.budgets.admitted.take(Instant::now()) else { return };
        let (method, duration_ms, peer) =
            (self.method(), took.as_millis() as u64, self.peer.map(tracing::field::display));
        let CallTrace { call_id, trace_id } = self.trace;
        let (code, error) = (status.code(), status.message());
        warn!(method, peer, ?code, error, duration_ms, %call_id, %trace_id, left_out, "call failed");
    }

    /// Returns `package.Service/Method` as the caller sent it.
    fn method(&self) -> String {
        cut(self.path.trim_start_matches('/'), ECHO_BYTES_MAX)
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.log();
        if let Some(refused) = self.refusal() {
            self.shared.refusals.push(self.note.noted().caller.as_ref(), refused);
        }
    }
}

/// The body of an answer: the call ends with its trailers, or when the body is dropped before them.
#[derive(Debug)]
pub(super) struct CallBody {
    inner: Body,
    call: OpenCall,
}

impl http_body::Body for CallBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            end => return Poll::Ready(end),
        };
        let frame = match frame.into_trailers() {
            Ok(mut trailers) => {
                self.call.settle(&mut trailers);
                Frame::trailers(trailers)
            }
            Err(data) => data,
        };
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
