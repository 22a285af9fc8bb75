//! The commands that send one task to the engine and print its result.

pub(crate) mod bench;
pub(crate) mod certs;
pub(crate) mod config;
pub(crate) mod devices;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod network;
pub(crate) mod package;
pub(crate) mod receipt;
pub(crate) mod seal;
pub(crate) mod selftest;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod verify;

use cityseal_cli::Output;
use cityseal_engine::{DeviceShare, DeviceState};

use crate::answers::Work;

/// One line for each device that did something or is not ready.
fn share_lines(shares: &[DeviceShare], work: Work) -> String {
    let line = |share: &DeviceShare| {
        let (done, is_ready) = (work.done(share), share.state == DeviceState::Ready);
        if done == 0 && is_ready {
            return String::new();
        }
        let kernel = if share.kernel.is_empty() { String::new() } else { format!(" ({})", share.kernel) };
        let state = if is_ready { String::new() } else { format!(", {}", share.state.name()) };
        format!("  by {}{kernel}: {} {}{state}\n", share.name, grouped(&done.to_string()), work.unit(done))
    };
    shares.iter().map(line).collect()
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
    use cityseal_engine::device::DeviceKind;

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
        let share = |headers, state| DeviceShare {
            name: "cpu".into(),
            kind: DeviceKind::Cpu,
            kernel: "avx2".into(),
            hashes: 7,
            headers,
            state,
        };
        let lines = |headers, state| share_lines(&[share(headers, state)], Work::Headers);
        assert_eq!(lines(0, DeviceState::Ready), "");
        assert_eq!(lines(1, DeviceState::Ready), "  by cpu (avx2): 1 header\n");
        assert_eq!(lines(1234, DeviceState::Ready), "  by cpu (avx2): 1,234 headers\n");
        let quarantined = DeviceState::Quarantined { reason: "a wrong answer".into(), until: None };
        assert_eq!(lines(0, quarantined), "  by cpu (avx2): 0 headers, quarantined\n");
    }
}
