//! What the metrics and the event log learn of jobs.

use std::net::SocketAddr;
use std::time::Duration;

use cityseal_engine::SealReport;

use super::record::{JobRecord, end_of};
use crate::event_log::{Event as Happened, JobFacts};
use crate::observer::Observer;

fn facts(record: &JobRecord) -> JobFacts {
    let about = &record.about;
    JobFacts {
        job_id: record.id.clone(),
        tenant: about.tenant.to_string(),
        request_id: about.request_id.clone(),
        generation: about.generation,
        call_id: about.trace.map(|trace| trace.call_id.to_string()),
        trace_id: about.trace.map(|trace| trace.trace_id.to_string()),
    }
}

/// The submission of a job by a caller with that address.
pub(super) fn submitted(record: &JobRecord, peer: Option<SocketAddr>) -> Happened {
    let (chain, priority) = (record.about.chain.clone(), record.about.priority);
    Happened::Submit { job: facts(record), chain, priority, peer: peer.map(|peer| peer.to_string()) }
}

/// Reports the end of a job that took this long.
pub(super) fn report_end(observer: &Observer, record: &JobRecord, report: &SealReport, took: Duration) {
    let (state, reason) = end_of(&report.outcome);
    observer.tally.job(state, took, report.waited, record.stopping());
    observer.event(&Happened::End {
        job: facts(record),
        state,
        reason,
        seals: report.seals.len() as u64,
        hashes: report.hashes.to_string(),
        duration_ms: took.as_millis() as u64,
    });
}
