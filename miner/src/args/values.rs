//! Turns single values of the command line into types that hold only what is right.
//!
//! Every error names what was wrong and where; none of these functions reads a file or the environment.

use std::net::SocketAddr;
use std::time::Duration;

use cityseal_chain::{BlockHeader, ChainWork, CompactTarget, NonceSpan, Target};

/// Most worker threads that `--threads` may ask for: far above any machine, low enough that a typing error is noticed.
pub const THREADS_MAX: usize = 1024;

/// Most seconds that one measurement of `bench` may last: an hour.
pub const BENCH_SECONDS_MAX: f64 = 3600.0;

/// Digits of a full target or of chain work: 32 bytes.
const DIGITS_256: usize = 64;

/// Why a value of the command line was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Not of the form `A..=B`.
    #[error("not a range of nonces: wanted A..=B (both ends belong to it), such as 0..=4294967295")]
    NotARange,
    /// `A..B`, which would leave out its end.
    #[error("write {first}..={last}: both ends of a range belong to it")]
    HalfOpenRange {
        /// The text before the dots.
        first: String,
        /// The text after the dots.
        last: String,
    },
    /// One end of a range is not a nonce.
    #[error("the {end} nonce `{text}` is not a number from 0 to 4294967295")]
    NotANonce {
        /// `first` or `last`.
        end: &'static str,
        /// What stood there.
        text: String,
    },
    /// The first nonce is above the last.
    #[error("the range runs backwards: its first nonce {first} is above its last nonce {last}")]
    Backwards {
        /// The lower end as given.
        first: u32,
        /// The upper end as given.
        last: u32,
    },
    /// A number of hex digits that is not one of those allowed.
    #[error("{found} characters where {wanted} hex digits are wanted")]
    Length {
        /// Allowed lengths, in words.
        wanted: &'static str,
        /// Characters found.
        found: usize,
    },
    /// A character that is not a hex digit.
    #[error("`{found}` at position {position} is not a hex digit")]
    Digit {
        /// The character.
        found: char,
        /// Its place, counted from 1.
        position: usize,
    },
    /// A target that no hash can meet.
    #[error("a target of zero: no hash can meet it")]
    ZeroTarget,
    /// A compact target that does not decode.
    #[error("the compact target {bits:08x} does not decode: {why}")]
    CompactTarget {
        /// The bits as given.
        bits: u32,
        /// `negative`, `zero` or `overflow`.
        why: String,
    },
    /// What the domain's own parser said.
    #[error("{message}")]
    Domain {
        /// Its message.
        message: String,
    },
    /// A number outside its bounds.
    #[error("`{text}` is not {wanted}")]
    NotInBounds {
        /// What stood there.
        text: String,
        /// The bounds, in words.
        wanted: String,
    },
}

/// Reads `A..=B`: two decimal nonces, the second not below the first.
///
/// # Errors
/// [`ValueError`] naming the end that is wrong, or both where the range runs backwards.
pub fn nonces(text: &str) -> Result<NonceSpan, ValueError> {
    let Some((first, last)) = text.split_once("..") else { return Err(ValueError::NotARange) };
    let Some(last) = last.strip_prefix('=') else {
        return Err(ValueError::HalfOpenRange { first: first.into(), last: last.into() });
    };
    let (first, last) = (nonce("first", first)?, nonce("last", last)?);
    NonceSpan::new(first, last).map_err(|_| ValueError::Backwards { first, last })
}

fn nonce(end: &'static str, text: &str) -> Result<u32, ValueError> {
    text.trim().parse().map_err(|_| ValueError::NotANonce { end, text: text.into() })
}

/// Reads a header: 160 hex digits in wire order.
///
/// # Errors
/// [`ValueError::Domain`] with the length found, or the place of the bad digit.
pub fn header(text: &str) -> Result<BlockHeader, ValueError> {
    BlockHeader::from_hex(text).map_err(|error| ValueError::Domain { message: error.to_string() })
}

