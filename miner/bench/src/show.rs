//! Figures as text: tables for a terminal, whose rows are printed as they are measured.

use std::fmt;
use std::time::Duration;

pub(super) use cityseal_cli::with_unit;
use cityseal_cli::{CliError, Column, Output, Progress, head_line, line, si, table, time_words};
use cityseal_device::DeviceInfo;

use super::error::BenchError;
use super::json::{BenchAnswer, BenchEnvironment, BenchRow, LatencyRow, Spread};
use super::mode::BenchMode;

/// A rate of maximum width without its unit; others are `9.99 k` or `999 G`.
const WIDEST_RATE: &str = "12.3 M";

/// Width of an energy: `12345.678 nJ`.
const ENERGY_WIDTH: usize = 12;

/// Width of a latency: `12345.6 us (12345.6 us to 123456.7 us)`.
const WAIT_WIDTH: usize = 38;

/// Number of a row, counted from 1, and the number of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowAt {
    pub(super) number: usize,
    pub(super) of: usize,
}

impl fmt::Display for RowAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.number, self.of)
    }
}

/// What a run of `bench` will measure.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) mode: BenchMode,
    /// Device and number of CPU threads of each row.
    pub(super) rows: Vec<(DeviceInfo, usize)>,
    /// Duration of a row; `None` if it depends on the device.
    pub(super) per_row: Option<Duration>,
}

impl Plan {
    /// The plan in words: `8 rows, about 24 s`.
    pub(super) fn words(&self) -> String {
        let count = self.rows.len();
        let rows = if count == 1 { "1 row".to_owned() } else { format!("{count} rows") };
        let time = self.left(0).map(|words| format!(", {words}")).unwrap_or_default();
        format!("{rows}{time}")
    }

    /// Duration of the rows after the first `done`, in words: `about 16 s`.
    fn left(&self, done: usize) -> Option<String> {
        let rows = self.rows.len().saturating_sub(done);
        let seconds = self.per_row?.as_secs_f64() * rows as f64;
        let words = time_words(seconds);
        Some(if seconds < 1.0 { words } else { format!("about {words}") })
    }

    /// A row in words: `row 3 of 8: cpu avx2, 2 threads, about 18 s left`.
    fn row_words(&self, at: RowAt) -> String {
        let left = self.left(at.number - 1).map(|words| format!(", {words} left")).unwrap_or_default();
        let Some((info, threads)) = self.rows.get(at.number - 1) else { return format!("row {at}{left}") };
        let threads = if *threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
        format!("row {at}: {} {}, {threads}{left}", info.name, info.kernel)
    }

    /// The columns of a table whose rows are not known yet.
    fn columns(&self) -> Vec<Column> {
        let widest = |text: fn(&DeviceInfo) -> &str| {
            self.rows.iter().map(|(info, _)| text(info).chars().count()).max().unwrap_or(0)
        };
        let count = self.rows.len().to_string().len();
        let mut columns = vec![
            Column::words("row", 2 * count + " of ".len()),
            Column::words("device", widest(|info| &info.name)),
            Column::words("kernel", widest(|info| &info.kernel)),
        ];
        if self.mode == BenchMode::Latency {
            columns.push(Column::numbers("threads", 0));
            columns.extend(["first hit", "cancel", "round trip"].map(|head| Column::numbers(head, WAIT_WIDTH)));
        } else {
            let rate = with_unit(WIDEST_RATE, self.mode.unit()).len();
            columns.push(Column::words("mode", self.mode.name().len()));
            columns.push(Column::numbers("threads", 0));
            columns.extend(["median", "min", "max"].map(|head| Column::numbers(head, rate)));
            columns.push(Column::numbers("energy each", ENERGY_WIDTH));
        }
        columns.push(Column::words("answers", 0));
        // The last column may have any width.
        columns.push(Column::words(if self.mode == BenchMode::Latency { "" } else { "versus" }, 0));
        columns
    }
}

/// Receives the rows of a measurement one by one.
pub(super) trait Watcher {
    /// A row is about to be measured.
    fn begins(&mut self, at: RowAt);
    /// A row of rates was measured.
    fn rate(&mut self, at: RowAt, row: &BenchRow) -> Result<(), BenchError>;
    /// A row of latencies was measured.
    fn latency(&mut self, at: RowAt, row: &LatencyRow) -> Result<(), BenchError>;
    /// A row has no figures because the device cannot run the mode.
    fn cannot_run(&mut self, at: RowAt, device: &str);
}

/// Prints each row when it is measured, unless the answer is JSON, and shows on a terminal which row is being measured.
pub(super) struct Live<'a> {
    output: &'a Output,
    plan: Plan,
    columns: Vec<Column>,
    bar: Progress,
    is_begun: bool,
}

impl<'a> Live<'a> {
    /// Prints the number of rows and the expected duration.
    pub(super) fn new(output: &'a Output, plan: Plan) -> Self {
        if !output.wants_json() {
            output.note(plan.words());
        }
        let columns = plan.columns();
        Self { output, plan, columns, bar: output.steps(), is_begun: false }
    }

