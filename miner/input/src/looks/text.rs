//! Text that is not lines of header hex.

use super::{FORMATS, Looks, Opening};
use crate::hex_lines::BYTE_ORDER_MARK;

/// Digits of a header.
const DIGITS: usize = 160;

/// Number of characters shown of the text.
const SHOWN: usize = 40;

pub(super) fn of(opening: &Opening) -> Option<Looks> {
    let bytes = opening.bytes.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(&opening.bytes);
    let text = as_text(bytes)?;
    let lower = text.trim_start().get(..text.trim_start().len().min(1024)).unwrap_or("").to_ascii_lowercase();
    let found = markup(&lower)
        .or_else(|| json(opening, text.trim_start()))
        .or_else(|| parameters(opening, text))
        .or_else(|| dump(opening, text))
        .or_else(|| columns(opening, text))
        .or_else(|| lines_of_digits(text))
        .or_else(|| base64(opening, text));
    Some(found.unwrap_or_else(|| plain(text)))
}

/// Returns the bytes as text without control characters; an incomplete character at the end is dropped.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let is_control = |found: char| found.is_control() && !matches!(found, '\n' | '\r' | '\t' | '\u{c}');
    (!text.chars().any(is_control)).then_some(text)
}

fn markup(lower: &str) -> Option<Looks> {
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") || lower.contains("<head>") {
        let hint =
            "the server may have returned a web page instead of the file: check the address and download it again";
        return Some(Looks::new("it is an HTML page", hint));
    }
    let is_xml = lower.starts_with("<?xml") || lower.starts_with('<') && lower.contains('>');
    is_xml.then(|| Looks::new("it is XML", FORMATS))
}

fn json(opening: &Opening, text: &str) -> Option<Looks> {
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let file = opening.argument();
    let has = |word: &str| text.contains(word);
    Some(if has("\"cityseal-receipt-") {
        let hint = format!("check it with: cityseal receipt verify {file} --key KEY");
        Looks::new("it is a receipt of CitySeal, not a chain", hint)
    } else if has("\"cityseal-part-") {
        let hint = "merge shards with: cityseal verify --join FILE…; resume a checkpoint with --checkpoint FILE";
        Looks::new("it is the result of a shard, or a checkpoint, not a chain", hint)
    } else if has("\"verdict\"") {
        Looks::new("it is the output of `cityseal verify --json`, not a chain", FORMATS)
    } else if has("\"jsonrpc\"") || has("\"result\"") {
        let member = if has("\"hex\"") { ".result.hex" } else { ".result" };
        let hint = format!("pass the hex inside: {}", opening.piped(&format!("jq -r {member} FILE")));
        Looks::new("it is a JSON response of a node or an Electrum server", hint)
    } else if has("\"merkleroot\"") || has("\"merkle_root\"") || has("\"previousblockhash\"") {
        let hint = "get the raw headers: REST /rest/headers/COUNT/HASH.hex, RPC getblockheader HASH false, or an \
                    explorer's /block/HASH/header";
        Looks::new("it is JSON of decoded headers or blocks, not the 80 bytes of each", hint)
    } else if has("\"hex\"") {
        let hint = format!("pass the hex inside: {}", opening.piped("jq -r '.. | .hex? // empty' FILE"));
        Looks::new("it is JSON with hex in members named `hex`", hint)
    } else {
        let hint = "pass a JSON array of headers in hex, or a JSON object with a block in hex as its member `block`";
        Looks::new("it is JSON without headers in hex", hint)
    })
}

fn parameters(opening: &Opening, text: &str) -> Option<Looks> {
    let has = |key: &str| text.lines().any(|line| line.trim_start().starts_with(key));
    let is_network = has("pow_limit") && has("genesis");
    let hint = || format!("pass it as --network {}, and the chain as FILE", opening.argument());
    is_network.then(|| Looks::new("it is a TOML file of network parameters", hint()))
}

