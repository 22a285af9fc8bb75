//! Workers with simulated clocks: each task takes the time that a cost model says, and no hash is computed.

use cityseal_chain::{CoinbaseParts, ExtranonceSpan};
use cityseal_device::DeviceInfo;
use cityseal_hash::HashKernel as Kernel;

use super::*;
use crate::task::{Answer, ChainId};
use crate::tenant::{TenantShare, check_tenants};

/// Time by tenant in each window of 10 s.
pub(super) type Windows = Vec<BTreeMap<String, f64>>;

const WINDOW: Duration = Duration::from_secs(10);

/// Hashes and headers per second of a worker.
const RATE_HZ: f64 = 40e6;
const HEADERS_HZ: f64 = 5e6;

/// Fixed cost of a batch on a device.
const BATCH_COST: Duration = Duration::from_micros(1);

/// A segment of a simulated chain.
pub(super) struct Segment {
    pub(super) chain: usize,
    pub(super) number: usize,
    pub(super) tenant: String,
    pub(super) priority: u8,
    pub(super) is_wanted: bool,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "segment {} of chain {}", self.number, self.chain)
    }
}

impl ChainTask for Segment {
    fn chain(&self) -> ChainId {
        ChainId(self.chain as u64)
    }

    fn tenant(&self) -> &str {
        &self.tenant
    }

    fn priority(&self) -> u8 {
        self.priority
    }

    fn count(&self) -> usize {
        4_096
    }

    fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    fn batch(&self, _kernel: Kernel, _leaves_max: usize) -> Option<Batch> {
        None
    }

    fn judge(&self, _answer: &Answer<'_>) -> Result<(), Caught> {
        Ok(())
    }

    fn abandon(&self) {}
}

/// A job, or a chain whose sender is always fast enough.
struct Owner {
    tenant: String,
    /// Preparation of a region, or of a segment.
    prepare: Duration,
}

/// A worker, what it runs, and the time at which it is done.
struct Busy {
    until: Instant,
    running: Option<Running>,
}

struct Running {
    assignment: Assignment,
    cost: TaskCost,
    /// Regions that it completes.
    done: usize,
    /// `None` for a canary.
    tenant: Option<String>,
}

/// A driver and its simulated workers.
pub(super) struct Simulation {
    pub(super) driver: Driver,
    begun: Instant,
    pub(super) now: Instant,
    workers: Vec<Busy>,
    jobs: BTreeMap<u64, Owner>,
    chains: BTreeMap<usize, Owner>,
    windows: Windows,
    pub(super) assignments: u64,
}

/// A template whose search does not end.
pub(super) fn endless() -> SealTemplate {
    let one = Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
    let header = *Parameters::of(Network::Mainnet).genesis();
    SealTemplate::builder(header).version_mask(0x1fff_e000).target(one).build().unwrap()
}

/// A template of 2^64 regions of one hash each, with a coinbase of `len` bytes behind the extranonce.
pub(super) fn one_nonce(len: usize) -> SealTemplate {
    let coinbase = CoinbaseParts::new(Vec::new(), vec![1; len], 8).unwrap();
    let coinbase = coinbase.with_extranonces(ExtranonceSpan::new(0, u64::MAX).unwrap()).unwrap();
    let one = Target::from_display_hex(&format!("{}1", "0".repeat(63))).unwrap();
    let builder = SealTemplate::builder(*Parameters::of(Network::Mainnet).genesis());
    builder.coinbase(coinbase, Vec::new()).nonces(NonceSpan::single(0)).target(one).build().unwrap()
}

impl Simulation {
    /// `cpus` workers of the CPU and `fakes` untrusted devices.
    pub(super) fn new(cpus: usize, fakes: usize) -> Self {
        let Play { mut driver, now, .. } = Play::new();
        driver.policy = EnginePolicy::default();
        driver.workers.clear();
        driver.devices.truncate(1);
        let info: DeviceInfo = FakeOpener::new("fake").info().clone();
        let mut workers: Vec<usize> = (0..cpus).map(|_| driver.add_worker(CPU)).collect();
        for _ in 0..fakes {
            let device = driver.add_device(info.clone());
            workers.push(driver.add_worker(device));
        }
        let workers = workers.iter().map(|_| Busy { until: now, running: None }).collect();
        Self {
            driver,
            begun: now,
            now,
            workers,
            jobs: BTreeMap::new(),
            chains: BTreeMap::new(),
            windows: Windows::new(),
            assignments: 0,
        }
    }

    pub(super) fn tenants<const N: usize>(&mut self, shares: [(&str, TenantShare); N]) {
        let shares = check_tenants(shares.map(|(name, share)| (name.to_owned(), share))).unwrap();
        self.driver.set_tenants(shares);
    }

    pub(super) fn job(&mut self, tenant: &str, priority: u8) -> u64 {
        self.job_of(tenant, priority, endless(), Duration::from_micros(5))
    }

