//! Device time that tenants have used, for metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Tenants with figures of their own; the time of all others is added up. 256 tenants x 3 kinds x 8 devices x 100 B =
/// 614 KB.
const TENANTS_MAX: usize = 256;

/// The name under which the time of further tenants is added up.
pub const OTHER_TENANTS: &str = "other";

/// What device time was used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TimeKind {
    /// Searches of seal jobs.
    Search,
    /// Headers of verifications.
    Headers,
    /// Whole blocks of verifications.
    Blocks,
}

impl TimeKind {
    /// The name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Headers => "headers",
            Self::Blocks => "blocks",
        }
    }
}

/// Device time of one tenant on one device for one kind of work, since the engine started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTime {
    /// The device's id.
    pub device: String,
    /// The tenant, or [`OTHER_TENANTS`]; empty for work without a tenant.
    pub tenant: String,
    /// What it was used for.
    pub kind: TimeKind,
    /// The time that workers of the device measured, with the preparation of batches.
    pub time: Duration,
}

/// Adds up device time by tenant, index of the device and kind.
#[derive(Debug, Default)]
pub(crate) struct DeviceTimes {
    times: BTreeMap<(String, usize, TimeKind), Duration>,
    tenants: BTreeSet<String>,
}

impl DeviceTimes {
    pub(crate) fn add(&mut self, tenant: &str, device: usize, kind: TimeKind, time: Duration) {
        let name = if self.is_counted(tenant) { tenant } else { OTHER_TENANTS };
        let sum = self.times.entry((name.to_owned(), device, kind)).or_default();
        *sum = sum.saturating_add(time);
    }

    /// All times; `id_of` names a device.
    pub(crate) fn all(&self, id_of: impl Fn(usize) -> String) -> Vec<DeviceTime> {
        let row = |((tenant, device, kind), time): (&(String, usize, TimeKind), &Duration)| DeviceTime {
            device: id_of(*device),
            tenant: tenant.clone(),
            kind: *kind,
            time: *time,
        };
        self.times.iter().map(row).collect()
    }

    /// Whether a tenant has figures of its own. The first tenants that used a device have them.
    fn is_counted(&mut self, tenant: &str) -> bool {
        if !self.tenants.contains(tenant) && self.tenants.len() < TENANTS_MAX {
            self.tenants.insert(tenant.to_owned());
        }
        self.tenants.contains(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_adds_up_by_tenant_device_and_kind_and_beyond_the_limit_for_all_others() {
        let mut times = DeviceTimes::default();
        for _ in 0..2 {
            for tenant in 0..TENANTS_MAX + 3 {
                times.add(&tenant.to_string(), 0, TimeKind::Search, Duration::from_secs(1));
            }
        }
        times.add("0", 1, TimeKind::Search, Duration::from_secs(5));
        times.add("0", 0, TimeKind::Blocks, Duration::from_secs(7));
        let all = times.all(|device| format!("d{device}"));
        assert_eq!(all.len(), TENANTS_MAX + 3);
        let seconds = |tenant: &str, device: &str, kind| {
            let is_it =
                |row: &&DeviceTime| (row.tenant.as_str(), row.device.as_str(), row.kind) == (tenant, device, kind);
            all.iter().find(is_it).unwrap().time.as_secs()
        };
        assert_eq!(seconds("0", "d0", TimeKind::Search), 2);
        assert_eq!((seconds("0", "d1", TimeKind::Search), seconds("0", "d0", TimeKind::Blocks)), (5, 7));
        assert_eq!(seconds(OTHER_TENANTS, "d0", TimeKind::Search), 6, "three tenants, twice");
    }
}