/// A hex dump with an address before each line.
fn dump(opening: &Opening, text: &str) -> Option<Looks> {
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    let address = line.trim_start().bytes().take_while(u8::is_ascii_hexdigit).count();
    let rest = &line.trim_start()[address..];
    let is_dump = matches!(address, 7..=8) && (rest.starts_with(": ") || rest.starts_with("  "));
    let hint = || format!("convert it back to bytes: {}", opening.piped("xxd -r FILE"));
    is_dump.then(|| Looks::new("it is a hex dump with an address before each line", hint()))
}

/// A table in which one column may hold the headers.
fn columns(opening: &Opening, text: &str) -> Option<Looks> {
    let lines: Vec<(usize, &str)> = text_lines(text).collect();
    for separator in [',', ';', '\t', '|', ':', ' '] {
        let Some(first) = lines.iter().position(|(_, line)| line.contains(separator)) else { continue };
        let is_header = |cell: &str| {
            let cell = cell.trim().trim_matches(['"', '\'']);
            let cell = cell.strip_prefix("0x").unwrap_or(cell);
            cell.len() == DIGITS && cell.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        // The first line may hold the names of the columns.
        let mut rows = lines[first..].iter().take(3);
        let found = rows.find_map(|(number, line)| Some((number, line.split(separator).position(is_header)?)));
        if let Some((number, column)) = found {
            let cut = if separator == '\t' { String::new() } else { format!(" -d '{separator}'") };
            let command = format!("cut{cut} -f {} FILE", column + 1);
            return Some(Looks::new(
                format!("it is a table: line {number} has its header in column {}, next to other columns", column + 1),
                format!("pass only that column: {}", opening.piped(&command)),
            ));
        }
        // Spaces and colons are common in ordinary text and do not make it a table.
        if separator != ' ' && separator != ':' && lines[first].1.split(separator).count() > 2 {
            let what = format!("it is a table (CSV) without a column of {DIGITS} hex digits");
            return Some(Looks::new(what, FORMATS));
        }
    }
    None
}

/// Returns the lines that are neither blank nor comments, trimmed, with their numbers.
fn text_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = (1..).zip(text.lines().map(str::trim));
    numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Text of hex digits that are not those of a header.
fn lines_of_digits(text: &str) -> Option<Looks> {
    let (number, first) = text_lines(text).next()?;
    let digits = first.strip_prefix("0x").unwrap_or(first);
    let count = digits.bytes().filter(u8::is_ascii_hexdigit).count();
    if count == digits.len() && count == 64 {
        let hint = "a hash does not contain the header: get the headers (RPC getblockheader HASH false)";
        return Some(Looks::new("it is lines of 64 hex digits: hashes, not headers", hint));
    }
    if count == digits.len() {
        let what = format!("it is hex, but line {number} has {count} digits, expected {DIGITS} for a header");
        return Some(Looks::new(what, FORMATS));
    }
    // A line that is almost a header.
    let is_near = digits.len() >= DIGITS / 2 && count * 10 >= digits.len() * 9;
    let (at, odd) =
        first.char_indices().skip(first.len() - digits.len()).find(|(_, found)| !found.is_ascii_hexdigit())?;
    is_near.then(|| {
        let (odd, column) = (odd.escape_debug(), at + 1);
        let what = format!("it is lines of hex, but `{odd}` at line {number}, column {column} is not a hex digit");
        Looks::new(what, FORMATS)
    })
}

/// Text in the base64 alphabet.
fn base64(opening: &Opening, text: &str) -> Option<Looks> {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(&byte);
    let longest = text.lines().map(str::len).max().unwrap_or(0);
    let is_base64 = text.trim().len() >= 64 && longest >= 60 && text.trim().bytes().all(is_digit);
    let hint = || format!("decode it first: {}", opening.piped("base64 -d FILE"));
    is_base64.then(|| Looks::new("it is base64", hint()))
}

fn plain(text: &str) -> Looks {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("");
    let shown: String = line.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let more = if line.chars().count() > SHOWN { "…" } else { "" };
    Looks::new(format!("it is text that begins with `{shown}{more}`"), FORMATS)
}
