//! The nonce range of the command line, `A..=B`, against a plain reading.

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
    assert_eq!(values::nonces(&again), Ok(span), "what was read can be written");
}

fn plain(text: &str) -> Option<(u64, u64)> {
    let (first, last) = text.split_once("..")?;
    let (first, last) = (number(first)?, number(last.strip_prefix('=')?)?);
    (first <= last).then_some((first, last))
}

/// Decimal digits, a plus sign and blanks around them allowed, below 2^32; any number of leading zeros.
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
fn the_seeds_hold_accepted_and_refused_ranges() {
    let accepted: Vec<bool> = seeds().iter().map(|seed| plain(std::str::from_utf8(seed).unwrap()).is_some()).collect();
    assert_eq!(accepted, [true, true, true, false, false, false, false, false]);
}
