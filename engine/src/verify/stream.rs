//! The shared state of one chain under verification: takes the summaries of segments and joins them in order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cityseal_chain::{ChainWork, Commitments, Cut, History, Judgement, Parameters, Summary, TreeOutline, judge};
use cityseal_device::{CPU_DEVICE_ID, DeviceInfo, DeviceKind};
use cityseal_hash::{HEADER_LEN, HashKernel, double_sha256};

use super::permits::{Permit, Permits};
use super::report::{Finish, Progress, VerifyReport};
use super::request::{RunState, VerifyRequest};
use super::segment::{Place, Segment, Unread};
use super::stages::{StageName, Stages};
use crate::devices::{DeviceShare, DeviceStatus};
use crate::judge::Caught;
use crate::task::ChainId;

/// One chain under verification; shared by its verifier and the workers.
pub(crate) struct Stream {
    id: ChainId,
    parameters: Parameters,
    start_height: u64,
    start_work: ChainWork,
    now: u64,
    permits: Arc<Permits>,
    tenant: String,
    priority: u8,
    /// The kernel that hashes commitments, if the request asks for them.
    committer: Option<HashKernel>,
    /// Headers of the resumed summary.
    resumed: u64,
    pub(crate) stages: Stages,
    state: Mutex<State>,
    settled: Condvar,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("state", &*self.lock()).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct State {
    /// The summary of everything before the first missing segment.
    joined: Summary,
    /// The sequence number of that segment.
    next: u64,
    /// Summaries of later segments; at most as many as there are permits.
    early: BTreeMap<u64, Summary>,
    /// The history before each segment that was sent and is not joined yet; that of `next` first.
    befores: VecDeque<History>,
    /// Headers hashed, by device id.
    hashed: BTreeMap<String, u64>,
    /// The first unreadable segment: its sequence number and its offset in bytes.
    unreadable: Option<(u64, u64)>,
    abandoned: bool,
}

impl Stream {
    /// A stream of headers, or of blocks, that continues after `joined`.
    pub(crate) fn new(request: VerifyRequest, mut joined: Summary, permits: Arc<Permits>, of_blocks: bool) -> Self {
        if request.commits {
            let first = joined.first_height - request.start_height;
            joined.commitments.get_or_insert_with(|| Commitments::empty(first, of_blocks));
        } else {
            // Without updates it would commit to fewer items than the summary counts.
            joined.commitments = None;
        }
        Self {
            id: ChainId::next(),
            committer: request.commits.then(HashKernel::detect),
            parameters: request.parameters,
            start_height: request.start_height,
            start_work: request.start_work,
            now: request.now,
            permits,
            tenant: request.tenant,
            priority: request.priority,
            resumed: joined.count,
            stages: Stages::default(),
            state: Mutex::new(State {
                joined,
                next: 0,
                early: BTreeMap::new(),
                befores: VecDeque::new(),
                hashed: BTreeMap::new(),
                unreadable: None,
                abandoned: false,
            }),
            settled: Condvar::new(),
        }
    }

