//! Draws plots as SVG text: horizontal bars, and lines. It is independent of benchmarks.

use std::io;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Error of drawing a plot.
pub(super) type PlotError = DrawingAreaErrorKind<io::Error>;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Width of every plot in its own pixels. On a screen of 400 pixels the page has 360 pixels for a plot, so that its
/// text has full size there. A wider page scales the plot up.
const WIDTH: u32 = 360;

/// Colours of the light theme; the page's style sheet replaces them in the dark theme.
const INK: RGBColor = RGBColor(0x1F, 0x24, 0x30);
const MUTED: RGBColor = RGBColor(0x6B, 0x72, 0x80);
const GRID: RGBColor = RGBColor(0xE3, 0xE6, 0xEB);
const BASELINE: RGBColor = RGBColor(0xA9, 0xB0, 0xBC);
const SERIES: [RGBColor; 8] = [
    RGBColor(0x25, 0x63, 0xEB),
    RGBColor(0xD9, 0x77, 0x06),
    RGBColor(0x05, 0x96, 0x69),
    RGBColor(0x7C, 0x3A, 0xED),
    RGBColor(0xDB, 0x27, 0x77),
    RGBColor(0x08, 0x91, 0xB2),
    RGBColor(0xDC, 0x26, 0x26),
    RGBColor(0x65, 0xA3, 0x0D),
];

const FONT: &str = "system-ui, sans-serif";
const FONT_PX: u32 = 13;

/// Estimated width of a letter, since font metrics are not available.
const LETTER_PX: i32 = 7;

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    /// Lowest and highest of the values whose median is `value`.
    pub(super) ends: Option<(f64, f64)>,
    /// Value of a thin bar below it, for comparison.
    pub(super) compared: Option<f64>,
    /// Text at the end of the bar.
    pub(super) end_text: String,
    /// Index of its colour.
    pub(super) color: usize,
}

/// X position of the left end of the bars.
const ZERO_PX: i32 = 6;
/// Space for the text at the ends of bars: 16 letters, as in `12.3 M headers/s`, and a gap.
const SAID_PX: i32 = 16 * LETTER_PX + 10;
/// Height of a bar with its label above it.
const BAR_ROW: i32 = 52;
const BAR_PAD: i32 = 10;

/// Maximum length of a label that fits on the plot.
const LABEL_MAX: usize = (WIDTH as usize - 2 * ZERO_PX as usize) / LETTER_PX as usize;

/// Draws bars below each other on a scale from 0; `mark` is a value at which a line with a name crosses them.
pub(super) fn bars(bars: &[Bar], mark: Option<(f64, &str)>) -> Result<String, PlotError> {
    let longest = bars.iter().flat_map(|bar| [Some(bar.value), bar.ends.map(|ends| ends.1), bar.compared]).flatten();
    let scale = f64::from(WIDTH as i32 - ZERO_PX - SAID_PX) / longest.fold(f64::MIN_POSITIVE, f64::max);
    let x = |value: f64| ZERO_PX + (value * scale).round() as i32;
    let foot = if mark.is_some() { 20 } else { 0 };
    let height = BAR_ROW * bars.len() as i32 + 2 * BAR_PAD;
    draw(height + foot, |area| {
        area.draw(&PathElement::new([(ZERO_PX, BAR_PAD), (ZERO_PX, height - BAR_PAD)], GRID.stroke_width(1)))?;
        for (row, bar) in bars.iter().enumerate() {
            one_bar(area, bar, BAR_PAD + BAR_ROW * row as i32, x)?;
        }
        let Some((value, name)) = mark else { return Ok(()) };
        // The line crosses only the bars; a continuous line would cross the labels too.
        for row in 0..bars.len() as i32 {
            let top = BAR_PAD + BAR_ROW * row;
            area.draw(&PathElement::new([(x(value), top + 17), (x(value), top + 47)], MUTED.stroke_width(1)))?;
        }
        // The name must stay on the plot if the line is near the left end.
        let half = LETTER_PX * name.chars().count() as i32 / 2;
        text(area, name, (x(value).max(ZERO_PX + half), height + 8), HPos::Center, MUTED)
    })
}

