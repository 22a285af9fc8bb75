//! Looks at the devices, the health and the reloads once a second, and adds each change to the event log.

use std::collections::BTreeMap;
use std::sync::Arc;

use cityseal_engine::{DeviceState, Engine};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::access::{Access, ReloadStatus};
use super::event_log::Event;
use super::limits::HEALTH_INTERVAL;
use super::observer::Observer;

/// What is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Looked {
    pub(crate) engine: Engine,
    pub(crate) access: Arc<Access>,
    pub(crate) is_serving: watch::Receiver<bool>,
    pub(crate) observer: Arc<Observer>,
}

/// The state at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    /// By id: the name and the state.
    devices: BTreeMap<String, (String, DeviceState)>,
    is_serving: bool,
    reloads: ReloadStatus,
}

/// Adds the changes; never ends.
pub(crate) async fn follow(looked: Looked) {
    let mut before = look(&looked).await;
    let mut ticks = interval(HEALTH_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let now = look(&looked).await;
        // A failed look says nothing.
        if let Some((before, now)) = before.as_ref().zip(now.as_ref()) {
            changes(before, now).iter().for_each(|event| looked.observer.event(event));
        }
        before = now.or(before);
    }
}

async fn look(looked: &Looked) -> Option<State> {
    let engine = looked.engine.clone();
    // The engine's lock may be taken.
    let devices = spawn_blocking(move || engine.devices()).await.ok()?;
    let row = |status: cityseal_engine::DeviceStatus| (status.info.id, (status.info.name, status.state));
    Some(State {
        devices: devices.into_iter().map(row).collect(),
        is_serving: *looked.is_serving.borrow(),
        reloads: looked.access.status(),
    })
}

fn changes(before: &State, now: &State) -> Vec<Event> {
    let mut events = Vec::new();
    for (id, (name, state)) in &now.devices {
        let from = before.devices.get(id).map_or("unknown", |(_, state)| state.name());
        if from != state.name() {
            let (device, name, to, reason) = (id.clone(), name.clone(), state.name(), state.reason());
            events.push(Event::Device { device, name, from, to, reason });
        }
    }
    if now.is_serving != before.is_serving {
        events.push(Event::Health { serving: now.is_serving });
    }
    let (old, new) = (&before.reloads, &now.reloads);
    if new.reloads != old.reloads {
        events.push(Event::Reload { reloads: new.reloads });
    }
    if new.failures != old.failures {
        let error = new.last_error.clone().unwrap_or_default();
        events.push(Event::ReloadRefused { failures: new.failures, error });
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(device: DeviceState, reloads: u64, failures: u64, is_serving: bool) -> State {
        let devices = BTreeMap::from([("cpu".to_owned(), ("A CPU".to_owned(), device))]);
        let last_error = (failures > 0).then(|| "broken".to_owned());
        State {
            devices,
            is_serving,
            reloads: ReloadStatus { reloads, failures, last_error, ..ReloadStatus::default() },
        }
    }

    #[test]
    fn each_change_is_one_event_and_no_change_is_none() {
        let hung = || DeviceState::Hung { reason: "no answer".to_owned() };
        let (before, now) = (state(DeviceState::Ready, 1, 0, true), state(hung(), 2, 3, false));
        assert!(changes(&before, &before).is_empty());
        let device = Event::Device {
            device: "cpu".to_owned(),
            name: "A CPU".to_owned(),
            from: "ready",
            to: "hung",
            reason: Some("no answer".to_owned()),
        };
        let refused = Event::ReloadRefused { failures: 3, error: "broken".to_owned() };
        let expected = [device, Event::Health { serving: false }, Event::Reload { reloads: 2 }, refused];
        assert_eq!(changes(&before, &now), expected);
    }
}
