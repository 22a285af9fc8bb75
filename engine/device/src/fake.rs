//! A fake device whose behaviour follows a script: correct, late, lost, hung or faulty. For tests of the engine and of
//! services. It computes with the portable kernel.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cityseal_hash::{HashKernel, Hit};

use crate::{
    Backend, Batch, Completed, CpuBackend, DeviceError, DeviceInfo, DeviceKind, OpenError, Opener, Report,
    SearchReport, Ticket, TreeRoot,
};

/// How the fake treats a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers correctly.
    Honest,
    /// Answers correctly, after the first `collect` has returned `None`.
    Late,
    /// The device is lost.
    Lost,
    /// Never answers.
    Hung,
    /// Never returns from `collect`: blocks the calling thread.
    Stuck,
    /// Leaves out the hits of a search; reports no tree as mutated.
    MissedHits,
    /// Adds a false hit to a search; reports every tree as mutated.
    FalseHits,
    /// Answers with the content of an unused buffer: no hits, hashes of zero.
    Zeros,
    /// Flips a bit of the first hash; adds a false hit to a search.
    WrongHashes,
    /// Panics.
    Panics,
}

/// How often the fake was opened, and how many batches were submitted to it.
#[derive(Debug, Default)]
pub struct Counters {
    opened: AtomicU64,
    batches: AtomicU64,
}

impl Counters {
    /// How often the device was opened.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::SeqCst)
    }

    /// How many batches were submitted, over all openings.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::SeqCst)
    }
}

/// Opens fakes of one script. The script is a list of (batch number, behaviour): the behaviour holds from that batch of
/// the first opening on. After it is reopened, the device is correct.
#[derive(Debug)]
pub struct FakeOpener {
    info: DeviceInfo,
    script: Vec<(u64, Behaviour)>,
    counters: Arc<Counters>,
    depth: usize,
}

impl FakeOpener {
    /// Creates a correct device of kind GPU with the given id, which is also its name.
    pub fn new(id: &str) -> Self {
        let mut info = CpuBackend::new(HashKernel::portable()).info().clone();
        id.clone_into(&mut info.id);
        id.clone_into(&mut info.name);
        "fake".clone_into(&mut info.api);
        info.kind = DeviceKind::Gpu;
        info.limits.hits_max = 4_096;
        Self { info, script: Vec::new(), counters: Arc::default(), depth: 2 }
    }

    /// Sets the behaviour from batch `number` on, counted from 0 and including the batches of the known-answer suite.
    #[must_use]
    pub fn from_batch(mut self, number: u64, behaviour: Behaviour) -> Self {
        self.script.push((number, behaviour));
        self
    }

    /// Sets how many batches may be in flight at once.
    #[must_use]
    pub fn depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// The counters. They stay valid when the opener is moved into an engine.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }
}

impl Opener for FakeOpener {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn open(&mut self) -> Result<Box<dyn Backend>, OpenError> {
        self.counters.opened.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Fake {
            info: self.info.clone(),
            // The first opening takes the script, so that later ones have none.
            script: std::mem::take(&mut self.script),
            counters: Arc::clone(&self.counters),
            depth: self.depth,
            correct: CpuBackend::new(HashKernel::portable()),
            queue: VecDeque::new(),
            submitted: 0,
        }))
    }
}

struct Fake {
    info: DeviceInfo,
    script: Vec<(u64, Behaviour)>,
    counters: Arc<Counters>,
    depth: usize,
    correct: CpuBackend,
    queue: VecDeque<(Ticket, Batch, Behaviour)>,
    submitted: u64,
}

impl Fake {
    fn behaviour(&self, number: u64) -> Behaviour {
        self.script.iter().rev().find(|(from, _)| *from <= number).map_or(Behaviour::Honest, |(_, what)| *what)
    }

    fn answer(&mut self, ticket: Ticket, batch: Batch, behaviour: Behaviour) -> Result<Option<Completed>, DeviceError> {
        let corruption = Corruption::of(&batch);
        self.correct.submit(batch)?;
        let done = self.correct.collect(Duration::ZERO)?;
        Ok(done.map(|done| Completed { ticket, report: corruption.apply(done.report, behaviour), busy: done.busy }))
    }
}

