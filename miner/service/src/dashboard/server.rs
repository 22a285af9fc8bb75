//! The listener of the dashboard: HTTP/1.1 with limits on connections, heads and time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::codegen::Service;
use tonic::transport::server::Connected;
use tracing::debug;

use super::Pages;
use super::guard::{names_loopback, secure};
use crate::connection::GuardedStream;
use crate::limits::{
    DASHBOARD_ANSWER_DEADLINE, DASHBOARD_CONNECTION_MAX, DASHBOARD_HEAD_BYTES_MAX, DASHBOARD_HEAD_DEADLINE,
    DASHBOARD_STREAM_MAX,
};
use crate::listener::Accepted;
use crate::tls::Protocol;
use crate::transport::Transport;

/// Header fields of a request: a browser sends 20.
const FIELDS_MAX: usize = 64;

/// The connection that a request came on.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) peer: SocketAddr,
    pub(super) has_tls: bool,
    /// Set by a stream of updates, which may stay open longer.
    pub(super) is_stream: Arc<AtomicBool>,
}

/// Serves the accepted connections until it is dropped.
pub(super) async fn serve(mut accepted: mpsc::Receiver<Accepted>, pages: Arc<Pages>, router: Router) {
    // Ends the connections with this function.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            next = accepted.recv() => match next {
                Some(Ok(stream)) => drop(connections.spawn(connection(stream, Arc::clone(&pages), router.clone()))),
                Some(Err(error)) => debug!(%error, "connection lost before it was served"),
                None => return,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: GuardedStream<Transport>, pages: Arc<Pages>, router: Router) {
    let info = stream.connect_info();
    // In use from its first to its last byte: it has an age limit of its own.
    let _in_use = info.usage.begin();
    let has_tls = pages.access.tls(Protocol::Pages).is_some();
    let wire = Wire { peer: info.peer, has_tls, is_stream: Arc::default() };
    let is_stream = Arc::clone(&wire.is_stream);
    let answer = service_fn(move |request| answer(request, wire.clone(), Arc::clone(&pages), router.clone()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(DASHBOARD_HEAD_DEADLINE);
    http.max_buf_size(DASHBOARD_HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer));
    let began = Instant::now();
    for limit in [DASHBOARD_CONNECTION_MAX, DASHBOARD_STREAM_MAX] {
        tokio::select! {
            ended = &mut serving => return drop(ended),
            () = sleep_until(began + limit) => {}
        }
        if !is_stream.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Answers one request.
async fn answer(
    mut request: Request<Incoming>,
    wire: Wire,
    pages: Arc<Pages>,
    mut router: Router,
) -> Result<Response<Body>, Infallible> {
    let mut response = if pages.is_loopback && !names_loopback(request.headers()) {
        let words = "This dashboard is on loopback: open it as http://127.0.0.1 or http://localhost with its port.\n";
        plain(StatusCode::MISDIRECTED_REQUEST, words)
    } else {
        request.extensions_mut().insert(wire);
        match timeout(DASHBOARD_ANSWER_DEADLINE, router.call(request.map(Body::new))).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "The service is too busy for this page.\n"),
        }
    };
    secure(response.headers_mut());
    Ok(response)
}

/// An answer of one line.
pub(super) fn plain(status: StatusCode, words: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(words));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
