//! Headers as hex text: 160 digits each, one per line, several per line, or one after another without a break.
//!
//! Common decoration around the digits is skipped: a UTF-8 byte order mark, `0x`, spaces, tabs, quotes, commas and
//! brackets (so a JSON array is read too), blank lines, comments from `#` to the end of the line, CRLF. Anything else
//! is an error that names line and column.

use cityseal_chain::BlockHeader;
use cityseal_hash::HEADER_LEN;

use super::decode_error::DecodeError;
use super::place::{HeaderSink, Place};

const DIGITS: usize = 2 * HEADER_LEN;

/// Headers decoded before they are passed on together: 256 × 80 bytes = 20 KiB, within the first-level cache.
const RUN_HEADERS: usize = 256;

/// Headers of a line without breaks that are inspected to distinguish headers from a block in hex: two of them must
/// link.
const LOOK_HEADERS: usize = 16;

/// Digits of those headers: 16 × 160 = 2,560.
const LOOK_DIGITS: usize = LOOK_HEADERS * DIGITS;

/// The UTF-8 byte order mark.
pub(super) const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Marks a byte that is not a hex digit in [`VALUES`]; no digit's value has this bit.
pub(super) const NO_DIGIT: u8 = 0x80;

/// The value of each byte as a hex digit.
pub(super) static VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        values[digit as usize] = value as u8;
        values[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    values
};

/// Whether a byte may separate headers.
pub(super) const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b'"' | b'\'' | b'[' | b']')
}

/// State of the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Inside the byte order mark at the beginning of the file, after this many of its bytes.
    Mark(usize),
    /// Digits, or separators between them.
    Digits,
    /// A comment, up to the end of its line.
    Comment,
}

/// Decoder of hex text.
#[derive(Debug)]
pub struct HexLines {
    state: State,
    /// The current line, counted from 1.
    line: u64,
    /// The column of the next character, counted from 1.
    column: usize,
    /// Digits that are not decoded yet.
    digits: Vec<u8>,
    /// These digits belong to headers that follow each other without a break.
    is_run: bool,
    /// Decoded headers, with the place of the first.
    run: Vec<u8>,
    run_place: Place,
}

impl Default for HexLines {
    fn default() -> Self {
        Self {
            state: State::Mark(0),
            line: 1,
            column: 1,
            digits: Vec::with_capacity(LOOK_DIGITS),
            is_run: false,
            run: Vec::with_capacity(RUN_HEADERS * HEADER_LEN),
            run_place: Place::Line(1),
        }
    }
}

