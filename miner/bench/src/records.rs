//! Reads figures of earlier runs: one record, or all records of a folder, of which the newest figure of each row
//! counts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cityseal_cli::CliError;

use super::error::BenchError;
use super::json::{BenchAnswer, BenchEnvironment, BenchRow, LatencyRow, RowName};
use super::record;

/// Maximum depth of folders. A folder of records has a folder for each machine, which has files.
const DEPTH_MAX: usize = 4;

/// Length of the date at the start of a record's name: `2026-11-22`.
const DATE_LEN: usize = 10;

/// One row with its origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) row: BenchRow,
    pub(super) environment: BenchEnvironment,
    /// Time of the measurement: a UTC date with or without a time of day; empty if neither the record nor its name has
    /// one.
    pub(super) when: String,
}

impl Figure {
    /// The key of the row, including its machine.
    pub(super) fn name(&self) -> RowName {
        RowName {
            machine: Some(self.environment.cpu.clone()),
            device: self.row.device.clone(),
            kernel: self.row.kernel.clone(),
            mode: self.row.mode.clone(),
            threads: self.row.threads,
        }
    }
}

/// The latencies of one device with their origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wait {
    pub(super) row: LatencyRow,
    pub(super) environment: BenchEnvironment,
}

/// The newest figure of each row, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Newest {
    pub(super) figures: Vec<Figure>,
    pub(super) waits: Vec<Wait>,
}

/// Reads the newest figures of a record or of all records in a folder.
pub(super) fn newest(path: &Path) -> Result<Newest, BenchError> {
    let (mut figures, mut waits) = (BTreeMap::new(), BTreeMap::new());
    for (when, record) in in_order(path)? {
        let environment = record.environment;
        for row in record.rows {
            let figure = Figure { row, environment: environment.clone(), when: when.clone() };
            figures.insert(figure.name(), figure);
        }
        for row in record.latencies {
            let key = (environment.cpu.clone(), row.device.clone(), row.kernel.clone(), row.threads);
            waits.insert(key, Wait { row, environment: environment.clone() });
        }
    }
    Ok(Newest { figures: figures.into_values().collect(), waits: waits.into_values().collect() })
}

/// The records with their times, oldest first.
fn in_order(path: &Path) -> Result<Vec<(String, BenchAnswer)>, BenchError> {
    let read = |file: PathBuf| record::read(&file).map(|record| (when(&record, &file), file, record));
    let mut records = files(path)?.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    records.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    Ok(records.into_iter().map(|(when, _, record)| (when, record)).collect())
}

/// Time of a record. A date without a time of day sorts before all times of that day.
fn when(record: &BenchAnswer, file: &Path) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let day = name.get(..DATE_LEN).filter(|day| day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
    record.environment.measured_at.clone().or(day.map(str::to_owned)).unwrap_or_default()
}

/// The file of a record, or the files of a folder of records.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, BenchError> {
    if path.is_dir() { records_in(path) } else { Ok(vec![path.to_owned()]) }
}

fn records_in(folder: &Path) -> Result<Vec<PathBuf>, BenchError> {
    let mut files = Vec::new();
    gather(folder, DEPTH_MAX, &mut files)?;
    if files.is_empty() { Err(BenchError::NoRecords { path: folder.into() }) } else { Ok(files) }
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), BenchError> {
    let unreadable = |source| CliError::ReadFile { path: folder.into(), source };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() && depth > 1 {
            gather(&path, depth - 1, files)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::{answer, row};
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn of(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("cityseal-records-{name}-{}", std::process::id()));
            fs::create_dir_all(path.join("machine")).unwrap();
            Self(path)
        }

        fn keep(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
            let path = self.0.join("machine").join(name);
            fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn text(record: &BenchAnswer) -> String {
        serde_json::to_string(record).unwrap()
    }

    #[test]
    fn the_newest_figure_of_a_row_counts_in_any_order_of_the_files() {
        let folder = Folder::of("newest");
        folder.keep("2026-11-22-aaa.json", text(&answer(vec![row("avx2", 2.0), row("portable", 1.5)])));
        folder.keep("2026-11-23-000.json", text(&answer(vec![row("avx2", 2.5)])));
        let mut later = answer(vec![row("avx2", 3.0)]);
        later.environment.measured_at = Some("2026-11-23T04:00:00Z".into());
        folder.keep("0.json", text(&later));

        let figures = newest(&folder.0).unwrap().figures;
        let medians: Vec<_> = figures.iter().map(|figure| (figure.row.kernel.as_str(), figure.row.median)).collect();
        assert_eq!(medians, [("avx2", 3.0), ("portable", 1.5)]);
        assert_eq!((figures[0].when.as_str(), figures[1].when.as_str()), ("2026-11-23T04:00:00Z", "2026-11-22"));
    }

    #[test]
    fn a_folder_without_records_is_refused() {
        let folder = Folder::of("none");
        folder.keep("notes.txt", "nothing");
        assert!(matches!(newest(&folder.0), Err(BenchError::NoRecords { .. })));
        assert!(matches!(newest(&folder.0.join("absent")), Err(BenchError::Cli(CliError::ReadFile { .. }))));
    }

    #[test]
    fn an_invalid_record_is_refused_with_its_place() {
        let folder = Folder::of("broken");
        let path = folder.keep("2026-11-22-aaa.json", "{\"rows\": [\n  {\"device\": 7}]}");
        let message = newest(&path).unwrap_err().to_string();
        assert!(message.contains("2026-11-22-aaa.json") && message.contains("line 2"), "{message}");

        let good = row("avx2", 2.0);
        for (bad, word) in
            [(BenchRow { median: 3.5, ..good.clone() }, "3.5"), (BenchRow { min: 0.0, ..good.clone() }, "above 0")]
        {
            folder.keep("2026-11-22-aaa.json", text(&answer(vec![good.clone(), bad])));
            let message = newest(&path).unwrap_err().to_string();
            assert!(message.contains("rows[1]") && message.contains(word), "{message}");
        }
        folder.keep("2026-11-22-aaa.json", text(&answer(vec![good])).replace("\"right\"", "\"fine\""));
        let message = newest(&path).unwrap_err().to_string();
        assert!(message.contains("`fine`, expected `right` or `wrong`"), "{message}");
    }
}
