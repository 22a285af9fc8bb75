//! Tenants: on whose behalf work runs, and how device time is divided among them.

use std::collections::BTreeMap;
use std::time::Duration;

/// Largest weight of a tenant. A turn lasts 20 ms of device time for each unit of weight, so with the largest weight it
/// lasts 2 s.
pub const TENANT_WEIGHT_MAX: u32 = 100;

/// Priorities per unit of weight.
const PRIORITIES_PER_WEIGHT: u32 = 32;

/// A tenant's claim on device time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TenantShare {
    /// Its weight against other tenants that have work: 1 to 100. Default 1.
    pub weight: u32,
    /// The fraction of all device time, 0 to 1, that it gets before any other tenant, as far as it has work. What it
    /// does not use goes to the others. It counts towards the tenant's share by weight. Default 0.
    pub reserved: f64,
    /// The highest priority that its jobs and uploads may use; a higher one counts as this. Default 255.
    pub priority_max: u8,
}

impl Default for TenantShare {
    fn default() -> Self {
        Self { weight: 1, reserved: 0.0, priority_max: u8::MAX }
    }
}

/// The device time of a tenant that had work within the last minute.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantUsage {
    /// The tenant; empty for work without one.
    pub name: String,
    /// Its claim.
    pub share: TenantShare,
    /// Device time that it used within the last minute, summed over all workers.
    pub used: Duration,
    /// The fraction of device time, 0 to 1, that it is due while all tenants of the list have work.
    pub due: f64,
    /// Whether it has work at present.
    pub has_work: bool,
}

/// Why a table of tenants is invalid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantsError {
    /// A weight is out of range.
    #[error("tenant '{name}': weight {found}; expected 1 to {expected_max}")]
    Weight {
        /// The tenant.
        name: String,
        /// The largest weight.
        expected_max: u32,
        /// The weight given.
        found: u32,
    },
    /// A reserved share is no fraction.
    #[error("tenant '{name}': reserved share {found}; expected 0 to 1")]
    Reserved {
        /// The tenant.
        name: String,
        /// The share given.
        found: f64,
    },
    /// The reserved shares are more than everything.
    #[error("the reserved shares of all tenants add up to {found}; expected at most 1")]
    ReservedTotal {
        /// The sum given.
        found: f64,
    },
}

/// The shares of tenants by name; a tenant that is not listed has the default share.
pub(crate) type TenantShares = BTreeMap<String, TenantShare>;

/// Checks a table of tenants. The last entry of a name counts.
pub(crate) fn check_tenants(
    tenants: impl IntoIterator<Item = (String, TenantShare)>,
) -> Result<TenantShares, TenantsError> {
    let tenants: TenantShares = tenants.into_iter().collect();
    for (name, share) in &tenants {
        if !(1..=TENANT_WEIGHT_MAX).contains(&share.weight) {
            let (name, expected_max, found) = (name.clone(), TENANT_WEIGHT_MAX, share.weight);
            return Err(TenantsError::Weight { name, expected_max, found });
        }
        if !(0.0..=1.0).contains(&share.reserved) {
            return Err(TenantsError::Reserved { name: name.clone(), found: share.reserved });
        }
    }
    let found: f64 = tenants.values().map(|share| share.reserved).sum();
    // Tenths do not add up exactly in binary.
    if found > 1.0 + 1e-9 { Err(TenantsError::ReservedTotal { found }) } else { Ok(tenants) }
}

impl TenantShare {
    /// The weight of a job or an upload inside its tenant: 1 + priority / 32, so 1 to 8.
    pub(crate) fn weight_of(&self, priority: u8) -> u32 {
        1 + u32::from(priority.min(self.priority_max)) / PRIORITIES_PER_WEIGHT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(shares: &[TenantShare]) -> Result<TenantShares, String> {
        let named = shares.iter().enumerate().map(|(number, share)| (format!("t{number}"), *share));
        check_tenants(named).map_err(|error| error.to_string())
    }

    #[test]
    fn accepts_the_largest_weight_and_refuses_zero_and_one_more() {
        let of = |weight| TenantShare { weight, ..TenantShare::default() };
        assert!(check(&[of(1), of(100)]).is_ok());
        assert_eq!(check(&[of(0)]).unwrap_err(), "tenant 't0': weight 0; expected 1 to 100");
        assert_eq!(check(&[of(101)]).unwrap_err(), "tenant 't0': weight 101; expected 1 to 100");
    }

    #[test]
    fn accepts_reserved_shares_up_to_everything_and_refuses_more() {
        let of = |reserved| TenantShare { reserved, ..TenantShare::default() };
        assert!(check(&[of(0.1); 10]).is_ok() && check(&[of(1.0), of(0.0)]).is_ok());
        for reserved in [-0.1, 1.1, f64::NAN] {
            assert!(check(&[of(reserved)]).unwrap_err().contains("expected 0 to 1"), "{reserved}");
        }
        let refused = check(&[of(0.5), of(0.625)]).unwrap_err();
        assert_eq!(refused, "the reserved shares of all tenants add up to 1.125; expected at most 1");
    }

    #[test]
    fn a_priority_counts_in_steps_of_32_up_to_the_cap_of_its_tenant() {
        let share = TenantShare::default();
        assert_eq!([0, 31, 32, 64, 255].map(|priority| share.weight_of(priority)), [1, 1, 2, 3, 8]);
        let capped = TenantShare { priority_max: 64, ..share };
        assert_eq!([0, 63, 64, 255].map(|priority| capped.weight_of(priority)), [1, 2, 3, 3]);
    }
}