fn one_bar(area: &Area<'_>, bar: &Bar, top: i32, x: impl Fn(f64) -> i32) -> Result<(), PlotError> {
    let middle = top + 28;
    let thick = [(x(0.0), top + 19), (x(bar.value), top + 37)];
    text(area, &shortened(&bar.label), (x(0.0), top + 9), HPos::Left, INK)?;
    area.draw(&Rectangle::new(thick, SERIES[bar.color % SERIES.len()].filled()))?;
    let mut end = bar.value;
    if let Some((low, high)) = bar.ends {
        area.draw(&PathElement::new([(x(low), middle), (x(high), middle)], INK.stroke_width(1)))?;
        for at in [low, high] {
            area.draw(&PathElement::new([(x(at), middle - 4), (x(at), middle + 4)], INK.stroke_width(1)))?;
        }
        end = end.max(high);
    }
    if let Some(compared) = bar.compared {
        area.draw(&Rectangle::new([(x(0.0), top + 39), (x(compared), top + 45)], BASELINE.filled()))?;
    }
    text(area, &bar.end_text, (x(end) + 10, middle), HPos::Left, INK)
}

/// Shortens a label so that it fits on the plot. Its end, which names the threads, is kept.
pub(super) fn shortened(label: &str) -> String {
    let letters: Vec<char> = label.chars().collect();
    if letters.len() <= LABEL_MAX {
        return label.to_owned();
    }
    let (head, tail) = (LABEL_MAX / 3, LABEL_MAX - LABEL_MAX / 3 - 1);
    letters[..head].iter().chain(&['…']).chain(&letters[letters.len() - tail..]).collect()
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) label: String,
    /// Points (x, y), ascending in x.
    pub(super) points: Vec<(f64, f64)>,
    /// The line was not measured but is drawn for comparison.
    pub(super) is_ideal: bool,
}

/// Names and labels of the axes of lines.
pub(super) struct Axes<'a> {
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    /// The label at a value of the x axis; empty for no label.
    pub(super) x_word: &'a dyn Fn(f64) -> String,
    /// The label at a value of the y axis, which starts at 0.
    pub(super) y_word: &'a dyn Fn(f64) -> String,
}

const LINES_HEIGHT: i32 = 280;

/// Maximum number of labels at the axes of lines: more would overlap.
const X_WORDS: usize = 6;
const Y_WORDS: usize = 6;
const LEGEND_ROW: i32 = 22;

/// Draws lines in one frame, with their names above it.
pub(super) fn lines(lines: &[Line], axes: &Axes<'_>) -> Result<String, PlotError> {
    let places = legend_places(lines);
    let legend = places.last().map_or(0, |place| place.1 + LEGEND_ROW);
    draw(LINES_HEIGHT + legend, |area| {
        let mut colors = SERIES.iter().cycle();
        let colors: Vec<RGBColor> = lines
            .iter()
            .filter_map(|line| if line.is_ideal { Some(BASELINE) } else { colors.next().copied() })
            .collect();
        for ((line, color), (x, y)) in lines.iter().zip(&colors).zip(places) {
            area.draw(&Rectangle::new([(x, y + 6), (x + 16, y + 10)], color.filled()))?;
            text(area, &line.label, (x + 22, y + 8), HPos::Left, INK)?;
        }
        frame(&area.margin(legend, 0, 0, 0), lines, &colors, axes)
    })
}

fn legend_places(lines: &[Line]) -> Vec<(i32, i32)> {
    let (mut x, mut y) = (BAR_PAD, 4);
    let mut place = |line: &Line| {
        let width = 40 + LETTER_PX * line.label.chars().count() as i32;
        if x + width > WIDTH as i32 {
            (x, y) = (BAR_PAD, y + LEGEND_ROW);
        }
        let place = (x, y);
        x += width;
        place
    };
    lines.iter().map(&mut place).collect()
}

