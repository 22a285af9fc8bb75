//! The HTML page, with its style and plots inside.

use cityseal_cli::si;

use super::super::json::{Answers, BenchEnvironment, BenchRow, Spread};
use super::super::records::{Figure, Wait};
use super::machine::{Machine, Picture, Plot};

const STYLE: &str = include_str!("style.css");

/// The whole page.
pub(super) fn html(machines: &[(&Machine, Vec<Plot>)]) -> String {
    let body: String = machines.iter().map(|(machine, plots)| section(machine, plots)).collect();
    let names: Vec<String> = machines.iter().map(|(machine, _)| escaped(&machine.name)).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>CitySeal: measured on {names}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>CitySeal, measured</h1>\n\
         <p class=\"muted\">Double SHA-256 over block headers and Merkle nodes. Every answer was checked during the \
         measurement. Each figure is the median of several laps, which alternate with laps of its baselines, so that \
         other load on the machine affects both equally.</p>\n{body}</body>\n</html>\n",
        names = names.join(", "),
    )
}

fn section(machine: &Machine, plots: &[Plot]) -> String {
    let figures: String = plots.iter().map(figure).collect();
    format!(
        "<section>\n<h2>{}</h2>\n{}<div class=\"plots\">\n{figures}</div>\n{}{}</section>\n",
        escaped(&machine.name),
        facts(machine),
        rates(&machine.figures),
        waits(&machine.waits),
    )
}

fn figure(plot: &Plot) -> String {
    let title = escaped(&plot.title);
    let picture = match &plot.picture {
        Picture::Svg(svg) => svg.clone(),
        Picture::Table { heads, rows } => few(heads, rows),
    };
    format!(
        "<figure role=\"group\" aria-label=\"{title}\"><h4>{title}</h4><figcaption>{}</figcaption>\n\
         {picture}</figure>\n",
        escaped(&plot.caption),
    )
}

/// A small table instead of a plot: the first column has words, the others have numbers.
fn few(heads: &[String], rows: &[Vec<String>]) -> String {
    let line = |tag: &str, cells: &[String]| {
        let cell = |(at, text): (usize, &String)| {
            let class = if at > 0 { " class=\"n\"" } else { "" };
            format!("<{tag}{class}>{}</{tag}>", escaped(text))
        };
        format!("<tr>{}</tr>\n", cells.iter().enumerate().map(cell).collect::<String>())
    };
    let body: String = rows.iter().map(|row| line("td", row)).collect();
    format!("<table class=\"few\">\n{}{body}</table>\n", line("th", heads))
}

/// Cards with the most important facts.
fn facts(machine: &Machine) -> String {
    let rows = || machine.figures.iter().map(|figure| &figure.row);
    let mut facts = Vec::new();
    for (mode, what) in [("search", "best search"), ("headers", "best header hashing"), ("verify", "best verification")]
    {
        let best = rows().filter(|row| row.mode == mode).max_by(|a, b| a.median.total_cmp(&b.median));
        let rate = |row: &BenchRow| super::super::show::with_unit(&si(row.median), &row.unit);
        facts.extend(best.map(|row| (rate(row), format!("{what}, {}", who(row)))));
    }
    let ratios = rows().filter_map(|row| Some((row.versus.get("sha2_whole_header")?, row)));
    let best = ratios.max_by(|a, b| a.0.total_cmp(b.0));
    facts.extend(best.map(|(ratio, row)| (format!("{ratio:.2} ×"), format!("vs. a plain sha2 loop, {}", who(row)))));
    let wrong = rows().filter(|row| row.answers == Answers::Wrong).count()
        + machine.waits.iter().filter(|wait| wait.row.answers == Answers::Wrong).count();
    let answers = if wrong == 0 {
        "<b class=\"right\">all right</b>".into()
    } else {
        format!("<b class=\"wrong\">{wrong} wrong</b>")
    };
    let count = rows().count() + machine.waits.len();
    let of_rows = if count == 1 { "row" } else { "rows" };
    let checked = format!("<div class=\"fact\">{answers}<span>answers of {count} {of_rows}</span></div>\n");
    let cards = facts.iter().map(|(figure, words)| {
        format!("<div class=\"fact\"><b>{}</b><span>{}</span></div>\n", escaped(figure), escaped(words))
    });
    format!("<div class=\"facts\">\n{}{checked}</div>\n", cards.collect::<String>())
}

