//! The mode `latency`: measures three latencies of a device, each many times: the first hit of an easy job, the end of
//! a cancelled job, and the round trip of the smallest batch.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use cityseal_chain::{BlockHeader, Network, Parameters, SealTemplate, Target};
use cityseal_device::{Backend, Batch, CheckBatch, DeviceError, DeviceInfo, Opener, Report};
use cityseal_engine::{Engine, SealJob, SealOutcome};
use cityseal_hash::double_sha256;

use super::error::BenchError;
use super::json::{Answers, LatencyRow, Spread};

/// Number of trials that count. Odd, so that the median is one of them.
const TRIALS: usize = 21;

/// Trials before those that count, because the first batches of a device are slower.
const WARM_UP: usize = 3;

/// Time after which the device counts as hung.
const PATIENCE: Duration = Duration::from_mins(1);

/// Version mask that keeps a job busy for longer than a trial: 2^16 times all nonces (BIP320).
const VERSION_MASK: u32 = 0x1fff_e000;

/// Measures the three latencies of one device; `engine` has only this device.
pub(super) fn row(opener: &mut dyn Opener, engine: &Engine, threads: usize) -> Result<LatencyRow, BenchError> {
    let info = opener.info().clone();
    let mut waits = Waits { wrong: None };
    let first_hit_us = trials(|| waits.first_hit(engine))?;
    let cancel_us = trials(|| waits.cancel(engine))?;
    let mut backend =
        opener.open().map_err(|error| BenchError::NotReady { device: info.name.clone(), reason: error.to_string() })?;
    let round_trip_us = trials(|| waits.round_trip(&info, &mut *backend))?;
    Ok(LatencyRow {
        device: info.name,
        kernel: info.kernel,
        threads,
        trials: TRIALS,
        first_hit_us,
        cancel_us,
        round_trip_us,
        answers: Answers::of(waits.wrong.is_none()),
        reason: waits.wrong,
    })
}

fn trials(mut wait: impl FnMut() -> Result<Duration, BenchError>) -> Result<Spread, BenchError> {
    let waits = (0..WARM_UP + TRIALS).map(|_| wait()).collect::<Result<Vec<_>, _>>()?;
    Ok(spread(waits[WARM_UP..].to_vec()))
}

/// Median, minimum and maximum in microseconds.
fn spread(mut waits: Vec<Duration>) -> Spread {
    waits.sort_unstable();
    let us = |at: usize| waits[at].as_secs_f64() * 1e6;
    Spread { median: us(waits.len() / 2), min: us(0), max: us(waits.len() - 1) }
}

/// The measurements, and the first wrong answer.
struct Waits {
    wrong: Option<String>,
}

impl Waits {
    fn expect(&mut self, right: bool, reason: impl FnOnce() -> String) {
        if !right && self.wrong.is_none() {
            self.wrong = Some(reason());
        }
    }

    /// From the submission of a job to its seal; every second hash meets the target.
    fn first_hit(&mut self, engine: &Engine) -> Result<Duration, BenchError> {
        let template = SealTemplate::builder(genesis(Network::Regtest)).build()?;
        let began = Instant::now();
        let report = engine.submit(SealJob::new(template)).wait(Some(PATIENCE));
        let took = began.elapsed();
        let outcome = report.map(|report| report.outcome);
        self.expect(outcome == Some(SealOutcome::Sealed), || format!("easy job: expected a seal, found {outcome:?}"));
        Ok(took)
    }

    /// From the cancellation to the end of a running job that would not end by itself, since no hash meets its target.
    fn cancel(&mut self, engine: &Engine) -> Result<Duration, BenchError> {
        let template = SealTemplate::builder(genesis(Network::Mainnet)).version_mask(VERSION_MASK).build()?;
        let job = engine.submit(SealJob::new(template.with_target(Target::ONE)));
        let (moved, moves) = mpsc::channel();
        // If the receiver is gone already, the message is not needed.
        job.on_change(Arc::new(move || _ = moved.send(())));
        let has_moved = moves.recv_timeout(PATIENCE).is_ok();
        let began = Instant::now();
        job.cancel("bench");
        let report = job.wait(Some(PATIENCE));
        let took = began.elapsed();
        let cancelled = report.is_some_and(|report| matches!(report.outcome, SealOutcome::Cancelled { .. }));
        self.expect(has_moved && cancelled, || "an endless job was not cancelled".into());
        Ok(took)
    }

    /// From the submission of one header to its hash.
    fn round_trip(&mut self, info: &DeviceInfo, backend: &mut dyn Backend) -> Result<Duration, BenchError> {
        let header = genesis(Network::Mainnet).to_wire();
        let batch = Batch::Check(CheckBatch::new(Arc::new(header.to_vec())));
        let began = Instant::now();
        let done = backend.submit(batch).and_then(|_| backend.collect(PATIENCE));
        let took = began.elapsed();
        let done = done.and_then(|done| done.ok_or(DeviceError::Hung { waited: PATIENCE }));
        let report = done.map_err(|source| BenchError::Device { device: info.name.clone(), source })?.report;
        let right = matches!(&report, Report::Hashes(hashes) if hashes[..] == [double_sha256(&header)]);
        self.expect(right, || "the hash of one header is wrong".into());
        Ok(took)
    }
}

fn genesis(network: Network) -> BlockHeader {
    *Parameters::of(network).genesis()
}

#[cfg(test)]
mod tests {
    use cityseal_device::CpuOpener;
    use cityseal_device::fake::{Behaviour, FakeOpener};
    use cityseal_hash::HashKernel;

    use super::*;

    #[test]
    fn the_median_is_the_middle_of_the_sorted_waits() {
        let waits = [9, 1, 5].map(Duration::from_micros).to_vec();
        assert_eq!(spread(waits), Spread { median: 5.0, min: 1.0, max: 9.0 });
    }

    #[test]
    fn a_round_trip_returns_the_hash_and_a_wrong_hash_is_reported() {
        let mut waits = Waits { wrong: None };
        let mut honest = CpuOpener::new(HashKernel::detect());
        let info = honest.info().clone();
        waits.round_trip(&info, &mut *honest.open().unwrap()).unwrap();
        assert_eq!(waits.wrong, None);
        let mut liar = FakeOpener::new("liar").from_batch(0, Behaviour::WrongHashes);
        waits.round_trip(&info, &mut *liar.open().unwrap()).unwrap();
        assert!(waits.wrong.unwrap().contains("is wrong"));
    }

    #[test]
    fn an_easy_job_is_sealed_and_an_endless_one_is_cancelled() {
        let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
        let mut waits = Waits { wrong: None };
        assert!(waits.first_hit(&engine).unwrap() > Duration::ZERO);
        assert!(waits.cancel(&engine).unwrap() > Duration::ZERO);
        assert_eq!(waits.wrong, None);
    }
}
