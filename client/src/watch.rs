//! The events of a job across reconnections: each one once and in order.
//!
//! Events are parsed but not checked; [`crate::Client::seal`] checks the seals.

use std::fmt;

use cityseal_proto::v1;
use cityseal_proto::v1::watch_job_response::Event as Body;
use tonic::{Code, Status, Streaming};
use tracing::debug;

use crate::connection::Client;
use crate::error::{ClientError, number_of, reason_of};
use crate::job::{ClaimedResult, Job};
use crate::retry::{Attempts, is_transient, wanted_pause};

/// An event of a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum JobEvent {
    /// The service accepted the job.
    Accepted {
        /// The job's state at the event.
        job: Job,
    },
    /// The job's counts changed.
    Progress {
        /// The job's state at the event.
        job: Job,
    },
    /// The job ended. This is the last event.
    Ended {
        /// The job's final state.
        job: Job,
        /// Its claimed seals, what was searched, and what each device contributed.
        result: ClaimedResult,
    },
}

impl fmt::Display for JobEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted { job } => write!(f, "accepted: {job}"),
            Self::Progress { job } => write!(f, "progress: {job}"),
            Self::Ended { job, .. } => write!(f, "ended: {job}"),
        }
    }
}

/// The events of one job. Continues after a lost connection.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    job_id: String,
    next_seq: u64,
    stream: Option<Streaming<v1::WatchJobResponse>>,
    attempts: Attempts,
    ended: bool,
}

impl Client {
    /// Watches a job from event `from_seq` on (the first event has 1; 0: from the beginning). Dropping the watch does
    /// not cancel the job.
    pub fn watch(&self, job_id: impl Into<String>, from_seq: u64) -> Watch {
        Watch {
            client: self.clone(),
            job_id: job_id.into(),
            next_seq: from_seq.max(1),
            stream: None,
            attempts: self.attempts(),
            ended: false,
        }
    }
}

impl Watch {
    /// Returns the sequence number of the next event.
    pub const fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Returns the next event, or `None` after the job's end.
    ///
    /// Events that the service no longer keeps after a long interruption are skipped; the next event has the current
    /// counts.
    ///
    /// # Errors
    /// [`ClientError::Refused`]: with `JOB_NOT_FOUND` if the service lost the job, with other reasons if the retry
    /// policy gives up.
    pub async fn next(&mut self) -> Result<Option<JobEvent>, ClientError> {
        while !self.ended {
            match self.receive().await {
                Ok(message) => {
                    self.attempts.succeeded();
                    return self.take(message).map(Some);
                }
                Err(status) => self.recover(status).await?,
            }
        }
        Ok(None)
    }

    async fn receive(&mut self) -> Result<v1::WatchJobResponse, Status> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open().await?,
        };
        let cut = || Status::unavailable("the stream of events ended before the job did");
        let message = stream.message().await?.ok_or_else(cut)?;
        self.stream = Some(stream);
        Ok(message)
    }

    async fn open(&self) -> Result<Streaming<v1::WatchJobResponse>, Status> {
        let request = v1::WatchJobRequest { job_id: self.job_id.clone(), from_seq: self.next_seq };
        Ok(self.client.sealer().watch_job(request).await?.into_inner())
    }

    fn take(&mut self, message: v1::WatchJobResponse) -> Result<JobEvent, ClientError> {
        let job = message.job.ok_or(ClientError::Cut { expected: "the job of an event" })?;
        let job = Job::from_wire(job)?;
        self.next_seq = message.seq.saturating_add(1);
        match message.event {
            Some(Body::Accepted(_)) => Ok(JobEvent::Accepted { job }),
            // An event of a kind that this build does not know still has the counts.
            Some(Body::Progress(_)) | None => Ok(JobEvent::Progress { job }),
            Some(Body::Ended(result)) => {
                self.ended = true;
                Ok(JobEvent::Ended { job, result: ClaimedResult::from_wire(result)? })
            }
        }
    }

    /// Prepares the next attempt, or returns the error if there is none.
    async fn recover(&mut self, status: Status) -> Result<(), ClientError> {
        debug!(job_id = self.job_id, %status, "watch interrupted");
        self.stream = None;
        if status.code() == Code::OutOfRange && reason_of(&status).as_deref() == Some("SEQ_OUT_OF_RANGE") {
            let oldest = number_of(&status, "oldest_seq").filter(|oldest| *oldest > self.next_seq);
            self.next_seq = oldest.ok_or_else(|| ClientError::from(status))?;
            return Ok(());
        }
        if !is_transient(&status) || !self.attempts.wait(wanted_pause(&status)).await {
            return Err(status.into());
        }
        Ok(())
    }
}
