//! Phrases that the texts of this repository must not contain: archaic or private wording, each with its replacement.
//!
//! Whole words are found, whatever their case, also across the line break of a comment or paragraph. A single word is
//! also found as a part of an identifier such as `slow_twin`.

/// A phrase in lower case, and what to write instead.
struct Phrase {
    text: &'static str,
    write: &'static str,
}

const PHRASES: &[Phrase] = &[
    Phrase { text: "gone on with", write: "resumed, continued" },
    Phrase { text: "gone on from", write: "resumed from" },
    Phrase { text: "go on from", write: "resume from" },
    Phrase { text: "goes on from", write: "resumes from" },
    Phrase { text: "goes on with", write: "continues with" },
    Phrase { text: "abreast", write: "in parallel lanes" },
    Phrase { text: "held against", write: "checked against, compared with" },
    Phrase { text: "is none", write: "is not a …, or a sentence that says what it is" },
    Phrase { text: "turned over", write: "inverted" },
    Phrase { text: "lonely", write: "unpaired" },
    Phrase { text: "yardstick", write: "baseline" },
    Phrase { text: "yardsticks", write: "baselines" },
    Phrase { text: "twin", write: "reference implementation" },
    Phrase { text: "twins", write: "reference implementations" },
    Phrase { text: "sings", write: "is answered, was found" },
    Phrase { text: "sang", write: "was answered, was found" },
    Phrase { text: "sung", write: "was answered, was found" },
    Phrase { text: "nobody's", write: "discarded, unused" },
    Phrase { text: "taken apart", write: "parsed" },
    Phrase { text: "takes apart", write: "parses" },
    Phrase { text: "passed over", write: "skipped" },
    Phrase { text: "passes over", write: "skips" },
    Phrase { text: "unsound", write: "invalid" },
    Phrase { text: "seconds since 1970", write: "Unix time" },
    Phrase { text: "whoever", write: "the caller, the thread that …" },
    Phrase { text: "worth it", write: "pays off, faster" },
    Phrase { text: "upon", write: "on" },
    Phrase { text: "of it is told", write: "it is reported" },
    Phrase { text: "is told of", write: "is reported for" },
    Phrase { text: "as it came", write: "unchanged" },
    Phrase { text: "what is left of", write: "the rest of" },
    Phrase { text: "may stand", write: "may be" },
    Phrase { text: "milliard", write: "billion" },
    Phrase { text: "milliards", write: "billion" },
];

/// Contexts in which a phrase is allowed. `unsound` is a JSON key of `cityseal verify`, and a field of that name.
const ALLOWED: [&str; 6] = ["there is none", "`unsound", "\"unsound\"", ".unsound", "unsound:", "unsound["];

/// Longest line of a comment, in characters: that of the formatter, which does not wrap comments.
pub const COMMENT_COLUMNS_MAX: usize = 120;

/// Objects to every phrase in a text.
pub fn phrase_objections(path: &str, text: &str) -> Vec<String> {
    let (flat, lines) = flattened(text);
    let mut found: Vec<(usize, String)> = PHRASES
        .iter()
        .flat_map(|phrase| places_of(&flat, phrase.text).map(move |at| (at, phrase)))
        .map(|(at, phrase)| (lines[at], format!("{path}:{}: \"{}\": write: {}", lines[at], phrase.text, phrase.write)))
        .collect();
    found.sort();
    found.into_iter().map(|(_, what)| what).collect()
}

/// Objects to every comment line that is too long: of Rust, WGSL and proto (`//`), TOML and Python (`#`).
pub fn width_objections(path: &str, text: &str) -> Vec<String> {
    let is_comment = |line: &&str| line.trim_start().starts_with("//") || line.trim_start().starts_with("# ");
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| is_comment(line));
    lines
        .filter_map(|(at, line)| {
            let columns = line.chars().count();
            let is_long = columns > COMMENT_COLUMNS_MAX;
            is_long.then(|| format!("{path}:{at}: a comment of {columns} columns, {COMMENT_COLUMNS_MAX} at most"))
        })
        .collect()
}

