//! Simple decoders that the bodies compare with.

/// Decodes hexadecimal text of both cases; `None` if it is invalid.
pub(crate) fn bytes_of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16).filter(|_| c.is_ascii())).collect();
    let digits = digits?;
    let pairs = digits.chunks(2).map(|pair| Some((pair.first()? * 16 + pair.get(1)?) as u8));
    pairs.collect()
}

/// The digits that a block explorer shows for a hash in wire order.
pub(crate) fn display_hex(wire: &[u8; 32]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("a digit is below 16");
    wire.iter().rev().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Whether a hash in wire order is at most a target of 64 digits; digits of equal length compare like numbers.
pub(crate) fn is_at_most(hash: &[u8; 32], target: &str) -> bool {
    display_hex(hash).as_str() <= target
}
