//! The addresses of the dashboard.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Extension, Router};
use cityseal_proto::v1;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_stream::wrappers::ReceiverStream;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::guard::{COOKIE_PLAIN, COOKIE_TLS, is_same_origin, session_of};
use super::server::{Wire, plain};
use super::{Pages, Visitor, page};
use crate::access::{Authorization, Presented};
use crate::caller::Scope;
use crate::limits::{DASHBOARD_INTERVAL, DASHBOARD_REFUSALS_MAX, DASHBOARD_ROWS_MAX, LOGIN_BYTES_MAX, SESSION_MAX};
use crate::tokens::PresentedToken;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
const ICON: &str = include_str!("icon.svg");

/// How long a browser may keep a file that is part of the program.
const FILE_KEPT: &str = "max-age=600";

type Answer = Response<Body>;

pub(super) fn router(pages: Arc<Pages>) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/refusals", get(refusals))
        .route("/events", get(events))
        .route("/login", get(login_form).post(login))
        .route("/logout", post(logout))
        .route("/style.css", get(async || file("text/css; charset=utf-8", STYLE)))
        .route("/script.js", get(async || file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/icon.svg", get(async || file("image/svg+xml", ICON)))
        .fallback(async || plain(StatusCode::NOT_FOUND, "There is no such page; the dashboard is at /.\n"))
        .with_state(pages)
}

fn file(kind: &'static str, content: &'static str) -> Answer {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FILE_KEPT)], content).into_response()
}

fn see_other(to: &'static str) -> Answer {
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

fn broken() -> Answer {
    plain(StatusCode::INTERNAL_SERVER_ERROR, "A part of the service failed; its log says more.\n")
}

/// Renders on a thread that may wait for the engine and read files.
async fn rendered(render: impl FnOnce() -> String + Send + 'static) -> Answer {
    match spawn_blocking(render).await {
        Ok(html) => Html(html).into_response(),
        Err(_) => broken(),
    }
}

async fn overview(State(pages): State<Arc<Pages>>, headers: HeaderMap) -> Answer {
    let Some(visitor) = pages.visitor(session_of(&headers)) else { return see_other("/login") };
    rendered(move || page::overview(&view(&pages, &visitor), &visitor.caller())).await
}

/// What one visitor sees at this moment. Waits for the engine's lock.
fn view(pages: &Pages, visitor: &Visitor) -> page::View {
    let request = v1::GetStatusRequest { refusals_max: DASHBOARD_REFUSALS_MAX as u32, refusals_before: 0 };
    page::View {
        status: pages.board.snapshot(&visitor.caller(), &request),
        // The records are about the machine, not a tenant: they are for callers that see all tenants.
        records: if visitor.caller().has(Scope::Operate) { pages.records.now(Instant::now()) } else { None },
    }
}

async fn refusals(State(pages): State<Arc<Pages>>, headers: HeaderMap, uri: Uri) -> Answer {
    let Some(visitor) = pages.visitor(session_of(&headers)) else { return see_other("/login") };
    let before = uri.query().and_then(|query| query.strip_prefix("before=")).map_or(Some(0), |seq| seq.parse().ok());
    let Some(before) = before else {
        return plain(StatusCode::BAD_REQUEST, "Expected /refusals?before=NUMBER.\n");
    };
    let request = v1::GetStatusRequest { refusals_max: DASHBOARD_ROWS_MAX as u32, refusals_before: before };
    rendered(move || {
        let status = pages.board.snapshot(&visitor.caller(), &request);
        page::refusals(&status, &visitor.caller())
    })
    .await
}

/// Sends the panes again whenever they have changed, for as long as the visitor may look.
async fn events(State(pages): State<Arc<Pages>>, Extension(wire): Extension<Wire>, headers: HeaderMap) -> Answer {
    let Some(visitor) = pages.visitor(session_of(&headers)) else {
        return plain(StatusCode::UNAUTHORIZED, "Log in first.\n");
    };
    let Ok(permit) = Arc::clone(&pages.streams).try_acquire_owned() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "Too many dashboards are open.\n");
    };
    wire.is_stream.store(true, Ordering::Relaxed);
    // One update waits in the channel and one to enter it; a browser that reads slowly gets fewer updates.
    let (updates, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let _permit = permit;
        tokio::select! {
            () = send_updates(&pages, &visitor, &updates) => {}
            () = updates.closed() => {}
        }
    });
    Sse::new(ReceiverStream::new(receiver)).into_response()
}

async fn send_updates(pages: &Arc<Pages>, visitor: &Visitor, updates: &mpsc::Sender<Result<Event, Infallible>>) {
    let mut ticks = interval(DASHBOARD_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Its token may have been removed, or lost a scope.
        let Some(visitor) = pages.again(visitor) else {
            drop(updates.send(Ok(Event::default().event("logout").data("."))).await);
            return;
        };
        let pages = Arc::clone(pages);
        let render = move || page::panes(&view(&pages, &visitor), &visitor.caller());
        let Ok(html) = spawn_blocking(render).await else { return };
        if updates.send(Ok(Event::default().data(html))).await.is_err() {
            return;
        }
    }
}

