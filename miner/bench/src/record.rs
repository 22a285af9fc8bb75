//! Records: figures with their machine, date and commit in `DIR/<device>/<date>-<commit>.json`.
//!
//! A later run of the same day and commit adds its rows and replaces those that it measured again. Records are checked
//! when they are read, and impossible ones are refused with the file and the place.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use cityseal_cli::files::{read_text, write_output_in_new_folders};
use cityseal_cli::{CliError, Output, unix_now, utc_date};

use super::error::BenchError;
use super::json::{BenchAnswer, BenchRow};

/// Maximum size of a record: thousands of rows.
const RECORD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Writes the rows of each device into its own record.
pub(super) fn write(folder: &Path, answer: &BenchAnswer, output: &Output) -> Result<(), BenchError> {
    let today = utc_date(unix_now());
    let of_latencies = answer.latencies.iter().map(|row| row.device.as_str());
    let devices: BTreeSet<&str> = answer.rows.iter().map(|row| row.device.as_str()).chain(of_latencies).collect();
    for device in devices {
        let machine = if device == "cpu" { &answer.environment.cpu } else { device };
        let name = format!("{today}-{}.json", slug(&answer.environment.commit));
        let path = folder.join(slug(machine)).join(name);
        let rows = answer.rows.iter().filter(|row| row.device == device).cloned().collect();
        let latencies = answer.latencies.iter().filter(|row| row.device == device).cloned().collect();
        let newer = BenchAnswer { rows, latencies, environment: answer.environment.clone() };
        keep(&path, &joined(earlier(&path)?, newer))?;
        output.note(format_args!("recorded in {}", path.display()));
    }
    Ok(())
}

fn earlier(path: &Path) -> Result<Option<BenchAnswer>, BenchError> {
    match read(path) {
        Ok(record) => Ok(Some(record)),
        Err(BenchError::Cli(CliError::ReadFile { source, .. })) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads one record.
pub(super) fn read(path: &Path) -> Result<BenchAnswer, BenchError> {
    let text = read_text(path, RECORD_BYTES_MAX).map_err(|source| CliError::ReadFile { path: path.into(), source })?;
    let record: BenchAnswer =
        serde_json::from_str(&text).map_err(|source| BenchError::Record { path: path.into(), source })?;
    let objection = record.rows.iter().enumerate().find_map(|(row, figures)| Some((row, objection(figures)?)));
    match objection {
        Some((row, reason)) => Err(BenchError::RecordRow { path: path.into(), row, reason }),
        None => Ok(record),
    }
}

/// Why a row is impossible; `None` if it is not.
fn objection(row: &BenchRow) -> Option<String> {
    let BenchRow { median, min, max, .. } = row;
    let is_in_order = 0.0 < *min && min <= median && median <= max && max.is_finite();
    (!is_in_order).then(|| format!("min {min}, median {median}, max {max}: expected rates above 0, in ascending order"))
}

/// Joins two records; newer rows replace earlier ones with the same key.
fn joined(earlier: Option<BenchAnswer>, newer: BenchAnswer) -> BenchAnswer {
    let Some(earlier) = earlier else { return newer };
    BenchAnswer {
        rows: merged(earlier.rows, newer.rows, |row| (row.mode.clone(), row.kernel.clone(), row.threads)),
        latencies: merged(earlier.latencies, newer.latencies, |row| (row.kernel.clone(), row.threads)),
        environment: newer.environment,
    }
}

fn merged<T, K: PartialEq>(mut rows: Vec<T>, newer: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    rows.retain(|old| newer.iter().all(|new| key(new) != key(old)));
    rows.extend(newer);
    rows
}

fn keep(path: &Path, record: &BenchAnswer) -> Result<(), BenchError> {
    let text = serde_json::to_string_pretty(record).map_err(io::Error::from);
    let written = text.and_then(|text| write_output_in_new_folders(path, (text + "\n").as_bytes()));
    Ok(written.map_err(|source| CliError::WriteFile { path: path.into(), source })?)
}

/// The letters and digits of a name in lower case, with a dash for each run of other characters.
pub(super) fn slug(name: &str) -> String {
    let words = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_lowercase();
    if slug.is_empty() { "unknown".into() } else { slug }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::super::json::{Answers, BenchEnvironment};
    use super::*;

    pub(crate) fn row(kernel: &str, median: f64) -> BenchRow {
        BenchRow {
            device: "cpu".into(),
            kernel: kernel.into(),
            mode: "search".into(),
            threads: 2,
            median,
            min: 1.0,
            max: 3.0,
            unit: "hash/s".into(),
            answers: Answers::Right,
            reason: None,
            versus: BTreeMap::from([("sha2_whole_header".into(), 4.5)]),
            batch_items: None,
            by_batch: Vec::new(),
            clock_hz: None,
            energy: None,
        }
    }

    pub(crate) fn answer(rows: Vec<BenchRow>) -> BenchAnswer {
        let environment = BenchEnvironment {
            cpu: "AMD EPYC 9B45 (96 cores)".into(),
            clock_hz: None,
            driver: None,
            commit: "0123abc".into(),
            os: "linux".into(),
            measured_at: None,
        };
        BenchAnswer { rows, latencies: Vec::new(), environment }
    }

    #[test]
    fn a_slug_is_a_valid_folder_name_on_every_system() {
        assert_eq!(slug("AMD EPYC 9B45 (96 cores)"), "amd-epyc-9b45-96-cores");
        assert_eq!(slug("../.."), "unknown");
    }

    #[test]
    fn a_second_run_replaces_the_rows_that_it_measured_again_and_keeps_the_rest() {
        let folder = std::env::temp_dir().join(format!("cityseal-record-{}", std::process::id()));
        let output = Output::of_process(true, true);
        write(&folder, &answer(vec![row("avx2", 2.0), row("portable", 1.0)]), &output).unwrap();
        write(&folder, &answer(vec![row("avx2", 2.5)]), &output).unwrap();

        let machine = folder.join("amd-epyc-9b45-96-cores");
        let files: Vec<_> = fs::read_dir(&machine).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        assert!(files[0].to_string_lossy().ends_with("-0123abc.json"));
        let kept: BenchAnswer = serde_json::from_str(&fs::read_to_string(&files[0]).unwrap()).unwrap();
        assert_eq!(kept, answer(vec![row("portable", 1.0), row("avx2", 2.5)]));
        fs::remove_dir_all(&folder).unwrap();
    }
}
