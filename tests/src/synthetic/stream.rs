//! Generates a chain as a stream: threads generate bodies in advance, the caller's thread links and seals them in
//! order.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::Plan;
use super::block::header_of;
use super::body::Body;

/// Bodies that each thread may generate in advance. With two threads and blocks of 4 MB, all bodies stay below 32 MB.
const AHEAD: usize = 2;

/// Calls `each` with the bytes of every block of the plan, in order; stops at its first error.
///
/// # Errors
/// The first error of `each`.
///
/// # Panics
/// If a thread that generates bodies panics.
pub fn each_block(plan: &Plan, threads: usize, mut each: impl FnMut(Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    if plan.blocks() == 0 {
        return Ok(());
    }
    std::thread::scope(|scope| {
        let makers: Vec<Receiver<Body>> = (1..=threads.max(1) as u64)
            .map(|first| {
                let (sender, receiver) = sync_channel(AHEAD);
                scope.spawn(move || make_bodies(plan, first, threads.max(1), &sender));
                receiver
            })
            .collect();
        let mut parent = header_of(plan.home().genesis());
        each(plan.home().genesis().to_vec())?;
        for (height, maker) in (1..plan.blocks()).zip(makers.iter().cycle()) {
            let mut body = maker.recv().expect("a thread ends only after its last body");
            parent = plan.seal(height, &parent, &mut body);
            each(body.bytes)?;
        }
        Ok(())
    })
}

/// Generates the bodies of every `step`th height from `first` on, until the end of the plan or until the receiver is
/// dropped.
fn make_bodies(plan: &Plan, first: u64, step: usize, sender: &SyncSender<Body>) {
    for height in (first..plan.blocks()).step_by(step) {
        if sender.send(plan.body(height)).is_err() {
            return;
        }
    }
}