    fn print(&mut self, cells: &[String]) -> Result<(), BenchError> {
        if self.output.wants_json() {
            return Ok(());
        }
        let head = if self.is_begun { String::new() } else { head_line(&self.columns) };
        self.is_begun = true;
        let text = head + &line(&self.columns, cells);
        Ok(self.bar.aside(|| self.output.text(&text)).map_err(CliError::Stdout)?)
    }
}

impl Watcher for Live<'_> {
    fn begins(&mut self, at: RowAt) {
        self.bar.name(self.plan.row_words(at));
    }

    fn rate(&mut self, at: RowAt, row: &BenchRow) -> Result<(), BenchError> {
        self.print(&rate_cells(self.output, at, row))
    }

    fn latency(&mut self, at: RowAt, row: &LatencyRow) -> Result<(), BenchError> {
        self.print(&latency_cells(self.output, at, row))
    }

    fn cannot_run(&mut self, at: RowAt, device: &str) {
        let mode = self.plan.mode.name();
        self.bar.aside(|| self.output.note(format_args!("row {at}: {device} cannot run --mode {mode}")));
    }
}

/// The text after the rows: the rates by batch, and the machine.
pub(super) fn rest(answer: &BenchAnswer) -> String {
    let mut parts: Vec<String> = answer.rows.iter().filter(|row| !row.by_batch.is_empty()).map(by_batch).collect();
    parts.push(foot(&answer.environment, &answer.rows));
    parts.concat()
}

fn rate_cells(output: &Output, at: RowAt, row: &BenchRow) -> Vec<String> {
    let versus = row.versus.iter().map(|(name, ratio)| format!("{ratio:.2} x {name}")).collect::<Vec<_>>();
    let rates = [row.median, row.min, row.max].map(|rate| with_unit(&si(rate), &row.unit));
    let energy = row.energy.as_ref().map_or("unknown".into(), |energy| format!("{:.3} nJ", energy.nj_per_item));
    let labels = [at.to_string(), row.device.clone(), row.kernel.clone(), row.mode.clone(), row.threads.to_string()];
    let last = with_reason(versus.join(", "), row.reason.as_deref());
    labels.into_iter().chain(rates).chain([energy, row.answers.painted(output), last]).collect()
}

fn latency_cells(output: &Output, at: RowAt, row: &LatencyRow) -> Vec<String> {
    let wait = |wait: &Spread| format!("{} ({} to {})", us(wait.median), us(wait.min), us(wait.max));
    let waits = [&row.first_hit_us, &row.cancel_us, &row.round_trip_us].map(wait);
    let labels = [at.to_string(), row.device.clone(), row.kernel.clone(), row.threads.to_string()];
    let last = with_reason(String::new(), row.reason.as_deref());
    labels.into_iter().chain(waits).chain([row.answers.painted(output), last]).collect()
}

/// The reason for wrong answers may be long, so it is the last thing on its line.
fn with_reason(words: String, reason: Option<&str>) -> String {
    match reason {
        Some(reason) if words.is_empty() => reason.to_owned(),
        Some(reason) => format!("{words}  ({reason})"),
        None => words,
    }
}

fn by_batch(row: &BenchRow) -> String {
    let items = match row.unit.as_str() {
        "header/s" => "headers per batch",
        "node/s" => "nodes per batch",
        _ => "hashes per batch",
    };
    let cells = |at: &super::json::BatchRow| {
        let rates = [at.median, at.min, at.max].map(|rate| with_unit(&si(rate), &row.unit));
        [at.batch_items.to_string()].into_iter().chain(rates).collect()
    };
    let rows: Vec<Vec<String>> = row.by_batch.iter().map(cells).collect();
    let threads = if row.threads == 1 { "thread" } else { "threads" };
    let title = format!("\n{}, {}, {}, {} {threads}\n", row.device, row.kernel, row.mode, row.threads);
    title + &table(&[items, "median", "min", "max"], &[0, 1, 2, 3], &rows)
}

/// Microseconds with their unit.
fn us(value: f64) -> String {
    format!("{value:.1} us")
}

fn foot(environment: &BenchEnvironment, rows: &[BenchRow]) -> String {
    let fastest = rows.iter().filter_map(|row| row.clock_hz).max_by(f64::total_cmp);
    let clock = fastest.map_or_else(String::new, |hz| format!(" at {}Hz (measured)", si(hz)));
    format!("on {}{clock}, {}, commit {}\n", environment.cpu, environment.os, environment.commit)
}

#[cfg(test)]
mod tests {
    use cityseal_device::Opener;
    use cityseal_device::fake::FakeOpener;

    use super::super::json::{Answers, BatchRow, EnergyRow};
    use super::super::record::tests::{answer, row};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn plan(mode: BenchMode, names: &[&str], per_row: Option<Duration>) -> Plan {
        let info = |name: &&str| {
            let mut info = FakeOpener::new(name).info().clone();
            info.kernel = "avx2".into();
            (info, 2)
        };
        Plan { mode, rows: names.iter().map(info).collect(), per_row }
    }

