//! The values of the tables, as protobuf messages, so that later versions can add fields.

use std::collections::BTreeMap;

use prost::Message;
use prost::bytes::Bytes;

use crate::job::{End, JobId, Progress, Run, Submission};

/// Most runs of a job that are stored: 8,192 x 40 bytes are 320 KiB, rewritten with each progress of the job.
pub const RUNS_MAX: usize = 8192;

/// The table `jobs`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct JobRow {
    #[prost(string, tag = "1")]
    tenant: String,
    #[prost(string, tag = "2")]
    request_id: String,
    #[prost(bytes = "bytes", tag = "3")]
    fingerprint: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    request: Bytes,
    #[prost(uint64, tag = "5")]
    submitted_unix_ms: u64,
    #[prost(uint64, tag = "6")]
    expires_unix_ms: u64,
    #[prost(uint64, tag = "7")]
    epoch: u64,
}

impl From<&Submission> for JobRow {
    fn from(job: &Submission) -> Self {
        Self {
            tenant: job.tenant.clone(),
            request_id: job.request_id.clone(),
            fingerprint: Bytes::copy_from_slice(&job.fingerprint),
            request: job.request.clone(),
            submitted_unix_ms: job.submitted_unix_ms,
            expires_unix_ms: job.expires_unix_ms,
            epoch: job.epoch,
        }
    }
}

impl JobRow {
    /// `None`: the row is damaged.
    pub(crate) fn into_submission(self, id: JobId) -> Option<Submission> {
        Some(Submission {
            id,
            tenant: self.tenant,
            request_id: self.request_id,
            fingerprint: self.fingerprint.as_ref().try_into().ok()?,
            request: self.request,
            submitted_unix_ms: self.submitted_unix_ms,
            expires_unix_ms: self.expires_unix_ms,
            epoch: self.epoch,
        })
    }

    /// The row of the job once it has ended.
    pub(crate) fn without_request(self) -> Self {
        Self { request: Bytes::new(), ..self }
    }
}

/// The table `progress`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProgressRow {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(string, repeated, tag = "2")]
    devices: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    runs: Vec<RunRow>,
    #[prost(uint64, tag = "4")]
    epoch: u64,
}

#[derive(Clone, PartialEq, Message)]
struct RunRow {
    /// 16 bytes, big-endian.
    #[prost(bytes = "bytes", tag = "1")]
    first: Bytes,
    /// 16 bytes, big-endian.
    #[prost(bytes = "bytes", tag = "2")]
    last: Bytes,
    /// Index into `devices`.
    #[prost(uint32, tag = "3")]
    device: u32,
}

impl From<Progress> for ProgressRow {
    fn from(progress: Progress) -> Self {
        let mut devices = Vec::new();
        let mut indices = BTreeMap::new();
        let runs = at_most(progress.runs, RUNS_MAX).into_iter().map(|run| {
            let device = *indices.entry(run.device.clone()).or_insert_with(|| {
                devices.push(run.device);
                devices.len() as u32 - 1
            });
            let rank = |rank: u128| Bytes::copy_from_slice(&rank.to_be_bytes());
            RunRow { first: rank(run.first), last: rank(run.last), device }
        });
        let runs = runs.collect();
        Self { seq: progress.seq, devices, runs, epoch: progress.epoch }
    }
}

impl ProgressRow {
    /// `None`: the row is damaged.
    pub(crate) fn into_progress(self) -> Option<Progress> {
        let rank = |bytes: &Bytes| bytes.as_ref().try_into().ok().map(u128::from_be_bytes);
        let run = |row: &RunRow| {
            let device = self.devices.get(row.device as usize)?.clone();
            let (first, last) = (rank(&row.first)?, rank(&row.last)?);
            (first <= last).then_some(Run { first, last, device })
        };
        let runs: Option<Vec<Run>> = self.runs.iter().map(run).collect();
        let runs = runs?;
        let is_sorted = runs.is_sorted_by(|one, two| one.last < two.first);
        is_sorted.then_some(Progress { seq: self.seq, epoch: self.epoch, runs })
    }
}

