//! The ids of a call: its log lines, its refusal and its job carry both, so that they can be found together.
//!
//! The trace id is the caller's, if it sends a valid `traceparent` (W3C Trace Context, level 1), and otherwise new. It
//! is not trusted: anybody can send any trace id, so only the call id names one call of this service.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use cityseal_chain::hex;
use tonic::Extensions;
use tonic::codegen::http::HeaderMap;

/// The header with the caller's trace.
const TRACEPARENT: &str = "traceparent";

/// Length of a `traceparent` of version 00: 2 + 1 + 32 + 1 + 16 + 1 + 2 characters.
const TRACEPARENT_LEN: usize = 55;

/// The id of one call: random, and no other call of this run has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallId([u8; 8]);

/// The id of the trace that a call belongs to; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TraceId([u8; 16]);

/// The ids of a call. They are an extension of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallTrace {
    pub(crate) call_id: CallId,
    pub(crate) trace_id: TraceId,
}

impl CallTrace {
    /// The ids of the call that a request belongs to; `None` if the request did not come through the listener.
    pub(crate) fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().copied()
    }
}

/// Gives every call its ids.
pub(crate) struct TraceIds {
    /// Random: without it nobody can tell the next ids from those before.
    key: [u8; 32],
    calls: AtomicU64,
}

impl TraceIds {
    /// Starts with a random key.
    ///
    /// # Errors
    /// Returns the error of the operating system if it provides no random numbers.
    pub(crate) fn new() -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self { key, calls: AtomicU64::new(0) })
    }

    /// The ids of the next call, which has these headers.
    pub(crate) fn next(&self, headers: &HeaderMap) -> CallTrace {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut seed = [0; 40];
        seed[..32].copy_from_slice(&self.key);
        seed[32..].copy_from_slice(&number.to_be_bytes());
        let code = cityseal_hash::sha256(&seed);
        let (call, rest) = code.split_first_chunk().expect("a SHA-256 has 32 bytes");
        let (new, _) = rest.split_first_chunk().expect("24 bytes are left");
        CallTrace { call_id: CallId(*call), trace_id: trace_in(headers).unwrap_or(TraceId(*new)) }
    }
}

impl fmt::Debug for TraceIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceIds").finish_non_exhaustive()
    }
}

/// The trace id of a caller. More than one `traceparent` counts as malformed.
fn trace_in(headers: &HeaderMap) -> Option<TraceId> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    parse(value.as_bytes())
}

/// Parses `version-traceid-parentid-flags` of lowercase hex digits. A version after 00 may have more at its end.
fn parse(value: &[u8]) -> Option<TraceId> {
    let (known, more) = value.split_at_checked(TRACEPARENT_LEN)?;
    let text = std::str::from_utf8(known).ok()?;
    let mut fields = text.split('-');
    let version: [u8; 1] = bytes_of(fields.next()?)?;
    let trace_id = bytes_of(fields.next()?)?;
    let parent_id: [u8; 8] = bytes_of(fields.next()?)?;
    let _flags: [u8; 1] = bytes_of(fields.next()?)?;
    let is_whole = match version {
        [0xff] => false,
        [0] => more.is_empty(),
        _ => matches!(more, [] | [b'-', ..]),
    };
    (is_whole && trace_id != [0; 16] && parent_id != [0; 8]).then_some(TraceId(trace_id))
}

/// Decodes `2 * N` lowercase hex digits.
fn bytes_of<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let bytes = hex::decode_array(digits).ok()?;
    (!digits.bytes().any(|digit| digit.is_ascii_uppercase())).then_some(bytes)
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallId({self})")
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    /// The example of the specification, with these parts.
    fn parent(version: &str, trace: &str, parent: &str, end: &str) -> String {
        format!("{version}-{trace}-{parent}-01{end}")
    }

    fn parsed(text: &str) -> Option<String> {
        parse(text.as_bytes()).map(|trace| trace.to_string())
    }

    #[test]
    fn a_valid_traceparent_gives_its_trace_id_in_this_version_and_in_later_ones() {
        for (version, end) in [("00", ""), ("01", ""), ("cc", "-more")] {
            let text = parent(version, TRACE, "00f067aa0ba902b7", end);
            assert_eq!(parsed(&text).as_deref(), Some(TRACE), "{text}");
        }
    }

    #[test]
    fn a_malformed_or_all_zero_traceparent_is_refused() {
        let (zero_trace, zero_parent, good) = ("0".repeat(32), "0".repeat(16), "00f067aa0ba902b7");
        let refused = [
            parent("00", &zero_trace, good, ""),
            parent("00", TRACE, &zero_parent, ""),
            parent("ff", TRACE, good, ""),
            parent("00", TRACE, good, "-more"),
            parent("01", TRACE, good, "more"),
            parent("00", &TRACE.to_uppercase(), good, ""),
            parent("00", &TRACE.replace('4', "g"), good, ""),
            parent("00", &TRACE[1..], &format!("0{good}"), ""),
            parent("00", TRACE, good, "")[..54].to_owned(),
            parent("00", TRACE, good, "").replace('-', "_"),
            String::new(),
        ];
        for text in refused {
            assert_eq!(parsed(&text), None, "{text}");
        }
    }

    #[test]
    fn each_call_has_its_own_call_id_and_without_one_valid_parent_its_own_trace_id() {
        let ids = TraceIds::new().unwrap();
        let mut headers = HeaderMap::new();
        let (first, second) = (ids.next(&headers), ids.next(&headers));
        assert_ne!(first.call_id, second.call_id);
        assert_ne!(first.trace_id, second.trace_id);
        headers.append(TRACEPARENT, parent("00", TRACE, "00f067aa0ba902b7", "").parse().unwrap());
        let (traced, again) = (ids.next(&headers), ids.next(&headers));
        assert_eq!((traced.trace_id.to_string().as_str(), again.trace_id), (TRACE, traced.trace_id));
        assert_ne!(traced.call_id, again.call_id);
        headers.append(TRACEPARENT, parent("00", TRACE, "00f067aa0ba902b7", "").parse().unwrap());
        assert_ne!(ids.next(&headers).trace_id, traced.trace_id, "two parents are no parent");
        assert_ne!(TraceIds::new().unwrap().next(&HeaderMap::new()), first, "another run has other ids");
    }

    proptest! {
        #[test]
        fn no_value_panics_and_an_accepted_one_repeats_its_trace_id(text in "[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|\\PC{50,60}") {
            if let Some(trace) = parsed(&text) {
                prop_assert_eq!(&text[3..35], trace);
            }
        }
    }
}