    /// Submits a job; to prepare one of its regions takes `prepare`.
    pub(super) fn job_of(&mut self, tenant: &str, priority: u8, template: SealTemplate, prepare: Duration) -> u64 {
        let job = SealJob::new(template).tenant(tenant).priority(priority);
        let id = self.driver.add_job(job, self.now);
        self.jobs.insert(id, Owner { tenant: tenant.to_owned(), prepare });
        id
    }

    /// Ends a job; the simulation still knows whose late answers are.
    pub(super) fn cancel(&mut self, id: u64) {
        self.driver.end_job(id, SealOutcome::Cancelled { by: "test".to_owned() }, self.now);
    }

    /// Begins an upload with 8 segments in flight.
    pub(super) fn upload(&mut self, tenant: &str, priority: u8) {
        let chain = self.chains.len();
        let prepare = Duration::from_micros(300);
        self.chains.insert(chain, Owner { tenant: tenant.to_owned(), prepare });
        for number in 0..8 {
            self.send(Segment { chain, number, tenant: tenant.to_owned(), priority, is_wanted: true });
        }
    }

    pub(super) fn send(&mut self, segment: Segment) {
        self.driver.add_headers(Arc::new(segment));
    }

    /// Runs for a time; returns the device time of each tenant in each whole window of 10 s since the beginning.
    pub(super) fn run(&mut self, time: Duration) -> Windows {
        self.run_with(time, |_| {})
    }

    /// The same; `between` is called before each task.
    pub(super) fn run_with(&mut self, time: Duration, mut between: impl FnMut(&mut Self)) -> Windows {
        let end = self.now + time;
        loop {
            let worker = (0..self.workers.len()).min_by_key(|&worker| self.workers[worker].until).unwrap();
            if self.workers[worker].until >= end {
                self.now = end;
                let whole = (end - self.begun).as_nanos() / WINDOW.as_nanos();
                return self.windows[..(whole as usize).min(self.windows.len())].to_vec();
            }
            self.now = self.workers[worker].until;
            self.answer(worker);
            between(self);
            self.begin(worker);
            self.driver.take_events();
        }
    }

    /// Device time of a tenant in all windows, in seconds.
    pub(super) fn used(&self, tenant: &str) -> f64 {
        self.windows.iter().filter_map(|window| window.get(tenant)).sum()
    }

    fn answer(&mut self, worker: usize) {
        let Some(Running { assignment, cost, done, .. }) = self.workers[worker].running.take() else { return };
        let Assignment { seq, task, .. } = assignment;
        match task {
            Task::Search(_) => {
                let answer = SearchAnswer { done, cost, ..SearchAnswer::default() };
                self.driver.searched(worker, seq, answer, self.now);
            }
            Task::Headers(task) => {
                self.driver.judged_headers(worker, seq, task.count(), cost, self.now);
                let ChainId(chain) = task.chain();
                let (tenant, priority) = (task.tenant().to_owned(), task.priority());
                let chain = chain as usize;
                self.send(Segment { chain, number: 0, tenant, priority, is_wanted: true });
            }
            Task::Blocks(_) => panic!("no blocks are sent"),
            Task::Canary(_) => self.driver.canary_answered(worker, seq, self.now),
        }
    }

    fn begin(&mut self, worker: usize) {
        let Some(assignment) = self.driver.next(worker, self.now) else {
            // Looks again after a while, as a worker that is woken.
            self.workers[worker].until = self.now + Duration::from_millis(1);
            return;
        };
        self.assignments += 1;
        let running = self.cost_of(worker, assignment);
        if let Some(tenant) = &running.tenant {
            let window = ((self.now - self.begun).as_nanos() / WINDOW.as_nanos()) as usize;
            self.windows.resize(self.windows.len().max(window + 1), BTreeMap::new());
            *self.windows[window].entry(tenant.clone()).or_default() += running.cost.total.as_secs_f64();
        }
        self.workers[worker] = Busy { until: self.now + running.cost.total, running: Some(running) };
    }

    fn cost_of(&self, worker: usize, assignment: Assignment) -> Running {
        let (mut device, mut prepared, mut done) = (Duration::ZERO, Duration::ZERO, 0);
        let tenant = match &assignment.task {
            Task::Search(task) => {
                let owner = &self.jobs[&self.driver.workers[worker].job_of(assignment.seq).unwrap()];
                for region in &task.regions {
                    prepared += owner.prepare;
                    device += BATCH_COST + Duration::from_secs_f64(region.hashes() as f64 / RATE_HZ);
                    done += 1;
                    if prepared + device >= task.time_max {
                        break;
                    }
                }
                Some(owner.tenant.clone())
            }
            Task::Headers(task) => {
                let owner = &self.chains[&(task.chain().0 as usize)];
                prepared = owner.prepare;
                device = Duration::from_secs_f64(task.count() as f64 / HEADERS_HZ);
                Some(owner.tenant.clone())
            }
            Task::Canary(_) | Task::Blocks(_) => {
                device = Duration::from_micros(200);
                None
            }
        };
        Running { assignment, cost: TaskCost { device, total: prepared + device }, done, tenant }
    }
}