/// The text in lower case as one line, without the marks that begin lines of comments, quotes and lists; and for each
/// byte of it the line that it is from.
fn flattened(text: &str) -> (String, Vec<usize>) {
    let mut flat = String::with_capacity(text.len());
    let mut lines = Vec::with_capacity(text.len());
    for (at, line) in text.lines().enumerate() {
        let words = line.trim_start().trim_start_matches(['/', '!', '#', '>', '*']).trim();
        // A string literal may continue on the next line after a backslash.
        let words = words.strip_suffix('\\').unwrap_or(words).trim_end();
        flat.extend(words.chars().flat_map(char::to_lowercase));
        flat.push(' ');
        lines.resize(flat.len(), at + 1);
    }
    (flat, lines)
}

/// Where a phrase is in a flattened text as whole words, allowed contexts left out.
fn places_of<'a>(flat: &'a str, phrase: &'static str) -> impl Iterator<Item = usize> + 'a {
    let joins = phrase.contains(' ');
    let is_word =
        move |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || (joins && *byte == b'_'));
    let is_whole = move |at: &usize| {
        let bytes = flat.as_bytes();
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !is_word(before) && !is_word(bytes.get(at + phrase.len()))
    };
    let places = flat.match_indices(phrase).map(|(at, _)| at);
    places.filter(is_whole).filter(move |at| !is_allowed(flat, *at, phrase))
}

fn is_allowed(flat: &str, at: usize, phrase: &str) -> bool {
    ALLOWED.iter().any(|context| {
        let Some(inside) = context.find(phrase) else { return false };
        at.checked_sub(inside).and_then(|start| flat.get(start..)).is_some_and(|rest| rest.starts_with(context))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_phrase_in_any_case_and_says_what_to_write() {
        for phrase in PHRASES {
            let found = phrase_objections("a.md", &format!("One.\nThis {} here.\n", phrase.text.to_uppercase()));
            assert_eq!(found, [format!("a.md:2: \"{}\": write: {}", phrase.text, phrase.write)]);
        }
    }

    #[test]
    fn refuses_a_phrase_across_the_lines_of_a_comment_a_list_a_quote_and_a_literal() {
        for text in [
            "/// is gone on\n/// with it",
            "    //! is gone on\n    //! with it",
            "# gone\n# on with",
            "> gone on\n> with",
            "* gone on\n  with",
            "\"gone on \\\n    with\"",
        ] {
            let found = phrase_objections("a", text);
            assert!(found.len() == 1 && found[0].starts_with("a:1: \"gone on with\""), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn refuses_whole_words_only() {
        assert_eq!(phrase_objections("a", "twine entwined is_none x.is_none() crossings it_is none"), [""; 0]);
        assert_eq!(phrase_objections("a", "(twin) a_twin").len(), 2);
    }

    #[test]
    fn accepts_a_phrase_in_its_allowed_contexts_only() {
        for text in
            ["if there is none", "the key `unsound`", "forks[\"unsound\"]", "forks.unsound.iter()", "unsound: tree"]
        {
            assert_eq!(phrase_objections("a", text), [""; 0], "{text}");
        }
        assert_eq!(phrase_objections("a", "a header that is none, or is unsound").len(), 2);
    }

    #[test]
    fn names_every_line_in_order() {
        let found = phrase_objections("a", "whoever\nx\ntwin, abreast\n");
        let places: Vec<&str> = found.iter().map(|what| &what[..4]).collect();
        assert_eq!(places, ["a:1:", "a:3:", "a:3:"]);
    }

    #[test]
    fn refuses_a_comment_of_121_columns_and_accepts_one_of_120() {
        let of = |columns: usize| format!("    // {}", "é".repeat(columns - 7));
        assert_eq!(width_objections("a.rs", &of(120)), [""; 0]);
        assert_eq!(width_objections("a.rs", &of(121)), ["a.rs:1: a comment of 121 columns, 120 at most"]);
        assert_eq!(width_objections("a.rs", &format!("let a = \"{}\";", "x".repeat(200))), [""; 0]);
        assert_eq!(width_objections("a.toml", &format!("# {}", "x".repeat(119))).len(), 1);
    }
}
