//! A chain as a stream: threads make bodies ahead, one hand links and seals them in order.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::Plan;
use super::block::header_of;
use super::body::Body;

/// Bodies that a thread may be ahead by. With two threads and blocks of 4 MB all of it stays under 32 MB.
const AHEAD: usize = 2;

/// Gives each block of the plan in order, as bytes; ends where that fails.
///
/// # Errors
/// What `each` fails with.
///
/// # Panics
/// If a thread that makes bodies does.
pub fn each_block(plan: &Plan, threads: usize, mut each: impl FnMut(Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    if plan.blocks() == 0 {
        return Ok(());
    }
    std::thread::scope(|scope| {
        let makers: Vec<Receiver<Body>> = (1..=threads.max(1) as u64)
            .map(|first| {
                let (give, take) = sync_channel(AHEAD);
                scope.spawn(move || make_bodies(plan, first, threads.max(1), &give));
                take
            })
            .collect();
        let mut parent = header_of(plan.home().genesis());
        each(plan.home().genesis().to_vec())?;
        for (height, maker) in (1..plan.blocks()).zip(makers.iter().cycle()) {
            let mut body = maker.recv().expect("each maker makes every body that is asked of it");
            parent = plan.seal(height, &parent, &mut body);
            each(body.bytes)?;
        }
        Ok(())
    })
}

/// Makes the bodies of every `step`th height from `first` on, until there are no more or nobody wants them.
fn make_bodies(plan: &Plan, first: u64, step: usize, give: &SyncSender<Body>) {
    for height in (first..plan.blocks()).step_by(step) {
        if give.send(plan.body(height)).is_err() {
            return;
        }
    }
}
