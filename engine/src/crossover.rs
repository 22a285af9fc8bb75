//! From which size on a device is worth using beside the CPU: pure functions over measured costs, in whole numbers.

/// A kind of work whose costs are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkKind {
    /// Nonces of a header.
    Search,
    /// Hashes of headers.
    Headers,
    /// Hashes of Merkle nodes.
    Nodes,
}

impl WorkKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Search, Self::Headers, Self::Nodes];

    /// The kind as it stands in JSON: `search`, `headers`, `nodes`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Headers => "headers",
            Self::Nodes => "nodes",
        }
    }
}

/// Femtoseconds of a nanosecond.
const FS_PER_NS: u128 = 1_000_000;

/// Femtoseconds of a second.
const FS_PER_S: f64 = 1e15;

/// Software that imitates a GPU on the CPU's own cores must be faster than the CPU by this factor, as (numerator,
/// denominator): both were measured on the same cores, while others may have been at work there.
const SHARED_CORES_FACTOR: (u128, u128) = (3, 2);

/// What a batch of one kind of work costs on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cost {
    /// Whatever the batch's size, in nanoseconds.
    pub fixed_ns: u64,
    /// For each hash, header or node, in femtoseconds (10^-15 s): a nonce of the fastest GPU takes 10^5 of them.
    pub item_fs: u64,
}

impl Cost {
    /// The cost that two batches tell: a small one and a larger one, as (items, seconds). An item costs what the larger one
    /// cost more, for each item that it had more; what is left of the small one is fixed.
    pub fn of_two(small: (u64, f64), large: (u64, f64)) -> Self {
        let more = large.0.saturating_sub(small.0).max(1) as f64;
        let item_s = ((large.1 - small.1) / more).max(0.0);
        let fixed_s = (small.1 - small.0 as f64 * item_s).max(0.0);
        Self { fixed_ns: (fixed_s * 1e9).round() as u64, item_fs: ((item_s * FS_PER_S).round() as u64).max(1) }
    }

    /// Whether a device can have such a cost: no more than 10^12 items a second, and less than a minute for an empty batch.
    pub fn is_plausible(self) -> bool {
        self.item_fs >= 1_000 && self.fixed_ns <= 60_000_000_000
    }

    /// What `items` cost in one batch, in femtoseconds.
    pub fn of(self, items: u64) -> u128 {
        u128::from(self.fixed_ns) * FS_PER_NS + u128::from(items) * u128::from(self.item_fs)
    }

    /// The cost where `workers` alike share the items.
    #[must_use]
    pub fn shared_by(self, workers: usize) -> Self {
        Self { item_fs: (self.item_fs / workers.max(1) as u64).max(1), ..self }
    }

    /// Items per second in large batches.
    pub fn rate_hz(self) -> f64 {
        FS_PER_S / self.item_fs.max(1) as f64
    }
}

/// What batches of each kind cost on one device, where that was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Costs {
    /// Of nonces.
    pub search: Option<Cost>,
    /// Of headers.
    pub headers: Option<Cost>,
    /// Of Merkle nodes.
    pub nodes: Option<Cost>,
}

impl Costs {
    /// Those of a kind.
    pub const fn of(&self, kind: WorkKind) -> Option<Cost> {
        match kind {
            WorkKind::Search => self.search,
            WorkKind::Headers => self.headers,
            WorkKind::Nodes => self.nodes,
        }
    }

    /// The costs where `workers` alike share the items.
    #[must_use]
    pub fn shared_by(self, workers: usize) -> Self {
        let shared = |cost: Cost| cost.shared_by(workers);
        Self { search: self.search.map(shared), headers: self.headers.map(shared), nodes: self.nodes.map(shared) }
    }
}

/// From how many items on a batch is done sooner by a device than by the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Crossover {
    /// From so many on.
    From(u64),
    /// The CPU is as fast, however large the batch.
    Never,
}

impl Crossover {
    /// Where a device overtakes the CPU; `None` where the costs of one of them were not measured.
    pub fn between(device: &Costs, cpu: &Costs, kind: WorkKind) -> Option<Self> {
        let smallest = smallest_batch(device.of(kind)?, cpu.of(kind)?);
        Some(smallest.map_or(Self::Never, Self::From))
    }
}

/// The smallest batch that `device` does sooner than `cpu`, from which on it does every larger one sooner too; `None` where
/// the CPU is as fast with large batches.
pub fn smallest_batch(device: Cost, cpu: Cost) -> Option<u64> {
    let gained = cpu.item_fs.checked_sub(device.item_fs).filter(|gained| *gained > 0)?;
    let lost = (u128::from(device.fixed_ns) * FS_PER_NS).checked_sub(u128::from(cpu.fixed_ns) * FS_PER_NS);
    lost.map_or(Some(1), |lost| u64::try_from(lost / u128::from(gained) + 1).ok())
}

