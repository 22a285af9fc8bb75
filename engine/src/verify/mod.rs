//! The state of one verification: segments and groups of blocks go out as tasks, summaries come back and are joined in
//! the chain's order.
//!
//! Each task carries everything needed to judge it (the history before its first header), so any device may take it, in
//! any order. Memory is bounded by the number of permits.

mod block_batch;
mod blocks;
mod file;
mod filling;
#[cfg(test)]
mod flips;
mod header_task;
mod permits;
mod report;
mod request;
mod segment;
mod stages;
mod stream;

pub use block_batch::{BlockBatch, BlockPlace, ReadBlocks, UnreadBlocks};
pub(crate) use blocks::BlockGroup;
pub use file::ReadAt;
pub(crate) use file::advance;
pub(crate) use filling::Filling;
pub(crate) use header_task::HeaderTask;
pub(crate) use permits::{Permit, Permits};
pub use report::{Finish, Progress, VerifyReport};
pub use request::{RunState, VerifyRequest};
pub(crate) use segment::Unread;
pub use stages::{Stage, StageName};
pub(crate) use stream::Stream;
