//! Parses the service's address as the user writes it, before the first connection attempt.
//!
//! A malformed address is refused immediately, because retrying cannot fix it. Whether the name resolves and a service
//! listens there is found out by connecting.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest host name, in bytes (RFC 1035 section 2.3.4: 255 bytes on the wire are 253 characters of text).
const HOST_BYTES_MAX: usize = 253;

/// What is wrong with a service's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressProblem {
    /// Empty, or only whitespace.
    #[error("it is empty")]
    Empty,
    /// A scheme other than `http` and `https`.
    #[error("this scheme is not supported; use https://, http:// or no scheme")]
    Scheme,
    /// A user name or password before the host.
    #[error("a user name before the host is not supported")]
    User,
    /// A path, query or fragment after the port.
    #[error("nothing may follow the port: gRPC has no path")]
    Path,
    /// Nothing before the port.
    #[error("the host is missing before the port")]
    NoHost,
    /// A host that is neither a name nor an IP address.
    #[error("the host is neither a name nor an IP address")]
    Host,
    /// An IPv6 address without brackets: its end and the start of the port are ambiguous.
    #[error("an IPv6 address needs brackets, as in [::1]:50051")]
    Brackets,
    /// No port after the host.
    #[error("the port is missing; `cityseal serve` listens on 50051 by default")]
    NoPort,
    /// A port that is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535")]
    Port,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Scheme, host and port.
    pub(crate) uri: String,
    /// Whether the scheme is `https`.
    pub(crate) has_tls: bool,
    /// Whether the host is this machine's loopback, by its name or its number.
    pub(crate) is_loopback: bool,
}

/// Normalizes an address to a URI: scheme, host and port. Surrounding whitespace is ignored; a bare `host:port` gets
/// the scheme `https` if `wants_tls`, else `http`.
///
/// # Errors
/// [`AddressProblem`].
pub(crate) fn address_of(text: &str, wants_tls: bool) -> Result<Address, AddressProblem> {
    let text = text.trim();
    if text.is_empty() {
        return Err(AddressProblem::Empty);
    }
    let (has_tls, authority) = without_scheme(text, wants_tls)?;
    // Browsers write addresses with a trailing slash.
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains(['/', '?', '#', '\\']) {
        return Err(AddressProblem::Path);
    }
    if authority.contains('@') {
        return Err(AddressProblem::User);
    }
    let (host, port) = split_port(authority)?;
    check_host(host)?;
    let scheme = if has_tls { "https" } else { "http" };
    let uri = format!("{scheme}://{host}:{}", port_of(port)?);
    Ok(Address { uri, has_tls, is_loopback: is_loopback(host) })
}

/// Returns whether the address has TLS, and what follows the scheme.
fn without_scheme(text: &str, wants_tls: bool) -> Result<(bool, &str), AddressProblem> {
    let Some((scheme, authority)) = text.split_once("://") else { return Ok((wants_tls, text)) };
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok((false, authority)),
        "https" => Ok((true, authority)),
        _ => Err(AddressProblem::Scheme),
    }
}

fn is_loopback(host: &str) -> bool {
    let number = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    host.eq_ignore_ascii_case("localhost") || number.parse().is_ok_and(is_loopback)
}

/// Splits into the host (an IPv6 address keeps its brackets) and the text after the colon.
fn split_port(authority: &str) -> Result<(&str, &str), AddressProblem> {
    if let Some(after_bracket) = authority.strip_prefix('[') {
        let (inner, rest) = after_bracket.split_once(']').ok_or(AddressProblem::Brackets)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port,
            None if rest.is_empty() => return Err(AddressProblem::NoPort),
            None => return Err(AddressProblem::Host),
        };
        return Ok((&authority[..inner.len() + 2], port));
    }
    let (host, port) = authority.rsplit_once(':').ok_or(AddressProblem::NoPort)?;
    if host.contains(':') {
        return Err(AddressProblem::Brackets);
    }
    Ok((host, port))
}

fn check_host(host: &str) -> Result<(), AddressProblem> {
    if host.is_empty() {
        return Err(AddressProblem::NoHost);
    }
    let is_valid = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => is_name(host) || host.parse::<Ipv4Addr>().is_ok(),
    };
    if is_valid { Ok(()) } else { Err(AddressProblem::Host) }
}

