//! What an engine knows of a device besides what the driver counts: how it was chosen, what its batches cost, how it is tuned.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cityseal_device::{CpuBackend, DeviceInfo, DeviceKind, Opener, Tuning};
use cityseal_hash::HashKernel;

use crate::DeviceStatus;
use crate::crossover::{Cost, Costs, Crossover, WorkKind};
use crate::driver::Worth;
use crate::gpu::{self, Remembered};
use crate::measure::{Questions, measure};
use crate::memory::{self, Kept};
use crate::select::{Chosen, LeftOut, LeftOutReason};
use crate::shell::Member;

/// What is known of one device.
#[derive(Debug)]
pub(crate) struct Fitting {
    chosen: Chosen,
    tuning: Option<Arc<Tuning>>,
    /// Where that is kept; only of a GPU.
    memory: Option<PathBuf>,
    costs: Costs,
    /// Those of all threads of the CPU together, where the device is weighed against it.
    cpu: Option<Costs>,
}

impl Fitting {
    /// What is known of a device that has just been opened, with what the file remembers of it.
    pub(crate) fn new(opener: &dyn Opener, chosen: Chosen, file: Option<&Path>) -> Self {
        let info = opener.info();
        let memory = file.filter(|_| gpu::IS_BUILT && info.kind == DeviceKind::Gpu).map(Path::to_owned);
        let costs = memory.as_deref().and_then(|file| remembered(file, info)).unwrap_or_default();
        let fitting = Self { chosen, tuning: opener.tuning(), memory, costs, cpu: None };
        fitting.keep(info);
        fitting
    }

    /// Keeps what is known now.
    pub(crate) fn keep(&self, info: &DeviceInfo) {
        if let Some(file) = &self.memory {
            let tuned = self.tuning.as_ref().and_then(|tuning| tuning.get());
            memory::keep(file, Kept { remembered: Remembered::of(info, tuned), costs: self.costs });
        }
    }

    /// How the driver weighs the device; `None` where it always works.
    pub(crate) fn worth(&self, kind: DeviceKind) -> Option<Worth> {
        Some(Worth { device: self.costs, cpu: self.cpu?, shares_cores: kind == DeviceKind::Software })
    }

    /// Adds to a status what the driver does not know.
    pub(crate) fn complete(&self, status: DeviceStatus) -> DeviceStatus {
        let tuned = self.tuning.as_ref().and_then(|tuning| tuning.get());
        let cpu = self.cpu.unwrap_or_default();
        let between = |kind| Some((kind, Crossover::between(&self.costs, &cpu, kind)?));
        let crossovers = WorkKind::ALL.into_iter().filter_map(between).collect();
        let tuned_hz = tuned.map(|tuned| tuned.rate_hz as f64);
        let rate_hz = status.rate_hz.or(tuned_hz).or(self.costs.search.map(Cost::rate_hz));
        DeviceStatus { rate_hz, tuned, crossovers, ..status }
    }

    fn is_weighed(&self, kind: DeviceKind) -> bool {
        self.chosen == Chosen::Auto && kind != DeviceKind::Cpu
    }

    fn is_measured(&self) -> bool {
        WorkKind::ALL.iter().any(|kind| self.costs.of(*kind).is_some())
    }
}

/// The costs that are remembered of just this device with this driver and these shaders.
fn remembered(file: &Path, info: &DeviceInfo) -> Option<Costs> {
    let is_it = |kept: &Kept| kept.remembered.variant_for(info).is_some_and(|variant| variant.name() == info.kernel);
    memory::load(file).into_iter().find(is_it).map(|kept| kept.costs)
}

/// Measures what batches cost on the devices that nobody named and on the CPU, where there are both. Takes out the devices
/// that answered wrongly while they were measured.
pub(crate) fn fit(members: &mut Vec<Member>, threads: usize, kernel: HashKernel) -> Vec<LeftOut> {
    let is_weighed = |member: &Member| member.fitting.is_weighed(member.info().kind);
    let has_cpu = members.iter().any(|member| member.info().kind == DeviceKind::Cpu);
    if !has_cpu || !members.iter().any(is_weighed) {
        return Vec::new();
    }
    let questions = Questions::new(kernel);
    let Ok(one) = measure(&mut CpuBackend::new(kernel), &questions) else { return Vec::new() };
    let cpu = one.shared_by(threads);
    let (mut fitted, mut left_out) = (Vec::new(), Vec::new());
    for mut member in std::mem::take(members) {
        let measured = if is_weighed(&member) { weigh(&mut member, cpu, &questions) } else { Ok(()) };
        match measured {
            Ok(()) => fitted.push(member),
            Err(reason) => {
                let reason = LeftOutReason::FailedSelfTest { reason };
                left_out.push(LeftOut { info: member.info().clone(), reason });
            }
        }
    }
    for member in fitted.iter_mut().filter(|member| member.info().kind == DeviceKind::Cpu) {
        member.fitting.costs = cpu;
    }
    *members = fitted;
    left_out
}

/// Weighs a device against the CPU, by what is remembered of it or is measured now.
fn weigh(member: &mut Member, cpu: Costs, questions: &Questions) -> Result<(), String> {
    if !member.fitting.is_measured() {
        member.fitting.costs = measure(&mut *member.workers[0].1, questions)?;
        member.fitting.keep(&member.info().clone());
    }
    member.fitting.cpu = Some(cpu);
    Ok(())
}
