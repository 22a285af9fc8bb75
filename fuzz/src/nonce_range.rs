//! Compares the parser of the command line's nonce range, `A..=B`, with a simple one.

use cityseal::args::values;

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts =
        ["0..=0", "0..=4294967295", "4294967295..=4294967295", "0..=4294967296", "9..=8", "1..2", "..=", "-1..=2"];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

pub(crate) fn body(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = values::nonces(text).ok().map(|span| (u64::from(span.first()), u64::from(span.last())));
    assert_eq!(read, plain(text), "{text:?}");
    let Ok(span) = values::nonces(text) else { return };
    let again = format!("{}..={}", span.first(), span.last());
    assert_eq!(values::nonces(&again), Ok(span), "a parsed range survives a round trip");
}

fn plain(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once("..")?;
    let (first, last) = (number(first)?, number(last.strip_prefix('=')?)?);
    (first <= last).then_some((first, last))
}

/// Reads decimal digits below 2^32, with an optional plus sign, surrounding spaces, and any number of leading zeros.
fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() {
        return None;
    }
    digits.chars().try_fold(0, |number: u64, digit| {
        let digit = digit.to_digit(10).filter(|_| digit.is_ascii())?;
        Some(number * 10 + u64::from(digit)).filter(|number| *number < 1 << 32)
    })
}

#[test]
fn the_seeds_contain_accepted_and_refused_ranges() {
    let accepted: Vec<bool> = seeds().iter().map(|seed| plain(std::str::from_utf8(seed).unwrap()).is_some()).collect();
    assert_eq!(accepted, [true, true, true, false, false, false, false, false]);
}
