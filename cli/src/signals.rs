//! The wish to stop: Ctrl-C, and where there are such signals, SIGTERM.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask the process to stop, caught from the moment this value exists.
#[derive(Debug)]
pub struct StopSignals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl StopSignals {
    /// Begins to catch them; to be called within a tokio runtime.
    ///
    /// # Errors
    /// What the system said.
    #[cfg(unix)]
    pub fn catch() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Begins to catch them; to be called within a tokio runtime.
    ///
    /// # Errors
    /// None here; elsewhere what the system said.
    #[cfg(not(unix))]
    pub fn catch() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next one and gives its name.
    #[cfg(unix)]
    pub async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// Waits for the next one and gives its name.
    #[cfg(not(unix))]
    pub async fn asked(&mut self) -> &'static str {
        // Where Ctrl-C can not be caught, the system's own handling of it ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}

/// A runtime of `threads` worker threads.
///
/// # Errors
/// What the system said when it was asked for threads.
pub fn runtime(threads: usize) -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}
