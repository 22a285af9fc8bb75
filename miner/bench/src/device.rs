//! Measures a device: keeps a back end on each of its threads busy with one question.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use cityseal_device::{Backend, Batch, BatchLimits, DeviceError, DeviceKind, Opener};

use super::error::BenchError;
use super::gauges::Gauges;
use super::hands::{take_ticket, together};
use super::json::BatchRow;
use super::question::{Question, Questions};
use super::race::{Contestant, LAPS, race};

/// Time after which a device counts as hung. It is long because software adapters compile during their first batch.
const BATCH_TIMEOUT: Duration = Duration::from_mins(1);

/// Devices other than the CPU get larger batches until one takes this long, so that submitting costs little in
/// comparison.
const BATCH_WANTED: Duration = Duration::from_millis(20);

/// Batch sizes whose lap takes less than this are never skipped as too slow.
const SLOW_BATCH: Duration = Duration::from_millis(500);

/// A device and the question that it answers.
pub(super) struct DeviceRunner {
    name: String,
    backends: Vec<Box<dyn Backend>>,
    question: Question,
    wrong: Arc<Mutex<Option<String>>>,
}

impl DeviceRunner {
    /// Opens the device (the CPU once for each thread) and finds the size of its batches. `None` if even the smallest
    /// question exceeds its limits.
    pub(super) fn open(
        opener: &mut dyn Opener,
        questions: &Questions,
        threads: usize,
    ) -> Result<Option<Self>, BenchError> {
        let info = opener.info().clone();
        let is_cpu = info.kind == DeviceKind::Cpu;
        let not_ready = |error: cityseal_device::OpenError| BenchError::NotReady {
            device: info.name.clone(),
            reason: error.to_string(),
        };
        let count = if is_cpu { threads } else { 1 };
        let backends = (0..count).map(|_| opener.open().map_err(not_ready)).collect::<Result<Vec<_>, _>>()?;
        // The limits of a device are final only once it is open.
        let limits = backends[0].info().limits;
        let Some(question) = questions.question(0, &limits) else { return Ok(None) };
        let mut runner = Self { name: info.name.clone(), backends, question, wrong: Arc::default() };
        let mut doublings = 1;
        while !is_cpu && runner.lap(1)? < BATCH_WANTED {
            let Some(larger) = questions.question(doublings, &limits) else { break };
            runner.question = larger;
            doublings += 1;
        }
        Ok(Some(runner))
    }

    /// Hashes, headers or nodes per batch.
    pub(super) fn batch_items(&self) -> u64 {
        self.question.items
    }

    /// Measures the rate for each batch size that the device accepts and that is not too slow; `budget` is the time for
    /// all sizes together.
    pub(super) fn by_batch(&mut self, questions: &Questions, budget: Duration) -> Result<Vec<BatchRow>, BenchError> {
        let limits: BatchLimits = self.backends[0].info().limits;
        let sizes = questions.sizes();
        let budget = budget / sizes.len().max(1) as u32;
        let mut rows = Vec::new();
        for question in sizes.into_iter().map_while(|size| questions.sized(size, &limits)) {
            self.question = question;
            if self.lap(1)? > budget.max(SLOW_BATCH) / LAPS as u32 {
                break;
            }
            let figures = race(self, &mut [], budget, &mut Gauges::default())?;
            let (median, min, max) = (figures.median, figures.min, figures.max);
            rows.push(BatchRow { batch_items: self.question.items, median, min, max });
        }
        Ok(rows)
    }
}

impl Contestant for DeviceRunner {
    fn lap(&mut self, tickets: u64) -> Result<Duration, BenchError> {
        let Self { name, backends, question, wrong } = self;
        let left = AtomicU64::new(tickets);
        let (left, question, wrong) = (&left, &*question, &**wrong);
        let hand = |backend| move || keep_busy(backend, question, left, wrong);
        let (took, ended) = together(backends.iter_mut().map(hand).collect());
        let failed = ended.into_iter().try_for_each(joined);
        failed.map(|()| took).map_err(|source| BenchError::Device { device: name.clone(), source })
    }

