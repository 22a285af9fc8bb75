//! The recorded rates of this machine, for other programs to show.

use std::path::Path;

use super::environment::here;
use super::error::BenchError;
use super::json::Answers;
use super::records::{Figure, newest};

/// A recorded rate.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedRate {
    /// Name of the device.
    pub device: String,
    /// Name of its kernel or shader variant.
    pub kernel: String,
    /// What was measured, such as `search`.
    pub mode: String,
    /// Number of CPU threads.
    pub threads: usize,
    /// Median rate.
    pub median: f64,
    /// Lowest rate.
    pub min: f64,
    /// Highest rate.
    pub max: f64,
    /// `hash/s`, `header/s` or `node/s`.
    pub unit: String,
    /// Whether all answers were right.
    pub is_right: bool,
    /// The commit that was measured.
    pub commit: String,
    /// A UTC date with or without a time of day; empty if unknown.
    pub when: String,
}

/// The newest rate of each row that was recorded on a machine with this machine's processor.
///
/// # Errors
/// [`BenchError`] if the folder or a record cannot be read, or if there are no records.
pub fn rates_of_this_machine(records: &Path) -> Result<Vec<RecordedRate>, BenchError> {
    let cpu = here(None, "").cpu;
    let mine = newest(records)?.figures.into_iter().filter(|figure| figure.environment.cpu == cpu);
    Ok(mine.map(rate_of).collect())
}

fn rate_of(figure: Figure) -> RecordedRate {
    let Figure { row, environment, when } = figure;
    RecordedRate {
        device: row.device,
        kernel: row.kernel,
        mode: row.mode,
        threads: row.threads,
        median: row.median,
        min: row.min,
        max: row.max,
        unit: row.unit,
        is_right: row.answers == Answers::Right,
        commit: environment.commit,
        when,
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{answer, row};
    use super::*;

    #[test]
    fn only_rates_of_this_processor_are_returned() {
        let folder = std::env::temp_dir().join(format!("cityseal-recorded-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut mine = answer(vec![row("avx2", 2.0)]);
        let other = answer(vec![row("portable", 1.0)]);
        mine.environment.cpu = here(None, "").cpu;
        for (name, record) in [("2026-11-22-a.json", &mine), ("2026-11-22-b.json", &other)] {
            std::fs::write(folder.join(name), serde_json::to_string(record).unwrap()).unwrap();
        }
        let rates = rates_of_this_machine(&folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(rates.len(), 1, "{rates:?}");
        assert_eq!((rates[0].kernel.as_str(), rates[0].median, rates[0].is_right), ("avx2", 2.0, true));
        assert!(rates_of_this_machine(&folder).is_err());
    }
}
