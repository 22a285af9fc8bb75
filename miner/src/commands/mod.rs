//! The commands that send one task to the engine and print its result.

pub(crate) mod bench;
pub(crate) mod certs;
pub(crate) mod devices;
pub(crate) mod key;
pub(crate) mod network;
pub(crate) mod receipt;
pub(crate) mod seal;
pub(crate) mod selftest;
pub(crate) mod serve;
pub(crate) mod token;
pub(crate) mod verify;

use cityseal_cli::Output;
use cityseal_engine::DeviceShare;

use crate::json::ShareRow;

/// The unit in which a row of `devices` counts what a device did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Hashes,
    Headers,
}

fn share_rows(shares: &[DeviceShare], work: Work) -> Vec<ShareRow> {
    let row = |share: &DeviceShare| ShareRow {
        name: share.name.clone(),
        kernel: (!share.kernel.is_empty()).then(|| share.kernel.clone()),
        // Checking a header takes one hash, so `hashes` is comparable in the answers of all commands.
        hashes: Some(if work == Work::Headers { share.headers.to_string() } else { share.hashes.to_string() }),
        headers: (work == Work::Headers).then_some(share.headers),
        state: share.state.name().to_owned(),
    };
    shares.iter().map(row).collect()
}

/// One line for each device that did something or is not ready; `unit` is the singular and the plural.
fn share_lines(rows: &[ShareRow], unit: [&str; 2]) -> String {
    let line = |row: &ShareRow| {
        let did = row.hashes.clone().or(row.headers.map(|headers| headers.to_string())).unwrap_or_default();
        if did == "0" && row.state == "ready" {
            return String::new();
        }
        let kernel = row.kernel.as_ref().map(|kernel| format!(" ({kernel})")).unwrap_or_default();
        let state = if row.state == "ready" { String::new() } else { format!(", {}", row.state) };
        let unit = unit[usize::from(did != "1")];
        format!("  by {}{kernel}: {} {unit}{state}\n", row.name, grouped(&did))
    };
    rows.iter().map(line).collect()
}

/// Chooses the form of a word for a count: `1 header`, `2 headers`.
const fn plural<'a>(count: u64, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// Groups digits by three: `2083236893` becomes `2,083,236,893`.
fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints a note on stderr, unless the answer was printed as JSON.
fn say_unless_json(output: &Output, words: impl std::fmt::Display) {
    if !output.wants_json() {
        output.note(words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_of_one_is_singular() {
        assert_eq!([0, 1, 2].map(|count| plural(count, "header", "headers")), ["headers", "header", "headers"]);
    }

    #[test]
    fn digits_are_grouped_by_three_from_the_right() {
        assert_eq!(["0", "999", "1000", "4294967296"].map(grouped), ["0", "999", "1,000", "4,294,967,296"]);
    }

    #[test]
    fn a_device_that_did_nothing_has_no_line_and_a_quarantined_one_has() {
        let row = |headers, state: &str| ShareRow {
            name: "cpu".into(),
            kernel: Some("avx2".into()),
            hashes: None,
            headers: Some(headers),
            state: state.into(),
        };
        let lines = |headers, state: &str| share_lines(&[row(headers, state)], ["header", "headers"]);
        assert_eq!(lines(0, "ready"), "");
        assert_eq!(lines(1, "ready"), "  by cpu (avx2): 1 header\n");
        assert_eq!(lines(1234, "ready"), "  by cpu (avx2): 1,234 headers\n");
        assert_eq!(lines(0, "quarantined"), "  by cpu (avx2): 0 headers, quarantined\n");
    }
}
