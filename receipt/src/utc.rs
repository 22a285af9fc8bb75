//! Unix time as a date and time of day in UTC.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Formats Unix time in seconds as RFC 3339 does, `2026-11-25T14:52:08Z`; `None` from the year 10000 on.
pub(crate) fn utc_text(unix: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(unix).ok()?).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_have_their_dates() {
        for (unix, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_231_006_505, "2009-01-03T18:15:05Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(utc_text(unix).as_deref(), Some(text));
        }
        assert_eq!(utc_text(253_402_300_800), None);
        assert_eq!(utc_text(u64::MAX), None);
    }
}
