//! Merkle trees checked in bulk against the roots that they should have: whole trees in one batch, many at once, on whichever
//! device is worth it.
//!
//! A device does not know the roots that are expected. So a root that fits needs no further proof, and one that does not is
//! computed again on the CPU, whose word is the last one.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cityseal_device::{
    Backend, Batch, CPU_DEVICE_ID, CpuBackend, DeviceInfo, DeviceKind, MerkleKind, Report, TreeRoot, TreesBatch,
};
use cityseal_hash::HashKernel;

use crate::driver::TreesTask;
use crate::judge::Caught;
use crate::shell::Control;
use crate::{DeviceStatus, TreesError};

/// Leaves of one part: with the levels above 1 MiB, a fraction of a millisecond for a core and enough for a GPU. A larger
/// tree is a part of its own.
const PART_LEAVES: usize = 1 << 14;

/// Merkle trees, each with the root that it should have. Leaves are hashes already: 32 bytes in wire order.
#[derive(Clone, Debug)]
pub struct TreesRequest {
    rule: MerkleKind,
    parts: Vec<Part>,
}

/// Trees that one device checks in one batch.
#[derive(Clone, Debug, Default)]
struct Part {
    leaves: Vec<u8>,
    counts: Vec<u32>,
    roots: Vec<[u8; 32]>,
}

impl TreesRequest {
    /// No trees yet, all of one rule.
    pub const fn new(rule: MerkleKind) -> Self {
        Self { rule, parts: Vec::new() }
    }

    /// Adds a tree with the root that it should have.
    ///
    /// # Errors
    /// [`TreesError::Empty`] where it has no leaves: neither Bitcoin nor a log of a city has such a tree to check.
    pub fn push(&mut self, leaves: &[[u8; 32]], root: [u8; 32]) -> Result<(), TreesError> {
        if leaves.is_empty() {
            return Err(TreesError::Empty { index: self.parts.iter().map(|part| part.counts.len()).sum() });
        }
        let has_room = |part: &mut Part| part.leaves.len() / 32 + leaves.len() <= PART_LEAVES;
        match self.parts.pop_if(has_room) {
            Some(part) => self.parts.push(part.with(leaves, root)),
            None => self.parts.push(Part::default().with(leaves, root)),
        }
        Ok(())
    }
}

impl Part {
    fn with(mut self, leaves: &[[u8; 32]], root: [u8; 32]) -> Self {
        self.leaves.extend_from_slice(leaves.as_flattened());
        self.counts.push(leaves.len() as u32);
        self.roots.push(root);
        self
    }
}

/// What a tree turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeVerdict {
    /// It has the root that it should have.
    Right,
    /// It has that root, and two neighbours in it are equal: the same root belongs to a shorter list of leaves
    /// (CVE-2012-2459).
    Mutated,
    /// It has another root.
    Wrong {
        /// The root that it has.
        found: [u8; 32],
    },
}

/// What a check of trees came to.
#[derive(Clone, Debug)]
pub struct TreesReport {
    /// One verdict a tree, in the order in which they were given.
    pub verdicts: Vec<TreeVerdict>,
    /// Which device checked how many leaves: its name, what it ran, leaves.
    pub devices: Vec<TreesShare>,
}

/// What one device did of a check of trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreesShare {
    /// The device's name.
    pub name: String,
    /// The kernel or shader variant that it ran.
    pub kernel: String,
    /// Leaves of the trees whose roots it found.
    pub leaves: u64,
}

/// A part on its way to a device.
#[derive(Debug)]
pub(crate) struct TreesPart {
    batch: TreesBatch,
    roots: Vec<[u8; 32]>,
}

impl TreesPart {
    /// Whether all roots are those expected, and no tree is suspicious. A device's word that none is would be a bit without
    /// a proof, so that it is seen from the leaves.
    fn are_plain(&self, roots: &[TreeRoot]) -> bool {
        let is_plain = |(root, expected): (&TreeRoot, &[u8; 32])| root.root == *expected && !root.mutated;
        let are_expected = roots.len() == self.roots.len() && roots.iter().zip(&self.roots).all(is_plain);
        are_expected && (self.batch.rule() == MerkleKind::Rfc6962Sha256 || !self.repeats_itself())
    }

