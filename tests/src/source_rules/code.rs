//! Reads Rust source well enough for the checks: blanks comments and literals, removes unit tests, finds words.
//!
//! It is not a parser: the source must compile and be formatted by rustfmt.

/// The source with every comment, string and character literal replaced by spaces; line breaks stay.
pub fn without_comments_and_literals(source: &str) -> String {
    let mut rest = source;
    let mut code = String::with_capacity(source.len());
    while let Some(first) = rest.chars().next() {
        let blank = blank_len(rest, code.chars().last());
        if blank == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.extend(rest[..blank].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[blank..];
        }
    }
    code
}

/// Length in bytes of the comment or literal at the start of `rest`; 0 for code.
fn blank_len(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment_len(rest);
    }
    if rest.starts_with('"') {
        return string_len(rest);
    }
    if rest.starts_with('\'') {
        return char_len(rest);
    }
    let starts_a_word = !before.is_some_and(is_word_char);
    if starts_a_word { raw_string_len(rest) } else { 0 }
}

fn block_comment_len(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        let tail = &rest.as_bytes()[at..];
        let step = if tail.starts_with(b"/*") || tail.starts_with(b"*/") { 2 } else { 1 };
        match &tail[..step] {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {}
        }
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string_len(rest: &str) -> usize {
    let mut escaped = true; // The opening quote does not close.
    for (at, c) in rest.char_indices() {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// Length of a character literal; 0 for a lifetime.
fn char_len(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some(_)) => rest[3..].find('\'').map_or(rest.len(), |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// Length of a raw string with its prefix (`r`, `br`, `cr`); 0 if there is none.
fn raw_string_len(rest: &str) -> usize {
    let Some(after) = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix)) else { return 0 };
    let hashes = after.len() - after.trim_start_matches('#').len();
    let Some(body) = after[hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    let body_at = rest.len() - body.len();
    body.find(&end).map_or(rest.len(), |at| body_at + at + end.len())
}

/// The code without its unit tests: everything from a line `#[cfg(test)]` (or `#[cfg(all(test, …))]`) to the end of the
/// item that follows it.
pub fn without_unit_tests(code: &str) -> String {
    let mut kept = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" || line.trim().starts_with("#[cfg(all(test,") {
            skip_item(&mut lines, line.len() - line.trim_start().len());
        } else {
            kept.push(line);
        }
    }
    kept.join("\n")
}

/// Skips one item at the given indentation: up to its first line at that indentation that ends with `;` or `}`.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>, indent: usize) {
    for line in lines {
        let is_at_indent = line.len() - line.trim_start().len() == indent;
        if is_at_indent && line.trim_end().ends_with([';', '}']) {
            return;
        }
    }
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words (identifiers and keywords) of the code, each with the character that follows it, as (line from 1, word,
/// next).
pub fn words(code: &str) -> impl Iterator<Item = (usize, &str, Option<char>)> {
    code.lines().enumerate().flat_map(|(at, line)| words_of_line(line).map(move |(word, next)| (at + 1, word, next)))
}

fn words_of_line(line: &str) -> impl Iterator<Item = (&str, Option<char>)> {
    let pieces = line.split(|c| !is_word_char(c)).filter(|word| !word.is_empty());
    pieces.map(move |word| {
        let end = word.as_ptr() as usize - line.as_ptr() as usize + word.len();
        (word, line[end..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_in(source: &str) -> Vec<String> {
        let code = without_unit_tests(&without_comments_and_literals(source));
        words(&code).map(|(_, word, _)| word.to_owned()).collect()
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(words_in("a // b\n/* c /* d */ e */ f\n/// g\nh"), ["a", "f", "h"]);
    }

    #[test]
    fn literals_are_not_code() {
        assert_eq!(
            words_in(r##"a "b \" c" d r#"e " f"# g b"h" 'i' '\'' j '\u{1f}' k"##),
            ["a", "d", "g", "b", "j", "k"]
        );
    }

    #[test]
    fn lifetimes_and_names_that_end_in_r_are_code() {
        assert_eq!(words_in("fn f<'a>(x: &'a str) { bar\"s\" }"), ["fn", "f", "a", "x", "a", "str", "bar"]);
    }

    #[test]
    fn unit_tests_are_removed_and_the_code_after_them_is_kept() {
        let source = "a();\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nc();\n#[cfg(test)]\nmod d;\ne();\n";
        assert_eq!(words_in(source), ["a", "c", "e"]);
    }

    #[test]
    fn a_word_has_its_line_and_the_next_character() {
        let found: Vec<_> = words("x\nenv!(y)").collect();
        assert_eq!(found, [(1, "x", None), (2, "env", Some('!')), (2, "y", Some(')'))]);
    }
}
