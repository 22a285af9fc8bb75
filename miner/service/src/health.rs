//! The health of the service: `SERVING` while at least one device is ready, and `NOT_SERVING` from the start of a
//! drain.

use std::convert::Infallible;

use cityseal_engine::{DeviceState, Engine};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use super::limits::HEALTH_INTERVAL;

/// The services whose health is reported; the empty name means the whole server.
const NAMES: [&str; 5] = [
    "",
    "cityseal.v1.SealService",
    "cityseal.v1.VerifyService",
    "cityseal.v1.DeviceService",
    "cityseal.v1.StatusService",
];

/// Reports the health of all services.
#[derive(Debug)]
pub(crate) struct Health {
    reporter: HealthReporter,
    engine: Engine,
    /// Whether it is SERVING.
    serving: watch::Sender<bool>,
}

impl Health {
    pub(crate) fn new(reporter: HealthReporter, engine: Engine) -> Self {
        Self { reporter, engine, serving: watch::Sender::new(false) }
    }

    pub(crate) fn serving(&self) -> watch::Receiver<bool> {
        self.serving.subscribe()
    }

    /// Reports the state of the devices, and returns it.
    pub(crate) async fn look(&self) -> ServingStatus {
        let status = status_of(&self.engine);
        self.report(status).await;
        status
    }

    pub(crate) async fn report(&self, status: ServingStatus) {
        self.serving.send_replace(status == ServingStatus::Serving);
        for name in NAMES {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Reports each change of the devices; never ends.
    pub(crate) async fn follow(&self) -> Infallible {
        let mut last = self.look().await;
        let mut ticks = interval(HEALTH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let engine = self.engine.clone();
            // The engine's lock may be taken. A failed look says nothing about the devices.
            let Ok(status) = tokio::task::spawn_blocking(move || status_of(&engine)).await else { continue };
            if status == last {
                continue;
            }
            last = status;
            match status {
                ServingStatus::Serving => info!("a device is ready again; serving"),
                ServingStatus::NotServing | ServingStatus::Unknown => warn!("no device is ready; not serving"),
            }
            self.report(status).await;
        }
    }
}

fn status_of(engine: &Engine) -> ServingStatus {
    let is_ready = engine.devices().iter().any(|status| status.state == DeviceState::Ready);
    if is_ready { ServingStatus::Serving } else { ServingStatus::NotServing }
}