impl HexLines {
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        let result = self.lines(bytes, sink);
        self.flush(sink);
        result
    }

    fn lines(&mut self, mut bytes: &[u8], sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        while let Some(&next) = bytes.first() {
            if let Some(header) = self.whole_line(bytes) {
                self.keep(header, Place::Line(self.line), sink);
                self.next_line();
                bytes = &bytes[DIGITS + 1..];
            } else {
                self.character(next, sink)?;
                bytes = &bytes[1..];
            }
        }
        Ok(())
    }

    /// The fast path for a whole line of digits with its line feed. Anything else is left to [`Self::character`].
    fn whole_line(&mut self, bytes: &[u8]) -> Option<[u8; HEADER_LEN]> {
        let is_between = self.digits.is_empty() && !self.is_run && matches!(self.state, State::Digits | State::Mark(0));
        if !is_between || bytes.get(DIGITS) != Some(&b'\n') {
            return None;
        }
        let header = decode(bytes.first_chunk()?)?;
        self.state = State::Digits;
        Some(header)
    }

    fn character(&mut self, byte: u8, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        match self.state {
            State::Mark(seen) if BYTE_ORDER_MARK.get(seen) == Some(&byte) => {
                self.state = State::Mark(seen + 1);
                return Ok(());
            }
            // An incomplete byte order mark.
            State::Mark(1 | 2) => return Err(bad_digit(1, 1, BYTE_ORDER_MARK[0])),
            State::Mark(_) | State::Digits => self.state = State::Digits,
            State::Comment => {}
        }
        match byte {
            // A line feed ends headers and comments; within a comment everything else is skipped.
            b'\n' => {
                self.end_digits(sink)?;
                self.state = State::Digits;
                self.next_line();
                return Ok(());
            }
            _ if self.state == State::Comment => {}
            b'#' => {
                self.end_digits(sink)?;
                self.state = State::Comment;
            }
            _ if is_separator(byte) => self.end_digits(sink)?,
            // `0x` before the digits.
            b'x' | b'X' if self.digits == b"0" && !self.is_run => self.digits.clear(),
            _ if VALUES[usize::from(byte)] == NO_DIGIT => return Err(bad_digit(self.line, self.column, byte)),
            _ => self.digit(byte, sink)?,
        }
        self.column += 1;
        Ok(())
    }

    fn next_line(&mut self) {
        self.line += 1;
        self.column = 1;
    }

    fn digit(&mut self, byte: u8, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        self.digits.push(byte);
        if self.is_run && self.digits.len() == DIGITS {
            self.keep_all(sink);
        } else if self.digits.len() == LOOK_DIGITS {
            self.check_run()?;
            self.keep_all(sink);
        }
        Ok(())
    }

    /// Checks that more digits than one header's, without a break, are headers: two of them must link. Otherwise they
    /// may be a block.
    fn check_run(&mut self) -> Result<(), DecodeError> {
        self.is_run = has_link(&self.digits);
        if self.is_run { Ok(()) } else { Err(DecodeError::LongLine { line: self.line }) }
    }

    /// Ends the digits here: they must be whole headers.
    fn end_digits(&mut self, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        if self.digits.len() > DIGITS {
            self.check_run()?;
        }
        let found = self.digits.len() % DIGITS;
        if !self.digits.is_empty() {
            self.keep_all(sink);
        }
        self.is_run = false;
        if found > 0 {
            return Err(DecodeError::ShortLine { line: self.line, column: self.column, found });
        }
        Ok(())
    }

    /// Decodes all whole headers of the digits; an incomplete rest is dropped.
    fn keep_all(&mut self, sink: &mut dyn HeaderSink) {
        let digits = std::mem::take(&mut self.digits);
        let place = if self.is_run { Place::OneLine(self.line) } else { Place::Line(self.line) };
        let (headers, _) = digits.as_chunks::<DIGITS>();
        headers.iter().filter_map(decode).for_each(|header| self.keep(header, place, sink));
        self.digits = digits;
        self.digits.clear();
    }

    fn keep(&mut self, header: [u8; HEADER_LEN], place: Place, sink: &mut dyn HeaderSink) {
        let kept = (self.run.len() / HEADER_LEN) as u64;
        let continues = match (self.run_place, place) {
            (Place::Line(first), Place::Line(line)) => first + kept == line,
            (first, place) => first == place,
        };
        if kept == RUN_HEADERS as u64 || !continues {
            self.flush(sink);
        }
        if self.run.is_empty() {
            self.run_place = place;
        }
        self.run.extend_from_slice(&header);
    }

    fn flush(&mut self, sink: &mut dyn HeaderSink) {
        if !self.run.is_empty() {
            sink.take(&self.run, self.run_place);
            self.run.clear();
        }
    }

    pub(super) fn end(&mut self, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        let line = self.line;
        let ended = self.end_digits(sink);
        self.flush(sink);
        match ended {
            // A line without a line end may be incomplete.
            Err(DecodeError::ShortLine { found, .. }) => Err(DecodeError::CutLine { line, found }),
            ended => ended,
        }
    }
}

/// Whether one of the headers in these digits, without breaks between them, names the header before it as its parent.
pub(super) fn has_link(digits: &[u8]) -> bool {
    let (headers, _) = digits.as_chunks::<DIGITS>();
    let headers: Vec<BlockHeader> =
        headers.iter().map_while(decode).take(LOOK_HEADERS).map(|header| BlockHeader::from_wire(&header)).collect();
    headers.windows(2).any(|pair| pair[1].prev_block_hash == pair[0].hash())
}

