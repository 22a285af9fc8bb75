//! What the process that runs a service can ask of it: to reload its files, and to end without waiting.

use std::sync::Arc;

use tokio::sync::watch;
use tracing::info;

/// Reads the files of the service again. It must keep what it has if a new file is broken, and log that.
type ReloadHook = Arc<dyn Fn() + Send + Sync>;

/// A handle on a service. Clones refer to the same service.
#[derive(Clone)]
pub struct ServiceControl {
    ends_now: Arc<watch::Sender<bool>>,
    reload: Option<ReloadHook>,
}

impl std::fmt::Debug for ServiceControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ends_now, reloads) = (*self.ends_now.borrow(), self.reload.is_some());
        f.debug_struct("ServiceControl").field("ends_now", &ends_now).field("reloads", &reloads).finish()
    }
}

impl ServiceControl {
    pub(crate) fn new(reload: Option<ReloadHook>) -> Self {
        Self { ends_now: Arc::new(watch::Sender::new(false)), reload }
    }

    /// Ends a service that is draining without waiting any longer: open calls are closed, running jobs are cancelled.
    /// Before the drain it shortens the drain that follows.
    pub fn end_now(&self) {
        self.ends_now.send_replace(true);
    }

    /// Whether [`Self::end_now`] was called.
    pub fn is_ending_now(&self) -> bool {
        *self.ends_now.borrow()
    }

    /// Reads the files of the service again. Blocks while it reads; open calls are not affected.
    pub fn reload(&self) {
        if let Some(reload) = &self.reload {
            reload();
        } else {
            info!("nothing to reload: the service was started without files that can change");
        }
    }

    /// Waits until [`Self::end_now`] is called.
    pub(crate) fn ending_now(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut receiver = self.ends_now.subscribe();
        // This future is used while the service, and so the sender, exists.
        async move { drop(receiver.wait_for(|ends_now| *ends_now).await) }
    }
}

/// The hook of [`crate::ServiceOptions`], which may be absent.
#[derive(Clone, Default)]
pub(crate) struct Reload(pub(crate) Option<ReloadHook>);

impl std::fmt::Debug for Reload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Reload").field(&self.0.is_some()).finish()
    }
}
