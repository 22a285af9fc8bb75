//! The cost model: the batch size from which a device beats the CPU. Pure functions over measured costs, in integers.

/// A kind of work with measured costs.
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

    /// The name in JSON: `search`, `headers`, `nodes`.
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

/// Factor, as (numerator, denominator), by which a software adapter must be faster than the CPU: both were measured on
/// the same cores, which other programs may have been using.
const SHARED_CORES_FACTOR: (u128, u128) = (3, 2);

/// The cost of a batch of one kind of work on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cost {
    /// Fixed cost of a batch, in nanoseconds.
    pub fixed_ns: u64,
    /// Cost of each nonce, header or node, in femtoseconds (10^-15 s): a nonce takes the fastest GPU 10^5 of them.
    pub item_fs: u64,
}

impl Cost {
    /// Derives the cost from a small and a large batch, as (items, seconds): the slope is the cost of an item, the rest
    /// of the small batch is the fixed cost.
    pub fn of_two(small: (u64, f64), large: (u64, f64)) -> Self {
        let extra_items = large.0.saturating_sub(small.0).max(1) as f64;
        let item_s = ((large.1 - small.1) / extra_items).max(0.0);
        let fixed_s = (small.1 - small.0 as f64 * item_s).max(0.0);
        Self { fixed_ns: (fixed_s * 1e9).round() as u64, item_fs: ((item_s * FS_PER_S).round() as u64).max(1) }
    }

    /// Whether the cost is plausible: at most 10^12 items per second, and at most a minute for an empty batch.
    pub fn is_plausible(self) -> bool {
        self.item_fs >= 1_000 && self.fixed_ns <= 60_000_000_000
    }

    /// The cost of a batch of `items`, in femtoseconds.
    pub fn of(self, items: u64) -> u128 {
        u128::from(self.fixed_ns) * FS_PER_NS + u128::from(items) * u128::from(self.item_fs)
    }

    /// The cost if `workers` equal workers share the items.
    #[must_use]
    pub fn shared_by(self, workers: usize) -> Self {
        Self { item_fs: (self.item_fs / workers.max(1) as u64).max(1), ..self }
    }

    /// Items per second in large batches.
    pub fn rate_hz(self) -> f64 {
        FS_PER_S / self.item_fs.max(1) as f64
    }
}

/// The measured costs of one device, by kind of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Costs {
    /// Nonces.
    pub search: Option<Cost>,
    /// Headers.
    pub headers: Option<Cost>,
    /// Merkle nodes.
    pub nodes: Option<Cost>,
}

impl Costs {
    /// The cost of one kind.
    pub const fn of(&self, kind: WorkKind) -> Option<Cost> {
        match kind {
            WorkKind::Search => self.search,
            WorkKind::Headers => self.headers,
            WorkKind::Nodes => self.nodes,
        }
    }

    /// The costs if `workers` equal workers share the items.
    #[must_use]
    pub fn shared_by(self, workers: usize) -> Self {
        let shared = |cost: Cost| cost.shared_by(workers);
        Self { search: self.search.map(shared), headers: self.headers.map(shared), nodes: self.nodes.map(shared) }
    }
}

/// The number of items from which a device is faster than the CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Crossover {
    /// From this many items on.
    From(u64),
    /// The CPU is as fast for any size.
    Never,
}

impl Crossover {
    /// Where a device overtakes the CPU; `None` if the costs of one of them were not measured.
    pub fn between(device: &Costs, cpu: &Costs, kind: WorkKind) -> Option<Self> {
        let smallest = smallest_batch(device.of(kind)?, cpu.of(kind)?);
        Some(smallest.map_or(Self::Never, Self::From))
    }
}

/// The smallest batch from which on `device` is faster than `cpu`; `None` if the CPU is as fast with large batches.
pub fn smallest_batch(device: Cost, cpu: Cost) -> Option<u64> {
    let gained = cpu.item_fs.checked_sub(device.item_fs).filter(|gained| *gained > 0)?;
    let lost = (u128::from(device.fixed_ns) * FS_PER_NS).checked_sub(u128::from(cpu.fixed_ns) * FS_PER_NS);
    lost.map_or(Some(1), |lost| u64::try_from(lost / u128::from(gained) + 1).ok())
}

/// Whether it pays for a device to take a batch of work that the CPU could do as well.
///
/// `open` items remain, the batch included; `ahead` items are queued on the device before the batch. It pays if the
/// device completes the batch before the CPU alone would complete everything that is open, so that the end is not
/// delayed. A device that runs on the CPU's own cores must also be clearly faster, because it takes these cores from
/// the CPU.
pub fn pays_off(device: Cost, cpu: Cost, shares_cores: bool, batch: u64, ahead: u64, open: u64) -> bool {
    let (more, less) = SHARED_CORES_FACTOR;
    let is_faster = u128::from(device.item_fs) * more < u128::from(cpu.item_fs) * less;
    (is_faster || !shares_cores) && device.of(ahead.saturating_add(batch)) < cpu.of(open)
}

