//! Prepares a caller's text for a status or the log: on one line, without terminal control characters, and limited in
//! length.
//!
//! Text that is already escaped is not escaped again.

use cityseal_cli::push_escaped;

/// Returns the text with control characters escaped, truncated at a character boundary to at most `bytes_max` bytes.
/// Truncated text ends with "… (N bytes)", where N is the length of the original text.
pub(crate) fn shown(text: &str, bytes_max: usize) -> String {
    cut_with(text, bytes_max, push_escaped)
}

/// Like [`shown`], but without escaping: for log fields, which are quoted and escaped when they are written.
pub(crate) fn cut(text: &str, bytes_max: usize) -> String {
    cut_with(text, bytes_max, String::push)
}

fn cut_with(text: &str, bytes_max: usize, push: fn(&mut String, char)) -> String {
    let ending = format!("… ({} bytes)", text.len());
    let mut shown = String::with_capacity(text.len().min(bytes_max));
    // Length of `shown` to which it is truncated before the ending is appended.
    let mut kept = 0;
    for character in text.chars() {
        push(&mut shown, character);
        if shown.len() > bytes_max {
            shown.truncate(kept);
            // If the limit is shorter than the ending, only the ending remains.
            shown.push_str(&ending);
            return shown;
        }
        if shown.len() + ending.len() <= bytes_max {
            kept = shown.len();
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_at_the_limit_is_complete_and_one_byte_more_is_truncated_with_its_length() {
        assert_eq!(shown(&"x".repeat(64), 64), "x".repeat(64));
        assert_eq!(shown(&"x".repeat(65), 64), format!("{}… (65 bytes)", "x".repeat(64 - "… (65 bytes)".len())));
        assert_eq!(shown(&"x".repeat(1_000_000), 64), format!("{}… (1000000 bytes)", "x".repeat(64 - 19)));
        assert_eq!(shown("", 64), "");
    }

    #[test]
    fn truncation_splits_no_character_and_no_escape() {
        let wide = shown(&"€".repeat(100), 64);
        assert!(wide.starts_with('€') && wide.ends_with("€… (300 bytes)") && wide.len() <= 64, "{wide}");
        let escaped = shown(&"\u{1b}".repeat(100), 64);
        assert!(escaped.ends_with("\\u{1b}… (100 bytes)") && escaped.len() <= 64, "{escaped}");
    }

    #[test]
    fn terminal_control_characters_are_escaped_and_others_are_kept() {
        assert_eq!(shown("a\nb\r\t\u{1b}[31m", 64), "a\\nb\\r\\t\\u{1b}[31m");
        assert_eq!(shown("\u{202e}\u{9b}\u{7f}\u{feff}\u{2028}", 64), "\\u{202e}\\u{9b}\\u{7f}\\u{feff}\\u{2028}");
        let ordinary = "Grundbuch 'Zürich' \"städtisch\" \\ 土地";
        assert_eq!(shown(ordinary, 64), ordinary);
    }

    proptest! {
        #[test]
        fn the_limit_holds_for_any_text_and_a_second_pass_changes_nothing(text in "\\PC{0,200}|[\\x00-\\x7f]{0,200}") {
            let once = shown(&text, 64);
            prop_assert!(once.len() <= 64 && cityseal_cli::escape_line(&once) == once);
            prop_assert_eq!(shown(&once, 64), once);
        }
    }
}
