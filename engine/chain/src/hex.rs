//! Converts between bytes and hexadecimal text, with errors that name the position.
//!
//! Reads both cases and writes lower case. Accepts neither a `0x` prefix nor whitespace.

use thiserror::Error;

/// Why a text is not the expected hexadecimal value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HexError {
    /// The text does not have the number of digits that the value needs.
    #[error("expected {expected_digits} hex digits, found {found_digits}")]
    Length {
        /// Digits that the value needs.
        expected_digits: usize,
        /// Characters in the text.
        found_digits: usize,
    },
    /// The number of digits is odd; every byte takes two.
    #[error("expected an even number of hex digits, found {found_digits}")]
    OddLength {
        /// Characters in the text.
        found_digits: usize,
    },
    /// A character is not a hexadecimal digit.
    #[error("bad hex digit {found:?} at position {position}")]
    Digit {
        /// Position of the character, counted from 1.
        position: usize,
        /// The character.
        found: char,
    },
}

/// Writes bytes as lower-case digits, in the order given.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 0xf)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect()
}

/// Reads digits into bytes, in the order given.
///
/// # Errors
/// If the number of digits is odd, or at the first character that is not a hex digit.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    refuse_bad_digit(text)?;
    if !text.len().is_multiple_of(2) {
        return Err(HexError::OddLength { found_digits: text.len() });
    }
    Ok(text.as_bytes().chunks_exact(2).map(byte_of).collect())
}

/// Reads exactly `2 * N` digits into `N` bytes, in the order given.
///
/// # Errors
/// If the length differs, or at the first character that is not a hex digit.
pub fn decode_array<const N: usize>(text: &str) -> Result<[u8; N], HexError> {
    let found_digits = text.chars().count();
    if found_digits != 2 * N {
        return Err(HexError::Length { expected_digits: 2 * N, found_digits });
    }
    refuse_bad_digit(text)?;
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = byte_of(pair);
    }
    Ok(bytes)
}

/// Reads exactly eight digits as a number, most significant first (`bits`, `version`, masks).
///
/// # Errors
/// If the length differs, or at the first character that is not a hex digit.
pub fn decode_u32(text: &str) -> Result<u32, HexError> {
    decode_array(text).map(u32::from_be_bytes)
}

fn refuse_bad_digit(text: &str) -> Result<(), HexError> {
    match text.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit()) {
        Some((index, found)) => Err(HexError::Digit { position: index + 1, found }),
        None => Ok(()),
    }
}

/// `pair` holds two characters that were checked to be hex digits.
fn byte_of(pair: &[u8]) -> u8 {
    pair.iter().fold(0, |byte, &digit| (byte << 4) | char::from(digit).to_digit(16).unwrap_or(0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_the_expected_and_the_found_length() {
        let error = decode_array::<4>("0011223").unwrap_err();
        assert_eq!(error, HexError::Length { expected_digits: 8, found_digits: 7 });
        assert_eq!(error.to_string(), "expected 8 hex digits, found 7");
        assert_eq!(decode("abc").unwrap_err(), HexError::OddLength { found_digits: 3 });
    }

    #[test]
    fn names_the_first_bad_digit_by_its_position() {
        let expected = HexError::Digit { position: 3, found: 'x' };
        assert_eq!(decode_array::<4>("00x1223z").unwrap_err(), expected);
        assert_eq!(decode("00x1223z").unwrap_err(), expected);
        assert_eq!(decode("é1").unwrap_err(), HexError::Digit { position: 1, found: 'é' });
    }

    #[test]
    fn reads_both_cases_and_writes_lower_case() {
        assert_eq!(encode(&decode("00FfAb").unwrap()), "00ffab");
        assert_eq!(decode_u32("1D00ffff").unwrap(), 0x1d00_ffff);
    }

    proptest! {
        #[test]
        fn bytes_survive_a_round_trip_through_text(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }

        #[test]
        fn any_text_is_read_or_refused_without_panic(text: String) {
            let _ = decode(&text);
            let _ = decode_array::<4>(&text);
        }
    }
}
