//! Which texts are allowed in a statement: visible ones without line breaks, so that the signed text has one reading
//! only.

/// Maximum length of one text in a statement (a name, a label, a reason), in bytes.
pub const TEXT_BYTES_MAX: usize = 256;

/// Invisible characters that change how others are displayed: line and paragraph separators, bidirectional controls,
/// and zero-width spaces.
const INVISIBLE: [std::ops::RangeInclusive<char>; 4] =
    ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{feff}'..='\u{feff}'];

/// Why a text is not allowed in a statement; `None` if it is.
pub(crate) fn objection_to_text(text: &str) -> Option<&'static str> {
    let is_invisible = |c: char| c.is_control() || INVISIBLE.iter().any(|range| range.contains(&c));
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > TEXT_BYTES_MAX {
        Some("it is longer than 256 bytes")
    } else if text.trim() != text {
        Some("it has leading or trailing whitespace")
    } else if text.chars().any(is_invisible) {
        Some("it has an invisible character")
    } else {
        None
    }
}

/// Why a text is not a single word; `None` if it is. A word consists of visible ASCII characters without commas and is
/// not [`NO_WORD`].
pub(crate) fn objection_to_word(word: &str) -> Option<&'static str> {
    if word == NO_WORD {
        return Some("`-` is reserved for an absent word");
    }
    let is_plain = word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    if is_plain {
        objection_to_text(word)
    } else {
        Some("it is not a single word of visible ASCII characters without commas")
    }
}

/// Placeholder for an absent word.
pub(crate) const NO_WORD: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_no_line_breaks_and_no_invisible_characters() {
        for good in ["Hafen-Amt", "Amt für Register", "llvmpipe (LLVM 15, 256 bits)", "城市"] {
            assert_eq!(objection_to_text(good), None, "{good}");
        }
        assert_eq!(objection_to_text(&"x".repeat(256)), None);
        for bad in ["", " a", "a ", "a\nb", "a\u{202e}b", "a\u{2028}b", "a\u{200b}b", "\u{1b}[2J", &"x".repeat(257)] {
            assert!(objection_to_text(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_word_has_no_space_and_no_comma_and_is_not_the_placeholder() {
        assert_eq!(objection_to_word("sha-ni"), None);
        for bad in ["", "-", "a b", "a,b", "ä"] {
            assert!(objection_to_word(bad).is_some(), "{bad:?}");
        }
    }
}