/// Reads a mask of version bits: 8 hex digits, numeric.
///
/// # Errors
/// [`ValueError`] with the length found, or the place of the bad digit.
pub fn version_mask(text: &str) -> Result<u32, ValueError> {
    if text.chars().count() != 8 {
        return Err(ValueError::Length { wanted: "8", found: text.chars().count() });
    }
    word(text)
}

/// Reads a target: 8 hex digits are compact, 64 are the whole number.
///
/// # Errors
/// [`ValueError`] for a bad digit, another length, a compact target that does not decode, or a target of zero.
pub fn target(text: &str) -> Result<Target, ValueError> {
    match text.chars().count() {
        8 => compact_target(word(text)?),
        DIGITS_256 => full_target(text),
        found => Err(ValueError::Length { wanted: "8 (compact) or 64", found }),
    }
}

fn compact_target(bits: u32) -> Result<Target, ValueError> {
    let decoded = CompactTarget::from_bits(bits).decode();
    decoded.map_err(|fault| ValueError::CompactTarget { bits, why: fault.to_string() })
}

fn full_target(text: &str) -> Result<Target, ValueError> {
    only_hex(text)?;
    if text.bytes().all(|digit| digit == b'0') {
        return Err(ValueError::ZeroTarget);
    }
    Target::from_display_hex(text).map_err(|error| ValueError::Domain { message: error.to_string() })
}

/// Reads chain work: up to 64 hex digits, most significant first.
///
/// # Errors
/// [`ValueError`] for a bad digit, no digit, or more than 64.
pub fn chain_work(text: &str) -> Result<ChainWork, ValueError> {
    only_hex(text)?;
    if text.is_empty() || text.len() > DIGITS_256 {
        return Err(ValueError::Length { wanted: "1 to 64", found: text.len() });
    }
    let padded = format!("{text:0>DIGITS_256$}");
    ChainWork::from_display_hex(&padded).map_err(|error| ValueError::Domain { message: error.to_string() })
}

/// Reads a number of threads: 1 to [`THREADS_MAX`].
///
/// # Errors
/// [`ValueError::NotInBounds`].
pub fn threads(text: &str) -> Result<usize, ValueError> {
    let number = text.parse().ok().filter(|threads| (1..=THREADS_MAX).contains(threads));
    number.ok_or_else(|| ValueError::NotInBounds {
        text: text.into(),
        wanted: format!("a number of threads from 1 to {THREADS_MAX}"),
    })
}

/// Reads how long to measure: seconds, fractions allowed, above 0 and up to [`BENCH_SECONDS_MAX`].
///
/// # Errors
/// [`ValueError::NotInBounds`].
pub fn seconds(text: &str) -> Result<Duration, ValueError> {
    let number = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= BENCH_SECONDS_MAX);
    number.map(Duration::from_secs_f64).ok_or_else(|| ValueError::NotInBounds {
        text: text.into(),
        wanted: format!("a number of seconds above 0 and up to {BENCH_SECONDS_MAX}"),
    })
}

/// Reads an address to listen on: `IP:PORT`.
///
/// # Errors
/// [`ValueError::NotInBounds`].
pub fn listen(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| ValueError::NotInBounds {
        text: text.into(),
        wanted: "an address IP:PORT, such as 127.0.0.1:50051 or [::1]:50051".into(),
    })
}

fn word(text: &str) -> Result<u32, ValueError> {
    only_hex(text)?;
    u32::from_str_radix(text, 16).map_err(|_| ValueError::Length { wanted: "8", found: text.len() })
}

