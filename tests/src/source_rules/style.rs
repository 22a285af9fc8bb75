//! Style rules for files: length, opening comment, test names, and words that no file may contain.

/// Maximum number of lines of a Rust file.
pub const FILE_LINES_MAX: usize = 500;

/// A longer file, with its number of lines; if the file gets shorter, the number must too.
pub type Exception = (&'static str, usize);

/// Marks of unfinished work.
const UNFINISHED: [&str; 3] = ["FIXME", "XXX", "HACK"];

/// Prefixes of paths that exist only on one machine.
const PRIVATE_ROOTS: [&str; 5] = ["/home/", "/root/", "/Users/", "/work/", "/mnt/"];

/// Hosts that a text may link to.
const HOSTS: [&str; 10] = [
    "github.com",
    "www.rfc-editor.org",
    "csrc.nist.gov",
    "nvlpubs.nist.gov",
    "www.w3.org",
    "gpuweb.github.io",
    "json-schema.org",
    "keepachangelog.com",
    "semver.org",
    "www.apache.org",
];

/// Objects to a Rust file that is too long, or to an exception that is larger than its file.
pub fn length_objection(path: &str, text: &str, exceptions: &[Exception]) -> Option<String> {
    let lines = text.lines().count();
    let exception = exceptions.iter().find(|(excepted, _)| *excepted == path);
    let most = exception.map_or(FILE_LINES_MAX, |(_, lines)| *lines);
    if lines > most {
        return Some(format!("{path} has {lines} lines, {most} at most: split it by subject"));
    }
    let is_loose = exception.is_some() && lines < most;
    is_loose.then(|| format!("{path} has {lines} lines now: lower its exception of {most}, or remove it"))
}

/// Whether a file is generated, and so exempt from the style rules.
pub fn is_generated(text: &str) -> bool {
    text.lines().take(3).any(|line| line.contains("@generated"))
}

/// Objects to a Rust file that does not begin with `//!` and a description.
pub fn opening_objection(path: &str, text: &str) -> Option<String> {
    let opens_well = text.starts_with("//! ") || text.starts_with("#!");
    (!opens_well).then(|| format!("{path} does not begin with `//!` and a description of what it does"))
}

/// Objects to marks of unfinished work, to private paths and to links to unlisted hosts.
pub fn wording_objections(path: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    lines.flat_map(|(at, line)| line_objections(line).map(move |what| format!("{path}:{}: {what}", at + 1))).collect()
}

/// Objects to files that a source under `src/` includes from outside its package, because `cargo package` leaves them
/// out.
pub fn include_objections(path: &str, text: &str) -> Vec<String> {
    // Folders from the source's own up to the root of its package.
    let depth = path.split_once("src/").map_or(0, |(_, below)| below.matches('/').count() + 1);
    let calls = ["include_str!(\"", "include_bytes!(\"", "include!(\""];
    let included = calls.iter().flat_map(|call| text.split(call).skip(1)).filter_map(|rest| rest.split_once('"'));
    let outside = included.map(|(file, _)| file).filter(|file| file.matches("../").count() > depth);
    outside.map(|file| format!("{path} includes {file}, which is outside its package")).collect()
}

fn line_objections(line: &str) -> impl Iterator<Item = String> {
    let unfinished = UNFINISHED.iter().filter(|mark| has_word(line, mark)).map(|mark| format!("unfinished: {mark}"));
    let private =
        PRIVATE_ROOTS.iter().filter(|root| has_path(line, root)).map(|root| format!("a private path: {root}"));
    let hosts = hosts_in(line).filter(|host| !is_citable(host)).map(|host| format!("a link to {host}"));
    unfinished.chain(private).chain(hosts)
}

fn is_word_byte(byte: Option<&u8>) -> bool {
    byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let bytes = line.as_bytes();
        !is_word_byte(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && !is_word_byte(bytes.get(at + word.len()))
    })
}

/// Whether the line has an absolute path under `root`.
fn has_path(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|before| line.as_bytes().get(before));
        !is_word_byte(before) && !matches!(before, Some(b'.' | b'/' | b'$' | b'}' | b'-'))
    })
}