    /// Identifies the stream among all tasks.
    pub(crate) const fn id(&self) -> ChainId {
        self.id
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    pub(crate) const fn priority(&self) -> u8 {
        self.priority
    }

    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The present time (Unix time in seconds) for rule R10.
    pub(crate) const fn now(&self) -> u64 {
        self.now
    }

    pub(crate) const fn permits(&self) -> &Arc<Permits> {
        &self.permits
    }

    /// The next segment, of the given headers.
    pub(crate) fn segment(&self, sequence: u64, before: History, headers: Vec<u8>, permit: Permit) -> Segment {
        Segment::of_headers(self.next_place(sequence, before), headers, permit)
    }

    /// The next segment, of `count` headers in a file.
    pub(crate) fn segment_of_file(
        &self,
        sequence: u64,
        before: History,
        count: usize,
        unread: Unread,
        permit: Permit,
    ) -> Segment {
        Segment::of_file(self.next_place(sequence, before), count, unread, permit)
    }

    fn next_place(&self, sequence: u64, before: History) -> Place {
        let offset = (before.next_height() - self.start_height) * HEADER_LEN as u64;
        self.next_place_at(sequence, before, offset)
    }

    /// The place of the next segment, whose first byte is at `offset` of the input.
    pub(crate) fn next_place_at(&self, sequence: u64, before: History, offset: u64) -> Place {
        self.lock().befores.push_back(before);
        Place { sequence, offset, before }
    }

    /// Records that a segment could not be read: what precedes it is still judged, nothing after it.
    pub(crate) fn report_unreadable(&self, place: &Place) {
        let found = (place.sequence, place.offset);
        let mut state = self.lock();
        state.unreadable = Some(state.unreadable.map_or(found, |known| known.min(found)));
        drop(state);
        self.settled.notify_all();
    }

    /// Judges a segment with the hashes that a device reported. For a device other than the CPU, a sample of its hashes
    /// and the last two are computed again; if they differ or a fault is found, all of them are.
    ///
    /// # Errors
    /// The device's wrong answer; the segment is then judged with hashes of the CPU.
    pub(crate) fn judge(
        &self,
        segment: &Segment,
        hashes: &[[u8; 32]],
        device: &DeviceInfo,
        cpu: HashKernel,
        recheck_every: usize,
    ) -> Result<(), Caught> {
        if device.kind == DeviceKind::Cpu {
            let summary = self.judge_with(segment, hashes);
            self.accept(&segment.place, segment.count(), summary, &device.id);
            return Ok(());
        }
        let claimed = match find_wrong(segment, hashes, recheck_every) {
            Some(wrong) => Err(wrong),
            None => Ok(self.judge_with(segment, hashes)),
        };
        match claimed {
            Ok(summary) if summary.fault.is_none() => {
                self.accept(&segment.place, segment.count(), summary, &device.id);
                Ok(())
            }
            // A wrong hash, or a fault that the CPU must confirm.
            unconfirmed => self.judge_again(segment, hashes, cpu, unconfirmed.err(), &device.id),
        }
    }

    /// Judges a segment with hashes of the CPU, which are final.
    fn judge_again(
        &self,
        segment: &Segment,
        claimed: &[[u8; 32]],
        cpu: HashKernel,
        wrong: Option<String>,
        device: &str,
    ) -> Result<(), Caught> {
        let mut own = vec![[0; 32]; segment.count()];
        cpu.hash_headers(segment.headers(), &mut own);
        let wrong = wrong.or_else(|| first_difference(segment, claimed, &own));
        let summary = self.judge_with(segment, &own);
        self.accept(&segment.place, segment.count(), summary, if wrong.is_some() { CPU_DEVICE_ID } else { device });
        wrong.map_or(Ok(()), |what| Err(Caught::wrong(what)))
    }

    fn judge_with(&self, segment: &Segment, hashes: &[[u8; 32]]) -> Summary {
        let Place { before, offset, .. } = &segment.place;
        self.stages.time(StageName::Rules, || {
            let mut summary = judge(&self.parameters, before, segment.headers(), hashes, self.now, *offset);
            self.commit(&mut summary, hashes, None);
            summary
        })
    }

    /// Adds commitments to the items that passed: to their hashes and, for blocks, to their content digests.
    pub(crate) fn commit(
        &self,
        summary: &mut Summary,
        hashes: &[[u8; 32]],
        contents: Option<&dyn Fn(usize) -> [u8; 32]>,
    ) {
        let Some(kernel) = self.committer else { return };
        let first = summary.first_height - self.start_height;
        let outline = |items: &[[u8; 32]]| {
            let messages: Vec<&[u8]> = items.iter().map(<[u8; 32]>::as_slice).collect();
            let mut leaves = vec![[0; 32]; items.len()];
            kernel.hash_leaves_rfc6962(&messages, &mut leaves);
            TreeOutline::of_leaves(first, &leaves, kernel)
        };
        let count = summary.count as usize;
        let contents = contents.map(|content| (0..count).map(content).collect::<Vec<_>>());
        summary.commitments = Some(Commitments {
            headers: outline(&hashes[..count]),
            contents: contents.map(|contents| outline(&contents)),
        });
    }

    /// Takes the summary of a segment of `count` headers or blocks that `device` (an id) hashed.
    pub(crate) fn accept(&self, place: &Place, count: usize, summary: Summary, device: &str) {
        let mut state = self.lock();
        // A late duplicate must not count twice.
        if state.has(place.sequence) {
            return;
        }
        match state.hashed.get_mut(device) {
            Some(headers) => *headers += count as u64,
            None => {
                state.hashed.insert(device.to_owned(), count as u64);
            }
        }
        state.early.insert(place.sequence, summary);
        state.join_ready();
        if state.is_settled() {
            drop(state);
            self.settled.notify_all();
        }
    }

    /// Ends the stream without a verdict, because no worker will take its tasks.
    pub(crate) fn abandon(&self) {
        self.lock().abandoned = true;
        self.settled.notify_all();
        // Wakes a feeder that waits for a buffer; it then finds the stream decided.
        self.permits.open();
    }

    /// Abandons the verdict: queued tasks become unwanted.
    pub(crate) fn give_up(&self) {
        self.lock().abandoned = true;
    }

    /// Whether no further input can change the verdict.
    pub(crate) fn is_decided(&self) -> bool {
        self.lock().is_decided()
    }

    /// Whether the verdict may still depend on a segment.
    pub(crate) fn wants(&self, place: &Place) -> bool {
        let state = self.lock();
        let behind = state.unreadable.is_some_and(|(sequence, _)| sequence <= place.sequence);
        state.joined.fault.is_none() && !state.abandoned && !behind
    }

    pub(crate) fn progress(&self, received: u64) -> Progress {
        let state = self.lock();
        Progress {
            received,
            validated_through: state.joined.last_height(),
            fault_found: state.joined.fault.is_some(),
            is_decided: state.is_decided(),
        }
    }

    pub(crate) fn wait_until_settled(&self) {
        let mut state = self.lock();
        while !state.is_settled() {
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What is joined, and the history after it; `behind` is the history after everything that was sent.
    pub(crate) fn run_state(&self, behind: History) -> RunState {
        let state = self.lock();
        let history = state.befores.front().copied().unwrap_or(behind);
        RunState { summary: state.joined.clone(), history }
    }

    /// The report on everything that was sent. `behind` is the history after it; `cut_bytes` is the length of an
    /// unfinished header at the end; `cut` means that the input was cut off.
    pub(crate) fn conclude(
        &self,
        cut_bytes: u64,
        finish: Option<Finish>,
        cut: bool,
        behind: History,
        statuses: &[DeviceStatus],
        took: Duration,
    ) -> VerifyReport {
        let run = self.run_state(behind);
        let state = self.lock();
        let offset = (behind.next_height() - self.start_height) * HEADER_LEN as u64;
        // What this side knows about the end takes precedence over the sender's statement.
        let ending = match (state.known_cut(offset, cut_bytes), finish) {
            (Some(cut), _) => Err(cut),
            (None, _) if cut => Err(Cut::NotFinished),
            (None, Some(finish)) => check_finish(finish, self.resumed, &run.summary),
            (None, None) => Ok(()),
        };
        let judged = Judgement::conclude(&self.parameters, self.start_work, run.summary.clone(), ending);
        VerifyReport {
            verdict: judged.verdict,
            count: judged.count,
            tip: judged.tip,
            not_checked: judged.not_checked,
            parameters: judged.parameters_digest,
            devices: shares(&state.hashed, statuses),
            took,
            state: run,
            stages: self.stages.all(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a segment was already judged: it was given to a second device after the first one was too late.
    fn has(&self, sequence: u64) -> bool {
        sequence < self.next || self.early.contains_key(&sequence)
    }

    /// Joins the summaries that have no gap before them.
    fn join_ready(&mut self) {
        while let Some(summary) = self.early.remove(&self.next) {
            let before = std::mem::replace(&mut self.joined, Summary::empty(0));
            self.joined = before.join(summary);
            self.befores.pop_front();
            self.next += 1;
        }
    }

    /// Why the input is incomplete, if that is known without its sender.
    fn known_cut(&self, offset: u64, bytes: u64) -> Option<Cut> {
        if self.abandoned {
            return Some(Cut::NoDevice);
        }
        if let Some((_, offset)) = self.unreadable {
            return Some(Cut::Unreadable { offset });
        }
        (bytes > 0).then_some(Cut::WithinHeader { offset, bytes })
    }

    fn is_decided(&self) -> bool {
        self.joined.fault.is_some() || self.unreadable.is_some() || self.abandoned
    }

    /// Whether everything that could change the verdict was joined.
    fn is_settled(&self) -> bool {
        let end = self.unreadable.map_or(self.next + self.befores.len() as u64, |(sequence, _)| sequence);
        self.next >= end || self.joined.fault.is_some() || self.abandoned
    }
}

/// Compares the sender's closing statement with what was received.
fn check_finish(finish: Finish, resumed: u64, joined: &Summary) -> Result<(), Cut> {
    let received = joined.count - resumed;
    if finish.count != received {
        return Err(Cut::Count { announced: finish.count, received });
    }
    match (finish.last_hash, joined.last_hash) {
        (Some(announced), Some(received)) if announced != received => Err(Cut::LastHash { announced, received }),
        _ => Ok(()),
    }
}

/// Rehashes every `every`-th header and the last two; describes the first wrong hash.
///
/// Most wrong hashes show up as a broken link of the next header. The last header has no next one, and a wrong hash of
/// the last but one could match a wrong link in the last header; so both are always rehashed.
fn find_wrong(segment: &Segment, hashes: &[[u8; 32]], every: usize) -> Option<String> {
    let count = segment.count();
    if hashes.len() != count {
        return Some(format!("returned {} hashes for {count} headers", hashes.len()));
    }
    // The sample starts at a different header in each segment, so that every lane of the device is checked over time.
    // 0x9e37_79b9 is 2^32 divided by the golden ratio, which spreads consecutive numbers evenly.
    let every = every.max(1);
    let first = (segment.place.sequence as usize).wrapping_mul(0x9e37_79b9) % every;
    (first..count)
        .step_by(every)
        .chain(count.saturating_sub(2)..count)
        .find_map(|index| wrong_at(segment, hashes, index))
}

fn wrong_at(segment: &Segment, hashes: &[[u8; 32]], index: usize) -> Option<String> {
    let header = &segment.headers()[index * HEADER_LEN..(index + 1) * HEADER_LEN];
    let right = double_sha256(header) == hashes[index];
    (!right).then(|| {
        format!("returned a wrong hash for the header at byte {}", segment.place.offset + (index * HEADER_LEN) as u64)
    })
}

fn first_difference(segment: &Segment, claimed: &[[u8; 32]], own: &[[u8; 32]]) -> Option<String> {
    let index = claimed.iter().zip(own).position(|(claimed, own)| claimed != own)?;
    wrong_at(segment, claimed, index)
}

fn shares(hashed: &BTreeMap<String, u64>, statuses: &[DeviceStatus]) -> Vec<DeviceShare> {
    statuses
        .iter()
        .map(|status| DeviceShare {
            name: status.info.name.clone(),
            kind: status.info.kind,
            kernel: status.info.kernel.clone(),
            hashes: 0,
            headers: hashed.get(&status.info.id).copied().unwrap_or(0),
            state: status.state.clone(),
        })
        .collect()
}