/// The costs of a device and of the CPU, by which the device's tasks are chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CostModel {
    pub(crate) device: Costs,
    /// All threads of the CPU together.
    pub(crate) cpu: Costs,
    /// Whether the device is software that runs on the CPU's own cores.
    pub(crate) shares_cores: bool,
}

impl CostModel {
    /// Whether the device is faster than the CPU with batches of `items`, one after another. Without measured costs:
    /// whether it has cores of its own.
    pub(crate) fn is_faster_from(&self, kind: WorkKind, items: u64) -> bool {
        match (self.device.of(kind), self.cpu.of(kind)) {
            (Some(device), Some(cpu)) => smallest_batch(device, cpu).is_some_and(|smallest| items >= smallest),
            _ => !self.shares_cores,
        }
    }

    /// Whether it pays for the device to take `batch` of `open` items with `ahead` items queued before it. Without
    /// measured costs: whether it has cores of its own.
    pub(crate) fn pays_off(&self, kind: WorkKind, batch: u64, ahead: u64, open: u64) -> bool {
        match (self.device.of(kind), self.cpu.of(kind)) {
            (Some(device), Some(cpu)) => pays_off(device, cpu, self.shares_cores, batch, ahead, open),
            _ => !self.shares_cores,
        }
    }
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
    fn a_slower_device_with_its_own_cores_helps_if_there_is_enough_work() {
        let (gpu, cpu) = (Cost { fixed_ns: 1_000, item_fs: 20_000 }, Cost { fixed_ns: 0, item_fs: 10_000 });
        assert_eq!(smallest_batch(gpu, cpu), None);
        assert!(pays_off(gpu, cpu, false, 1_000, 0, 1_000_000));
        assert!(!pays_off(gpu, cpu, false, 1_000, 0, 2_000), "the CPU alone is faster");
        assert!(!pays_off(gpu, cpu, false, 1_000, 1_000_000, 1_000_000), "it has enough queued");
        assert!(!pays_off(gpu, cpu, true, 1_000, 0, 1_000_000), "it runs on the CPU's cores");
    }

    #[test]
    fn two_batches_give_the_fixed_cost_and_the_cost_of_an_item() {
        assert_eq!(Cost::of_two((100, 0.000_3), (1_100, 0.001_3)), Cost { fixed_ns: 200_000, item_fs: 1_000_000_000 });
        // Noise: the large batch was faster.
        assert_eq!(Cost::of_two((100, 0.002), (1_000, 0.001)), Cost { fixed_ns: 2_000_000, item_fs: 1 });
    }

    proptest! {
        #[test]
        fn the_device_is_faster_from_the_smallest_batch_on(
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
        fn a_batch_of_all_open_items_pays_off_exactly_from_the_smallest_batch_on(
            device in cost(), cpu in cost(), items in prop_oneof![1..100_u64, 1..1_u64 << 40],
        ) {
            let expected = smallest_batch(device, cpu).is_some_and(|smallest| items >= smallest);
            prop_assert!(device.item_fs >= cpu.item_fs || pays_off(device, cpu, false, items, 0, items) == expected);
            let is_faster = 3 * device.item_fs < 2 * cpu.item_fs;
            prop_assert_eq!(pays_off(device, cpu, true, items, 0, items), expected && is_faster);
        }

        #[test]
        fn a_batch_pays_off_more_with_more_open_items_and_less_with_more_ahead(
            device in cost(), cpu in cost(), shares: bool, batch in 1..1_u64 << 33,
            ahead in 0..1_u64 << 34, open in 1..1_u64 << 50, more in 0..1_u64 << 40,
        ) {
            let pays = pays_off(device, cpu, shares, batch, ahead, open);
            prop_assert!(!pays || pays_off(device, cpu, shares, batch, ahead, open + more));
            prop_assert!(pays || !pays_off(device, cpu, shares, batch, ahead + more, open));
        }

        #[test]
        fn two_batches_of_a_known_cost_reproduce_it(fixed_ns in 1_000..1_000_000_u64, item_ns in 1..1_000_u64) {
            let takes = |items: u64| (items, (fixed_ns + items * item_ns) as f64 / 1e9);
            let found = Cost::of_two(takes(64), takes(65_536));
            prop_assert!(found.fixed_ns.abs_diff(fixed_ns) <= 1 + fixed_ns / 1_000, "{found:?}");
            prop_assert!(found.item_fs.abs_diff(item_ns * 1_000_000) <= item_ns * 1_000, "{found:?}");
        }
    }
}
