//! The word that the service is ending, as its parts hear it.

use tokio::sync::watch;

/// Tells the parts of the service when it begins to drain.
#[derive(Clone, Debug)]
pub(crate) struct Drain(watch::Receiver<bool>);

/// Begins the drain; dropping it begins it too.
#[derive(Debug)]
pub(crate) struct DrainSwitch(watch::Sender<bool>);

/// A drain that has not begun, and its switch.
pub(crate) fn drain() -> (DrainSwitch, Drain) {
    let (sender, receiver) = watch::channel(false);
    (DrainSwitch(sender), Drain(receiver))
}

impl DrainSwitch {
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Drain {
    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the drain begins.
    pub(crate) async fn begins(&mut self) {
        // An error means that the switch is gone, and the service with it.
        drop(self.0.wait_for(|begun| *begun).await);
    }
}
