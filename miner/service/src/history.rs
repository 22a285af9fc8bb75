//! What the devices did in the last two minutes: their rates for small curves, and their temperatures. Looked at every
//! few seconds, whether anybody asks or not.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use cityseal_engine::{DeviceStatus, Engine};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::limits::{HISTORY_INTERVAL, HISTORY_SAMPLES_MAX};
use super::sensors::temperature_celsius;

/// The last samples of one device.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recent {
    /// Hashes and headers per second between two looks, oldest first.
    pub(crate) rates_hz: VecDeque<f64>,
    pub(crate) temperature_celsius: Option<f64>,
}

/// The last samples of all devices, by id. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct History(Arc<Mutex<Samples>>);

#[derive(Debug, Default)]
struct Samples {
    last: Option<Look>,
    recent: BTreeMap<String, Recent>,
}

/// The counters of one look.
#[derive(Debug)]
struct Look {
    at: Instant,
    /// Hashes and headers since the start, by device.
    done: BTreeMap<String, u128>,
}

impl History {
    pub(crate) fn of(&self, device: &str) -> Recent {
        self.lock().recent.get(device).cloned().unwrap_or_default()
    }

    /// Adds a sample of each device that works.
    fn add(&self, devices: &[DeviceStatus], at: Instant, temperature: impl Fn(&DeviceStatus) -> Option<f64>) {
        let working = || devices.iter().filter(|device| device.workers > 0 || device.hashes > 0 || device.headers > 0);
        let done = |device: &DeviceStatus| device.hashes + u128::from(device.headers);
        let look = Look { at, done: working().map(|device| (device.info.id.clone(), done(device))).collect() };
        let temperatures: Vec<Option<f64>> = working().map(temperature).collect();
        let mut samples = self.lock();
        let before = samples.last.replace(look);
        for (device, temperature_celsius) in working().zip(temperatures) {
            let recent = samples.recent.entry(device.info.id.clone()).or_default();
            recent.temperature_celsius = temperature_celsius;
            let Some(before) = &before else { continue };
            let seconds = at.saturating_duration_since(before.at).as_secs_f64();
            let Some(earlier) = before.done.get(&device.info.id).filter(|_| seconds > 0.0) else { continue };
            if recent.rates_hz.len() == HISTORY_SAMPLES_MAX {
                recent.rates_hz.pop_front();
            }
            recent.rates_hz.push_back(done(device).saturating_sub(*earlier) as f64 / seconds);
        }
    }

    /// Looks at the devices until it is dropped.
    pub(crate) async fn follow(self, engine: Engine) -> Infallible {
        let mut ticks = interval(HISTORY_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (history, engine) = (self.clone(), engine.clone());
            // Waits for the engine's lock and for sensors.
            let look = move || history.add(&engine.devices(), Instant::now(), |one| temperature_celsius(&one.info));
            drop(spawn_blocking(look).await);
        }
    }

    /// A poisoned lock is still usable: at worst one sample is missing.
    fn lock(&self) -> MutexGuard<'_, Samples> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_the_rates_between_looks_and_at_most_as_many_as_fit() {
        let engine = Engine::builder().gpu(false).threads(1).build().unwrap();
        let (history, start) = (History::default(), Instant::now());
        let mut device = engine.devices().remove(0);
        for step in 0..=HISTORY_SAMPLES_MAX as u32 + 5 {
            device.hashes = 100 * u128::from(step);
            history.add(&[device.clone()], start + step * HISTORY_INTERVAL, |_| Some(41.5));
        }
        let recent = history.of(&device.info.id);
        assert_eq!((recent.rates_hz.len(), recent.temperature_celsius), (HISTORY_SAMPLES_MAX, Some(41.5)));
        let expected = 100.0 / HISTORY_INTERVAL.as_secs_f64();
        assert!(recent.rates_hz.iter().all(|rate| (rate - expected).abs() < 1e-9), "{recent:?}");
        assert_eq!(history.of("gpu-9"), Recent::default());
    }
}
