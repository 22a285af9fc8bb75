//! `cityseal bench compare`: reports which figures are better, the same or worse, beyond the spread of their laps. It
//! measures nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cityseal_cli::{CliError, Ending, Output, Paint, si, table};

use super::error::BenchError;
use super::json::{Answers, BenchRow, Change, CompareAnswer, CompareRow, RowName};
use super::records::{Figure, newest};

/// Minimum noise, because two runs of one program differ by more than the laps within one run.
const NOISE_MIN: f64 = 0.02;

/// Compares the figures of two records or folders of records, and prints the result.
///
/// # Errors
/// [`BenchError`] for records that cannot be read or have no row in common.
pub fn compare(output: &Output, before: &Path, after: &Path) -> Result<Ending, BenchError> {
    let answer = comparison(newest(before)?.figures, newest(after)?.figures);
    if answer.rows.is_empty() {
        return Err(BenchError::NothingInCommon { before: before.into(), after: after.into() });
    }
    answer.notes.iter().for_each(|note| output.note(note));
    output.answer(&answer, |output| human(output, &answer)).map_err(CliError::Stdout)?;
    Ok(Ending::of_right(answer.rows.iter().all(|row| !matches!(row.verdict, Change::Worse | Change::Wrong))))
}

/// The rows of one side by their keys.
type Side = BTreeMap<RowName, BenchRow>;

fn comparison(before: Vec<Figure>, after: Vec<Figure>) -> CompareAnswer {
    let machines = [&before, &after].map(|figures| machines_of(figures));
    // If each side has one machine, their rows are compared even if the machines differ; a note says so.
    let by_machine = machines.iter().any(|side| side.len() > 1);
    let (before, after) = (side(before, by_machine), side(after, by_machine));
    let both = before.iter().filter_map(|(name, a)| Some(judge(name, a, after.get(name)?)));
    let alone = |these: &Side, those: &Side| these.keys().filter(|name| !those.contains_key(name)).cloned().collect();
    CompareAnswer {
        rows: both.collect(),
        only_in_a: alone(&before, &after),
        only_in_b: alone(&after, &before),
        noise_min: NOISE_MIN,
        notes: if by_machine { Vec::new() } else { note(&machines).into_iter().collect() },
    }
}

fn machines_of(figures: &[Figure]) -> BTreeSet<String> {
    figures.iter().map(|figure| figure.environment.cpu.clone()).collect()
}

fn note([before, after]: &[BTreeSet<String>; 2]) -> Option<String> {
    let (before, after) = (before.first()?, after.first()?);
    (before != after).then(|| format!("the figures come from different processors: {before}, then {after}"))
}

fn side(figures: Vec<Figure>, by_machine: bool) -> Side {
    let named = |figure: Figure| {
        let machine = figure.name().machine.filter(|_| by_machine);
        (RowName { machine, ..figure.name() }, figure.row)
    };
    figures.into_iter().map(named).collect()
}

fn judge(name: &RowName, a: &BenchRow, b: &BenchRow) -> CompareRow {
    let ratio = b.median / a.median;
    let noise = spread(a).max(spread(b)).max(NOISE_MIN);
    let is_wrong = [a, b].iter().any(|row| row.answers == Answers::Wrong);
    let verdict = if is_wrong { Change::Wrong } else { verdict(ratio, noise) };
    CompareRow { name: name.clone(), unit: b.unit.clone(), a: a.median, b: b.median, ratio, noise, verdict }
}

fn spread(row: &BenchRow) -> f64 {
    (row.max - row.min) / row.median
}

/// Compares by factors, so that swapping the sides swaps "better" and "worse".
fn verdict(ratio: f64, noise: f64) -> Change {
    let band = 1.0 + noise;
    if ratio > band {
        Change::Better
    } else if ratio < 1.0 / band {
        Change::Worse
    } else {
        Change::Same
    }
}

fn human(output: &Output, answer: &CompareAnswer) -> String {
    let cells = |row: &CompareRow| {
        let paint = match row.verdict {
            Change::Better => Paint::Good,
            Change::Same => Paint::Strong,
            Change::Worse | Change::Wrong => Paint::Bad,
        };
        let rates = [row.a, row.b].map(|rate| super::show::with_unit(&si(rate), &row.unit));
        let noise = format!("{:.1} %", row.noise * 100.0);
        let figures = [format!("{:.3}", row.ratio), noise, output.paint(paint, row.verdict.name())];
        labels(&row.name).into_iter().chain(rates).chain(figures).collect()
    };
    let rows: Vec<Vec<String>> = answer.rows.iter().map(cells).collect();
    let heads = ["device", "kernel", "mode", "threads", "A", "B", "B/A", "noise", "verdict"];
    let mut text = table(&heads, &[3, 4, 5, 6, 7], &rows);
    for (side, names) in [("A", &answer.only_in_a), ("B", &answer.only_in_b)] {
        text.extend(names.iter().map(|name| format!("only in {side}: {}\n", labels(name).join(" "))));
    }
    text + &format!(
        "noise: (max - min) / median of the laps, of the noisier side, at least {:.0} %\n",
        answer.noise_min * 100.0
    )
}

