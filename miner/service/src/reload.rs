//! Reloads certificates, tokens and tenants when one of their files changes, or when the operator asks for it.

use std::sync::Arc;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::access::{Access, AccessError, ReloadStatus};
use super::limits::RELOAD_POLL_INTERVAL;
use super::tenants::Tenants;

/// Reloads the certificates, tokens and tenants of a running service. Clones share it.
#[derive(Clone, Debug)]
pub struct Reloader(Arc<Access>);

impl Reloader {
    pub(crate) const fn new(access: Arc<Access>) -> Self {
        Self(access)
    }

    /// Reads all files again. Open calls go on; new connections use the new certificate.
    ///
    /// # Errors
    /// [`AccessError`], which is also logged; then everything stays as it was.
    pub async fn reload(&self) -> Result<(), AccessError> {
        let access = Arc::clone(&self.0);
        spawn_blocking(move || access.reload()).await.map_err(AccessError::Task)?
    }

    /// The tenants in force.
    pub fn tenants(&self) -> Tenants {
        self.0.tenants()
    }

    /// How the reloads went.
    pub fn status(&self) -> ReloadStatus {
        self.0.status()
    }
}

/// Looks at the files until it is dropped, and reloads after a change.
pub(crate) async fn watch_files(access: Arc<Access>) {
    let reloader = Reloader::new(Arc::clone(&access));
    let mut before = None;
    let mut ticks = interval(RELOAD_POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let loaded = access.loaded();
        let looking = loaded.clone();
        let Ok(now) = spawn_blocking(move || looking.again()).await else { continue };
        // A file that is still being written, or whose pair follows, is left until it rests.
        let rests = before.as_ref() == Some(&now);
        let has_changed = now != loaded;
        before = Some(now);
        if rests && has_changed {
            // A failure is logged once; the next change is the next attempt.
            drop(reloader.reload().await);
        }
    }
}
