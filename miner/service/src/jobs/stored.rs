//! Jobs in the form in which the journal stores them: protobuf messages, so that later versions can add fields.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use cityseal_engine::{SealCoverage, SearchedRun};
use cityseal_journal::{JobId, Run};
use cityseal_proto::v1;
use prost::Message;
use prost::bytes::Bytes;

use super::log::{Counts, End, Event, EventKind};
use super::record::JobRecord;
use super::request::{Agreed, JobAbout, JobRequest};
use crate::terms::WhenNoGpu;

/// A submission.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StoredRequest {
    /// The caller's `SubmitSealRequest`, encoded.
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) message: Bytes,
    /// The tenant whose share of the devices pays.
    #[prost(string, tag = "2")]
    pub(crate) paid_by: String,
    /// What the job does without a GPU.
    #[prost(enumeration = "v1::WhenNoGpu", tag = "3")]
    pub(crate) when_no_gpu: i32,
    #[prost(double, optional, tag = "4")]
    pub(crate) probability_by_deadline: Option<f64>,
}

/// The end of a job.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct StoredEnd {
    /// The job as it is shown.
    #[prost(message, optional, tag = "1")]
    pub(crate) job: Option<v1::Job>,
    #[prost(message, optional, tag = "2")]
    pub(crate) result: Option<v1::SealResult>,
    /// The id of the job that it replaced, or empty.
    #[prost(string, tag = "3")]
    pub(crate) supersedes: String,
}

impl StoredRequest {
    pub(super) fn of(request: &JobRequest) -> Self {
        let about = &request.about;
        Self {
            message: request.message.clone(),
            paid_by: request.paid_by.to_string(),
            when_no_gpu: about.when_no_gpu.to_wire().into(),
            probability_by_deadline: about.probability_by_deadline,
        }
    }

    /// What was agreed besides the message.
    pub(super) fn agreed(&self) -> Agreed {
        Agreed {
            paid_by: self.paid_by.as_str().into(),
            when_no_gpu: WhenNoGpu::from_wire(self.when_no_gpu()),
            probability_by_deadline: self.probability_by_deadline,
        }
    }
}

impl StoredEnd {
    /// The end of a job, whose last event is `event`.
    pub(super) fn of(record: &JobRecord, event: &Event) -> Self {
        let EventKind::Ended(End { result, .. }) = &event.kind else { return Self::default() };
        let supersedes = record.about.supersedes.clone().unwrap_or_default();
        Self { job: Some(record.job_at(event)), result: Some(result.as_ref().clone()), supersedes }
    }

    /// What the service keeps of the job, and its last event.
    pub(super) fn into_parts(self, fingerprint: [u8; 32]) -> Option<(JobAbout, Event)> {
        let job = self.job?;
        let counts = Counts {
            hashes: job.hashes,
            seals: job.seals_found,
            best: job.best_hash.as_ref().try_into().ok(),
            rate_hz: job.rate_hz,
        };
        let end =
            End { state: job.state(), reason: job.reason.clone(), result: Arc::new(self.result.unwrap_or_default()) };
        let event = Event { seq: job.latest_seq, counts, kind: EventKind::Ended(end) };
        let about = JobAbout {
            when_no_gpu: WhenNoGpu::from_wire(job.when_no_gpu()),
            probability_by_deadline: job.probability_by_deadline,
            trace: None,
            request_id: job.request_id,
            tenant: job.tenant.into(),
            chain: job.chain,
            priority: u8::try_from(job.priority).ok()?,
            generation: job.generation,
            fingerprint,
            volume: job.volume.parse().ok()?,
            seals_returned_max: 0,
            supersedes: Some(self.supersedes).filter(|id| !id.is_empty()),
        };
        Some((about, event))
    }
}

/// The id of a job in the journal.
pub(super) fn id_of(record: &JobRecord) -> JobId {
    record.id.parse().expect("the ids of jobs are 32 lower-case hex digits")
}

/// The runs of a coverage.
pub(super) fn runs_of(coverage: &SealCoverage) -> Vec<Run> {
    let run = |run: SearchedRun| Run { first: run.stretch.first(), last: run.stretch.last(), device: run.device };
    coverage.runs().map(run).collect()
}

/// The time of this machine's clock, as Unix time in milliseconds.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

#[cfg(test)]
mod tests {
    use super::super::log::EventLog;
    use super::*;
    use crate::caller::Caller;

    fn message() -> v1::SubmitSealRequest {
        let mut header = [0; 80];
        header[72..76].copy_from_slice(&0x207f_ffff_u32.to_le_bytes());
        let template = Some(v1::SealTemplate { header: Bytes::copy_from_slice(&header), ..Default::default() });
        let supersedes_job_id = "0".repeat(32);
        v1::SubmitSealRequest { request_id: "r".to_owned(), template, supersedes_job_id, ..Default::default() }
    }

    #[test]
    fn a_submission_survives_the_journal() {
        let request = JobRequest::read(message(), &Caller::new("north", crate::caller::Scopes::all())).unwrap();
        let stored = StoredRequest::decode(&StoredRequest::of(&request).encode_to_vec()[..]).unwrap();
        let expected = v1::SubmitSealRequest { tenant: "north".to_owned(), ..message() };
        assert_eq!(v1::SubmitSealRequest::decode(stored.message), Ok(expected));
        assert_eq!(stored.paid_by, "north");
    }

    #[test]
    fn an_ended_job_survives_the_journal() {
        let about = JobRequest::read(message(), &Caller::local()).unwrap().about;
        let record = JobRecord::new(1, "f".repeat(32), 3, about, EventLog::new(4));
        let event = record.end_without_report(v1::JobState::Expired, "late".to_owned());
        let stored = StoredEnd::decode(&StoredEnd::of(&record, &event).encode_to_vec()[..]).unwrap();
        let (about, restored) = stored.into_parts(record.about.fingerprint).unwrap();
        let log = EventLog::starting_with(restored, 4);
        let again = JobRecord::new(7, record.id.clone(), 3, about, log);
        record.show_end(event);
        assert_eq!(again.now(), record.now());
        assert_eq!(again.about.supersedes, record.about.supersedes);
        assert!(again.has_ended() && again.handle().is_none());
    }
}