/// Strips the byte order mark, spaces, quotes and `0x` around the digits of a line; returns the rest and its offset in
/// the line, or nothing for a comment.
pub(super) fn trimmed(line: &[u8]) -> (&[u8], usize) {
    let mark = if line.starts_with(&BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let is_digit = |byte: &u8| !is_separator(*byte);
    let Some(begin) = line[mark..].iter().position(is_digit).map(|at| mark + at) else { return (&[], 0) };
    let end = line.iter().rposition(is_digit).map_or(begin, |at| at + 1);
    match &line[begin..end] {
        [b'#', ..] => (&[], 0),
        [b'0', b'x' | b'X', digits @ ..] => (digits, begin + 2),
        digits => (digits, begin),
    }
}

/// Returns the error for a byte that is not a hex digit, with the byte in printable form.
pub(super) fn bad_digit(line: u64, column: usize, byte: u8) -> DecodeError {
    let found = if byte.is_ascii_graphic() { format!("`{}`", char::from(byte)) } else { format!("byte {byte:#04x}") };
    DecodeError::Digit { line, column, found }
}

/// Decodes 160 digits to 80 bytes; `None` if one is not a hex digit.
fn decode(digits: &[u8; DIGITS]) -> Option<[u8; HEADER_LEN]> {
    let mut header = [0; HEADER_LEN];
    let mut seen = 0;
    for (byte, pair) in header.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (VALUES[usize::from(pair[0])], VALUES[usize::from(pair[1])]);
        seen |= high | low;
        *byte = (high << 4) | (low & 0xf);
    }
    (seen & NO_DIGIT == 0).then_some(header)
}

#[cfg(test)]
mod tests {
    use super::super::decode_error::DecodeError;
    use super::super::decoder::tests::decode;
    use super::super::detect::Format;
    use super::super::place::Place;

    fn line(byte: u8) -> String {
        format!("{byte:02x}").repeat(80)
    }

    #[test]
    fn reads_lines_with_blank_lines_between_them_and_both_kinds_of_line_ends() {
        let text = format!("{}\r\n\n{}\n\r\n{}", line(0xab), line(0x0c).to_uppercase(), line(7));
        let (collected, result) = decode(Format::Hex, &[text.as_bytes()]);
        assert_eq!(result, Ok(()));
        assert_eq!(collected.headers, [[0xab; 80], [0x0c; 80], [7; 80]].concat());
        assert_eq!(collected.places, [Place::Line(1), Place::Line(3), Place::Line(5)]);
    }

    #[test]
    fn a_bad_digit_is_named_by_line_and_column_and_the_lines_before_it_pass() {
        let text = format!("{}\n{}x", line(1), &line(2)[..16]);
        let (collected, result) = decode(Format::Hex, &[text.as_bytes()]);
        assert_eq!(collected.headers, [1; 80]);
        assert_eq!(result, Err(DecodeError::Digit { line: 2, column: 17, found: "`x`".into() }));
    }

    #[test]
    fn a_line_of_159_digits_is_short_and_one_of_161_is_long() {
        let short = format!("{}\n", &line(1)[..159]);
        let (_, result) = decode(Format::Hex, &[short.as_bytes()]);
        assert_eq!(result, Err(DecodeError::ShortLine { line: 1, column: 160, found: 159 }));
        let (_, result) = decode(Format::Hex, &[format!("{}0\n", line(1)).as_bytes()]);
        assert_eq!(result, Err(DecodeError::LongLine { line: 1 }));
    }

    #[test]
    fn a_last_line_without_its_end_is_truncated_and_not_malformed() {
        let (_, result) = decode(Format::Hex, &[&line(1).as_bytes()[..158]]);
        let error = result.unwrap_err();
        assert_eq!(error, DecodeError::CutLine { line: 1, found: 158 });
        assert!(error.is_cut());
    }

    fn read_all(text: &[u8]) -> (Vec<u8>, Vec<Place>) {
        let (collected, result) = decode(Format::Hex, &[text]);
        assert_eq!(result, Ok(()), "{}", String::from_utf8_lossy(text));
        (collected.headers, collected.places)
    }

