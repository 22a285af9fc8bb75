//! Parses single values of the command line into types that can hold only valid values.
//!
//! Every error names what is wrong and where. No function here reads a file or the environment.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cityseal_bench::Sweep;
use cityseal_chain::{
    BlockHeader, ChainWork, HeaderHexError, HexError, NonceSpan, RollingVersion, Target, ThresholdHexError, Txid,
    VersionMaskError, decode_signet_challenge, hex,
};
use cityseal_cli::LogFormat;
use cityseal_engine::Profile;
use cityseal_input::part::SHARDS_MAX;
use cityseal_service::caller::Scope;
use cityseal_service::is_tenant_name;
use cityseal_service::limits::LAME_DUCK_MAX;

/// Maximum of `--threads`: far above any machine, and low enough to catch a typing error.
pub const THREADS_MAX: usize = 1024;

/// Maximum duration of one measurement of `bench` in seconds: an hour.
pub const BENCH_SECONDS_MAX: f64 = 3600.0;

/// The longest DNS name, in characters (RFC 1035 section 2.3.4: 255 bytes on the wire).
const HOST_BYTES_MAX: usize = 253;

/// Hex digits of a full target or of chain work: 32 bytes.
const DIGITS_256: usize = 64;

/// Error of a value of the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Not of the form `A..=B`.
    #[error("not a range of nonces: expected A..=B (both ends included), such as 0..=4294967295")]
    NotARange,
    /// `A..B`, which excludes its end.
    #[error("a range includes both of its ends: write {first}..={last}")]
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
        /// The text found.
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
    /// Not a header.
    #[error(transparent)]
    Header(#[from] HeaderHexError),
    /// A version mask with bits that must not change.
    #[error(transparent)]
    VersionMask(#[from] VersionMaskError),
    /// Not a valid target above zero.
    #[error(transparent)]
    Target(#[from] ThresholdHexError),
    /// Not the expected hex digits.
    #[error(transparent)]
    Hex(#[from] HexError),
    /// Not one of the allowed values.
    #[error("`{text}` is not {wanted}")]
    NotInBounds {
        /// The text found.
        text: String,
        /// The allowed values, in words.
        wanted: String,
    },
}

/// Parses `A..=B`: two decimal nonces, the second not below the first.
///
/// # Errors
/// [`ValueError`] that names the wrong end, or both ends if the range runs backwards.
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

/// Parses a header: 160 hex digits in wire order.
///
/// # Errors
/// [`ValueError::Header`] with the length found, or the position of the bad digit.
pub fn header(text: &str) -> Result<BlockHeader, ValueError> {
    Ok(BlockHeader::from_hex(text)?)
}

/// Parses a version mask: 8 hex digits, numeric, without bits 29 to 31.
///
/// # Errors
/// [`ValueError::Hex`] with the length found, or the position of the bad digit; [`ValueError::VersionMask`] if one of
/// the top three bits is set.
pub fn version_mask(text: &str) -> Result<u32, ValueError> {
    let mask = hex::decode_u32(text)?;
    RollingVersion::check_mask(mask)?;
    Ok(mask)
}

/// Parses a target: 8 hex digits are compact, 64 are the full number.
///
/// # Errors
/// [`ValueError::Target`] for a bad digit, another length, a compact target that does not decode, or a target of zero.
pub fn target(text: &str) -> Result<Target, ValueError> {
    Ok(Target::from_threshold_hex(text)?)
}

/// The challenge of a custom signet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignetChallenge(pub Vec<u8>);

/// Parses the challenge of a signet: the hex digits of a script.
///
/// # Errors
/// [`ValueError::Hex`] for a bad digit, an odd number of digits, none, or too many.
pub fn signet_challenge(text: &str) -> Result<SignetChallenge, ValueError> {
    Ok(SignetChallenge(decode_signet_challenge(text)?))
}

/// Parses chain work: up to 64 hex digits, most significant first; leading zeros are optional.
///
/// # Errors
/// [`ValueError::Hex`] for a bad digit, no digit, or more than 64.
pub fn chain_work(text: &str) -> Result<ChainWork, ValueError> {
    let leading_zeros = DIGITS_256.saturating_sub(text.len().max(1));
    Ok(ChainWork::from_display_hex(&("0".repeat(leading_zeros) + text))?)
}

/// Parses the id of a transaction: 64 hex digits, as block explorers show it.
///
/// # Errors
/// [`ValueError::Hex`] with the length found, or the position of the bad digit.
pub fn txid(text: &str) -> Result<Txid, ValueError> {
    Ok(Txid::from_display_hex(text)?)
}

/// Parses a number of threads: 1 to [`THREADS_MAX`].
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

/// Parses the name of a profile.
///
/// # Errors
/// [`ValueError::NotInBounds`] with the known names.
pub fn profile(text: &str) -> Result<Profile, ValueError> {
    Profile::by_name(text).ok_or_else(|| ValueError::NotInBounds {
        text: text.into(),
        wanted: format!("one of {}", Profile::ALL.map(Profile::name).join(", ")),
    })
}

/// Parses the name of a format of the log.
///
/// # Errors
/// [`ValueError::NotInBounds`] with the known names.
pub fn log_format(text: &str) -> Result<LogFormat, ValueError> {
    LogFormat::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| ValueError::NotInBounds {
        text: text.into(),
        wanted: format!("one of {}", LogFormat::ALL.map(LogFormat::name).join(", ")),
    })
}

/// Parses numbers of threads: `all`, or a list such as `1,2,8`.
///
/// # Errors
/// [`ValueError::NotInBounds`] for the first list item that is not a number of threads.
pub fn sweep(text: &str) -> Result<Sweep, ValueError> {
    if text == "all" {
        return Ok(Sweep::All);
    }
    text.split(',').map(threads).collect::<Result<_, _>>().map(Sweep::Each)
}

/// Parses a duration in seconds, with or without a fraction: above 0 and up to [`BENCH_SECONDS_MAX`].
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

/// Parses a number of seconds for which a draining service goes on serving: 0 to an hour, with or without a fraction.
///
/// # Errors
/// [`ValueError::NotInBounds`].
pub fn lame_duck(text: &str) -> Result<Duration, ValueError> {
    let max = LAME_DUCK_MAX.as_secs_f64();
    let number = text.parse::<f64>().ok().filter(|seconds| (0.0..=max).contains(seconds));
    number.map(Duration::from_secs_f64).ok_or_else(|| ValueError::NotInBounds {
        text: text.into(),
        wanted: format!("a number of seconds from 0 to {max}"),
    })
}

/// Parses an address to listen on: `IP:PORT`.
///
/// # Errors
/// [`ValueError::NotInBounds`].
pub fn listen(text: &str) -> Result<SocketAddr, ValueError> {
    text.parse().map_err(|_| ValueError::NotInBounds {
        text: text.into(),
        wanted: "an address IP:PORT, such as 127.0.0.1:50051 or [::1]:50051".into(),
    })
}

/// Parses the name of a tenant.
///
/// # Errors
/// [`ValueError::NotInBounds`].
pub fn tenant(text: &str) -> Result<String, ValueError> {
    if is_tenant_name(text) {
        return Ok(text.into());
    }
    let wanted = "the name of a tenant: 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or a digit";
    Err(ValueError::NotInBounds { text: text.into(), wanted: wanted.into() })
}

/// Parses the name of a scope.
///
/// # Errors
/// [`ValueError::NotInBounds`] with the known names.
pub fn scope(text: &str) -> Result<Scope, ValueError> {
    let known = Scope::ALL.map(Scope::name).join(", ");
    let found = Scope::ALL.into_iter().find(|scope| scope.name() == text);
    found.ok_or_else(|| ValueError::NotInBounds { text: text.into(), wanted: format!("a scope: {known}") })
}

/// Parses the name of a host as it is in a certificate: a DNS name (a leading `*.` stands for any one label) or an IP
/// address.
///
/// # Errors
/// [`ValueError::NotInBounds`].
pub fn host(text: &str) -> Result<String, ValueError> {
    let is_label = |label: &str| {
        let is_edge = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let bytes = label.as_bytes();
        (1..=63).contains(&label.len())
            && bytes.iter().all(|byte| is_edge(*byte) || *byte == b'-')
            && is_edge(bytes[0])
            && is_edge(bytes[bytes.len() - 1])
    };
    let labels = text.strip_prefix("*.").unwrap_or(text);
    let last = labels.rsplit('.').next().unwrap_or_default();
    // Only an IP address ends in a number.
    let is_numeric = last.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = text.len() <= HOST_BYTES_MAX && labels.split('.').all(is_label) && !is_numeric;
    if is_name || text.parse::<IpAddr>().is_ok() {
        return Ok(text.into());
    }
    Err(ValueError::NotInBounds { text: text.into(), wanted: "a DNS name or an IP address".into() })
}

/// One of N shards of an input that are verified separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Number of this shard, counted from 1.
    pub index: u64,
    /// Number of shards.
    pub of: u64,
}

/// Parses a shard such as `3/7`.
pub(super) fn shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
    match numbers {
        Some((index, of)) if (1..=of).contains(&index) && of <= SHARDS_MAX => Ok(Shard { index, of }),
        _ => Err(format!("expected I/N with 1 <= I <= N <= {SHARDS_MAX}, such as 3/7")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_as_certificates_have_it() {
        for text in ["localhost", "seal.city.example.org", "*.city.example.org", "127.0.0.1", "::1", "seal_1", "1a.b"] {
            assert_eq!(host(text).as_deref(), Ok(text), "{text}");
        }
        let long = format!("{}.org", "a.".repeat(130));
        for text in ["", "*", "a..b", "-a", "a-", "a b", "b\u{fc}cher", "256.0.0.1", "[::1]", "a:1", "x.*.y", &long] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_includes_both_of_its_ends() {
        let span = nonces("2083000000..=2084000000").unwrap();
        assert_eq!((span.first(), span.last()), (2_083_000_000, 2_084_000_000));
        let whole = nonces("0..=4294967295").unwrap();
        assert_eq!((whole.first(), whole.last()), (0, u32::MAX));
        assert_eq!(nonces("7..=7").unwrap().first(), 7);
    }

    #[test]
    fn refuses_a_range_that_runs_backwards_and_names_both_ends() {
        assert_eq!(nonces("9..=8"), Err(ValueError::Backwards { first: 9, last: 8 }));
        let message = nonces("9..=8").unwrap_err().to_string();
        assert!(message.contains("backwards") && message.contains('9') && message.contains('8'), "{message}");
    }

    #[test]
    fn refuses_a_range_that_excludes_its_end_and_text_that_is_not_a_range() {
        assert!(matches!(nonces("0..5"), Err(ValueError::HalfOpenRange { .. })));
        assert_eq!(nonces("5"), Err(ValueError::NotARange));
        assert_eq!(nonces("0..=x"), Err(ValueError::NotANonce { end: "last", text: "x".into() }));
        assert_eq!(nonces("-1..=5"), Err(ValueError::NotANonce { end: "first", text: "-1".into() }));
        assert!(matches!(nonces("0..=4294967296"), Err(ValueError::NotANonce { end: "last", .. })));
    }

    #[test]
    fn a_target_of_eight_digits_is_compact_and_one_of_sixty_four_is_full() {
        let whole = target("00000000ffff0000000000000000000000000000000000000000000000000000").unwrap();
        assert_eq!(target("1d00ffff").unwrap(), whole);
    }

    #[test]
    fn refuses_a_target_of_zero_of_another_length_or_with_a_bad_digit() {
        for text in [&*"0".repeat(64), "00000000", "1d000000", "1d00fff", "1d00fffg"] {
            assert!(matches!(target(text), Err(ValueError::Target(_))), "{text}");
        }
        assert!(target("1d00fffg").unwrap_err().to_string().contains("position 8"));
    }

    #[test]
    fn a_mask_has_exactly_eight_digits() {
        assert_eq!(version_mask("1fffe000"), Ok(0x1fff_e000));
        assert!(matches!(version_mask("1fffe00"), Err(ValueError::Hex(HexError::Length { found_digits: 7, .. }))));
        assert!(matches!(version_mask("1fffe0000"), Err(ValueError::Hex(HexError::Length { found_digits: 9, .. }))));
        assert!(matches!(version_mask("+fffe000"), Err(ValueError::Hex(HexError::Digit { position: 1, .. }))));
    }

    #[test]
    fn a_mask_may_have_any_bits_below_the_top_three_or_none() {
        assert_eq!((version_mask("1fffffff"), version_mask("00000000")), (Ok(0x1fff_ffff), Ok(0)));
        for text in ["20000000", "40000000", "80000000", "ffffffff"] {
            assert!(matches!(version_mask(text), Err(ValueError::VersionMask(_))), "{text}");
        }
    }

    #[test]
    fn leading_zeros_of_chain_work_are_optional() {
        assert_eq!(chain_work("7e"), chain_work(&format!("{:0>64}", "7e")));
        assert!(chain_work(&"f".repeat(64)).is_ok() && chain_work(&"f".repeat(65)).is_err());
        assert!(chain_work("").is_err() && chain_work("0x1").is_err());
    }

    #[test]
    fn a_signet_challenge_is_a_script_in_hex() {
        assert_eq!(signet_challenge("51aC"), Ok(SignetChallenge(vec![0x51, 0xac])));
        assert!(signet_challenge("").is_err() && signet_challenge("5").is_err() && signet_challenge("0x51").is_err());
    }

    #[test]
    fn threads_and_seconds_have_bounds() {
        assert_eq!(threads("1"), Ok(1));
        assert_eq!(threads("1024"), Ok(1024));
        assert!(threads("0").is_err() && threads("1025").is_err());
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("0").is_err() && seconds("nan").is_err() && seconds("3601").is_err());
        assert_eq!((lame_duck("0"), lame_duck("3600")), (Ok(Duration::ZERO), Ok(LAME_DUCK_MAX)));
        assert!(lame_duck("-1").is_err() && lame_duck("nan").is_err() && lame_duck("3600.1").is_err());
    }

    #[test]
    fn a_sweep_is_a_list_or_doubles_up_to_all_threads() {
        assert_eq!(sweep("1,2,8").unwrap().counts(4), [1, 2, 8]);
        let all = sweep("all").unwrap();
        assert_eq!((all.counts(1), all.counts(2), all.counts(6)), (vec![1], vec![1, 2], vec![1, 2, 4, 6]));
        let message = sweep("1,,2").unwrap_err().to_string();
        assert!(message.contains("1 to 1024"), "{message}");
        assert!(sweep("1,0").is_err() && sweep("").is_err() && sweep("ALL").is_err());
    }

    #[test]
    fn a_profile_is_one_of_three_names_and_a_refusal_names_them() {
        assert_eq!(profile("throughput"), Ok(Profile::Throughput));
        let message = profile("turbo").unwrap_err().to_string();
        assert_eq!(message, "`turbo` is not one of interactive, balanced, throughput");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_parser_panic(text in "\\PC{0,170}") {
            let _ = (nonces(&text), header(&text), version_mask(&text), target(&text), chain_work(&text));
            let _ = (txid(&text), threads(&text), sweep(&text), seconds(&text), lame_duck(&text), listen(&text), profile(&text));
        }

        #[test]
        fn every_ordered_pair_of_nonces_is_a_range(a: u32, b: u32) {
            let (first, last) = (a.min(b), a.max(b));
            let span = nonces(&format!("{first}..={last}")).unwrap();
            prop_assert_eq!((span.first(), span.last()), (first, last));
        }
    }

    #[test]
    fn a_shard_is_its_number_and_the_number_of_shards() {
        assert_eq!(shard("3/7"), Ok(Shard { index: 3, of: 7 }));
        assert_eq!(shard("1/1"), Ok(Shard { index: 1, of: 1 }));
        for text in ["0/7", "8/7", "3", "3/", "/7", "3/7/9", "-1/2", "1/1048577"] {
            assert!(shard(text).unwrap_err().contains("I/N"), "{text}");
        }
    }
}