fn labels(name: &RowName) -> [String; 4] {
    let machine = name.machine.as_ref().map_or(String::new(), |machine| format!("{machine}: "));
    [format!("{machine}{}", name.device), name.kernel.clone(), name.mode.clone(), name.threads.to_string()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::record::tests::{answer, row};
    use super::Change::{Better, Same, Worse};
    use super::*;

    fn figure(cpu: &str, kernel: &str, [min, median, max]: [f64; 3]) -> Figure {
        let row = BenchRow { median, min, max, ..row(kernel, median) };
        let mut environment = answer(Vec::new()).environment;
        environment.cpu = cpu.into();
        Figure { row, environment, when: String::new() }
    }

    fn verdict_of(a: [f64; 3], b: [f64; 3]) -> Change {
        comparison(vec![figure("x", "avx2", a)], vec![figure("x", "avx2", b)]).rows[0].verdict
    }

    #[test]
    fn a_median_within_the_spread_is_the_same_and_one_just_outside_is_not() {
        // A spread of 10 %: the band ends at 110.0 and at 90.9.
        let a = [95.0, 100.0, 105.0];
        for (median, expected) in [(110.0, Same), (110.1, Better), (90.95, Same), (90.85, Worse)] {
            assert_eq!(verdict_of(a, [median, median, median]), expected, "{median}");
        }
        assert_eq!(verdict_of([100.0; 3], [111.0, 120.0, 141.0]), Same, "the noisier side counts");
    }

    #[test]
    fn laps_without_spread_have_the_minimum_noise() {
        assert_eq!(verdict_of([100.0; 3], [102.0; 3]), Same);
        assert_eq!(verdict_of([100.0; 3], [102.1; 3]), Better);
    }

    #[test]
    fn wrong_answers_are_neither_better_nor_worse() {
        let mut liar = figure("x", "avx2", [200.0; 3]);
        liar.row.answers = Answers::Wrong;
        let answer = comparison(vec![figure("x", "avx2", [100.0; 3])], vec![liar]);
        assert_eq!(answer.rows[0].verdict, Change::Wrong);
    }

    #[test]
    fn rows_that_only_one_side_has_are_named() {
        let (one, two) = (figure("x", "avx2", [1.0; 3]), figure("x", "sha-ni", [1.0; 3]));
        let answer = comparison(vec![one.clone(), two.clone()], vec![two, figure("x", "avx512", [1.0; 3])]);
        assert_eq!(answer.rows.iter().map(|row| &row.name.kernel).collect::<Vec<_>>(), ["sha-ni"]);
        assert_eq!((&*answer.only_in_a[0].kernel, &*answer.only_in_b[0].kernel), ("avx2", "avx512"));
        let text = human(&Output::of_process(false, true), &answer);
        assert!(text.contains("only in A: cpu avx2 search 2\n") && text.contains("only in B: cpu avx512"), "{text}");
    }

    #[test]
    fn two_single_machines_are_compared_with_a_note_and_several_are_compared_each_with_itself() {
        let [x, y] = ["x", "y"].map(|cpu| figure(cpu, "avx2", [1.0; 3]));
        let two = comparison(vec![x.clone()], vec![y.clone()]);
        assert_eq!((two.rows.len(), two.notes.len()), (1, 1));
        let several = comparison(vec![x.clone(), y.clone()], vec![y]);
        assert_eq!(several.rows[0].name.machine.as_deref(), Some("y"));
        assert_eq!(several.only_in_a[0].machine.as_deref(), Some("x"));
        assert!(several.notes.is_empty());
    }

    proptest! {
        #[test]
        fn swapping_the_sides_swaps_better_and_worse(a in 1.0..1e9_f64, b in 1.0..1e9_f64, noise in 0.0..3.0_f64) {
            let back = match verdict(b / a, noise) {
                Better => Worse,
                Worse => Better,
                same @ (Same | Change::Wrong) => same,
            };
            // A ratio on the very edge may fall on either side once it is inverted.
            let edge = [1.0 + noise, 1.0 / (1.0 + noise)].iter().any(|edge| (b / a / edge - 1.0).abs() < 1e-9);
            prop_assert!(edge || verdict(a / b, noise) == back);
        }
    }
}
