//! Data about a device in addition to the driver's counters: how it was chosen, its costs and its
//! tuning.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cityseal_device::{DeviceInfo, DeviceKind, Opener, Tuning};

use super::cost_model::{Cost, CostModel, Costs, Crossover, WorkKind};
use super::select::Chosen;
use super::status::DeviceStatus;
use super::tuning_cache::{self, Kept};
use crate::gpu::{self, Remembered};

/// The profile of one device.
#[derive(Debug)]
pub(crate) struct DeviceProfile {
    chosen: Chosen,
    tuning: Option<Arc<Tuning>>,
    /// The file of the tuning cache; only for a GPU.
    cache: Option<PathBuf>,
    pub(super) costs: Costs,
    /// The costs of all threads of the CPU together, if the device is compared with it.
    pub(super) cpu: Option<Costs>,
}

impl DeviceProfile {
    /// The profile of a newly opened device, with its entry in the tuning cache.
    pub(crate) fn new(opener: &dyn Opener, chosen: Chosen, file: Option<&Path>) -> Self {
        let info = opener.info();
        let cache = file.filter(|_| gpu::IS_BUILT && info.kind == DeviceKind::Gpu).map(Path::to_owned);
        let costs = cache.as_deref().and_then(|file| remembered(file, info)).unwrap_or_default();
        let profile = Self { chosen, tuning: opener.tuning(), cache, costs, cpu: None };
        profile.keep(info);
        profile
    }

    /// Writes the present values to the tuning cache.
    pub(crate) fn keep(&self, info: &DeviceInfo) {
        if let Some(file) = &self.cache {
            let tuned = self.tuning.as_ref().and_then(|tuning| tuning.get());
            tuning_cache::keep(file, Kept { remembered: Remembered::of(info, tuned), costs: self.costs });
        }
    }

    /// The cost model for the driver; `None` if the device takes every task.
    pub(crate) fn cost_model(&self, kind: DeviceKind) -> Option<CostModel> {
        Some(CostModel { device: self.costs, cpu: self.cpu?, shares_cores: kind == DeviceKind::Software })
    }

    /// Completes a status of the driver with tuning, crossovers and, before the first search, the expected rate.
    pub(crate) fn complete(&self, status: DeviceStatus) -> DeviceStatus {
        let tuned = self.tuning.as_ref().and_then(|tuning| tuning.get());
        let cpu = self.cpu.unwrap_or_default();
        let between = |kind| Some((kind, Crossover::between(&self.costs, &cpu, kind)?));
        let crossovers = WorkKind::ALL.into_iter().filter_map(between).collect();
        let tuned_hz = tuned.map(|tuned| tuned.rate_hz as f64);
        let rate_hz = status.rate_hz.or(tuned_hz).or(self.costs.search.map(Cost::rate_hz));
        DeviceStatus { rate_hz, tuned, crossovers, ..status }
    }

    /// Whether the device is compared with the CPU, rather than taking every task.
    pub(super) fn needs_costs(&self, kind: DeviceKind) -> bool {
        self.chosen == Chosen::Auto && kind != DeviceKind::Cpu
    }

    pub(super) fn is_measured(&self) -> bool {
        WorkKind::ALL.iter().any(|kind| self.costs.of(*kind).is_some())
    }
}

/// The cached costs for exactly this device, driver and shaders.
fn remembered(file: &Path, info: &DeviceInfo) -> Option<Costs> {
    let is_it = |kept: &Kept| kept.remembered.variant_for(info).is_some_and(|variant| variant.name() == info.kernel);
    tuning_cache::load(file).into_iter().find(is_it).map(|kept| kept.costs)
}
