//! The deadline of a streaming call: the client's `grpc-timeout`, or the service's maximum.
//!
//! tonic does not enforce the client's deadline after a streaming response has begun; the streaming calls enforce it
//! themselves.

use std::time::Duration;

use tonic::codegen::http::{HeaderMap, HeaderValue};
use tonic::metadata::MetadataMap;

use super::limits::STREAM_DEADLINE_MAX;

/// Returns how long a streaming call may take: the client's timeout, at most the service's maximum.
pub(crate) fn deadline_of(metadata: &MetadataMap) -> Duration {
    deadline_in(metadata.as_ref(), STREAM_DEADLINE_MAX)
}

/// Returns how long the answer to a call may take to begin: the client's timeout, at most `max`.
pub(crate) fn deadline_in(headers: &HeaderMap<HeaderValue>, max: Duration) -> Duration {
    let requested = headers.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse);
    requested.unwrap_or(max).min(max)
}

/// Parses `TimeoutValue TimeoutUnit` of the gRPC protocol over HTTP/2: at most eight digits and one letter.
fn parse(timeout: &str) -> Option<Duration> {
    let (at, unit) = timeout.char_indices().next_back()?;
    let digits = &timeout[..at];
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let value: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(value * 3600)),
        'M' => Some(Duration::from_secs(value * 60)),
        'S' => Some(Duration::from_secs(value)),
        'm' => Some(Duration::from_millis(value)),
        'u' => Some(Duration::from_micros(value)),
        'n' => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(timeout: &str) -> Duration {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", timeout.parse().unwrap());
        deadline_of(&metadata)
    }

    #[test]
    fn reads_every_unit() {
        let all = [("2H", 7200.0), ("2M", 120.0), ("2S", 2.0), ("2m", 2e-3), ("2u", 2e-6), ("2n", 2e-9)];
        for (text, seconds) in all {
            assert_eq!(of(text), Duration::from_secs_f64(seconds), "{text}");
        }
    }

    #[test]
    fn an_answer_must_begin_by_the_clients_deadline_or_the_limit_whichever_is_sooner() {
        let of = |timeout: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", timeout.parse().unwrap());
            deadline_in(&headers, Duration::from_mins(1))
        };
        assert_eq!((of("2S"), of("2M")), (Duration::from_secs(2), Duration::from_mins(1)));
        assert_eq!(deadline_in(&HeaderMap::new(), Duration::from_mins(1)), Duration::from_mins(1));
    }

    #[test]
    fn a_missing_unreadable_or_longer_deadline_becomes_the_maximum() {
        assert_eq!(deadline_of(&MetadataMap::new()), STREAM_DEADLINE_MAX);
        for text in ["99999999H", "123456789S", "S", "5", "-1S", "5x", "5 S"] {
            assert_eq!(of(text), STREAM_DEADLINE_MAX, "{text}");
        }
        assert_eq!(of("99999999m"), STREAM_DEADLINE_MAX.min(Duration::from_millis(99_999_999)));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _any = parse(&text);
        }
    }
}
