//! The machine and the program behind a figure. Unknown values are left out.

use std::fs;
use std::time::Duration;

use cityseal_cli::unix_now;

use super::json::BenchEnvironment;
use super::processor::{cpu_info, cpu_model, field};

pub(super) fn here(driver: Option<String>, commit: &str) -> BenchEnvironment {
    let cpu_info = cpu_info();
    BenchEnvironment {
        cpu: cpu_model(&cpu_info).unwrap_or(std::env::consts::ARCH).to_owned(),
        clock_hz: field(&cpu_info, "cpu MHz").and_then(|mhz| mhz.parse::<f64>().ok()).map(|mhz| (mhz * 1e6) as u64),
        driver,
        commit: commit.to_owned(),
        os: os(),
        measured_at: Some(moment(Duration::from_secs(unix_now()))),
    }
}

fn os() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_owned()
}

/// The UTC date of a Unix time: `2026-11-22`.
pub(super) fn date(since_1970: Duration) -> String {
    // Days are counted from 1 March of year 0, so that a leap day is the last day of its year. 400 years are 146,097
    // days.
    let days = since_1970.as_secs() / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A Unix time in UTC with seconds, in the format of RFC 3339: `2026-11-22T23:59:07Z`.
pub(super) fn moment(since_1970: Duration) -> String {
    let of_day = since_1970.as_secs() % 86_400;
    format!("{}T{:02}:{:02}:{:02}Z", date(since_1970), of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_across_leap_years_and_centuries() {
        let dates = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (4_107_542_400, "2100-03-01"),
            (1_795_392_000, "2026-11-23"),
        ];
        for (seconds, expected) in dates {
            assert_eq!(date(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(date(Duration::from_secs(86_399)), "1970-01-01");
        assert_eq!(moment(Duration::from_secs(86_399)), "1970-01-01T23:59:59Z");
        assert_eq!(moment(Duration::from_hours(24)), "1970-01-02T00:00:00Z");
    }

    #[test]
    fn the_machine_always_has_a_name() {
        let here = here(None, "abc");
        assert!(!here.cpu.is_empty() && !here.os.is_empty() && !here.commit.is_empty());
    }
}
