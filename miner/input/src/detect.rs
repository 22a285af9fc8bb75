//! Detects the format of a file from its first bytes.
//!
//! Detection never fails: an input that matches no other format is treated as packed headers. Whether the file holds a
//! chain is decided by its first records ([`super::Recogniser`]).

use cityseal_hash::HEADER_LEN;

use super::decode_error::BLOCK_BYTES_MAX;
use super::frame::{FrameNetwork, MAGICS};
use super::hex_lines::{BYTE_ORDER_MARK, has_link, is_separator};

/// Format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Packed headers, 80 bytes each.
    Headers,
    /// A header per line, 160 hex digits each.
    Hex,
    /// A block per line, in hex.
    HexBlocks,
    /// One block in a JSON object, as its hex member `block`.
    JsonBlock,
    /// Blocks with magic and length before each.
    FramedBlocks,
    /// Blocks one after another.
    RawBlocks,
}

impl Format {
    /// Whether the format holds whole blocks.
    pub const fn has_bodies(self) -> bool {
        match self {
            Self::Headers | Self::Hex => false,
            Self::HexBlocks | Self::JsonBlock | Self::FramedBlocks | Self::RawBlocks => true,
        }
    }

    /// Returns what a file of this format holds, for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Headers => "packed headers",
            Self::Hex => "headers in hex",
            Self::HexBlocks => "blocks in hex",
            Self::JsonBlock => "a block in JSON",
            Self::FramedBlocks => "blocks with frames",
            Self::RawBlocks => "blocks without frames",
        }
    }

    /// Returns the bytes of the file per header, if that is the same for all.
    pub const fn bytes_per_header(self) -> Option<u64> {
        match self {
            Self::Headers => Some(80),
            Self::Hex => Some(161),
            Self::HexBlocks | Self::JsonBlock | Self::FramedBlocks | Self::RawBlocks => None,
        }
    }
}

/// Number of bytes that [`detect`] inspects, if the file has them: the 16 headers that show whether a line without
/// breaks is headers (2,560 digits), after comments and blank lines.
pub const SNIFF_BYTES: usize = 16 * 1024;

/// Consecutive digits with which hex text begins.
const HEX_DIGITS_MIN: usize = 16;

/// Digits of the smallest block: a header, a count, and a transaction of 60 bytes, which has one input and one output
/// without scripts. A shorter line that is longer than a header is neither.
const BLOCK_DIGITS_MIN: usize = 2 * (HEADER_LEN + 1 + 60);

/// Detects the format of a file from its first bytes ([`SNIFF_BYTES`] of them, or the whole file if it is shorter).
pub fn detect(first: &[u8]) -> Format {
    detect_for(FrameNetwork::default(), first)
}

/// Like [`detect`], for a file whose frames may have the magic of this network.
pub fn detect_for(network: FrameNetwork, first: &[u8]) -> Format {
    let first = &first[..first.len().min(SNIFF_BYTES)];
    if has_frame(network, first) {
        Format::FramedBlocks
    } else if let Some(digits) = hex_digits(first) {
        // A line longer than a header is a block, unless it is headers that link.
        if digits.len() >= BLOCK_DIGITS_MIN && !has_link(digits) { Format::HexBlocks } else { Format::Hex }
    } else if is_object(first) {
        Format::JsonBlock
    } else if has_coinbase(first) {
        Format::RawBlocks
    } else {
        Format::Headers
    }
}

/// Returns the first run of digits of hex text, after a byte order mark, separators, comments and `0x`. A wrong
/// character later in a line is still an error in a hex file, and is reported as such: so sixteen digits decide. A
/// packed header has its version there and the end of a hash, whose bytes are digits with probability (22/256)^12.
fn hex_digits(first: &[u8]) -> Option<&[u8]> {
    let mut text = first.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(first);
    loop {
        text = &text[text.iter().take_while(|byte| is_separator(**byte)).count()..];
        let Some(comment) = text.strip_prefix(b"#") else { break };
        text = &comment[comment.iter().position(|byte| *byte == b'\n')?..];
    }
    let text = text.strip_prefix(b"0x").or(text.strip_prefix(b"0X")).unwrap_or(text);
    let digits = &text[..text.iter().take_while(|byte| byte.is_ascii_hexdigit()).count()];
    // A shorter file must be digits to its end.
    let is_all = !digits.is_empty() && text[digits.len()..].iter().all(|byte| is_separator(*byte));
    (digits.len() >= HEX_DIGITS_MIN || is_all && first.len() < SNIFF_BYTES).then_some(digits)
}

/// Whether the file begins with a JSON object, in plain text.
fn is_object(first: &[u8]) -> bool {
    let first = first.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(first);
    let head = &first[..first.len().min(16)];
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let inside = head.trim_ascii_start().strip_prefix(b"{");
    head.iter().all(is_text) && inside.is_some_and(|inside| inside.trim_ascii_start().starts_with(b"\""))
}

/// Whether the file begins with a frame: a magic in which at most one byte differs from a known one, and a length that
/// a block can have. A packed header has its version there, which is not a magic.
fn has_frame(network: FrameNetwork, first: &[u8]) -> bool {
    let Some((magic, rest)) = first.split_first_chunk::<4>() else { return false };
    let len = rest.first_chunk().map_or(0, |len| u64::from(u32::from_le_bytes(*len)));
    let differ = |known: &[u8; 4]| known.iter().zip(magic).filter(|(known, found)| known != found).count();
    let magics = network.magics().chain(MAGICS.map(|(known, _)| known));
    magics.into_iter().any(|known| match differ(&known) {
        0 => true,
        1 => (80..=BLOCK_BYTES_MAX).contains(&len),
        _ => false,
    })
}