fn who(row: &BenchRow) -> String {
    let threads = if row.threads == 1 { "1 thread".into() } else { format!("{} threads", row.threads) };
    format!("{} {}, {threads}", row.device, row.kernel)
}

/// A column: its heading, and whether it contains numbers.
type Column = (&'static str, bool);

fn rates(figures: &[Figure]) -> String {
    const COLUMNS: [Column; 11] = [
        ("device", false),
        ("kernel", false),
        ("mode", false),
        ("threads", true),
        ("median, ends", true),
        ("baselines", false),
        ("batch", true),
        ("clock", true),
        ("energy each", true),
        ("answers", false),
        ("commit", false),
    ];
    let cells = |figure: &Figure| {
        let Figure { row, environment, when } = figure;
        let ends = format!("{} to {}", si(row.min).trim_end(), si(row.max).trim_end());
        let versus: Vec<String> = row.versus.iter().map(|(name, ratio)| format!("{ratio:.2} × {name}")).collect();
        let known = |text: Option<String>| text.unwrap_or_else(|| "unknown".into());
        let device = with_small(&row.device, environment.driver.as_deref());
        let labels = [device, escaped(&row.kernel), escaped(&row.mode), row.threads.to_string()];
        let machine = [
            row.batch_items.map_or("–".into(), |items| items.to_string()),
            clock(row, environment),
            known(row.energy.as_ref().map(|energy| format!("{:.3} nJ", energy.nj_per_item))),
            answers(row.answers, row.reason.as_deref()),
            with_small(&environment.commit, Some(when)),
        ];
        let median = super::super::show::with_unit(&si(row.median), &row.unit);
        let rates = [with_small(&median, Some(&ends)), versus.join("<br>")];
        labels.into_iter().chain(rates).chain(machine).collect()
    };
    table("All rates", &COLUMNS, &figures.iter().map(cells).collect::<Vec<_>>())
}

/// The clock as measured between the laps, or else as the system reports it, which is often the nominal clock.
fn clock(row: &BenchRow, environment: &BenchEnvironment) -> String {
    let spoken = |hz: f64| format!("{}Hz", si(hz));
    match (row.clock_hz, environment.clock_hz) {
        (Some(measured), _) => spoken(measured),
        (None, Some(reported)) if row.device == "cpu" => with_small(&spoken(reported as f64), Some("not measured")),
        _ => "–".into(),
    }
}

/// A text with a smaller one below it.
fn with_small(text: &str, small: Option<&str>) -> String {
    let small = small.map_or_else(String::new, |small| format!("<small>{}</small>", escaped(small)));
    escaped(text) + &small
}

fn waits(waits: &[Wait]) -> String {
    const COLUMNS: [Column; 8] = [
        ("device", false),
        ("kernel", false),
        ("threads", true),
        ("first hit", true),
        ("cancel", true),
        ("round trip", true),
        ("answers", false),
        ("commit", false),
    ];
    let us = |wait: &Spread| format!("{:.1} µs ({:.1} to {:.1})", wait.median, wait.min, wait.max);
    let cells = |wait: &Wait| {
        let row = &wait.row;
        let waits = [&row.first_hit_us, &row.cancel_us, &row.round_trip_us].map(us);
        let labels = [escaped(&row.device), escaped(&row.kernel), row.threads.to_string()];
        let ends = [answers(row.answers, row.reason.as_deref()), escaped(&wait.environment.commit)];
        labels.into_iter().chain(waits).chain(ends).collect()
    };
    table("Latencies: median (lowest to highest)", &COLUMNS, &waits.iter().map(cells).collect::<Vec<_>>())
}

fn answers(answers: Answers, reason: Option<&str>) -> String {
    let class = answers.name();
    let reason = reason.map_or_else(String::new, |reason| format!(": {}", escaped(reason)));
    format!("<span class=\"{class}\">{class}</span>{reason}")
}

/// A table of HTML cells; empty without rows.
fn table(title: &str, columns: &[Column], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    // On a narrow screen each row becomes a list, in which a cell shows the heading of its column.
    let cell = |tag: &str, text: &str, (head, is_number): &Column| {
        let class = if *is_number { " class=\"n\"" } else { "" };
        let label = if tag == "td" { format!(" data-label=\"{head}\"") } else { String::new() };
        format!("<{tag}{class}{label}><div>{text}</div></{tag}>")
    };
    let heads: String = columns.iter().map(|column| cell("th", column.0, column)).collect();
    let line = |cells: &Vec<String>| {
        let cells: String = cells.iter().zip(columns).map(|(text, column)| cell("td", text, column)).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let lines: String = rows.iter().map(line).collect();
    format!(
        "<h3>{title}</h3>\n<div class=\"scroll\"><table class=\"wide\">\n<thead><tr>{heads}</tr></thead>\n<tbody>\n\
         {lines}</tbody></table></div>\n"
    )
}

/// Escapes the text of a record for HTML.
fn escaped(text: &str) -> String {
    let letter = |letter: char| match letter {
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        '"' => "&quot;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::json::LatencyRow;
    use super::super::super::record::tests::{answer, row};
    use super::super::super::records::Newest;
    use super::super::machine::machines;
    use super::*;

    /// Three kernels in the mode `search`: enough for plots.
    fn newest() -> Newest {
        let environment = answer(Vec::new()).environment;
        let figure = |kernel: &str, median: f64| Figure {
            row: BenchRow { min: median, max: median, ..row(kernel, median) },
            environment: environment.clone(),
            when: "2026-11-22".into(),
        };
        let wait = Spread { median: 10.0, min: 9.0, max: 30.5 };
        let row = LatencyRow {
            device: "cpu".into(),
            kernel: "avx2".into(),
            threads: 1,
            trials: 21,
            first_hit_us: wait,
            cancel_us: wait,
            round_trip_us: wait,
            answers: Answers::Right,
            reason: None,
        };
        let waits = vec![Wait { row, environment: environment.clone() }];
        Newest { figures: vec![figure("avx2", 2e6), figure("sha-ni", 1.5e6), figure("portable", 1e6)], waits }
    }

    fn page_of(newest: Newest) -> String {
        let machines = machines(newest);
        html(&machines.iter().map(|machine| (machine, machine.plots().unwrap())).collect::<Vec<_>>())
    }

    #[test]
    fn the_page_shows_machine_commit_date_answers_and_every_rate() {
        let page = page_of(newest());
        for word in ["AMD EPYC", "0123abc", "2026-11-22", "all right", "2.00 MH/s", "1.00 MH/s", "4.50 ×", "10.0 µs"]
        {
            assert!(page.contains(word), "{word}");
        }
        assert!(page.contains("energy each") && page.contains("unknown"));
    }

    #[test]
    fn two_figures_are_a_table_instead_of_a_plot() {
        let mut newest = newest();
        newest.figures.truncate(2);
        let page = page_of(newest);
        assert_eq!(page.matches("<svg").count(), 0);
        assert_eq!(page.matches("<table class=\"few\">").count(), 2, "rates and ratios");
        assert!(page.contains("<td>avx2, 2 threads</td><td class=\"n\">2.00 MH/s</td>"), "{page}");
    }

    #[test]
    fn a_cell_has_its_heading_for_narrow_screens() {
        let page = page_of(newest());
        assert!(page.contains("<td data-label=\"kernel\"><div>avx2</div></td>"), "{page}");
        assert!(page.contains("max-width: 640px") && page.contains("attr(data-label)"));
    }

    #[test]
    fn the_page_is_self_contained() {
        let page = page_of(newest());
        for asks in ["<script", "src=", "href=", "url(", "@import"] {
            assert!(!page.contains(asks), "{asks}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(page.matches("<svg").count() >= 2);
        assert!(page.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn wrong_answers_are_counted_and_text_of_a_record_is_escaped() {
        let mut newest = newest();
        newest.figures[0].row.answers = Answers::Wrong;
        newest.figures[0].row.reason = Some("<script>".into());
        newest.figures[1].row.device = "<b>gpu</b>".into();
        let page = page_of(newest);
        assert!(page.contains("1 wrong") && page.contains(": &lt;script&gt;"));
        assert!(!page.contains("<script>") && !page.contains("<b>gpu"));
    }
}