    #[test]
    fn common_decoration_around_the_digits_is_skipped() {
        let expected = [[1; 80], [2; 80]].concat();
        let [one, two] = [line(1), line(2)];
        for text in [
            format!("\u{feff}{one}\n{two}"),
            format!("0x{one}\n0X{two}\n"),
            format!("  {one}\t\r\n\t{two} "),
            format!("# two headers\n{one} # the first\n\n#\n{two}#\n"),
            format!("\"{one}\"\n'{two}'"),
            format!("[\"{one}\",\"{two}\"]"),
            format!("[\n  \"{one}\",\n  \"{two}\"\n]\n"),
            format!("{one}\r{two}\r"),
            format!("{one} {two}"),
        ] {
            assert_eq!(read_all(text.as_bytes()).0, expected, "{text}");
        }
    }

    #[test]
    fn places_are_lines_even_if_a_line_holds_several_headers() {
        let text = format!("{} {}\n\n# {}\n{}", line(1), line(2), line(9), line(3));
        let expected = [Place::Line(1), Place::Line(1), Place::Line(4)];
        assert_eq!(read_all(text.as_bytes()).1, expected);
    }

    /// Headers that link, as digits.
    fn linked(count: usize) -> String {
        let mut header = [7; 80];
        let mut digits = String::new();
        for _ in 0..count {
            digits += &cityseal_chain::hex::encode(&header);
            let hash = cityseal_hash::double_sha256(&header);
            header[4..36].copy_from_slice(&hash);
        }
        digits
    }

    #[test]
    fn headers_without_a_break_are_read_if_two_of_them_link() {
        for count in [2, 15, 16, 17, 600] {
            let (headers, places) = read_all(linked(count).as_bytes());
            assert_eq!((headers.len(), places), (80 * count, vec![Place::OneLine(1); count]));
        }
        // A damaged first header links to no other; the others still link.
        let mut damaged = linked(40).into_bytes();
        damaged[100] ^= 1;
        assert_eq!(read_all(&damaged).0.len(), 3200);
        assert_eq!(read_all(format!("{}\n{}\n", linked(3), linked(2)).as_bytes()).0.len(), 400);

        let (collected, result) = decode(Format::Hex, &[line(1).repeat(40).as_bytes()]);
        assert_eq!((collected.headers.len(), result), (0, Err(DecodeError::LongLine { line: 1 })));
    }

    #[test]
    fn the_last_header_of_a_line_without_breaks_may_be_truncated_or_short() {
        let digits = linked(20);
        let (collected, result) = decode(Format::Hex, &[&digits.as_bytes()[..19 * 160 + 7]]);
        assert_eq!((collected.headers.len(), result), (19 * 80, Err(DecodeError::CutLine { line: 1, found: 7 })));
        let short = format!("{}\n", &digits[..3 * 160 + 7]);
        let (_, result) = decode(Format::Hex, &[short.as_bytes()]);
        assert_eq!(result, Err(DecodeError::ShortLine { line: 1, column: 3 * 160 + 8, found: 7 }));
    }

    #[test]
    fn a_column_before_the_header_is_not_a_header() {
        let (collected, result) = decode(Format::Hex, &[format!("0 {}\n", line(1)).as_bytes()]);
        assert_eq!(collected.headers.len(), 0);
        assert_eq!(result, Err(DecodeError::ShortLine { line: 1, column: 2, found: 1 }));
    }

    #[test]
    fn a_line_of_a_block_is_trimmed_like_one_of_headers() {
        assert_eq!(super::trimmed(b"\xef\xbb\xbf  0x0102\t\r"), (&b"0102"[..], 7));
        assert_eq!(super::trimmed(b"\"0102\","), (&b"0102"[..], 1));
        assert_eq!(super::trimmed(b" # a block"), (&b""[..], 0));
        assert_eq!(super::trimmed(b" \r"), (&b""[..], 0));
    }

    #[test]
    fn a_long_file_is_passed_on_in_runs_with_the_right_lines() {
        let text = format!("{}\n", line(9)).repeat(600);
        let (collected, result) = decode(Format::Hex, &[text.as_bytes()]);
        assert_eq!((result, collected.headers.len()), (Ok(()), 600 * 80));
        assert!(collected.places.iter().zip(1..).all(|(place, line)| *place == Place::Line(line)));
    }
}
