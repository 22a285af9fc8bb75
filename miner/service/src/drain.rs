//! Signals to the parts of the service that it is shutting down.

use tokio::sync::watch;

/// Receives the signal that the drain begins.
#[derive(Clone, Debug)]
pub(crate) struct Drain(watch::Receiver<bool>);

/// Starts the drain; dropping it starts the drain too.
#[derive(Debug)]
pub(crate) struct DrainSwitch(watch::Sender<bool>);

/// Creates a drain that has not begun, and its switch.
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
        // An error means that the switch was dropped, and the service with it.
        drop(self.0.wait_for(|begun| *begun).await);
    }
}