fn hosts_in(line: &str) -> impl Iterator<Item = &str> {
    let starts = line.match_indices("://").map(|(at, mark)| &line[at + mark.len()..]);
    starts.map(|rest| {
        &rest[..rest.find(|c: char| !(c.is_ascii_alphanumeric() || ".-".contains(c))).unwrap_or(rest.len())]
    })
}

/// Whether a link to the host is allowed: a listed host, the local machine, a placeholder or an example (RFC 2606).
fn is_citable(host: &str) -> bool {
    let is_local = host.is_empty() || host == "localhost" || host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_local || host.ends_with("example.org") || HOSTS.contains(&host)
}

/// Objects to a test whose name is not a sentence: at least three words. A macro's parameter (`$name`) is named where
/// it is used.
pub fn test_name_objections(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let tests = (0..lines.len()).filter(|at| lines[*at] == "#[test]").filter_map(|at| name_after(&lines[at + 1..]));
    let named = tests.filter(|name| !name.starts_with('$'));
    let short = named.filter(|name| name.split('_').filter(|word| !word.is_empty()).count() < 3);
    short
        .map(|name| format!("{path}: the name of the test `{name}` is not a sentence of three words or more"))
        .collect()
}

fn name_after<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let line = lines.iter().find_map(|line| line.split_once("fn ").map(|(_, rest)| rest))?;
    Some(&line[..line.find('(')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_file_of_the_maximum_length_and_refuses_one_more_line() {
        assert_eq!(length_objection("a.rs", &"x\n".repeat(500), &[]), None);
        assert!(length_objection("a.rs", &"x\n".repeat(501), &[]).is_some());
    }

    #[test]
    fn an_exception_must_shrink_with_its_file() {
        let exceptions = [("a.rs", 600)];
        assert_eq!(length_objection("a.rs", &"x\n".repeat(600), &exceptions), None);
        assert!(length_objection("a.rs", &"x\n".repeat(601), &exceptions).is_some());
        assert!(length_objection("a.rs", &"x\n".repeat(599), &exceptions).unwrap().contains("lower its exception"));
    }

    #[test]
    fn a_file_begins_with_what_it_does() {
        assert_eq!(opening_objection("a.rs", "//! What it does.\n"), None);
        assert!(opening_objection("a.rs", "use std::fmt;\n//! late\n").is_some());
    }

    #[test]
    fn refuses_marks_of_unfinished_work_as_words_only() {
        let mark = UNFINISHED[0];
        assert_eq!(wording_objections("a", &format!("// {mark}: later")), [format!("a:1: unfinished: {mark}")]);
        assert!(wording_objections("a", &format!("a{mark} {mark}_A")).is_empty());
    }

    #[test]
    fn refuses_a_private_path() {
        for root in PRIVATE_ROOTS {
            assert_eq!(wording_objections("a", &format!("see {root}me")), [format!("a:1: a private path: {root}")]);
            assert!(wording_objections("a", &format!("see ..{root}me and house{root}")).is_empty());
        }
    }

    #[test]
    fn refuses_a_link_to_an_unlisted_host() {
        let scheme = "https:";
        assert_eq!(
            wording_objections("a", &format!("{scheme}//files.example.com/x")),
            ["a:1: a link to files.example.com"]
        );
        let fine = format!("{scheme}//github.com/bitcoin {scheme}//127.0.0.1:50051 {scheme}//{{address}}");
        assert!(wording_objections("a", &fine).is_empty());
    }

    #[test]
    fn refuses_a_test_whose_name_is_not_a_sentence() {
        let text = "#[test]\nfn works() {}\n#[test]\n#[ignore]\nfn refuses_an_empty_file() {}\n";
        assert_eq!(
            test_name_objections("a.rs", text),
            ["a.rs: the name of the test `works` is not a sentence of three words or more"]
        );
    }

    #[test]
    fn an_include_may_not_leave_the_package() {
        let text = r#"const A: &str = include_str!("../a.txt"); const B: &[u8] = include_bytes!("../../b");"#;
        let outside = ["engine/gpu/src/c.rs includes ../../b, which is outside its package"];
        assert_eq!(include_objections("engine/gpu/src/c.rs", text), outside);
        assert_eq!(include_objections("engine/gpu/src/d/c.rs", text), [""; 0]);
    }
}