    fn repeats_itself(&self) -> bool {
        repetitions(&self.batch).contains(&true)
    }
}

/// Of each tree whether two neighbours on any level are equal. Those are equal whose leaves are, so that nothing has to be
/// hashed. A right neighbour with fewer leaves than the left one stands for itself repeated: were it equal to the left one,
/// that would hold a repetition on a lower level.
pub(crate) fn repetitions(batch: &TreesBatch) -> Vec<bool> {
    let mut rest = batch.leaves().as_chunks::<32>().0;
    let repeats_itself = |count: &u32| {
        let (own, others) = rest.split_at(*count as usize);
        rest = others;
        let mut sizes = std::iter::successors(Some(1), |size| Some(2 * size)).take_while(|size| 2 * size <= own.len());
        sizes.any(|size| own.chunks_exact(2 * size).any(|pair| pair[..size] == pair[size..]))
    };
    batch.counts().iter().map(repeats_itself).collect()
}

/// A request under way: what its workers and its caller share.
#[derive(Debug)]
pub(crate) struct TreesCall {
    parts: Vec<TreesPart>,
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    verdicts: BTreeMap<usize, Vec<TreeVerdict>>,
    /// Leaves by the id of the device that found their roots.
    leaves: BTreeMap<String, u64>,
    is_abandoned: bool,
}

impl TreesCall {
    fn of(request: TreesRequest) -> Self {
        let rule = request.rule;
        let part = |part: Part| TreesPart {
            batch: TreesBatch::new(Arc::new(part.leaves), Arc::new(part.counts), rule),
            roots: part.roots,
        };
        let parts = request.parts.into_iter().map(part).collect();
        Self { parts, state: Mutex::default(), settled: Condvar::new() }
    }

    /// What a device is asked about a part.
    pub(crate) fn batch(&self, part: usize) -> Batch {
        Batch::Trees(self.parts[part].batch.clone())
    }

    /// Leaves of a part.
    pub(crate) fn leaves(&self, part: usize) -> usize {
        self.parts[part].batch.leaf_count()
    }

    /// Judges the roots that a device gave for a part. Where one is not as expected, the CPU computes them all again.
    ///
    /// # Errors
    /// What the device was caught in; the part is judged all the same, on the CPU.
    pub(crate) fn judge(
        &self,
        part: usize,
        roots: &[TreeRoot],
        device: &DeviceInfo,
        cpu: HashKernel,
    ) -> Result<(), Caught> {
        if device.kind == DeviceKind::Cpu || self.parts[part].are_plain(roots) {
            self.accept(part, roots, &device.id);
            return Ok(());
        }
        let own = roots_on_the_cpu(&self.parts[part].batch, cpu);
        let is_right = own == roots;
        self.accept(part, &own, if is_right { &device.id } else { CPU_DEVICE_ID });
        let differs = own.iter().zip(roots).position(|(own, claimed)| own != claimed);
        let tree = differs.unwrap_or_else(|| roots.len().min(own.len()));
        if is_right { Ok(()) } else { Err(Caught::wrong(format!("gave a wrong root for tree {tree} of a batch"))) }
    }

    fn accept(&self, part: usize, roots: &[TreeRoot], device: &str) {
        let verdict = |(root, expected): (&TreeRoot, &[u8; 32])| match root {
            TreeRoot { root, .. } if root != expected => TreeVerdict::Wrong { found: *root },
            TreeRoot { mutated: true, .. } => TreeVerdict::Mutated,
            TreeRoot { .. } => TreeVerdict::Right,
        };
        let verdicts = roots.iter().zip(&self.parts[part].roots).map(verdict).collect();
        let mut state = self.lock();
        if state.verdicts.insert(part, verdicts).is_none() {
            *state.leaves.entry(device.to_owned()).or_default() += self.leaves(part) as u64;
        }
        drop(state);
        self.settled.notify_all();
    }

    /// Nobody will look at what is left.
    pub(crate) fn abandon(&self) {
        self.lock().is_abandoned = true;
        self.settled.notify_all();
    }

