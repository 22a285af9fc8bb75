//! The back end of one GPU. It keeps a few dispatches in flight, in the order of their batches.
//!
//! A batch is divided into dispatches. Their size follows from the duration of earlier ones.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cityseal_device::{Backend, Batch, Completed, DeviceError, DeviceInfo, Ticket, Tuned, Tuning};
use cityseal_hash::MIDSTATES_MAX;

use crate::flight::{Flight, Sent, Work};
use crate::layout::LEVEL_STRIDE;
use crate::machine::Machine;
use crate::pace::Pace;
use crate::remember::is_plausible;
use crate::results::HEAD_BYTES;

/// Batches in flight: one runs, one waits, one is being read or prepared.
pub(crate) const DEPTH: usize = 3;

/// Dispatches in flight, of all batches together. The limit keeps the queue short, so that a long batch can be
/// abandoned.
const DISPATCHES_MAX: usize = 3;

/// Nonces of a block, which one invocation searches, as a logarithm to base 2. With 64 nonces the overhead of an
/// invocation is below 1 %.
pub(crate) const BLOCK_BITS: u32 = 6;

/// Nonces of a block.
const BLOCK_NONCES: u64 = 1 << BLOCK_BITS;

/// Most units of one dispatch: the whole largest batch, 2^32 nonces with each of its midstates.
const UNITS_MAX: u64 = ((1 << 32) / BLOCK_NONCES) * MIDSTATES_MAX as u64;

/// Nonces of a device's first dispatch: few enough for any device.
const FIRST_NONCES: u64 = 1 << 16;

/// Workgroups of one dispatch; every API has this limit.
pub(crate) const WORKGROUPS_MAX: u32 = 65_535;

/// If a wait took at least this long, the dispatch was not finished when it began, so the end of the wait is the end of
/// the dispatch.
const WAITED_AT_LEAST: Duration = Duration::from_micros(100);

/// One GPU.
#[derive(Debug)]
pub struct GpuBackend {
    info: DeviceInfo,
    machine: Machine,
    workgroup: u32,
    flights: VecDeque<Flight>,
    free_slots: Vec<usize>,
    tickets: u64,
    pace: Pace,
    tuning: Arc<Tuning>,
    last_end: LastEnd,
}

/// When the previous dispatch ended.
#[derive(Clone, Copy, Debug)]
struct LastEnd {
    at: Instant,
    is_exact: bool,
}

impl GpuBackend {
    /// Creates the back end of an opened device whose shaders have workgroups of `workgroup` invocations. Dispatches
    /// should take `aim`. The size of the first one comes from `tuning` if that holds plausible values, and is small
    /// otherwise.
    pub(crate) fn new(
        info: DeviceInfo,
        machine: Machine,
        workgroup: u32,
        (aim, tuning): (Duration, Arc<Tuning>),
    ) -> Self {
        let free_slots = (0..machine.slots.len()).collect();
        let pace = first_pace(aim, tuning.get());
        let last_end = LastEnd { at: Instant::now(), is_exact: true };
        Self { info, machine, workgroup, flights: VecDeque::new(), free_slots, tickets: 0, pace, tuning, last_end }
    }

    /// Sends dispatches of the oldest unfinished work, up to [`DISPATCHES_MAX`] in flight.
    fn pump(&mut self) -> Result<(), DeviceError> {
        self.machine.check()?;
        while self.flights.iter().map(|flight| flight.sent.len()).sum::<usize>() < DISPATCHES_MAX
            && let Some(flight) = self.flights.iter_mut().find(|flight| !flight.is_sent())
        {
            let sent = match &flight.work {
                Work::Search(_) => send_search(&mut self.machine, flight, self.pace, self.workgroup)?,
                Work::Hash(_) => send_hashes(&mut self.machine, flight, self.workgroup)?,
                Work::Trees(_) => send_trees(&mut self.machine, flight, self.workgroup)?,
            };
            flight.sent.push_back(sent);
        }
        Ok(())
    }