async fn login_form(State(pages): State<Arc<Pages>>, headers: HeaderMap) -> Answer {
    match pages.visitor(session_of(&headers)) {
        Some(_) => see_other("/"),
        None => Html(page::login(None)).into_response(),
    }
}

/// Exchanges a token for a session.
async fn login(State(pages): State<Arc<Pages>>, Extension(wire): Extension<Wire>, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    if !is_same_origin(&parts.headers) {
        return plain(StatusCode::FORBIDDEN, "This form belongs to another site.\n");
    }
    if !pages.attempts.take(wire.peer.ip(), Instant::now()) {
        let mut answer = refused_login(StatusCode::TOO_MANY_REQUESTS, "Too many attempts; wait a minute.");
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        return answer;
    }
    let Ok(body) = to_bytes(body, LOGIN_BYTES_MAX).await else {
        return refused_login(StatusCode::PAYLOAD_TOO_LARGE, "This is not a token.");
    };
    let Some(id) = token_in(&body).and_then(|token| begin_session(&pages, token)) else {
        warn!(peer = %wire.peer, "login to the dashboard refused");
        return refused_login(StatusCode::UNAUTHORIZED, "This token is not valid here, or it lacks the scope `read`.");
    };
    info!(peer = %wire.peer, "login to the dashboard");
    let mut answer = see_other("/");
    answer.headers_mut().insert(header::SET_COOKIE, cookie(&id, wire.has_tls, SESSION_MAX.as_secs()));
    answer
}

/// Begins a session if the token is valid and may read.
fn begin_session(pages: &Pages, token: PresentedToken) -> Option<Zeroizing<String>> {
    let presented = Presented { authorization: Authorization::Token(token), certificate: None };
    let identified = pages.access.current().identify(&presented, cityseal_cli::unix_now())?;
    let tenant = identified.caller.tenant().filter(|_| identified.caller.has(Scope::Read))?;
    pages.sessions.begin(presented, Arc::clone(tenant), Instant::now()).ok()
}

fn refused_login(status: StatusCode, words: &str) -> Answer {
    (status, Html(page::login(Some(words)))).into_response()
}

/// The token of a form: a token has only characters that a form does not encode, but people copy spaces with it.
fn token_in(form: &[u8]) -> Option<PresentedToken> {
    let value = std::str::from_utf8(form).ok()?.strip_prefix("token=")?;
    let text = Zeroizing::new(value.replace('+', " ").replace("%0D", " ").replace("%0A", " "));
    PresentedToken::parse(&text)
}

async fn logout(State(pages): State<Arc<Pages>>, Extension(wire): Extension<Wire>, headers: HeaderMap) -> Answer {
    if !is_same_origin(&headers) {
        return plain(StatusCode::FORBIDDEN, "This form belongs to another site.\n");
    }
    if let Some(id) = session_of(&headers) {
        pages.sessions.end(id);
    }
    let mut answer = see_other("/login");
    answer.headers_mut().insert(header::SET_COOKIE, cookie("", wire.has_tls, 0));
    answer
}

/// The cookie of a session, which no script can read and no other site can send.
fn cookie(id: &str, has_tls: bool, max_age_s: u64) -> HeaderValue {
    let (name, secure) = if has_tls { (COOKIE_TLS, "; Secure") } else { (COOKIE_PLAIN, "") };
    let text = format!("{name}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={max_age_s}{secure}");
    let mut value = HeaderValue::from_str(&text).expect("hex digits and names are visible ASCII");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_in_a_form_with_the_spaces_that_people_copy() {
        let token = format!("cs1_0011223344556677_{}", "0a".repeat(32));
        for form in [format!("token={token}"), format!("token=+{token}%0D%0A")] {
            assert!(token_in(form.as_bytes()).is_some(), "{form}");
        }
        for form in [String::new(), token.clone(), format!("token={}", &token[1..]), format!("token={token}&a=b")] {
            assert!(token_in(form.as_bytes()).is_none(), "{form}");
        }
    }

    #[test]
    fn the_cookie_is_secure_with_tls_and_never_open_to_scripts_or_other_sites() {
        let text = |has_tls| cookie("0a", has_tls, 60).to_str().unwrap().to_owned();
        assert_eq!(text(true), "__Host-cityseal=0a; Path=/; HttpOnly; SameSite=Strict; Max-Age=60; Secure");
        assert_eq!(text(false), "cityseal=0a; Path=/; HttpOnly; SameSite=Strict; Max-Age=60");
        assert!(!format!("{:?}", cookie("0a", true, 60)).contains("0a"));
    }
}