fn frame(area: &Area<'_>, lines: &[Line], colors: &[RGBColor], axes: &Axes<'_>) -> Result<(), PlotError> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let (x_min, x_max) =
        points().fold((f64::MAX, f64::MIN), |(low, high), point| (low.min(point.0), high.max(point.0)));
    let y_max = points().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    let mut builder = ChartBuilder::on(area);
    builder.margin(6).margin_right(24).x_label_area_size(44).y_label_area_size(62);
    let mut chart = builder.build_cartesian_2d(x_min..x_max.max(x_min + 1.0), 0.0..y_max * 1.06)?;
    let words = |color: RGBColor| (FONT, FONT_PX).into_font().color(&color);
    chart
        .configure_mesh()
        .x_labels(X_WORDS)
        .y_labels(Y_WORDS)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(GRID)
        .label_style(words(MUTED))
        .axis_desc_style(words(INK))
        .x_desc(axes.x)
        .y_desc(axes.y)
        .x_label_formatter(&|x| (axes.x_word)(*x))
        .y_label_formatter(&|y| (axes.y_word)(*y))
        .draw()?;
    for (line, color) in lines.iter().zip(colors) {
        chart.draw_series(LineSeries::new(line.points.iter().copied(), color.stroke_width(2)))?;
        if !line.is_ideal {
            chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 4, color.filled())))?;
        }
    }
    Ok(())
}

fn draw(height: i32, paint: impl FnOnce(&Area<'_>) -> Result<(), PlotError>) -> Result<String, PlotError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height as u32)).into_drawing_area();
        paint(&area)?;
        area.present()?;
    }
    Ok(svg)
}

fn text(area: &Area<'_>, words: &str, at: (i32, i32), side: HPos, color: RGBColor) -> Result<(), PlotError> {
    let style = (FONT, FONT_PX).into_font().color(&color).pos(Pos::new(side, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, style))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, value: f64) -> Bar {
        let (ends, compared) = (Some((value * 0.9, value * 1.1)), Some(value / 5.0));
        Bar { label: label.into(), value, ends, compared, end_text: format!("{value} a second"), color: 7 }
    }

    #[test]
    fn every_bar_has_its_texts_and_a_proportional_length() {
        let svg = bars(&[bar("fast", 40.0), bar("slow & <old>", 10.0)], Some((5.0, "baseline"))).unwrap();
        for word in ["fast", "slow &amp; &lt;old&gt;", "40 a second", "baseline"] {
            assert!(svg.contains(word), "{word}: {svg}");
        }
        // The colour of both bars. The longest end, 44, has the width that the texts at the ends leave: 360 - 6 - 122.
        let widths: Vec<&str> = svg.lines().filter(|line| line.contains("#65A30D")).collect();
        assert_eq!(widths.len(), 2, "{svg}");
        assert!(widths[0].contains("width=\"211\"") && widths[1].contains("width=\"53\""), "{widths:?}");
    }

    #[test]
    fn a_label_that_is_too_long_keeps_its_start_and_the_threads_at_its_end() {
        let long = format!("NVIDIA {} wgsl-loaded-or, 16 threads", "GeForce ".repeat(9));
        let short = shortened(&long);
        assert!(short.chars().count() == LABEL_MAX && short.contains('…'), "{short}");
        assert!(short.starts_with("NVIDIA GeForce") && short.ends_with("wgsl-loaded-or, 16 threads"), "{short}");
        assert_eq!(shortened("avx2, 1 thread"), "avx2, 1 thread");
        assert!(LETTER_PX * LABEL_MAX as i32 <= WIDTH as i32);
    }

    #[test]
    fn every_line_is_drawn_and_has_its_name() {
        let line = |label: &str, points: &[(f64, f64)], is_ideal| Line {
            label: label.into(),
            points: points.to_vec(),
            is_ideal,
        };
        let measured = [line("search", &[(1.0, 1.0), (2.0, 1.9)], false), line("one point", &[(1.0, 1.0)], false)];
        let drawn = [&measured[..], &[line("ideal", &[(1.0, 1.0), (2.0, 2.0)], true)]].concat();
        let axes = Axes { x: "threads", y: "times", x_word: &|x| format!("{x}"), y_word: &|y| format!("{y}") };
        let svg = lines(&drawn, &axes).unwrap();
        assert_eq!(svg.matches("<circle").count(), 3, "an ideal has no points: {svg}");
        for word in ["search", "one point", "ideal", "threads", "times"] {
            assert!(svg.contains(word), "{word}: {svg}");
        }
        assert_eq!((svg.matches("<svg").count(), svg.matches("</svg>").count()), (1, 1));
    }
}