    /// Waits for the oldest dispatch of the oldest batch until `deadline`. Returns false if it is not finished by then.
    fn wait_for_oldest(&mut self, deadline: Instant) -> Result<bool, DeviceError> {
        let Some(flight) = self.flights.front_mut() else { return Ok(false) };
        let Some(sent) = flight.sent.front() else { return Ok(true) };
        let begin = Instant::now();
        if !self.machine.wait(&sent.index, deadline.saturating_duration_since(begin))? {
            return Ok(false);
        }
        let end = Instant::now();
        let is_exact = end - begin >= WAITED_AT_LEAST;
        let took = end - sent.at.max(self.last_end.at);
        flight.busy += took;
        let (units, at) = (sent.units, sent.at);
        flight.sent.pop_front();
        // Only exactly measured dispatches, or ones that were clearly fast, adjust the pace.
        if let Some(units) = units {
            let starts_exactly = self.last_end.is_exact || at >= self.last_end.at;
            if is_exact && starts_exactly {
                self.learn(units, took);
            } else if end - at < self.pace.aim() / 2 {
                self.learn(units, end - at);
            }
        }
        self.last_end = LastEnd { at: end, is_exact };
        Ok(true)
    }

    fn learn(&mut self, units: u64, took: Duration) {
        self.pace.observe(units, took);
        if let Some(rate) = self.pace.rate() {
            let dispatch_nonces = self.pace.units().saturating_mul(BLOCK_NONCES);
            self.tuning.set(Tuned { dispatch_nonces, rate_hz: (rate * BLOCK_NONCES as f64) as u64 });
        }
    }

    /// Reads the result of the oldest batch, whose dispatches are all finished.
    fn finish_oldest(&mut self) -> Result<Option<Completed>, DeviceError> {
        let Some(flight) = self.flights.pop_front() else { return Ok(None) };
        let Some((mapping, bytes)) = &flight.readback else {
            return Err(DeviceError::Malformed {
                what: "a batch ended before all its dispatches were sent".to_owned(),
            });
        };
        if !mapping.is_ready() {
            return Err(DeviceError::Lost { reason: "the results could not be mapped".to_owned() });
        }
        let report = self.machine.read(flight.slot, *bytes, |bytes| flight.report(bytes))?;
        self.free_slots.push(flight.slot);
        Ok(Some(Completed { ticket: flight.ticket, report, busy: flight.busy }))
    }

    fn assert_within_limits(&self, batch: &Batch) {
        let limits = self.info.limits;
        let (size, max) = match batch {
            Batch::Search(search) => {
                assert!(search.hits_max <= limits.hits_max, "hits_max is {}, above the limit", search.hits_max);
                (search.nonces.count(), limits.search_nonces_max)
            }
            Batch::Check(check) => (check.count() as u64, limits.check_headers_max as u64),
            Batch::Merkle(merkle) => (merkle.count() as u64, limits.merkle_nodes_max as u64),
            Batch::Trees(trees) => (trees.leaf_count() as u64, limits.tree_leaves_max as u64),
        };
        assert!(size <= max, "a batch of {size} exceeds the limit of {max}");
    }
}

impl Backend for GpuBackend {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn depth(&self) -> usize {
        DEPTH
    }

    fn submit(&mut self, batch: Batch) -> Result<Ticket, DeviceError> {
        self.assert_within_limits(&batch);
        assert!(!self.free_slots.is_empty(), "at most {DEPTH} batches in flight");
        let slot = self.free_slots.swap_remove(0);
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.flights.push_back(Flight::new(batch, ticket, slot, BLOCK_BITS));
        self.pump()?;
        Ok(ticket)
    }

    fn collect(&mut self, timeout: Duration) -> Result<Option<Completed>, DeviceError> {
        let deadline = Instant::now() + timeout;
        while self.flights.front().is_some_and(|flight| !(flight.is_sent() && flight.sent.is_empty())) {
            self.pump()?;
            if !self.wait_for_oldest(deadline)? {
                return Ok(None);
            }
        }
        let finished = self.finish_oldest();
        self.pump()?;
        finished
    }
}

/// The pace that a device starts with: its earlier tuning, if that is plausible.
fn first_pace(aim: Duration, tuned: Option<Tuned>) -> Pace {
    match tuned.filter(is_plausible) {
        Some(tuned) => Pace::at_rate(aim, tuned.rate_hz as f64 / BLOCK_NONCES as f64, UNITS_MAX),
        None => Pace::new(aim, FIRST_NONCES / BLOCK_NONCES, UNITS_MAX),
    }
}