/// Whether `host` is a host name: labels of ASCII letters, digits, hyphens and underscores (which container networks
/// use). The last label must not be numeric, because only IPv4 addresses end in a number. One trailing dot is allowed.
fn is_name(host: &str) -> bool {
    let labels = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let last = labels.rsplit('.').next().unwrap_or(labels);
    host.len() <= HOST_BYTES_MAX && labels.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

fn port_of(text: &str) -> Result<u16, AddressProblem> {
    if text.is_empty() {
        return Err(AddressProblem::NoPort);
    }
    // `parse` alone would accept a plus sign.
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_digits && *port > 0).ok_or(AddressProblem::Port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uri_of(text: &str) -> Result<String, AddressProblem> {
        address_of(text, false).map(|address| address.uri)
    }

    #[test]
    fn https_comes_from_the_scheme_or_from_the_wish_for_tls() {
        let https = |text: &str, wants_tls| address_of(text, wants_tls).unwrap();
        for (text, wants_tls) in [("https://[::1]:1", false), ("HTTPS://[::1]:1/", true), ("[::1]:1", true)] {
            let expected = Address { uri: "https://[::1]:1".to_owned(), has_tls: true, is_loopback: true };
            assert_eq!(https(text, wants_tls), expected, "{text}");
        }
        assert!(!https("http://[::1]:1", true).has_tls, "a written scheme counts");
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        for host in ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "LocalHost"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1", "[2001:db8::1]", "localhost.example.org", "0.0.0.0"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_bare_host_and_port_gets_the_scheme() {
        let same = [
            ("127.0.0.1:50051", "127.0.0.1:50051"),
            ("localhost:50051", "localhost:50051"),
            ("[::1]:50051", "[::1]:50051"),
            ("seal_1.city-net.internal.:1", "seal_1.city-net.internal.:1"),
            ("http://127.0.0.1:65535", "127.0.0.1:65535"),
            ("  http://127.0.0.1:50051/\n", "127.0.0.1:50051"),
            ("HTTP://localhost:050051", "localhost:50051"),
        ];
        for (text, authority) in same {
            assert_eq!(uri_of(text), Ok(format!("http://{authority}")), "{text}");
        }
    }

    #[test]
    fn every_invalid_address_is_refused_with_its_own_problem() {
        use AddressProblem as P;
        let wrong = [
            ("", P::Empty),
            (" \t\n", P::Empty),
            ("grpc://127.0.0.1:50051", P::Scheme),
            ("dns:///localhost:50051", P::Scheme),
            ("unix:///run/cityseal.sock", P::Scheme),
            ("://localhost:1", P::Scheme),
            ("user:word@localhost:1", P::User),
            ("localhost:50051/v1", P::Path),
            ("http://localhost:50051?x", P::Path),
            (":50051", P::NoHost),
            ("http://:50051", P::NoHost),
            ("256.0.0.1:50051", P::Host),
            ("127.0.0.1.5:50051", P::Host),
            ("a b:50051", P::Host),
            ("a..b:50051", P::Host),
            ("[::1%lo]:50051", P::Host),
            ("[127.0.0.1]:50051", P::Host),
            ("[::1]50051", P::Host),
            ("bücher.example:50051", P::Host),
            ("::1:50051", P::Brackets),
            ("::1", P::Brackets),
            ("[::1:50051", P::Brackets),
            ("localhost", P::NoPort),
            ("[::1]", P::NoPort),
            ("localhost:", P::NoPort),
            ("localhost:0", P::Port),
            ("localhost:70000", P::Port),
            ("localhost:+80", P::Port),
            ("localhost:-1", P::Port),
            ("localhost:grpc", P::Port),
            ("localhost:50051 50052", P::Port),
        ];
        for (text, problem) in wrong {
            assert_eq!(uri_of(text), Err(problem), "'{text}'");
        }
        let of_len = |len: usize| format!("{}:1", "a".repeat(len));
        assert!(uri_of(&of_len(HOST_BYTES_MAX)).is_ok());
        assert_eq!(uri_of(&of_len(HOST_BYTES_MAX + 1)), Err(P::Host));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_accepted_text_is_a_uri(text in "\\PC{0,24}|[a-z0-9.:/\\[\\]@ ]{0,24}") {
            if let Ok(uri) = uri_of(&text) {
                prop_assert!(tonic::transport::Endpoint::from_shared(uri).is_ok());
            }
        }
    }
}
