//! Gives the engine the tenants' shares of device time, at the start and after each reload.

use std::sync::Arc;

use cityseal_engine::{Engine, TenantShare};
use tokio::sync::watch;
use tracing::error;

use super::access::Snapshot;
use super::tenants::{TenantSettings, Tenants};

/// Sets the shares of these tenants.
pub(crate) fn apply(tenants: &Tenants, engine: &Engine) {
    if let Err(refused) = engine.set_tenants(tenants.iter().map(share_of)) {
        error!(error = %refused, "the tenants' shares of device time stay as they were");
    }
}

fn share_of(tenant: &TenantSettings) -> (String, TenantShare) {
    let priority_max = tenant.limits.priority_max.unwrap_or(u8::MAX);
    (tenant.name.clone(), TenantShare { weight: tenant.weight, reserved: tenant.reserved, priority_max })
}

/// Sets the shares again whenever the tenants may have changed.
pub(crate) async fn follow(mut snapshots: watch::Receiver<Arc<Snapshot>>, engine: Engine) {
    while snapshots.changed().await.is_ok() {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        // Waits for the driver's lock for a moment.
        let engine = engine.clone();
        drop(tokio::task::spawn_blocking(move || apply(snapshot.tenants(), &engine)).await);
    }
}

#[cfg(test)]
mod tests {
    use super::super::caller::Scopes;
    use super::super::limits::TENANT_WEIGHT_MAX;
    use super::super::terms::{TenantLimits, WhenNoGpu};
    use super::*;

    fn tenant(name: &str, weight: u32, reserved: f64) -> TenantSettings {
        let (limits, uris) = (TenantLimits::default(), vec![format!("cityseal:tenant:{name}")]);
        let (name, scopes, when_no_gpu) = (name.to_owned(), Scopes::all(), WhenNoGpu::default());
        TenantSettings { name, weight, reserved, refuse_below: 0.0, limits, scopes, uris, when_no_gpu }
    }

    #[test]
    fn the_engine_takes_the_largest_shares_that_the_configuration_takes() {
        let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
        let tenants = Tenants::new(vec![tenant("a", TENANT_WEIGHT_MAX, 0.7), tenant("b", 1, 0.3)]).unwrap();
        assert_eq!(engine.set_tenants(tenants.iter().map(share_of)), Ok(()));
        assert!(engine.set_tenants([share_of(&tenant("a", TENANT_WEIGHT_MAX + 1, 0.0))]).is_err());
    }
}
