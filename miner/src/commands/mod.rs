//! The commands that ask the engine one question and print its answer.

pub(crate) mod bench;
pub(crate) mod devices;
pub(crate) mod key;
pub(crate) mod network;
pub(crate) mod receipt;
pub(crate) mod seal;
pub(crate) mod selftest;
pub(crate) mod serve;
pub(crate) mod verify;

use cityseal_cli::Output;
use cityseal_engine::DeviceShare;

use crate::json::ShareRow;

/// What a row of `devices` tells of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Hashes,
    Headers,
}

fn share_rows(shares: &[DeviceShare], work: Work) -> Vec<ShareRow> {
    let row = |share: &DeviceShare| ShareRow {
        name: share.name.clone(),
        kernel: (!share.kernel.is_empty()).then(|| share.kernel.clone()),
        // A header checked is a hash done, so `hashes` says in every answer who did how much.
        hashes: Some(if work == Work::Headers { share.headers.to_string() } else { share.hashes.to_string() }),
        headers: (work == Work::Headers).then_some(share.headers),
        state: share.state.clone(),
    };
    shares.iter().map(row).collect()
}

/// The devices that did something, a line each.
fn share_lines(rows: &[ShareRow], unit: &str) -> String {
    let line = |row: &ShareRow| {
        let did = row.hashes.clone().or(row.headers.map(|headers| headers.to_string())).unwrap_or_default();
        if did == "0" && row.state == "ready" {
            return String::new();
        }
        let kernel = row.kernel.as_ref().map(|kernel| format!(" ({kernel})")).unwrap_or_default();
        let state = if row.state == "ready" { String::new() } else { format!(", {}", row.state) };
        format!("  by {}{kernel}: {} {unit}{state}\n", row.name, grouped(&did))
    };
    rows.iter().map(line).collect()
}

/// Digits in groups of three: `2083236893` becomes `2,083,236,893`.
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

/// Prints nothing where the answer went out as JSON; otherwise says it on stderr.
fn say_unless_json(output: &Output, words: impl std::fmt::Display) {
    if !output.wants_json() {
        output.note(words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(share_lines(&[row(0, "ready")], "headers"), "");
        assert_eq!(share_lines(&[row(1234, "ready")], "headers"), "  by cpu (avx2): 1,234 headers\n");
        assert_eq!(share_lines(&[row(0, "quarantined")], "headers"), "  by cpu (avx2): 0 headers, quarantined\n");
    }
}
