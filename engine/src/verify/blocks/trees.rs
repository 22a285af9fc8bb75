//! Merkle trees on the CPU: their roots, and their repetitions (CVE-2012-2459), which follow from the leaves alone.

use std::time::Duration;

use cityseal_device::{Backend, Batch, CpuBackend, Report, TreeRoot, TreesBatch};
use cityseal_hash::HashKernel;

/// For each tree, whether two neighbours on any level are equal, so that the same root belongs to a shorter list of
/// leaves (CVE-2012-2459). Two nodes are equal if their leaves are, so nothing has to be hashed. An unpaired node needs
/// no comparison of its own: a right neighbour with fewer leaves than the left one repeats itself, and could equal it
/// only if the left one held a repetition on a lower level.
pub(super) fn repetitions(batch: &TreesBatch) -> Vec<bool> {
    let mut rest = batch.leaves().as_chunks::<32>().0;
    let has_repetition = |count: &u32| {
        let (own, others) = rest.split_at(*count as usize);
        rest = others;
        let mut sizes = std::iter::successors(Some(1), |size| Some(2 * size)).take_while(|size| 2 * size <= own.len());
        sizes.any(|size| own.chunks_exact(2 * size).any(|pair| pair[..size] == pair[size..]))
    };
    batch.counts().iter().map(has_repetition).collect()
}

/// The roots of a batch's trees, computed by a kernel of this CPU.
pub(super) fn roots_on_the_cpu(batch: &TreesBatch, kernel: HashKernel) -> Vec<TreeRoot> {
    let mut cpu = CpuBackend::new(kernel);
    let done = cpu.submit(Batch::Trees(batch.clone())).and_then(|_| cpu.collect(Duration::ZERO));
    match done.ok().flatten().map(|done| done.report) {
        Some(Report::Trees(roots)) => roots,
        _ => unreachable!("the CPU answers every batch"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cityseal_device::MerkleKind;

    use super::*;

    #[test]
    fn repetitions_found_in_the_leaves_are_those_found_by_hashing() {
        let mut repeated = 0;
        // Every list of up to nine leaves of two kinds, and of up to seven of three kinds.
        for (kinds, longest) in [(2_u32, 9_u32), (3, 7)] {
            for count in 1..=longest {
                for number in 0..kinds.pow(count) {
                    let leaves: Vec<u8> =
                        (0..count).flat_map(|at| [(number / kinds.pow(at) % kinds) as u8; 32]).collect();
                    let batch = TreesBatch::new(Arc::new(leaves), Arc::new(vec![count]), MerkleKind::Bitcoin);
                    let hashed = roots_on_the_cpu(&batch, HashKernel::portable())[0].mutated;
                    assert_eq!(repetitions(&batch), [hashed], "{batch:?}");
                    repeated += u32::from(hashed);
                }
            }
        }
        assert!(repeated > 1_000, "{repeated}");
    }
}
