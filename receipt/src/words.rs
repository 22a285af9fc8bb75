//! Which words may stand in a statement: those that a person sees as they are, and that stay on their line.

/// Most bytes of one text in a statement (a name, a label, a reason).
pub const TEXT_BYTES_MAX: usize = 256;

/// Signs that are not seen themselves and change how the others are: separators of lines and paragraphs, directions of
/// writing, and blanks without width.
const UNSEEN: [std::ops::RangeInclusive<char>; 4] =
    ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{feff}'..='\u{feff}'];

/// Why a text may not stand in a statement; none if it may.
pub(crate) fn objection_to_text(text: &str) -> Option<&'static str> {
    let is_unseen = |sign: char| sign.is_control() || UNSEEN.iter().any(|range| range.contains(&sign));
    if text.is_empty() {
        Some("it is empty")
    } else if text.len() > TEXT_BYTES_MAX {
        Some("it is longer than 256 bytes")
    } else if text.trim() != text {
        Some("it begins or ends with a blank")
    } else if text.chars().any(is_unseen) {
        Some("it holds a sign that cannot be seen")
    } else {
        None
    }
}

/// Why a text is not one word; none if it is. A word has visible ASCII signs only, and is not the sign for no word.
pub(crate) fn objection_to_word(word: &str) -> Option<&'static str> {
    if word == NO_WORD {
        return Some("`-` stands for no word");
    }
    let is_plain = word.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    if is_plain { objection_to_text(word) } else { Some("it is not one word of visible ASCII signs without a comma") }
}

/// What is written where there is no word.
pub(crate) const NO_WORD: &str = "-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_on_its_line_and_is_seen_as_it_is() {
        for good in ["Hafen-Amt", "Amt für Register", "llvmpipe (LLVM 15, 256 bits)", "城市"] {
            assert_eq!(objection_to_text(good), None, "{good}");
        }
        assert_eq!(objection_to_text(&"x".repeat(256)), None);
        for bad in ["", " a", "a ", "a\nb", "a\u{202e}b", "a\u{2028}b", "a\u{200b}b", "\u{1b}[2J", &"x".repeat(257)] {
            assert!(objection_to_text(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn a_word_has_no_blank_no_comma_and_is_not_the_sign_for_none() {
        assert_eq!(objection_to_word("sha-ni"), None);
        for bad in ["", "-", "a b", "a,b", "ä"] {
            assert!(objection_to_word(bad).is_some(), "{bad:?}");
        }
    }
}
