//! The wall clock, and Unix times as text in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The machine's clock as Unix time in seconds; 0 for a clock set before 1970.
pub fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The machine's clock as RFC 3339 in UTC with milliseconds: `2026-11-22T23:59:07.042Z`.
pub fn utc_now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = utc_time(since.as_secs());
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), since.subsec_millis())
}

/// Formats Unix time in seconds as RFC 3339 does: `2026-11-22T23:59:07Z`. From the year 10000 on, which that format
/// excludes, the result is `9999-12-31T23:59:59Z`.
pub fn utc_time(unix: u64) -> String {
    const LAST: i64 = 253_402_300_799;
    let unix = i64::try_from(unix).unwrap_or(LAST).min(LAST);
    let time = OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

/// Formats the UTC date of a Unix time: `2026-11-22`.
pub fn utc_date(unix: u64) -> String {
    utc_time(unix).chars().take_while(|char| *char != 'T').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_across_leap_years_and_centuries() {
        let dates = [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (4_107_542_400, "2100-03-01"),
            (1_795_392_000, "2026-11-23"),
        ];
        for (unix, expected) in dates {
            assert_eq!(utc_date(unix), expected);
        }
        assert_eq!(utc_time(86_399), "1970-01-01T23:59:59Z");
        assert_eq!(utc_time(86_400), "1970-01-02T00:00:00Z");
        assert_eq!(utc_time(253_402_300_799), "9999-12-31T23:59:59Z");
        assert_eq!(utc_time(u64::MAX), "9999-12-31T23:59:59Z");
    }
}