    fn plain() -> Output {
        Output::of_process(false, true)
    }

    #[test]
    fn the_plan_has_the_number_of_rows_and_their_duration() {
        let three = plan(BenchMode::Search, &["a", "b", "c"], Some(8 * SECOND));
        assert_eq!(three.words(), "3 rows, about 24 s");
        assert_eq!(three.row_words(RowAt { number: 2, of: 3 }), "row 2 of 3: b avx2, 2 threads, about 16 s left");
        assert_eq!(plan(BenchMode::Search, &["a"], Some(SECOND / 5)).words(), "1 row, under 1 s");
        let unknown = plan(BenchMode::Latency, &["a", "b"], None);
        assert_eq!(unknown.words(), "2 rows");
        assert_eq!(unknown.row_words(RowAt { number: 1, of: 2 }), "row 1 of 2: a avx2, 2 threads");
    }

    #[test]
    fn units_of_rates_are_those_of_the_field() {
        assert_eq!(with_unit(&si(2.0e6), "hash/s"), "2.00 MH/s");
        assert_eq!(with_unit(&si(7.0), "hash/s"), "7.00 H/s");
        assert_eq!(with_unit(&si(2.5e7), "header/s"), "25.0 M headers/s");
        assert_eq!(with_unit(&si(7.0), "node/s"), "7.00 nodes/s");
    }

    #[test]
    fn rows_printed_one_by_one_have_aligned_columns() {
        let plan = plan(BenchMode::Search, &["cpu", "NVIDIA GeForce RTX 4090"], Some(SECOND));
        let columns = plan.columns();
        let mut fast = row("avx2", 9.99e12);
        fast.device = "NVIDIA GeForce RTX 4090".into();
        fast.energy = Some(EnergyRow { nj_per_item: 12_345.678, source: "rapl".into() });
        let slow = BenchRow { reason: Some("hash 7 is wrong".into()), answers: Answers::Wrong, ..row("avx2", 999.0) };
        let lines = [
            head_line(&columns),
            line(&columns, &rate_cells(&plain(), RowAt { number: 1, of: 2 }, &fast)),
            line(&columns, &rate_cells(&plain(), RowAt { number: 2, of: 2 }, &slow)),
        ];
        let place = |line: &str, word: &str| line.find(word).unwrap_or_else(|| panic!("{word} in {line}"));
        let [head, fast, slow] = &lines;
        assert_eq!(place(head, "answers"), place(fast, "right"), "{lines:?}");
        assert_eq!(place(head, "answers"), place(slow, "wrong"), "{lines:?}");
        assert_eq!(place(head, "versus"), place(slow, "4.50 x"), "{lines:?}");
        assert!(fast.starts_with("1 of 2  NVIDIA") && slow.starts_with("2 of 2  cpu "), "{lines:?}");
        assert!(slow.ends_with("(hash 7 is wrong)\n"), "{slow}");
    }

    #[test]
    fn latencies_are_printed_one_by_one_too() {
        let spread = Spread { median: 10.0, min: 9.0, max: 30.5 };
        let row = LatencyRow {
            device: "cpu".into(),
            kernel: "avx2".into(),
            threads: 1,
            trials: 21,
            first_hit_us: spread,
            cancel_us: spread,
            round_trip_us: spread,
            answers: Answers::Wrong,
            reason: Some("no seal".into()),
        };
        let columns = plan(BenchMode::Latency, &["cpu"], None).columns();
        let cells = latency_cells(&plain(), RowAt { number: 1, of: 1 }, &row);
        assert_eq!(cells.len(), columns.len());
        let text = line(&columns, &cells);
        assert!(text.contains("10.0 us (9.0 us to 30.5 us)") && text.ends_with("wrong    no seal\n"), "{text}");
    }

    #[test]
    fn energy_is_unknown_without_a_sensor() {
        let cells = |row: &BenchRow| rate_cells(&plain(), RowAt { number: 1, of: 1 }, row).join("|");
        let mut measured = row("avx2", 2e6);
        assert!(cells(&measured).contains("|unknown|"));
        measured.energy = Some(EnergyRow { nj_per_item: 512.5, source: "rapl".into() });
        assert!(cells(&measured).contains("|512.500 nJ|"));
    }

    #[test]
    fn rates_by_batch_and_the_measured_clock_follow_the_rows() {
        let mut measured = answer(vec![row("avx2", 2e6)]);
        measured.rows[0].by_batch = vec![BatchRow { batch_items: 64, median: 2e6, min: 1e6, max: 3e6 }];
        measured.rows[0].clock_hz = Some(3.6e9);
        let text = rest(&measured);
        assert!(text.contains("hashes per batch") && text.contains("at 3.60 GHz (measured)"), "{text}");
    }
}