/// Whether a device should take a batch of work that the CPU could do as well.
///
/// `open` items are to be done, the batch among them; the device has `ahead` items before it. It should where it is done
/// with the batch before the CPU alone were done with all that is open: then nobody waits for it in the end. A device that
/// runs on the CPU's own cores takes from the CPU what it does itself, so it must be clearly the faster one besides.
pub fn is_worth(device: Cost, cpu: Cost, shares_cores: bool, batch: u64, ahead: u64, open: u64) -> bool {
    let (more, less) = SHARED_CORES_FACTOR;
    let is_faster = u128::from(device.item_fs) * more < u128::from(cpu.item_fs) * less;
    (is_faster || !shares_cores) && device.of(ahead.saturating_add(batch)) < cpu.of(open)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cost() -> impl Strategy<Value = Cost> {
        let fixed_ns = prop_oneof![0..3_u64, 0..10_000_000_000_u64];
        let item_fs = prop_oneof![1..4_u64, 1..10_000_000_000_u64];
        (fixed_ns, item_fs).prop_map(|(fixed_ns, item_fs)| Cost { fixed_ns, item_fs })
    }

    #[test]
    fn a_gpu_of_5_ghz_and_200_us_a_batch_beats_two_cores_of_50_mhz_from_twenty_thousand_nonces_on() {
        let (gpu, core) = (Cost { fixed_ns: 200_000, item_fs: 200_000 }, Cost { fixed_ns: 0, item_fs: 20_000_000 });
        assert_eq!(smallest_batch(gpu, core.shared_by(2)), Some(20_409));
        assert_eq!(smallest_batch(gpu, core.shared_by(100)), None, "a hundred cores are as fast");
    }

    #[test]
    fn a_device_that_is_slower_on_its_own_silicon_helps_where_there_is_enough_for_both() {
        let (gpu, cpu) = (Cost { fixed_ns: 1_000, item_fs: 20_000 }, Cost { fixed_ns: 0, item_fs: 10_000 });
        assert_eq!(smallest_batch(gpu, cpu), None);
        assert!(is_worth(gpu, cpu, false, 1_000, 0, 1_000_000));
        assert!(!is_worth(gpu, cpu, false, 1_000, 0, 2_000), "the CPU alone is done sooner");
        assert!(!is_worth(gpu, cpu, false, 1_000, 1_000_000, 1_000_000), "it has enough to do");
        assert!(!is_worth(gpu, cpu, true, 1_000, 0, 1_000_000), "it takes the CPU's own cores");
    }

    #[test]
    fn two_batches_tell_the_fixed_cost_and_that_of_an_item() {
        assert_eq!(Cost::of_two((100, 0.000_3), (1_100, 0.001_3)), Cost { fixed_ns: 200_000, item_fs: 1_000_000_000 });
        // Noise: the larger one was the faster one.
        assert_eq!(Cost::of_two((100, 0.002), (1_000, 0.001)), Cost { fixed_ns: 2_000_000, item_fs: 1 });
    }

    proptest! {
        #[test]
        fn the_smallest_batch_is_where_the_device_begins_to_be_the_faster_one(
            device in cost(), cpu in cost(), more in 0..1_u64 << 32,
        ) {
            let Some(items) = smallest_batch(device, cpu) else {
                prop_assert!(device.item_fs >= cpu.item_fs);
                return Ok(());
            };
            prop_assert!(device.of(items) < cpu.of(items));
            prop_assert!(device.of(items + more) < cpu.of(items + more));
            prop_assert!(items == 1 || device.of(items - 1) >= cpu.of(items - 1));
        }

        #[test]
        fn alone_a_batch_of_all_that_is_open_is_worth_it_exactly_from_the_smallest_batch_on(
            device in cost(), cpu in cost(), items in prop_oneof![1..100_u64, 1..1_u64 << 40],
        ) {
            let expected = smallest_batch(device, cpu).is_some_and(|smallest| items >= smallest);
            prop_assert!(device.item_fs >= cpu.item_fs || is_worth(device, cpu, false, items, 0, items) == expected);
            let is_faster = 3 * device.item_fs < 2 * cpu.item_fs;
            prop_assert_eq!(is_worth(device, cpu, true, items, 0, items), expected && is_faster);
        }

        #[test]
        fn more_open_work_never_makes_a_batch_worth_less_and_more_ahead_never_worth_more(
            device in cost(), cpu in cost(), shares: bool, batch in 1..1_u64 << 33,
            ahead in 0..1_u64 << 34, open in 1..1_u64 << 50, more in 0..1_u64 << 40,
        ) {
            let worth = is_worth(device, cpu, shares, batch, ahead, open);
            prop_assert!(!worth || is_worth(device, cpu, shares, batch, ahead, open + more));
            prop_assert!(worth || !is_worth(device, cpu, shares, batch, ahead + more, open));
        }

        #[test]
        fn a_cost_is_found_again_from_two_batches_that_have_it(fixed_ns in 1_000..1_000_000_u64, item_ns in 1..1_000_u64) {
            let takes = |items: u64| (items, (fixed_ns + items * item_ns) as f64 / 1e9);
            let found = Cost::of_two(takes(64), takes(65_536));
            prop_assert!(found.fixed_ns.abs_diff(fixed_ns) <= 1 + fixed_ns / 1_000, "{found:?}");
            prop_assert!(found.item_fs.abs_diff(item_ns * 1_000_000) <= item_ns * 1_000, "{found:?}");
        }
    }
}
