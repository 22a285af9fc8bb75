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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tonic::codegen::Service;
use tracing::{debug, warn};

use super::Pages;
use super::guard::{names_loopback, secure};
use crate::connection::{Seat, Seats};
use crate::limits::{
    ACCEPT_PAUSE_MAX, DASHBOARD_ANSWER_DEADLINE, DASHBOARD_CONNECTION_MAX, DASHBOARD_CONNECTIONS_MAX,
    DASHBOARD_CONNECTIONS_PER_ADDRESS_MAX, DASHBOARD_HEAD_BYTES_MAX, DASHBOARD_HEAD_DEADLINE, DASHBOARD_STREAM_MAX,
};
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

/// Accepts connections until it is dropped.
pub(super) async fn serve(listener: TcpListener, pages: Arc<Pages>, router: Router) {
    let permits = Arc::new(Semaphore::new(DASHBOARD_CONNECTIONS_MAX));
    let seats = Seats::new(DASHBOARD_CONNECTIONS_PER_ADDRESS_MAX);
    // Ends the connections with this function.
    let mut connections = JoinSet::new();
    loop {
        // Ended ones are removed here, so there are never more than the permits allow.
        while connections.try_join_next().is_some() {}
        let permit = Arc::clone(&permits).acquire_owned().await.expect("this semaphore is never closed");
        match listener.accept().await {
            Ok((socket, peer)) => {
                let Some(seat) = seats.take(peer.ip()) else {
                    debug!(%peer, "connection to the dashboard refused: address limit reached");
                    continue;
                };
                connections.spawn(connection(socket, peer, (permit, seat), Arc::clone(&pages), router.clone()));
            }
            Err(error) => {
                // A lack of resources, for which the listener stays ready and this loop would spin.
                warn!(%error, "the dashboard cannot accept connections");
                sleep(ACCEPT_PAUSE_MAX).await;
            }
        }
    }
}

async fn connection(
    socket: TcpStream,
    peer: SocketAddr,
    _place: (OwnedSemaphorePermit, Seat),
    pages: Arc<Pages>,
    router: Router,
) {
    let tls = pages.access.pages_tls();
    let wire = Wire { peer, has_tls: tls.is_some(), is_stream: Arc::default() };
    let transport = match tls {
        None => Transport::Plain(socket),
        Some(config) => match timeout(DASHBOARD_HEAD_DEADLINE, TlsAcceptor::from(config).accept(socket)).await {
            Ok(Ok(stream)) => Transport::Tls(Box::new(stream)),
            Ok(Err(error)) => return debug!(%peer, %error, "no TLS with a browser"),
            Err(_) => return debug!(%peer, "the TLS handshake of a browser was not complete in time"),
        },
    };
    let is_stream = Arc::clone(&wire.is_stream);
    let answer = service_fn(move |request| answer(request, wire.clone(), Arc::clone(&pages), router.clone()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(DASHBOARD_HEAD_DEADLINE);
    http.max_buf_size(DASHBOARD_HEAD_BYTES_MAX).max_headers(FIELDS_MAX);
    let mut serving = std::pin::pin!(http.serve_connection(TokioIo::new(transport), answer));
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
