//! A plot with pairs of bars, as SVG.

use std::fmt::Write as _;

/// One line of the plot: a name and two values.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) values: [Option<f64>; 2],
}

/// Height of one bar in pixels.
const HEIGHT: usize = 14;

/// Width of the column of names in pixels.
const NAMES: usize = 170;

/// Length of the longest bar in pixels.
const LONGEST: f64 = 480.0;

/// The colours of both values: readable on white and on black, and with red-green colour blindness.
const COLOURS: [&str; 2] = ["#4477aa", "#ee8866"];

/// Returns the plot of all bars, with a title and a legend of both values.
pub(crate) fn bars(title: &str, legend: [&str; 2], bars: impl Iterator<Item = Bar>) -> String {
    let bars: Vec<Bar> = bars.collect();
    let most = bars.iter().flat_map(|bar| bar.values).flatten().fold(f64::MIN_POSITIVE, f64::max);
    let (width, height) = (NAMES + LONGEST as usize + 60, 60 + bars.len() * 3 * HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"18\">{title}</text>\n"
    );
    for (at, (name, colour)) in legend.iter().zip(COLOURS).enumerate() {
        let x = NAMES + at * 140;
        rect(&mut svg, (x, 28), 12.0, colour);
        let _infallible = writeln!(svg, "<text x=\"{}\" y=\"38\">{name}</text>", x + 18);
    }
    for (at, bar) in bars.iter().enumerate() {
        line(&mut svg, 54 + at * 3 * HEIGHT, bar, most);
    }
    svg + "</svg>\n"
}

fn line(svg: &mut String, top: usize, bar: &Bar, most: f64) {
    let _infallible = writeln!(svg, "<text x=\"10\" y=\"{}\">{}</text>", top + HEIGHT, bar.name);
    for (at, (value, colour)) in bar.values.iter().zip(COLOURS).enumerate() {
        let Some(value) = value else { continue };
        let (y, length) = (top + at * HEIGHT, value / most * LONGEST);
        rect(svg, (NAMES, y), length, colour);
        let x = NAMES as f64 + length + 6.0;
        let _infallible = writeln!(svg, "<text x=\"{x:.0}\" y=\"{}\">{value:.2}</text>", y + HEIGHT - 3);
    }
}

fn rect(svg: &mut String, (x, y): (usize, usize), width: f64, colour: &str) {
    let height = HEIGHT - 2;
    let _infallible =
        writeln!(svg, "<rect x=\"{x}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{colour}\"/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_has_the_longest_bar_and_a_missing_value_has_no_bar() {
        let rows = [("A", [Some(2.0), None]), ("B", [Some(1.0), Some(0.5)])];
        let svg = bars("T", ["x", "y"], rows.into_iter().map(|(name, values)| Bar { name: name.to_owned(), values }));
        let widths: Vec<&str> = svg
            .match_indices("width=\"")
            .map(|(at, word)| {
                let rest = &svg[at + word.len()..];
                &rest[..rest.find('"').unwrap()]
            })
            .collect();
        assert_eq!(widths[2..], ["12.0", "12.0", "480.0", "240.0", "120.0"]);
    }
}