fn send_search(machine: &mut Machine, flight: &mut Flight, pace: Pace, workgroup: u32) -> Result<Sent, DeviceError> {
    let Work::Search(search) = &mut flight.work else { unreachable!("the caller checked the kind of work") };
    let part = search.next_part(pace.units_of(search.units_left()), WORKGROUPS_MAX * workgroup);
    let (shader, hits_max) = (search.shader(), search.hits_max());
    let slot = flight.slot;
    machine.write(&machine.slots[slot].search_words, bytemuck::bytes_of(&part.words));
    let mut bytes = 0;
    let at = Instant::now();
    let index = machine.send(|machine, encoder| {
        let buffers = &machine.slots[slot];
        if part.is_first {
            encoder.clear_buffer(&buffers.search_results, 0, Some(HEAD_BYTES as u64));
        }
        machine.pipelines.dispatch(encoder, shader, &buffers.search_group, part.words.blocks.div_ceil(workgroup));
        if part.is_last {
            bytes = buffers.copy_search(encoder, hits_max);
        }
    })?;
    if part.is_last {
        flight.readback = Some((machine.map(slot, bytes), bytes));
    }
    Ok(Sent { index, at, units: Some(part.units) })
}

fn send_hashes(machine: &mut Machine, flight: &mut Flight, workgroup: u32) -> Result<Sent, DeviceError> {
    let Work::Hash(hash) = &mut flight.work else { unreachable!("the caller checked the kind of work") };
    let slot = flight.slot;
    let words = hash.words();
    let shader = hash.items.shader();
    machine.write(&machine.slots[slot].hash_words, bytemuck::bytes_of(&words));
    machine.write(&machine.slots[slot].items, hash.items.bytes());
    let mut bytes = 0;
    let at = Instant::now();
    let index = machine.send(|machine, encoder| {
        let buffers = &machine.slots[slot];
        machine.pipelines.dispatch(encoder, shader, &buffers.hash_group, words.count.div_ceil(workgroup));
        bytes = buffers.copy_hashes(encoder, hash.items.count());
    })?;
    hash.is_sent = true;
    flight.readback = Some((machine.map(slot, bytes), bytes));
    Ok(Sent { index, at, units: None })
}

/// Sends all levels of all trees in one submission, with one dispatch per level.
fn send_trees(machine: &mut Machine, flight: &mut Flight, workgroup: u32) -> Result<Sent, DeviceError> {
    let Work::Trees(trees) = &mut flight.work else { unreachable!("the caller checked the kind of work") };
    let slot = flight.slot;
    let (shader, plan) = (trees.shader(), &trees.plan);
    machine.write(&machine.slots[slot].level_words, &trees.words(LEVEL_STRIDE));
    machine.write(&machine.slots[slot].items, trees.leaves());
    machine.write(&machine.slots[slot].sources, bytemuck::cast_slice(&plan.sources));
    let mut bytes = 0;
    let at = Instant::now();
    let index = machine.send(|machine, encoder| {
        let buffers = &machine.slots[slot];
        let workgroups = plan.levels.iter().map(|level| level.count.div_ceil(workgroup));
        machine.pipelines.dispatch_levels(encoder, shader, &buffers.tree_group, workgroups);
        bytes = buffers.copy_roots(encoder, plan.roots());
    })?;
    trees.is_sent = true;
    flight.readback = Some((machine.map(slot, bytes), bytes));
    Ok(Sent { index, at, units: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AIM: Duration = Duration::from_millis(5);

    fn first_nonces(dispatch_nonces: u64, rate_hz: u64) -> u64 {
        first_pace(AIM, Some(Tuned { dispatch_nonces, rate_hz })).units() * BLOCK_NONCES
    }

    #[test]
    fn the_first_dispatch_takes_the_aim_at_the_remembered_rate() {
        assert_eq!(first_pace(AIM, None).units() * BLOCK_NONCES, FIRST_NONCES);
        // Tuned for dispatches of 20 ms, and opened for 5 ms.
        assert_eq!(first_nonces(102_400_000, 5_120_000_000), 25_600_000);
    }

    #[test]
    fn an_implausible_remembered_tuning_is_ignored() {
        for (dispatch_nonces, rate_hz) in [(u64::MAX, 5_000_000_000), (1 << 30, 1), (1 << 20, u64::MAX)] {
            assert_eq!(first_nonces(dispatch_nonces, rate_hz), FIRST_NONCES);
        }
    }
}
