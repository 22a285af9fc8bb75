//! Signals that stop the process: Ctrl-C, and SIGTERM on Unix; and the one that makes a service reload its files.

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

/// What a signal asks of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To stop, by the signal of this name.
    Stop(&'static str),
    /// To read its files again: SIGHUP.
    Reload,
}

/// Catches the stop signals and SIGHUP as long as this value exists.
#[derive(Debug)]
struct ServiceSignals {
    stop: StopSignals,
    #[cfg(unix)]
    hangup: Signal,
}

impl ServiceSignals {
    /// Starts to catch the signals. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// The system's error.
    fn catch() -> io::Result<Self> {
        Ok(Self {
            stop: StopSignals::catch()?,
            #[cfg(unix)]
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    #[cfg(unix)]
    async fn asked(&mut self) -> Asked {
        tokio::select! {
            name = self.stop.asked() => Asked::Stop(name),
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits for the next signal.
    #[cfg(not(unix))]
    async fn asked(&mut self) -> Asked {
        Asked::Stop(self.stop.asked().await)
    }
}

/// Calls `on_signal` for each signal of a service, on a thread of its own, for the rest of the process. The signals are
/// caught when this returns.
///
/// # Errors
/// The system's error.
pub fn follow_signals(mut on_signal: impl FnMut(Asked) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = runtime.block_on(async { ServiceSignals::catch() })?;
    let follow = move || {
        runtime.block_on(async {
            loop {
                on_signal(signals.asked().await);
            }
        })
    };
    std::thread::Builder::new().name("cityseal-signal".to_owned()).spawn(follow)?;
    Ok(())
}

/// Starts a tokio runtime with `threads` worker threads.
///
/// # Errors
/// The system's error if the threads cannot be started.
pub fn runtime(threads: usize) -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()
}