    fn wait(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while !state.is_abandoned && state.verdicts.len() < self.parts.len() {
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks trees: gives the parts out, waits, and puts the verdicts in order.
///
/// # Errors
/// [`TreesError::NoDevice`] where no device is left that could check them.
pub(crate) fn check(control: &Control, request: TreesRequest) -> Result<TreesReport, TreesError> {
    let call = Arc::new(TreesCall::of(request));
    let leaves_max = control.statuses().iter().map(|status| status.info.limits.tree_leaves_max).min().unwrap_or(0);
    let (fitting, larger): (Vec<usize>, Vec<usize>) =
        (0..call.parts.len()).partition(|&part| call.leaves(part) <= leaves_max);
    control.add_trees(fitting.into_iter().map(|part| TreesTask { call: Arc::clone(&call), part }));
    // A tree that not every device can take is done here meanwhile.
    for part in larger {
        call.accept(part, &roots_on_the_cpu(&call.parts[part].batch, HashKernel::detect()), CPU_DEVICE_ID);
    }
    let state = call.wait();
    if state.verdicts.len() < call.parts.len() {
        return Err(TreesError::NoDevice);
    }
    let verdicts = state.verdicts.values().flatten().copied().collect();
    Ok(TreesReport { verdicts, devices: shares(&state.leaves, &control.statuses()) })
}

fn shares(leaves: &BTreeMap<String, u64>, statuses: &[DeviceStatus]) -> Vec<TreesShare> {
    let share = |status: &DeviceStatus| TreesShare {
        name: status.info.name.clone(),
        kernel: status.info.kernel.clone(),
        leaves: leaves.get(&status.info.id).copied().unwrap_or(0),
    };
    statuses.iter().map(share).collect()
}

/// The roots of a batch's trees by a kernel of this CPU.
pub(crate) fn roots_on_the_cpu(batch: &TreesBatch, kernel: HashKernel) -> Vec<TreeRoot> {
    let mut cpu = CpuBackend::new(kernel);
    let done = cpu.submit(Batch::Trees(batch.clone())).and_then(|_| cpu.collect(Duration::ZERO));
    match done.ok().flatten().map(|done| done.report) {
        Some(Report::Trees(roots)) => roots,
        _ => unreachable!("the CPU answers what it is asked"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_leaves_tell_of_repetition_is_what_hashing_tells() {
        let mut suspicious = 0;
        // Every list of up to nine leaves of two kinds, and of up to seven of three kinds.
        for (kinds, longest) in [(2_u32, 9_u32), (3, 7)] {
            for count in 1..=longest {
                for number in 0..kinds.pow(count) {
                    let leaves: Vec<[u8; 32]> =
                        (0..count).map(|at| [(number / kinds.pow(at) % kinds) as u8; 32]).collect();
                    let mut request = TreesRequest::new(MerkleKind::Bitcoin);
                    request.push(&leaves, [0; 32]).unwrap();
                    let call = TreesCall::of(request);
                    let hashed = roots_on_the_cpu(&call.parts[0].batch, HashKernel::portable())[0].mutated;
                    assert_eq!(call.parts[0].repeats_itself(), hashed, "{leaves:?}");
                    suspicious += u32::from(hashed);
                }
            }
        }
        assert!(suspicious > 1_000, "{suspicious}");
    }

    #[test]
    fn a_suspicion_that_a_device_conceals_is_seen_all_the_same() {
        use cityseal_device::Opener as _;
        let device = cityseal_device::fake::FakeOpener::new("fake").info().clone();
        let mut request = TreesRequest::new(MerkleKind::Bitcoin);
        request.push(&[[1; 32], [2; 32], [3; 32], [3; 32], [3; 32]], [0; 32]).unwrap();
        let mut call = TreesCall::of(request);
        let honest = roots_on_the_cpu(&call.parts[0].batch, HashKernel::portable());
        call.parts[0].roots[0] = honest[0].root;
        let concealed = [TreeRoot { mutated: false, ..honest[0] }];
        let caught = call.judge(0, &concealed, &device, HashKernel::portable());
        assert!(caught.unwrap_err().to_string().contains("tree 0"));
        assert_eq!(call.lock().verdicts[&0], [TreeVerdict::Mutated]);
    }
}