/// Whether the file begins with a header, a transaction count, and a transaction that spends no output (all zeros,
/// index 0xffffffff): a coinbase. One byte may differ, so that the corruption is reported as a fault of the block and
/// not of a header.
fn has_coinbase(first: &[u8]) -> bool {
    const INPUTS: [u8; 37] = {
        let mut inputs = [0; 37];
        inputs[0] = 1;
        let (_, index) = inputs.split_at_mut(33);
        index.copy_from_slice(&[0xff; 4]);
        inputs
    };
    let places = coinbase_zeros().map(|at| at - 1);
    places.filter_map(|at| first.get(at..)?.first_chunk::<37>()).any(|found| {
        let differ = found.iter().zip(INPUTS).filter(|(found, wanted)| **found != *wanted).count();
        differ <= 1
    })
}

/// Returns the possible offsets in a block of the 32 zeros in the coinbase's input: after the header, a count in each
/// of its forms, a version, possibly the two bytes that announce witnesses, and the input count.
pub(super) fn coinbase_zeros() -> impl Iterator<Item = usize> {
    [1, 3, 5, 9].into_iter().flat_map(|count_len| [80 + count_len + 4 + 1, 80 + count_len + 6 + 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_frames_hex_blocks_and_headers() {
        assert_eq!(detect(&[0xfa, 0xbf, 0xb5, 0xda, 80, 0, 0, 0]), Format::FramedBlocks);
        assert_eq!(detect(b"0100000000000000000000000000"), Format::Hex);
        assert_eq!(detect(&[0xfa, 0xbf, 0xb5, 0xdb, 80, 0, 0, 0]), Format::FramedBlocks);
        assert_eq!(detect(&[0xfa, 0xbf, 0xb5, 0xdb, 79, 0, 0, 0]), Format::Headers);
        assert_eq!(detect(&[1; 160]), Format::Headers);
        assert_eq!(detect(&[]), Format::Headers);
    }

    #[test]
    fn a_bad_digit_late_in_the_first_line_does_not_hide_that_it_is_hex() {
        assert_eq!(detect(b"0100000000000000000000000000x"), Format::Hex);
        assert_eq!(detect(b"\r\n0100000000000000"), Format::Hex);
    }

    #[test]
    fn a_line_longer_than_a_header_is_a_block() {
        let line = |digits: usize| format!("\r\n\n{}", "01".repeat(digits / 2));
        assert_eq!(detect(line(160).as_bytes()), Format::Hex);
        assert_eq!(detect(format!("{}\n{}", line(160), line(400)).as_bytes()), Format::Hex);
        assert_eq!(detect(line(280).as_bytes()), Format::Hex, "headers with something after each");
        assert_eq!(detect(line(282).as_bytes()), Format::HexBlocks);
        assert_eq!(detect(format!("{}x", line(160)).as_bytes()), Format::Hex);
    }

    #[test]
    fn decoration_before_the_digits_does_not_hide_that_it_is_hex() {
        let digits = "01".repeat(80);
        for before in ["\u{feff}", "0x", "  ", "\t", "\"", "[\"", "[\n  \"0x", "# headers 0 to 9\n#\n\n", "'"] {
            assert_eq!(detect(format!("{before}{digits}").as_bytes()), Format::Hex, "{before:?}");
        }
        for text in
            ["# a comment alone", "#", "[{\"hash\": \"0100\"}]", "0 0100000000000000000000", "xyz", "\u{feff}", "0x"]
        {
            assert_eq!(detect(text.as_bytes()), Format::Headers, "{text:?}");
        }
        assert_eq!(detect("\u{feff}{\"block\": \"01\"}".as_bytes()), Format::JsonBlock);
    }

    #[test]
    fn a_line_of_several_headers_is_distinguished_from_a_block_by_their_links() {
        let first = [7_u8; 80];
        let mut second = [8; 80];
        second[4..36].copy_from_slice(&cityseal_hash::double_sha256(&first));
        let hex = |headers: &[[u8; 80]]| cityseal_chain::hex::encode(&headers.concat());
        assert_eq!(detect(hex(&[first, second]).as_bytes()), Format::Hex);
        assert_eq!(detect(hex(&[[9; 80], first, second]).as_bytes()), Format::Hex);
        assert_eq!(detect(hex(&[second, first]).as_bytes()), Format::HexBlocks);
    }

    #[test]
    fn a_json_object_is_text_that_opens_with_a_brace_and_a_name() {
        assert_eq!(detect(b"{\n  \"hash\": \"00ab\""), Format::JsonBlock);
        assert_eq!(detect(b" {\"block\":\"01\"}"), Format::JsonBlock);
        assert_eq!(detect(b"{\"\0\0 a header with a rolled version"), Format::Headers);
        assert_eq!(detect(b"{} and no name at all"), Format::Headers);
    }

    #[test]
    fn a_coinbase_after_the_header_shows_a_block_with_and_without_witness() {
        let coinbase = |marker: &[u8]| {
            [&[4_u8; 80][..], &[2], &[1, 0, 0, 0], marker, &[1], &[0; 32], &[0xff; 4], &[0; 30]].concat()
        };
        assert_eq!(detect(&coinbase(&[])), Format::RawBlocks);
        assert_eq!(detect(&coinbase(&[0, 1])), Format::RawBlocks);
        let mut bent = coinbase(&[]);
        for at in 0..bent.len() - 30 {
            bent[at] ^= 0x10;
            assert_eq!(detect(&bent), Format::RawBlocks, "byte {at}");
            bent[at] ^= 0x10;
        }
        bent[90] = 1;
        bent[95] = 1;
        assert_eq!(detect(&bent), Format::Headers);
    }
}
