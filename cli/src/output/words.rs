//! Numbers formatted for people: rates, durations, percentages, probabilities. Every function accepts any number.

use std::time::Duration;

/// From this value on a number is shown as a power of ten: the largest SI prefix used is peta (10^15).
const POWERS_FROM: f64 = 1e18;

/// Probabilities below this, and above one minus this, are not shown as a percentage.
const CHANCE_MIN: f64 = 1e-4;

/// Formats a number with its SI prefix and three or four digits: `38.0 M`.
pub fn si(value: f64) -> String {
    let steps = [(1e15, " P"), (1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, " ")];
    let (unit, prefix) = steps.into_iter().find(|(unit, _)| value >= *unit).unwrap_or((1.0, " "));
    let scaled = value / unit;
    let digits = if scaled < 10.0 { 2 } else { usize::from(scaled < 100.0) };
    format!("{scaled:.digits$}{prefix}")
}

/// A rate from [`si`] with its unit, which is that of the JSON (`hash/s`, `header/s`, `node/s`): `12.3 MH/s`, `12.3 M
/// headers/s`.
pub fn with_unit(rate: &str, unit: &str) -> String {
    match unit {
        "hash/s" => format!("{rate}H/s"),
        "header/s" => format!("{} headers/s", rate.trim_end()),
        "node/s" => format!("{} nodes/s", rate.trim_end()),
        other => format!("{rate}{other}"),
    }
}

/// Formats a count with its SI prefix, or as a power of ten from 10^18 on: `4.29 G`, `10^76`.
pub fn count_words(value: f64) -> String {
    if value < 1_000.0 {
        return format!("{value:.0}");
    }
    if value < POWERS_FROM { si(value).trim_end().to_owned() } else { format!("10^{:.0}", value.log10().floor()) }
}

/// Formats a measured duration: `1.2 s`, `35 ms`.
pub fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds >= 1.0 { format!("{seconds:.2} s") } else { format!("{:.1} ms", seconds * 1e3) }
}

/// Formats an estimated time in at most two units: `24 s`, `1 min 5 s`, `3 h 20 min`, `12 days`, `over 1000 years`.
pub fn time_words(seconds: f64) -> String {
    const MINUTE: f64 = 60.0;
    const HOUR: f64 = 3_600.0;
    const DAY: f64 = 86_400.0;
    const YEAR: f64 = 365.25 * DAY;
    if seconds < 1.0 {
        return "under 1 s".into();
    }
    // Rounded first, so that 59.7 s is a minute and not "60 s".
    let seconds = seconds.round();
    if seconds < MINUTE {
        format!("{seconds:.0} s")
    } else if seconds < HOUR {
        format!("{:.0} min {:.0} s", (seconds / MINUTE).floor(), seconds % MINUTE)
    } else if seconds < 2.0 * DAY {
        format!("{:.0} h {:.0} min", (seconds / HOUR).floor(), (seconds % HOUR / MINUTE).floor())
    } else if seconds < 2.0 * YEAR {
        format!("{:.0} days", seconds / DAY)
    } else if seconds < 1_000.0 * YEAR {
        format!("{:.0} years", seconds / YEAR)
    } else {
        "over 1000 years".into()
    }
}

/// Formats a completed fraction, rounded down: `41.3 %`. `100.0 %` is shown only if nothing is left.
pub fn percent_words(done: u128, of: u128) -> String {
    if done >= of {
        return "100.0 %".into();
    }
    let tenths = (done as f64 / of as f64 * 1_000.0).floor().min(999.0);
    format!("{:.1} %", tenths / 10.0)
}

/// Formats a probability: `63 %`, `0.63 %`, `1 in 4.29 G`, `over 99.99 %`.
pub fn chance_words(probability: f64) -> String {
    let percent = probability * 100.0;
    if probability <= 0.0 {
        "0 %".into()
    } else if probability < CHANCE_MIN {
        format!("1 in {}", count_words(probability.recip()))
    } else if probability > 1.0 - CHANCE_MIN {
        "over 99.99 %".into()
    } else if (1.0..99.0).contains(&percent) {
        format!("{percent:.0} %")
    } else {
        format!("{percent:.2} %")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_shown_with_its_prefix() {
        assert_eq!([si(0.0), si(999.0), si(38_000_000.0), si(1234.0)], ["0.00 ", "999 ", "38.0 M", "1.23 k"]);
    }

    #[test]
    fn a_count_has_a_prefix_or_is_a_power_of_ten() {
        let counts = [0.0, 1.0, 999.0, 4_294_967_296.0, 1e18, 5.8e76].map(count_words);
        assert_eq!(counts, ["0", "1", "999", "4.29 G", "10^18", "10^76"]);
    }

    #[test]
    fn an_estimate_has_two_units_at_most_and_never_sixty_of_one() {
        let words = [
            (0.0, "under 1 s"),
            (0.99, "under 1 s"),
            (1.0, "1 s"),
            (59.4, "59 s"),
            (59.7, "1 min 0 s"),
            (65.0, "1 min 5 s"),
            (3_599.6, "1 h 0 min"),
            (12_000.0, "3 h 20 min"),
            (172_799.0, "47 h 59 min"),
            (172_800.0, "2 days"),
            (1e9, "32 years"),
            (1e40, "over 1000 years"),
            (f64::INFINITY, "over 1000 years"),
        ];
        for (seconds, expected) in words {
            assert_eq!(time_words(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn hundred_percent_is_shown_only_if_nothing_is_left() {
        let all = 1 << 32;
        let words = [(0, all), (1, all), (all / 2, all), (all - 1, all), (all, all), (0, 0)];
        let words = words.map(|(done, of)| percent_words(done, of));
        assert_eq!(words, ["0.0 %", "0.0 %", "50.0 %", "99.9 %", "100.0 %", "100.0 %"]);
        assert_eq!(percent_words(u128::MAX - 1, u128::MAX), "99.9 %");
    }

    #[test]
    fn a_probability_is_a_percentage_or_one_in_many_and_never_certain() {
        let words = [
            (0.0, "0 %"),
            (f64::MIN_POSITIVE, "1 in 10^307"),
            (2.3e-10, "1 in 4.35 G"),
            (0.000_1, "0.01 %"),
            (0.006_3, "0.63 %"),
            (0.632, "63 %"),
            (0.995, "99.50 %"),
            (0.999_95, "over 99.99 %"),
            (1.0, "over 99.99 %"),
        ];
        for (probability, expected) in words {
            assert_eq!(chance_words(probability), expected, "{probability}");
        }
    }

    proptest! {
        #[test]
        fn any_number_has_short_words(value in 0.0..=1e300_f64, share in 0.0..=1.0_f64, done: u128, of: u128) {
            for words in [count_words(value), time_words(value), chance_words(share), percent_words(done, of)] {
                prop_assert!((1..=16).contains(&words.chars().count()), "{words}");
            }
        }
    }
}
