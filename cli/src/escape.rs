//! Escapes characters that control a terminal, are invisible, or reorder other characters.
//!
//! File names, receipts, configurations and driver messages may contain them: an escape sequence can erase earlier
//! output, and a change of writing direction can make a FAULT look like something else.

use std::fmt::Write as _;

/// Marks the start of a colour in text for printing; the digits of the colour's code and [`COLOR_CODE_END`] follow.
///
/// It is a Unicode noncharacter, which does not occur in text for interchange. This distinguishes the program's own
/// colours from escape sequences in foreign text, which are escaped.
pub(crate) const COLOR: char = '\u{fdd0}';

/// Marks the end of a colour's code.
pub(crate) const COLOR_CODE_END: char = '\u{fdd1}';

/// Marks the end of coloured text.
pub(crate) const COLOR_END: char = '\u{fdd2}';

/// The characters that are escaped in addition to control characters (C0, DEL, C1).
const UNSEEN: [std::ops::RangeInclusive<char>; 8] = [
    // Writing direction: ALM.
    '\u{61c}'..='\u{61c}',
    // Zero width space, joiners, LRM and RLM.
    '\u{200b}'..='\u{200f}',
    // Line and paragraph separators; embeddings and overrides of directions.
    '\u{2028}'..='\u{202e}',
    // Word joiner, invisible operators, isolates of directions.
    '\u{2060}'..='\u{206f}',
    // Noncharacters, including the colour marks above.
    COLOR..='\u{fdef}',
    // Zero width no-break space, the byte order mark.
    '\u{feff}'..='\u{feff}',
    // Annotation marks.
    '\u{fff9}'..='\u{fffb}',
    // Tags, which fonts do not show.
    '\u{e0000}'..='\u{e007f}',
];

fn is_unseen(character: char) -> bool {
    character.is_control() || UNSEEN.iter().any(|range| range.contains(&character))
}

/// Escapes foreign text for printing on one line: line feeds become `\n`, and likewise `\r` and `\t`; others become
/// `\u{1b}`.
pub fn escape_line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        push_escaped(&mut escaped, character);
    }
    escaped
}

/// Appends a character, escaped as by [`escape_line`].
pub fn push_escaped(text: &mut String, character: char) {
    if is_unseen(character) {
        // `escape_default` writes `\n`, `\r`, `\t`, and other code points in hex.
        text.extend(character.escape_default());
    } else {
        text.push(character);
    }
}

/// Escapes text for printing. Line breaks are kept, and colour marks become escape sequences.
pub(crate) fn escape_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some((sequence, behind)) = color(rest) {
            escaped.push_str(&sequence);
            rest = behind;
            continue;
        }
        if character == '\n' {
            escaped.push('\n');
        } else {
            push_escaped(&mut escaped, character);
        }
        rest = &rest[character.len_utf8()..];
    }
    escaped
}

/// The escape sequence for a colour mark at the start of a text, and the text after the mark.
fn color(text: &str) -> Option<(String, &str)> {
    if let Some(behind) = text.strip_prefix(COLOR_END) {
        return Some(("\x1b[0m".to_owned(), behind));
    }
    let (code, behind) = text.strip_prefix(COLOR)?.split_once(COLOR_CODE_END)?;
    let is_code = (1..=2).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| (format!("\x1b[{code}m"), behind))
}

/// Escapes JSON, in which such characters occur only in strings, where `\u001b` has the same meaning.
pub fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if is_unseen(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing into a `String` cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: &str =
        "a\u{1b}[2Jb\u{7f}c\u{9b}d\u{202e}e\u{2066}f\u{200b}g\rh\ti\u{feff}j\u{fdd0}31\u{fdd1}k\u{0}\u{e0041}";

    #[test]
    fn an_escaped_line_has_no_control_or_invisible_characters() {
        let expected = "a\\u{1b}[2Jb\\u{7f}c\\u{9b}d\\u{202e}e\\u{2066}f\\u{200b}g\\rh\\ti\\u{feff}j\\u{fdd0}31\\u{fdd1}k\\u{0}\
                        \\u{e0041}";
        assert_eq!(escape_line(BAD), expected);
        assert_eq!(escape_line("two\nlines"), "two\\nlines");
    }

    #[test]
    fn ordinary_text_is_not_changed() {
        for plain in ["blocks/blk00000.dat", "Amt für Register", "城市", "a\\b", "naïve – “quoted”", "👍"] {
            assert_eq!(escape_line(plain), plain);
            assert_eq!(escape_text(plain), plain);
            assert_eq!(escape_json(plain), plain);
        }
    }

    #[test]
    fn line_breaks_and_colour_marks_are_kept_and_escape_sequences_are_not() {
        let text = format!("{COLOR}32{COLOR_CODE_END}VALID{COLOR_END}\nfile \u{1b}[31mred\r\n");
        assert_eq!(escape_text(&text), "\u{1b}[32mVALID\u{1b}[0m\nfile \\u{1b}[31mred\\r\n");
        let no_code = format!("{COLOR}1;31{COLOR_CODE_END}");
        assert_eq!(escape_text(&no_code), "\\u{fdd0}1;31\\u{fdd1}");
    }

    #[test]
    fn escaped_json_keeps_its_meaning_and_has_no_control_or_invisible_characters() {
        let json = serde_json::to_string(BAD).unwrap();
        let escaped = escape_json(&json);
        assert!(!escaped.chars().any(is_unseen), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), BAD);
    }
}
