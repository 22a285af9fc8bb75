//! Pieces of work, as the driver gives them out.

use std::sync::Arc;

use cityseal_chain::{Region, SealTemplate};
use cityseal_device::known_answers::Case;
use cityseal_device::{Batch, SearchBatch};
use cityseal_hash::HashKernel;

use super::{BlocksTask, CheckTask, TreesTask};

/// A piece of work.
#[derive(Debug)]
pub(crate) enum Work {
    /// Search a lease; hits are judged against the template.
    Search { template: Arc<SealTemplate>, region: Region, batch: SearchBatch },
    /// Hash and judge a segment of a chain.
    Check(CheckTask),
    /// Hash and judge whole blocks.
    Blocks(BlocksTask),
    /// Find the roots of Merkle trees, and judge them.
    Trees(TreesTask),
    /// Answer a question whose answer is known: shows whether the device still finds what is there.
    Canary(Arc<Case>),
}

impl Work {
    /// The batch that the device is to run, which takes trees of so many leaves; `kernel` hashes what is hashed beforehand.
    /// `None` where nothing is left to hash: a segment that cannot be read, blocks that are judged.
    pub(crate) fn batch(&self, kernel: HashKernel, leaves_max: usize) -> Option<Batch> {
        match self {
            Self::Search { batch, .. } => Some(Batch::Search(batch.clone())),
            Self::Check(task) => task.batch(),
            Self::Blocks(task) => task.batch(kernel, leaves_max),
            Self::Trees(task) => Some(task.call.batch(task.part)),
            Self::Canary(case) => Some(case.batch.clone()),
        }
    }

    /// Whether something may have to be read from a file first, or much to be hashed, before the device has anything to do.
    pub(crate) const fn is_made_ready(&self) -> bool {
        matches!(self, Self::Check(_) | Self::Blocks(_))
    }
}
