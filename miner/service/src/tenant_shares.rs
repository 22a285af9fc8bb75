//! Gives the engine the tenants' shares of device time, at the start and after each reload.

use std::sync::Arc;

use cityseal_engine::{Engine, TenantShare};
use tokio::sync::watch;
use tracing::error;

use super::access::Snapshot;
use super::tenants::{TenantSettings, Tenants};

/// Sets the shares of these tenants.
pub(crate) fn apply(tenants: &Tenants, engine: &Engine) {
    let share_of = |tenant: &TenantSettings| {
        let priority_max = tenant.limits.priority_max.unwrap_or(u8::MAX);
        (tenant.name.clone(), TenantShare { weight: tenant.weight, reserved: tenant.reserved, priority_max })
    };
    if let Err(refused) = engine.set_tenants(tenants.iter().map(share_of)) {
        error!(error = %refused, "the tenants' shares of device time stay as they were");
    }
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