/// The table `tips`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct TipRow {
    #[prost(uint64, tag = "1")]
    pub(crate) generation: u64,
    #[prost(uint64, tag = "2")]
    pub(crate) advanced_unix_ms: u64,
}

/// The table `ends`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EndRow {
    #[prost(uint64, tag = "1")]
    seq: u64,
    #[prost(uint64, tag = "2")]
    ended_unix_ms: u64,
    #[prost(bytes = "bytes", tag = "3")]
    result: Bytes,
}

impl From<&End> for EndRow {
    fn from(end: &End) -> Self {
        Self { seq: end.seq, ended_unix_ms: end.ended_unix_ms, result: end.result.clone() }
    }
}

impl From<EndRow> for End {
    fn from(row: EndRow) -> Self {
        Self { seq: row.seq, ended_unix_ms: row.ended_unix_ms, result: row.result }
    }
}

/// Joins neighbours, first those of one device; then, while there are more than `max`, those of several devices. If
/// gaps alone separate more than `max` runs, the last ones are left out: they are searched again after a crash.
fn at_most(runs: Vec<Run>, max: usize) -> Vec<Run> {
    let joined = join(runs, |one, two| one.device == two.device);
    if joined.len() <= max {
        return joined;
    }
    let mut joined = join(joined, |_, _| true);
    joined.truncate(max);
    joined
}

fn join(runs: Vec<Run>, may_join: impl Fn(&Run, &Run) -> bool) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::new();
    for run in runs {
        match joined.last_mut() {
            Some(last) if last.last.checked_add(1) == Some(run.first) && may_join(last, &run) => {
                last.last = run.last;
                if last.device != run.device {
                    last.device.clear();
                }
            }
            _ => joined.push(run),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: u128, last: u128, device: &str) -> Run {
        Run { first, last, device: device.to_owned() }
    }

    #[test]
    fn progress_survives_its_row() {
        let runs = vec![run(0, 9, "cpu"), run(10, 11, "vulkan:0"), run(20, u128::MAX, "cpu")];
        let progress = Progress { seq: 7, epoch: 2, runs };
        let bytes = ProgressRow::from(progress.clone()).encode_to_vec();
        assert_eq!(ProgressRow::decode(&bytes[..]).unwrap().into_progress(), Some(progress));
    }

    #[test]
    fn neighbours_of_one_device_are_one_run() {
        let row = ProgressRow::from(Progress { runs: vec![run(0, 4, "cpu"), run(5, 9, "cpu")], ..Progress::default() });
        assert_eq!(row.into_progress().unwrap().runs, [run(0, 9, "cpu")]);
    }

    #[test]
    fn too_many_runs_lose_their_devices_but_no_hash() {
        let runs: Vec<Run> = (0..9).map(|at| run(at, at, if at % 2 == 0 { "cpu" } else { "gpu" })).collect();
        assert_eq!(at_most(runs.clone(), 9), runs);
        assert_eq!(at_most(runs, 8), [run(0, 8, "")]);
    }

    #[test]
    fn runs_that_gaps_separate_are_left_out_above_the_limit() {
        let runs: Vec<Run> = (0..5).map(|at| run(at * 10, at * 10, "cpu")).collect();
        assert_eq!(at_most(runs.clone(), 4), runs[..4]);
    }

    #[test]
    fn a_row_with_overlapping_or_reversed_runs_is_damaged() {
        let with = |runs| ProgressRow::from(Progress { runs, ..Progress::default() }).into_progress();
        assert!(with(vec![run(0, 5, "a"), run(5, 6, "b")]).is_none());
        assert!(with(vec![run(5, 4, "a")]).is_none());
        assert!(with(vec![run(4, 4, "a")]).is_some());
    }
}
