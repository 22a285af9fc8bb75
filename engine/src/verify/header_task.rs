//! A segment of headers as a task for a worker.

use std::sync::Arc;

use cityseal_device::{Batch, CheckBatch, Report};
use cityseal_hash::HashKernel;

use super::segment::Segment;
use super::stages::StageName;
use super::stream::Stream;
use crate::judge::Caught;
use crate::task::{Answer, ChainId, ChainTask};

/// A segment, and the stream that takes its summary.
#[derive(Debug)]
pub(crate) struct HeaderTask {
    pub(crate) stream: Arc<Stream>,
    pub(crate) segment: Segment,
}

impl ChainTask for HeaderTask {
    fn chain(&self) -> ChainId {
        self.stream.id()
    }

    fn tenant(&self) -> &str {
        self.stream.tenant()
    }

    fn priority(&self) -> u8 {
        self.stream.priority()
    }

    fn count(&self) -> usize {
        self.segment.count()
    }

    fn is_wanted(&self) -> bool {
        self.stream.wants(self.segment.place())
    }

    fn batch(&self, _kernel: HashKernel, _leaves_max: usize) -> Option<Batch> {
        let load = || self.segment.load(self.stream.parameters()).ok();
        let headers = self.stream.stages.time(StageName::Read, load);
        if headers.is_none() {
            self.stream.report_unreadable(self.segment.place());
        }
        Some(Batch::Check(CheckBatch::new(headers?)))
    }

    fn judge(&self, answer: &Answer<'_>) -> Result<(), Caught> {
        let Report::Hashes(hashes) = answer.report else { return Err(Caught::other_kind()) };
        self.stream.stages.add(StageName::Hash, answer.busy);
        self.stream.judge(&self.segment, hashes, answer.device, answer.cpu, answer.recheck_every)
    }

    fn abandon(&self) {
        self.stream.abandon();
    }
}
