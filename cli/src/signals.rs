//! Signals that stop the process: Ctrl-C, and SIGTERM on Unix; and the one that asks it to reload: SIGHUP.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Catches the stop signals as long as this value exists.
#[derive(Debug)]
pub struct StopSignals {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl StopSignals {
    /// Starts to catch the signals. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// The system's error.
    #[cfg(unix)]
    pub fn catch() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Starts to catch the signals. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// None on this system.
    #[cfg(not(unix))]
    pub fn catch() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal and returns its name.
    #[cfg(unix)]
    pub async fn asked(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "Ctrl-C",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }

    /// Waits for the next signal and returns its name.
    #[cfg(not(unix))]
    pub async fn asked(&mut self) -> &'static str {
        // If Ctrl-C cannot be caught, the system's default handling ends the process.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}

/// Catches SIGHUP as long as this value exists. Without it, that signal ends the process.
#[derive(Debug)]
pub struct ReloadSignals {
    #[cfg(unix)]
    hang_up: Signal,
}

impl ReloadSignals {
    /// Starts to catch the signal. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// The system's error.
    #[cfg(unix)]
    pub fn catch() -> io::Result<Self> {
        Ok(Self { hang_up: signal(SignalKind::hangup())? })
    }

    /// Does nothing: this system has no such signal.
    ///
    /// # Errors
    /// None on this system.
    #[cfg(not(unix))]
    pub fn catch() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the next signal; for ever on a system without it.
    #[cfg(unix)]
    pub async fn asked(&mut self) {
        if self.hang_up.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for the next signal; for ever on a system without it.
    #[cfg(not(unix))]
    pub async fn asked(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// Starts a tokio runtime with `threads` worker threads.
///
/// # Errors
/// The system's error if the threads cannot be started.
pub fn runtime(threads: usize) -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}
