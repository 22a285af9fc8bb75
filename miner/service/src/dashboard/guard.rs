//! Checks of every request before it is routed, and the headers of every answer.

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use std::net::IpAddr;

/// The name of the cookie with the session id. The prefix makes browsers refuse it from other hosts; it needs TLS.
pub(super) const COOKIE_TLS: &str = "__Host-cityseal";
/// The same without TLS, on loopback.
pub(super) const COOKIE_PLAIN: &str = "cityseal";

/// Headers of every answer: nothing from other hosts, nothing inline, no frames.
const SECURITY: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers that every answer has. A page must not be kept by caches.
pub(super) fn secure(headers: &mut HeaderMap) {
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Whether the host of a request is a name of loopback. A page of another site whose name was changed to point here
/// (DNS rebinding) sends its own name.
pub(super) fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = host_of(headers) else { return false };
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let number = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    name.eq_ignore_ascii_case("localhost") || number.parse().is_ok_and(is_loopback)
}

/// Whether a form was sent by a page of this host: browsers name the page's origin.
pub(super) fn is_same_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, authority)| Some(authority) == host_of(headers))
}

/// The session id in the cookies of a request.
pub(super) fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, id)| [COOKIE_TLS, COOKIE_PLAIN].contains(&name).then_some(id))
}

fn host_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_names_and_numbers_of_loopback_are_accepted_as_host() {
        for host in ["127.0.0.1:8080", "127.9.9.9", "localhost:1", "LOCALHOST", "[::1]:8080", "[::ffff:127.0.0.1]"] {
            assert!(names_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
        for host in
            ["", "evil.example.org", "127.0.0.1.evil.example.org", "localhost.evil.example.org:8080", "10.0.0.1", "::1"]
        {
            assert!(!names_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
        assert!(!names_loopback(&HeaderMap::new()));
    }

    #[test]
    fn a_form_of_another_origin_is_recognised() {
        let of = |origin| headers(&[(header::HOST, "city.example.org:8080"), (header::ORIGIN, origin)]);
        assert!(is_same_origin(&of("https://city.example.org:8080")));
        for origin in ["https://evil.example.org", "null", "https://city.example.org", ""] {
            assert!(!is_same_origin(&of(origin)), "{origin}");
        }
        assert!(is_same_origin(&headers(&[(header::HOST, "a")])), "no browser");
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let cookies = headers(&[(header::COOKIE, "a=b; __Host-cityseal=0a; c")]);
        assert_eq!(session_of(&cookies), Some("0a"));
        assert_eq!(session_of(&headers(&[(header::COOKIE, "cityseal=7")])), Some("7"));
        assert_eq!(session_of(&headers(&[(header::COOKIE, "xcityseal=7; cityseal")])), None);
    }
}