fn only_hex(text: &str) -> Result<(), ValueError> {
    match text.chars().enumerate().find(|(_, found)| !found.is_ascii_hexdigit()) {
        Some((at, found)) => Err(ValueError::Digit { found, position: at + 1 }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_holds_both_of_its_ends() {
        let span = nonces("2083000000..=2084000000").unwrap();
        assert_eq!((span.first(), span.last()), (2_083_000_000, 2_084_000_000));
        let whole = nonces("0..=4294967295").unwrap();
        assert_eq!((whole.first(), whole.last()), (0, u32::MAX));
        assert_eq!(nonces("7..=7").unwrap().first(), 7);
    }

    #[test]
    fn refuses_a_range_that_runs_backwards_and_names_both_ends() {
        assert_eq!(nonces("9..=8"), Err(ValueError::Backwards { first: 9, last: 8 }));
        let said = nonces("9..=8").unwrap_err().to_string();
        assert!(said.contains("backwards") && said.contains('9') && said.contains('8'), "{said}");
    }

    #[test]
    fn refuses_a_range_that_leaves_out_its_end_or_is_no_range() {
        assert!(matches!(nonces("0..5"), Err(ValueError::HalfOpenRange { .. })));
        assert_eq!(nonces("5"), Err(ValueError::NotARange));
        assert_eq!(nonces("0..=x"), Err(ValueError::NotANonce { end: "last", text: "x".into() }));
        assert_eq!(nonces("-1..=5"), Err(ValueError::NotANonce { end: "first", text: "-1".into() }));
        assert!(matches!(nonces("0..=4294967296"), Err(ValueError::NotANonce { end: "last", .. })));
    }

    #[test]
    fn a_target_is_compact_with_eight_digits_and_whole_with_sixty_four() {
        let whole = target("00000000ffff0000000000000000000000000000000000000000000000000000").unwrap();
        assert_eq!(target("1d00ffff").unwrap(), whole);
    }

    #[test]
    fn refuses_a_target_of_zero_in_both_notations() {
        assert_eq!(target(&"0".repeat(64)), Err(ValueError::ZeroTarget));
        assert!(matches!(target("00000000"), Err(ValueError::CompactTarget { bits: 0, .. })));
        assert!(matches!(target("1d000000"), Err(ValueError::CompactTarget { .. })));
    }

    #[test]
    fn refuses_a_target_of_another_length_or_with_a_bad_digit_at_its_place() {
        assert!(matches!(target("1d00fff"), Err(ValueError::Length { found: 7, .. })));
        assert_eq!(target("1d00fffg"), Err(ValueError::Digit { found: 'g', position: 8 }));
        assert!(matches!(target(&"0".repeat(63)), Err(ValueError::Length { found: 63, .. })));
    }

    #[test]
    fn a_mask_has_exactly_eight_digits() {
        assert_eq!(version_mask("1fffe000"), Ok(0x1fff_e000));
        assert!(matches!(version_mask("1fffe00"), Err(ValueError::Length { found: 7, .. })));
        assert!(matches!(version_mask("1fffe0000"), Err(ValueError::Length { found: 9, .. })));
        assert!(matches!(version_mask("+fffe000"), Err(ValueError::Digit { found: '+', position: 1 })));
    }

    #[test]
    fn chain_work_may_leave_out_its_leading_zeros() {
        assert_eq!(chain_work("7e"), chain_work(&format!("{:0>64}", "7e")));
        assert!(chain_work(&"f".repeat(65)).is_err());
        assert!(chain_work("").is_err());
    }

    #[test]
    fn threads_and_seconds_stop_at_their_bounds() {
        assert_eq!(threads("1"), Ok(1));
        assert_eq!(threads("1024"), Ok(1024));
        assert!(threads("0").is_err() && threads("1025").is_err());
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("0").is_err() && seconds("nan").is_err() && seconds("3601").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,170}") {
            let _ = (nonces(&text), header(&text), version_mask(&text), target(&text), chain_work(&text));
            let _ = (threads(&text), seconds(&text), listen(&text));
        }

        #[test]
        fn every_ordered_pair_of_nonces_is_a_range(a: u32, b: u32) {
            let (first, last) = (a.min(b), a.max(b));
            let span = nonces(&format!("{first}..={last}")).unwrap();
            prop_assert_eq!((span.first(), span.last()), (first, last));
        }
    }
}