impl Backend for Fake {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn depth(&self) -> usize {
        self.depth
    }

    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError> {
        assert!(self.queue.len() < self.depth, "at most {} batches in flight", self.depth);
        let behaviour = self.behaviour(self.submitted);
        self.submitted += 1;
        self.counters.batches.fetch_add(1, Ordering::SeqCst);
        let ticket = Ticket(self.submitted);
        self.queue.push_back((ticket, batch, behaviour));
        Ok(ticket)
    }

    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError> {
        let Some((ticket, batch, behaviour)) = self.queue.pop_front() else { return Ok(None) };
        match behaviour {
            Behaviour::Lost => Err(DeviceError::Lost { reason: "the script loses the device".to_owned() }),
            Behaviour::Panics => panic!("the script makes the device panic"),
            Behaviour::Hung => {
                self.queue.push_front((ticket, batch, behaviour));
                std::thread::park_timeout(timeout);
                Ok(None)
            }
            Behaviour::Stuck => loop {
                std::thread::park();
            },
            Behaviour::Late => {
                self.queue.push_front((ticket, batch, Behaviour::Honest));
                Ok(None)
            }
            Behaviour::Honest
            | Behaviour::MissedHits
            | Behaviour::FalseHits
            | Behaviour::Zeros
            | Behaviour::WrongHashes => self.answer(ticket, batch, behaviour),
        }
    }
}

/// Turns a correct answer to a batch into a wrong one.
pub(crate) struct Corruption {
    /// A plausible hit: its nonce is in the batch.
    false_hit: Option<Hit>,
}

impl Corruption {
    pub(crate) fn of(batch: &Batch) -> Self {
        let false_hit = match batch {
            Batch::Search(search) => Some(Hit { midstate: 0, nonce: search.nonces.first() }),
            Batch::Check(_) | Batch::Merkle(_) | Batch::Trees(_) => None,
        };
        Self { false_hit }
    }

    /// Applies a wrong behaviour, and returns whether that changed the report.
    pub(crate) fn apply_in_place(&self, report: &mut Report, behaviour: Behaviour) -> bool {
        let correct = report.clone();
        *report = self.apply(correct.clone(), behaviour);
        *report != correct
    }

    fn apply(&self, mut report: Report, behaviour: Behaviour) -> Report {
        match (&mut report, behaviour) {
            (Report::Search(search), Behaviour::MissedHits | Behaviour::Zeros) => {
                *search = SearchReport::default();
            }
            (Report::Search(search), Behaviour::FalseHits | Behaviour::WrongHashes) => {
                if search.hits.first() != self.false_hit.as_ref() {
                    search.hits.splice(0..0, self.false_hit);
                }
            }
            (Report::Hashes(hashes), Behaviour::Zeros) => hashes.fill([0; 32]),
            (Report::Hashes(hashes), Behaviour::WrongHashes | Behaviour::FalseHits | Behaviour::MissedHits) => {
                hashes[0][31] ^= 1;
            }
            (Report::Trees(trees), behaviour) => corrupt_trees(trees, behaviour),
            (Report::Search(_) | Report::Hashes(_), _) => {}
        }
        report
    }
}

fn corrupt_trees(trees: &mut [TreeRoot], behaviour: Behaviour) {
    match behaviour {
        Behaviour::MissedHits => trees.iter_mut().for_each(|tree| tree.mutated = false),
        Behaviour::FalseHits => trees.iter_mut().for_each(|tree| tree.mutated = true),
        Behaviour::Zeros => trees.fill(TreeRoot::default()),
        Behaviour::WrongHashes => trees[0].root[31] ^= 1,
        Behaviour::Honest
        | Behaviour::Late
        | Behaviour::Lost
        | Behaviour::Hung
        | Behaviour::Stuck
        | Behaviour::Panics => {}
    }
}
