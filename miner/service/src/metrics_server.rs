//! The port of the metrics: HTTP/1.1, `GET /metrics`, and nothing else.
//!
//! On loopback everybody may read them. Beyond it the port has the TLS of the service, and each request needs a
//! credential with the scope `metrics`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use hyper::http::response::Builder;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;
use tonic::transport::server::Connected;
use tracing::{debug, info};

use super::access::Access;
use super::caller::Scope;
use super::connection::{ConnectionInfo, GuardedStream};
use super::gate::{admit, take_presented};
use super::limits::{METRICS_ANSWER_MAX, METRICS_HEAD_BYTES_MAX, METRICS_HEAD_DEADLINE};
use super::listener::{Listening, accept};
use super::log_budget::LogBudget;
use super::observer::Observer;
use super::refusal::Refusal;
use super::rpcs::Need;
use super::scrape::{Scrape, to_prometheus};
use super::transport::Transport;

/// The path of the metrics.
const PATH: &str = "/metrics";

/// The media types of both formats.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

type Answer = Response<Full<Bytes>>;

/// The port of the metrics and what it shows.
#[derive(Debug)]
pub(crate) struct MetricsServer {
    pub(crate) scrape: Arc<Scrape>,
    /// Who may read; `None` on loopback: everybody.
    pub(crate) access: Option<Arc<Access>>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) budget: Arc<LogBudget>,
    /// One scrape at a time: each takes the locks of the engine and of the jobs.
    pub(crate) turn: Arc<Semaphore>,
}

impl MetricsServer {
    /// Serves until it is dropped, or `cut` becomes true.
    pub(crate) async fn run(self, listener: TcpListener, cut: watch::Receiver<bool>) {
        let listening = Listening::metrics(self.access.clone());
        let mut accepted = accept(listener, listening, cut, Arc::clone(&self.budget));
        let shared = Arc::new(self);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                next = accepted.recv() => match next {
                    Some(Ok(stream)) => drop(connections.spawn(serve(stream, Arc::clone(&shared)))),
                    Some(Err(error)) => debug!(%error, "connection lost before it was served"),
                    None => return,
                },
                Some(_ended) = connections.join_next() => {}
            }
        }
    }

    async fn answer(&self, mut request: Request<Incoming>, info: &ConnectionInfo) -> Answer {
        let in_use = info.usage.begin();
        let began = Instant::now();
        let answer = match self.refuse(&mut request, info) {
            None => self.metrics(request.headers()).await,
            Some(refused) => refused,
        };
        let (peer, status, took) = (info.peer, answer.status(), began.elapsed());
        if status.is_success() {
            debug!(%peer, duration_ms = took.as_millis() as u64, "metrics read");
        } else if let Some(left_out) = self.budget.take(Instant::now()) {
            let left_out = (left_out > 0).then_some(left_out);
            info!(%peer, status = status.as_u16(), left_out, "request to the metrics port refused");
        }
        drop(in_use);
        answer
    }

    /// Checks the request and who sends it, in this order: a wrong path needs no credential. Returns the refusal.
    fn refuse(&self, request: &mut Request<Incoming>, info: &ConnectionInfo) -> Option<Answer> {
        if request.uri().path() != PATH {
            return Some(text(status(StatusCode::NOT_FOUND), format!("nothing is here; the metrics are at {PATH}\n")));
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let refused = status(StatusCode::METHOD_NOT_ALLOWED).header(ALLOW, "GET, HEAD");
            return Some(text(refused, "expected GET\n".to_owned()));
        }
        let access = self.access.as_ref()?;
        let presented = take_presented(request.headers_mut(), info.certificate.clone());
        let refusal = admit(&access.current(), &presented, Need::Scope(Scope::Metrics)).err()?;
        self.observer.tally.rejection(refusal.reason());
        Some(text(denied(&refusal), format!("{}: {refusal}\n", refusal.reason())))
    }

    async fn metrics(&self, headers: &HeaderMap) -> Answer {
        let is_open = wants_open_metrics(headers);
        let writing = async {
            let turn = Arc::clone(&self.turn).acquire_owned().await.ok()?;
            let scrape = Arc::clone(&self.scrape);
            let written = spawn_blocking(move || {
                // Ends with the work, also if the caller has gone.
                let _turn = turn;
                scrape.open_metrics()
            });
            written.await.ok()?.ok()
        };
        match timeout(METRICS_ANSWER_MAX, writing).await {
            Ok(Some(written)) => {
                let (kind, written) =
                    if is_open { (OPEN_METRICS, written) } else { (PROMETHEUS, to_prometheus(&written)) };
                body(status(StatusCode::OK).header(CONTENT_TYPE, kind), written)
            }
            Ok(None) => text(status(StatusCode::INTERNAL_SERVER_ERROR), "the metrics cannot be read\n".to_owned()),
            Err(_elapsed) => {
                let message = "the engine or an earlier scrape did not answer in time\n".to_owned();
                text(status(StatusCode::SERVICE_UNAVAILABLE), message)
            }
        }
    }
}

async fn serve(stream: GuardedStream<Transport>, shared: Arc<MetricsServer>) {
    let info = stream.connect_info();
    let peer = info.peer;
    let answer = service_fn(|request| {
        let (shared, info) = (Arc::clone(&shared), info.clone());
        async move { Ok::<_, Infallible>(shared.answer(request, &info).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(METRICS_HEAD_DEADLINE)
        .max_buf_size(METRICS_HEAD_BYTES_MAX)
        // A scraper comes every few seconds. Waiting for its next request would need a limit of its own.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        debug!(%peer, %error, "connection to the metrics port ended");
    }
}

/// Whether a client accepts OpenMetrics. Prometheus lists it first; a client that names neither format is a person.
fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| {
        let mut parts = kind.split(';').map(str::trim);
        let is_open = parts.next() == Some("application/openmetrics-text");
        is_open && !parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0"))
    })
}

fn status(code: StatusCode) -> Builder {
    Response::builder().status(code).header(CACHE_CONTROL, "no-store")
}

fn denied(refusal: &Refusal) -> Builder {
    if matches!(refusal, Refusal::Unauthenticated) {
        status(StatusCode::UNAUTHORIZED).header(WWW_AUTHENTICATE, "Bearer")
    } else {
        status(StatusCode::FORBIDDEN)
    }
}

fn text(builder: Builder, message: String) -> Answer {
    body(builder.header(CONTENT_TYPE, "text/plain; charset=utf-8"), message)
}

fn body(builder: Builder, text: String) -> Answer {
    builder.body(Full::from(text)).unwrap_or_else(|_| Response::new(Full::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_sent_only_to_a_client_that_names_it() {
        let wants = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            wants_open_metrics(&headers)
        };
        let prometheus =
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;q=0.3,*/*;q=0.1";
        assert!(wants(prometheus) && wants("text/plain, application/openmetrics-text"));
        assert!(
            !wants("*/*") && !wants("text/html,application/xml;q=0.9") && !wants("application/openmetrics-text;q=0")
        );
        assert!(!wants_open_metrics(&HeaderMap::new()));
    }
}
