//! Numbers and times in words, as the dashboard shows them.

use cityseal_cli::{count_words, si, time_words, utc_time};

/// A rate such as `38.0 MH/s`.
pub(super) fn rate(rate_hz: f64, unit: &str) -> String {
    if rate_hz <= 0.0 { "idle".to_owned() } else { format!("{}{unit}", si(rate_hz)) }
}

/// A fraction such as `41 %`; one decimal below 10 %, if it is not 0.
pub(super) fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if (0.05..9.95).contains(&percent) { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// A size such as `1.5 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    format!("{}B", if bytes < 1_000 { format!("{bytes} ") } else { si(bytes as f64) })
}

/// A count such as `4.29 G`.
pub(super) fn count(count: u64) -> String {
    count_words(count as f64)
}

/// A duration such as `3 h 20 min`.
pub(super) fn seconds(seconds: f64) -> String {
    time_words(seconds)
}

/// How long ago something was: `5 s ago`.
pub(super) fn ago(at_s: u64, now_s: u64) -> String {
    match now_s.saturating_sub(at_s) {
        0 => "now".to_owned(),
        since => format!("{} ago", time_words(since as f64)),
    }
}

/// A time of day in UTC: `23:59:07`.
pub(super) fn clock(unix_s: u64) -> String {
    utc_time(unix_s).chars().skip_while(|letter| *letter != 'T').skip(1).take(8).collect()
}

/// The first characters of an id, which name it among those on one page.
pub(super) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_are_short() {
        assert_eq!((rate(38e6, "H/s").as_str(), rate(0.0, "H/s").as_str()), ("38.0 MH/s", "idle"));
        assert_eq!([0.0, 0.0004, 0.004, 0.25, 1.0].map(percent), ["0 %", "0 %", "0.4 %", "25 %", "100 %"]);
        assert_eq!([0, 999, 1_500_000].map(bytes), ["0 B", "999 B", "1.50 MB"]);
        assert_eq!((ago(7, 7), ago(2, 7), ago(9, 7)), ("now".into(), "5 s ago".into(), "now".into()));
        assert_eq!((clock(86_399).as_str(), short("0123456789").as_str()), ("23:59:59", "01234567"));
    }
}
