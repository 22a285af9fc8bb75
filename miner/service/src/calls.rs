//! Common handling of all calls: a call must be gRPC, its request must arrive in time, a status made by tonic gets the
//! service's details, and one log line reports the outcome.
//!
//! The number of lines is bounded by [`LogBudget`], so that callers cannot flood the log.

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
use super::foreign::explained;
use super::gate::Gate;
use super::idle::InUse;
use super::limits::{ANSWER_DEADLINE_MAX, ECHO_BYTES_MAX};
use super::log_budget::LogBudget;
use super::refusal::Refusal;
use super::refusals::{Refusals, Refused};
use super::trace::{CallTrace, TraceIds};

/// The media type of gRPC, without `+proto` or parameters.
const GRPC: &str = "application/grpc";

/// Services that machines call constantly: their calls are logged at `debug`.
const STANDARD_SERVICES: &str = "/grpc.";

/// The routes of the service, with the common handling of calls.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    routes: Gate,
    budget: Arc<LogBudget>,
    bodies: Arc<BodyBudget>,
    traces: Arc<TraceIds>,
    refusals: Arc<Refusals>,
}

impl Calls {
    pub(super) fn new(routes: Gate, budget: Arc<LogBudget>, traces: TraceIds, refusals: Arc<Refusals>) -> Self {
        Self { routes, budget, bodies: Arc::default(), traces: Arc::new(traces), refusals }
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
        let trace = self.traces.next(request.headers());
        let call = OpenCall::of(&request, trace, Arc::clone(&self.budget), Arc::clone(&self.refusals));
        if let Err(refusal) = check_grpc(&request) {
            let mut response = Status::from(refusal).into_http();
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Box::pin(async move { Ok(call.answered(response)) });
        }
        request.extensions_mut().insert(call.note.clone());
        request.extensions_mut().insert(call.trace);
        let request = request.map(|body| self.bodies.limited(body, &call.path, call.peer));
        let deadline = deadline_in(request.headers(), ANSWER_DEADLINE_MAX);
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
    budget: Arc<LogBudget>,
    refusals: Arc<Refusals>,
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
    fn of(request: &Request<Body>, trace: CallTrace, budget: Arc<LogBudget>, refusals: Arc<Refusals>) -> Self {
        let peer = peer_of(request.extensions());
        let path = request.uri().path().to_owned();
        let in_use = request.extensions().get::<ConnectionInfo>().map(|info| info.usage.begin());
        let (began, note) = (Instant::now(), CallNote::default());
        Self { budget, refusals, trace, path, peer, began, note, _in_use: in_use, status: None }
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

    /// The refusal of a call that was refused.
    fn refused(&self) -> Option<Refused> {
        let status = self.status.as_ref().filter(|status| status.code() != Code::Ok)?;
        let refused = Refused::of(status, &self.path, &self.note.noted(), self.peer);
        Some(Refused { trace: Some(self.trace), ..refused })
    }

    fn log(&self) {
        let took = self.began.elapsed();
        match &self.status {
            Some(status) if status.code() == Code::Ok => self.log_end(None, took),
            Some(status) if matches!(status.code(), Code::Internal | Code::Unknown | Code::DataLoss) => {
                self.log_failure(status, took);
            }
            status => self.log_end(status.as_ref(), took),
        }
    }

    /// Writes one line at `info`, or at `debug` for the standard services.
    fn log_end(&self, refusal: Option<&Status>, took: Duration) {
        let is_standard = self.path.starts_with(STANDARD_SERVICES);
        let is_wanted = if is_standard { tracing::enabled!(Level::DEBUG) } else { tracing::enabled!(Level::INFO) };
        if !is_wanted {
            return;
        }
        let Some(left_out) = self.budget.take(Instant::now()) else { return };
        let (noted, method) = (self.note.noted(), self.method());
        let peer = self.peer.map(tracing::field::display);
        let reason = refusal.and_then(Status::get_details_error_info).map(|info| info.reason);
        let outcome: &str = match (&self.status, &reason) {
            (None, _) => "caller disconnected",
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
        let Some(left_out) = self.budget.take(Instant::now()) else { return };
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
        if let Some(refused) = self.refused() {
            self.refusals.push(self.note.noted().caller.as_ref(), refused);
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
