//! A device that does what a script says: honest, late, lost, hung, lying. For tests of the engine and of services.
//!
//! It computes with the portable kernel, so where the script says `Honest` its answers are right.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cityseal_hash::{HashKernel, Hit};

use crate::{
    Backend, Batch, Completed, CpuBackend, DeviceError, DeviceInfo, DeviceKind, OpenError, Opener, Report,
    SearchReport, Ticket, TreeRoot,
};

/// What the fake does with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers rightly.
    Honest,
    /// Answers rightly, after `collect` has said once that it is not done.
    Late,
    /// Is gone.
    Lost,
    /// Never answers.
    Hung,
    /// Never returns from `collect`: its thread is lost.
    Stuck,
    /// Leaves out the hits of a search; reports no tree as mutated.
    MissedHits,
    /// Adds a false hit to a search; reports every tree as mutated.
    FalseHits,
    /// Answers as an untouched buffer would: no hits, hashes of zero.
    Zeros,
    /// Flips a bit in the first hash; adds a false hit to a search.
    WrongHashes,
    /// Panics.
    Panics,
}

/// How often the fake was opened, and how many batches it took in all.
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

    /// How many batches it took, over all openings.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::SeqCst)
    }
}

/// Opens fakes of one script. The script is a list of (batch number, behaviour): the behaviour holds from that batch of
/// the first opening on. A device that is opened again is honest.
#[derive(Debug)]
pub struct FakeOpener {
    info: DeviceInfo,
    script: Vec<(u64, Behaviour)>,
    counters: Arc<Counters>,
    depth: usize,
}

impl FakeOpener {
    /// An honest device of that id and name, of the kind GPU.
    pub fn new(id: &str) -> Self {
        let mut info = CpuBackend::new(HashKernel::portable()).info().clone();
        id.clone_into(&mut info.id);
        id.clone_into(&mut info.name);
        "fake".clone_into(&mut info.api);
        info.kind = DeviceKind::Gpu;
        info.limits.hits_max = 4_096;
        Self { info, script: Vec::new(), counters: Arc::default(), depth: 2 }
    }

    /// From batch `number` on (counted from 0, the known-answer suite's batches included) behave so.
    #[must_use]
    pub fn from_batch(mut self, number: u64, behaviour: Behaviour) -> Self {
        self.script.push((number, behaviour));
        self
    }

    /// How many batches it takes at once.
    #[must_use]
    pub fn depth(mut self, depth: usize) -> Self {
        self.depth = depth;
        self
    }

    /// The counters, to be kept by the test.
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
            // The first opening takes the script, so that a later one has none.
            script: std::mem::take(&mut self.script),
            counters: Arc::clone(&self.counters),
            depth: self.depth,
            honest: CpuBackend::new(HashKernel::portable()),
            queue: VecDeque::new(),
            taken: 0,
        }))
    }
}

struct Fake {
    info: DeviceInfo,
    script: Vec<(u64, Behaviour)>,
    counters: Arc<Counters>,
    depth: usize,
    honest: CpuBackend,
    queue: VecDeque<(Ticket, Batch, Behaviour)>,
    taken: u64,
}

impl Fake {
    fn behaviour(&self, number: u64) -> Behaviour {
        self.script.iter().rev().find(|(from, _)| *from <= number).map_or(Behaviour::Honest, |(_, what)| *what)
    }

    fn answer(&mut self, ticket: Ticket, batch: Batch, behaviour: Behaviour) -> Result<Option<Completed>, DeviceError> {
        let lie = Lie::about(&batch);
        self.honest.submit(batch)?;
        let done = self.honest.collect(Duration::ZERO)?;
        Ok(done.map(|done| Completed { ticket, report: lie.tell(done.report, behaviour), busy: done.busy }))
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
        let behaviour = self.behaviour(self.taken);
        self.taken += 1;
        self.counters.batches.fetch_add(1, Ordering::SeqCst);
        let ticket = Ticket(self.taken);
        self.queue.push_back((ticket, batch, behaviour));
        Ok(ticket)
    }

    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError> {
        let Some((ticket, batch, behaviour)) = self.queue.pop_front() else { return Ok(None) };
        match behaviour {
            Behaviour::Lost => Err(DeviceError::Lost { reason: "the script says so".to_owned() }),
            Behaviour::Panics => panic!("the script says so"),
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

/// What is needed to lie plausibly about a batch: a hit that lies inside it.
pub(crate) struct Lie {
    false_hit: Option<Hit>,
}

impl Lie {
    pub(crate) fn about(batch: &Batch) -> Self {
        let false_hit = match batch {
            Batch::Search(search) => Some(Hit { midstate: 0, nonce: search.nonces.first() }),
            Batch::Check(_) | Batch::Merkle(_) | Batch::Trees(_) => None,
        };
        Self { false_hit }
    }

    /// Tells it, and says whether that changed anything.
    pub(crate) fn tell_in_place(&self, report: &mut Report, behaviour: Behaviour) -> bool {
        let truth = report.clone();
        *report = self.tell(truth.clone(), behaviour);
        *report != truth
    }

    fn tell(&self, mut report: Report, behaviour: Behaviour) -> Report {
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
            (Report::Trees(trees), behaviour) => lie_about_trees(trees, behaviour),
            (Report::Search(_) | Report::Hashes(_), _) => {}
        }
        report
    }
}

fn lie_about_trees(trees: &mut [TreeRoot], behaviour: Behaviour) {
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