    fn items_per_ticket(&self) -> u64 {
        self.question.items
    }

    fn hands(&self) -> usize {
        self.backends.len()
    }

    fn wrong(&self) -> Option<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn joined(hand: thread::Result<Result<(), DeviceError>>) -> Result<(), DeviceError> {
    hand.unwrap_or_else(|_| Err(DeviceError::Panicked { message: "while it was measured".into() }))
}

/// Keeps as many batches in flight as the back end accepts, until no ticket is left.
fn keep_busy(
    backend: &mut Box<dyn Backend>,
    question: &Question,
    left: &AtomicU64,
    wrong: &Mutex<Option<String>>,
) -> Result<(), DeviceError> {
    let mut in_flight = 0;
    loop {
        while in_flight < backend.depth() && take_ticket(left) {
            backend.submit(Batch::clone(&question.batch))?;
            in_flight += 1;
        }
        if in_flight == 0 {
            return Ok(());
        }
        let done = backend.collect(BATCH_TIMEOUT)?.ok_or(DeviceError::Hung { waited: BATCH_TIMEOUT })?;
        in_flight -= 1;
        if let Err(reason) = question.judge(&done.report) {
            wrong.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use cityseal_device::CpuOpener;
    use cityseal_device::fake::{Behaviour, FakeOpener};
    use cityseal_hash::HashKernel;

    use super::super::mode::BenchMode;
    use super::*;

    #[test]
    fn two_threads_share_a_lap_and_every_answer_is_right() {
        let questions = Questions::of(BenchMode::Headers);
        let mut opener = CpuOpener::new(HashKernel::detect());
        let mut runner = DeviceRunner::open(&mut opener, &questions, 2).unwrap().unwrap();
        assert_eq!(runner.backends.len(), 2);
        assert!(runner.lap(9).unwrap() > Duration::ZERO);
        assert_eq!(runner.wrong(), None);
    }

    #[test]
    fn the_rate_by_batch_has_ascending_sizes_and_its_answers_are_checked() {
        let questions = Questions::of(BenchMode::Headers);
        let mut opener = CpuOpener::new(HashKernel::detect());
        let mut runner = DeviceRunner::open(&mut opener, &questions, 1).unwrap().unwrap();
        let rows = runner.by_batch(&questions, Duration::from_millis(20)).unwrap();
        assert!(rows.len() > 3 && rows.is_sorted_by(|a, b| a.batch_items < b.batch_items), "{rows:?}");
        assert!(rows.iter().all(|row| 0.0 < row.min && row.min <= row.median && row.median <= row.max), "{rows:?}");
        assert_eq!(runner.wrong(), None);

        let mut broken = CpuOpener::new(HashKernel::detect().broken_for_tests());
        let mut runner = DeviceRunner::open(&mut broken, &questions, 1).unwrap().unwrap();
        runner.by_batch(&questions, Duration::from_millis(1)).unwrap();
        assert!(runner.wrong().is_some());
    }

    #[test]
    fn a_wrong_hash_is_reported_and_a_lost_device_is_an_error() {
        let questions = Questions::of(BenchMode::Headers);
        let mut liar = FakeOpener::new("liar").from_batch(2, Behaviour::WrongHashes);
        let mut runner = DeviceRunner::open(&mut liar, &questions, 1).unwrap().unwrap();
        runner.lap(8).unwrap();
        assert!(runner.wrong().unwrap().contains("is wrong"));

        let mut lost = FakeOpener::new("lost").from_batch(0, Behaviour::Lost);
        let error = DeviceRunner::open(&mut lost, &questions, 1).map(|_| ()).unwrap_err();
        assert!(matches!(error, BenchError::Device { source: DeviceError::Lost { .. }, .. }));
    }
}
