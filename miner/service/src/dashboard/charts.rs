//! Small pictures as SVG inside the page: bars, stacked bars and curves. Their colours are in the style sheet.

use maud::{Markup, html};

/// Width and height of a curve in its own units.
const CURVE: (f64, f64) = (120.0, 28.0);

/// A bar for a fraction, 0 to 1, with a mark at another one.
pub(super) fn bar(fraction: f64, mark: Option<f64>, label: &str) -> Markup {
    let at = |fraction: f64| number(100.0 * fraction.clamp(0.0, 1.0));
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            rect.track width="100" height="8" {}
            rect.fill width=(at(fraction)) height="8" {}
            @if let Some(mark) = mark {
                rect.mark x=(at(mark * 0.988)) width="1.2" height="8" {}
            }
        }
    }
}

/// A bar of several parts, which together have the fraction 1.
pub(super) fn stack<'a>(parts: impl Iterator<Item = (&'a str, f64)> + Clone, label: &str) -> Markup {
    let before = parts.clone().scan(0.0, |sum, (_, share)| {
        let x = *sum;
        *sum += share;
        Some(x)
    });
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            rect.track width="100" height="8" {}
            @for ((name, share), x) in parts.zip(before) {
                rect class={ "stage " (name) } x=(number(100.0 * x)) width=(number(100.0 * share)) height="8" {}
            }
        }
    }
}

/// A curve of values, the newest at the right, with zero at the bottom.
pub(super) fn curve(values: &[f64], label: &str) -> Markup {
    let (width, height) = CURVE;
    let highest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    // A curve that has just begun is at the right, too.
    let step = width / (crate::limits::HISTORY_SAMPLES_MAX - 1) as f64;
    let first = width - step * values.len().saturating_sub(1) as f64;
    let point = |(at, value): (usize, &f64)| {
        let y = height - 1.0 - (height - 3.0) * (value / highest).clamp(0.0, 1.0);
        format!("{},{}", number(first + step * at as f64), number(y))
    };
    let points = values.iter().enumerate().map(point).collect::<Vec<_>>().join(" ");
    html! {
        svg.curve viewBox="0 0 120 28" preserveAspectRatio="none" role="img" aria-label=(label) {
            title { (label) }
            line.base x1="0" x2="120" y1="27" y2="27" {}
            @if values.len() > 1 {
                polygon.area points=(format!("{},27 {points} 120,27", number(first))) {}
                polyline.line points=(points) {}
            }
        }
    }
}

/// A number with at most two decimals, without useless zeros.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_fraction_and_never_longer_than_its_track() {
        let text = |fraction, mark| bar(fraction, mark, "a < b").into_string();
        let half = text(0.5, Some(1.0));
        assert!(half.contains("class=\"fill\" width=\"50\"") && half.contains("class=\"mark\" x=\"98.8\""), "{half}");
        assert!(half.contains("aria-label=\"a &lt; b\""), "{half}");
        assert!(text(7.0, None).contains("class=\"fill\" width=\"100\"") && !text(7.0, None).contains("mark"));
    }

    #[test]
    fn a_stack_puts_its_parts_one_after_the_other() {
        let parts = [("hash", 0.75), ("rules", 0.25)];
        let text = stack(parts.into_iter(), "stages").into_string();
        assert!(text.contains("class=\"stage hash\" x=\"0\" width=\"75\""), "{text}");
        assert!(text.contains("class=\"stage rules\" x=\"75\" width=\"25\""), "{text}");
    }

    #[test]
    fn a_curve_reaches_the_top_at_its_highest_value_and_ends_at_the_right() {
        let text = curve(&[0.0, 5.0, 10.0], "rate").into_string();
        assert!(text.contains(" 120,2\"") && text.contains(",27 "), "{text}");
        assert!(!curve(&[1.0], "rate").into_string().contains("polyline"), "one value is no curve");
        assert!(!curve(&[0.0, 0.0], "rate").into_string().contains("NaN"));
    }
}
