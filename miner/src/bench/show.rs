//! Figures as a person reads them: tables for a terminal.

use crate::json::{BenchAnswer, BenchEnvironment, BenchRow, LatencyRow, Spread};
use crate::output::{Output, Paint, si, table};

pub(super) fn human(output: &Output, answer: &BenchAnswer) -> String {
    let mut parts = Vec::new();
    if !answer.rows.is_empty() {
        parts.push(rates(output, &answer.rows));
    }
    parts.extend(answer.rows.iter().filter(|row| !row.by_batch.is_empty()).map(by_batch));
    if !answer.latencies.is_empty() {
        parts.push(latencies(output, &answer.latencies));
    }
    parts.push(foot(&answer.environment, &answer.rows));
    parts.concat()
}

fn rates(output: &Output, rows: &[BenchRow]) -> String {
    let cells = |row: &BenchRow| {
        let versus = row.versus.iter().map(|(name, ratio)| format!("{ratio:.2} x {name}")).collect::<Vec<_>>();
        let [median, min, max] = [row.median, row.min, row.max].map(|rate| format!("{}{}", si(rate), row.unit));
        let energy = row.energy.as_ref().map_or("unknown".into(), |energy| format!("{:.3} nJ", energy.nj_per_item));
        let labels = [row.device.clone(), row.kernel.clone(), row.mode.clone(), row.threads.to_string()];
        let answers = answers(output, &row.answers, row.reason.as_deref());
        labels.into_iter().chain([median, min, max, energy, versus.join(", "), answers]).collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let heads = ["device", "kernel", "mode", "threads", "median", "min", "max", "energy each", "versus", "answers"];
    table(&heads, &[3, 4, 5, 6, 7], &rows)
}

fn answers(output: &Output, answers: &str, reason: Option<&str>) -> String {
    let paint = if answers == "right" { Paint::Good } else { Paint::Bad };
    let painted = output.paint(paint, answers);
    reason.map_or(painted.clone(), |reason| format!("{painted}: {reason}"))
}

fn by_batch(row: &BenchRow) -> String {
    let items = match row.unit.as_str() {
        "header/s" => "headers",
        "node/s" => "nodes",
        _ => "hashes",
    };
    let cells = |at: &crate::json::BatchRow| {
        let rates = [at.median, at.min, at.max].map(|rate| format!("{}{}", si(rate), row.unit));
        [at.batch_items.to_string()].into_iter().chain(rates).collect()
    };
    let rows: Vec<Vec<String>> = row.by_batch.iter().map(cells).collect();
    let head = format!("{items} a batch");
    let title = format!("\n{}, {}, {}, threads {}\n", row.device, row.kernel, row.mode, row.threads);
    title + &table(&[&head, "median", "min", "max"], &[0, 1, 2, 3], &rows)
}

fn latencies(output: &Output, rows: &[LatencyRow]) -> String {
    let wait = |wait: &Spread| format!("{} ({} to {})", us(wait.median), us(wait.min), us(wait.max));
    let cells = |row: &LatencyRow| {
        let waits = [&row.first_hit_us, &row.cancel_us, &row.round_trip_us].map(wait);
        let labels = [row.device.clone(), row.kernel.clone(), row.threads.to_string()];
        labels.into_iter().chain(waits).chain([answers(output, &row.answers, row.reason.as_deref())]).collect()
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let heads = ["device", "kernel", "threads", "first hit", "cancel", "round trip", "answers"];
    table(&heads, &[2, 3, 4, 5], &rows)
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
    use super::super::record::tests::{answer, row};
    use super::*;
    use crate::json::{BatchRow, EnergyRow};

    fn text(answer: &BenchAnswer) -> String {
        human(&Output::of_process(false, true), answer)
    }

    #[test]
    fn energy_that_no_machine_told_is_unknown() {
        let mut told = answer(vec![row("avx2", 2e6)]);
        assert!(text(&told).contains("unknown"));
        told.rows[0].energy = Some(EnergyRow { nj_per_item: 512.5, source: "rapl".into() });
        told.rows[0].clock_hz = Some(3.6e9);
        let text = text(&told);
        assert!(!text.contains("unknown") && text.contains("512.500 nJ"), "{text}");
        assert!(text.contains("at 3.60 GHz (measured)"), "{text}");
    }

    #[test]
    fn rates_by_batch_and_waits_have_tables_of_their_own() {
        let mut told = answer(vec![row("avx2", 2e6)]);
        told.rows[0].by_batch = vec![BatchRow { batch_items: 64, median: 2e6, min: 1e6, max: 3e6 }];
        let spread = Spread { median: 10.0, min: 9.0, max: 30.5 };
        told.latencies = vec![LatencyRow {
            device: "cpu".into(),
            kernel: "avx2".into(),
            threads: 1,
            trials: 21,
            first_hit_us: spread,
            cancel_us: spread,
            round_trip_us: spread,
            answers: "wrong".into(),
            reason: Some("no seal".into()),
        }];
        let text = text(&told);
        assert!(text.contains("hashes a batch"), "{text}");
        assert!(text.contains("10.0 us (9.0 us to 30.5 us)") && text.contains("wrong: no seal"), "{text}");
    }
}
