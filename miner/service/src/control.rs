//! What the process that runs a service can ask of it: to reload its files, and to end without waiting.

use std::sync::Arc;

use tokio::sync::watch;

use super::access::AccessError;
use super::reload::Reloader;

/// A handle on a service. Clones refer to the same service.
#[derive(Clone, Debug)]
pub struct ServiceControl {
    ends_now: Arc<watch::Sender<bool>>,
    reloader: Reloader,
    serving: watch::Receiver<bool>,
}

impl ServiceControl {
    pub(crate) fn new(reloader: Reloader, serving: watch::Receiver<bool>) -> Self {
        Self { ends_now: Arc::new(watch::Sender::new(false)), reloader, serving }
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

    /// Whether the health is SERVING, and each change of it.
    pub fn serving(&self) -> watch::Receiver<bool> {
        self.serving.clone()
    }

    /// Reads certificates, tokens and tenants again; open calls are not affected.
    ///
    /// # Errors
    /// [`AccessError`], which is also logged; then everything stays as it was.
    pub async fn reload(&self) -> Result<(), AccessError> {
        self.reloader.reload().await
    }

    /// Waits until [`Self::end_now`] is called.
    pub(crate) fn ending_now(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut receiver = self.ends_now.subscribe();
        // This future is used while the service, and so the sender, exists.
        async move { drop(receiver.wait_for(|ends_now| *ends_now).await) }
    }
}
