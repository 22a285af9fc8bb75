//! A header a line, 160 hex digits each. Blank lines and CRLF are tolerated, nothing else is.

use cityseal_hash::HEADER_LEN;

use super::{DecodeError, HeaderSink, Place};

const DIGITS: usize = 2 * HEADER_LEN;

/// Headers decoded before they go on together: 256 × 80 bytes = 20 KiB, within the first-level cache.
const RUN_HEADERS: usize = 256;

/// Marks a byte that is no hex digit in [`VALUES`]; no digit's value has this bit.
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

/// Decoder of lines of hex.
#[derive(Debug)]
pub struct HexLines {
    /// The line that is being read, counted from 1.
    line: u64,
    /// Its digits so far.
    digits: [u8; DIGITS],
    held: usize,
    /// A carriage return was seen; only a line feed may follow.
    returned: bool,
    /// Decoded headers of neighbouring lines, and the line of the first.
    run: Vec<u8>,
    run_line: u64,
}

impl Default for HexLines {
    fn default() -> Self {
        let run = Vec::with_capacity(RUN_HEADERS * HEADER_LEN);
        Self { line: 1, digits: [0; DIGITS], held: 0, returned: false, run, run_line: 1 }
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
                self.keep(header, sink);
                self.line += 1;
                bytes = &bytes[DIGITS + 1..];
            } else {
                self.character(next, sink)?;
                bytes = &bytes[1..];
            }
        }
        Ok(())
    }

    /// The fast path: a whole line of digits with its line feed lies ahead. Anything else is left to [`Self::character`].
    fn whole_line(&self, bytes: &[u8]) -> Option<[u8; HEADER_LEN]> {
        if self.held > 0 || self.returned || bytes.get(DIGITS) != Some(&b'\n') {
            return None;
        }
        decode(bytes.first_chunk()?)
    }

    fn character(&mut self, byte: u8, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        match byte {
            b'\n' => self.end_line(sink),
            b'\r' if !self.returned => {
                self.returned = true;
                Ok(())
            }
            _ if self.returned => Err(self.bad_digit(b'\r')),
            _ if VALUES[usize::from(byte)] == NO_DIGIT => Err(self.bad_digit(byte)),
            _ if self.held == DIGITS => Err(DecodeError::LongLine { line: self.line }),
            _ => {
                self.digits[self.held] = byte;
                self.held += 1;
                Ok(())
            }
        }
    }

    fn end_line(&mut self, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        match self.held {
            0 => self.flush(sink),
            DIGITS => self.keep_held(sink),
            found => return Err(DecodeError::ShortLine { line: self.line, column: found + 1, found }),
        }
        self.line += 1;
        self.returned = false;
        Ok(())
    }

    fn keep_held(&mut self, sink: &mut dyn HeaderSink) {
        self.held = 0;
        if let Some(header) = decode(&self.digits) {
            self.keep(header, sink);
        }
    }

    fn keep(&mut self, header: [u8; HEADER_LEN], sink: &mut dyn HeaderSink) {
        if self.run.is_empty() {
            self.run_line = self.line;
        }
        self.run.extend_from_slice(&header);
        if self.run.len() == RUN_HEADERS * HEADER_LEN {
            self.flush(sink);
        }
    }

    fn flush(&mut self, sink: &mut dyn HeaderSink) {
        if !self.run.is_empty() {
            sink.take(&self.run, Place::Line(self.run_line));
            self.run.clear();
        }
    }

    fn bad_digit(&self, byte: u8) -> DecodeError {
        bad_digit(self.line, self.held + 1, byte)
    }

    pub(super) fn end(&mut self, sink: &mut dyn HeaderSink) -> Result<(), DecodeError> {
        match self.held {
            0 => Ok(()),
            DIGITS => {
                self.keep_held(sink);
                self.flush(sink);
                Ok(())
            }
            found => Err(DecodeError::CutLine { line: self.line, found }),
        }
    }
}

/// What stands where a digit should, in words.
pub(super) fn bad_digit(line: u64, column: usize, byte: u8) -> DecodeError {
    let found = if byte.is_ascii_graphic() { format!("`{}`", char::from(byte)) } else { format!("byte {byte:#04x}") };
    DecodeError::Digit { line, column, found }
}

/// The 80 bytes of 160 digits; `None` where one is no digit.
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
    use super::super::tests::decode;
    use super::super::{DecodeError, Format, Place};

    fn line(byte: u8) -> String {
        format!("{byte:02x}").repeat(80)
    }

    #[test]
    fn reads_lines_with_blank_ones_and_both_kinds_of_line_ends() {
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
    fn a_last_line_that_just_stops_is_cut_and_not_malformed() {
        let (_, result) = decode(Format::Hex, &[&line(1).as_bytes()[..158]]);
        let error = result.unwrap_err();
        assert_eq!(error, DecodeError::CutLine { line: 1, found: 158 });
        assert!(error.is_cut());
    }

    #[test]
    fn a_carriage_return_stands_only_before_a_line_feed() {
        let text = format!("{}\r{}", line(1), line(2));
        let (_, result) = decode(Format::Hex, &[text.as_bytes()]);
        assert_eq!(result, Err(DecodeError::Digit { line: 1, column: 161, found: "byte 0x0d".into() }));
    }

    #[test]
    fn a_long_file_goes_on_in_runs_whose_lines_are_right() {
        let text = format!("{}\n", line(9)).repeat(600);
        let (collected, result) = decode(Format::Hex, &[text.as_bytes()]);
        assert_eq!((result, collected.headers.len()), (Ok(()), 600 * 80));
        assert!(collected.places.iter().zip(1..).all(|(place, line)| *place == Place::Line(line)));
    }
}
