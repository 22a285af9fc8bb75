//! `DeviceService`: lists the engine's devices.

use std::sync::Arc;
use std::time::Instant;

use cityseal_engine::{DeviceState, DeviceStatus, Engine, WorkKind};
use cityseal_proto::v1;
use cityseal_proto::v1::device_service_server::DeviceService;
use tonic::{Request, Response, Status};

use super::call_note::peer_of;
use super::caller::Caller;
use super::device_facts::{duplicate_of, items, kind_to_wire, until_s};
use super::heavy::Heavy;
use super::jobs::saturated;
use super::sensors::memory_bytes;
use super::shares::Holder;

#[derive(Debug)]
pub(crate) struct Devices {
    engine: Engine,
    heavy: Arc<Heavy>,
}

impl Devices {
    pub(crate) const fn new(engine: Engine, heavy: Arc<Heavy>) -> Self {
        Self { engine, heavy }
    }
}

#[tonic::async_trait]
impl DeviceService for Devices {
    async fn list_devices(
        &self,
        request: Request<v1::ListDevicesRequest>,
    ) -> Result<Response<v1::ListDevicesResponse>, Status> {
        let holder = Holder::of_work(&Caller::of(request.extensions()), peer_of(request.extensions()));
        let engine = self.engine.clone();
        let list = move || engine.devices().iter().map(device_to_wire).collect();
        let devices = self.heavy.run_request(holder, 0, list).await?;
        Ok(Response::new(v1::ListDevicesResponse { devices, notes: self.engine.notes().to_vec() }))
    }
}

/// Returns a device as its message.
pub(crate) fn device_to_wire(status: &DeviceStatus) -> v1::Device {
    let info = &status.info;
    v1::Device {
        id: info.id.clone(),
        name: info.name.clone(),
        kind: kind_to_wire(info.kind).into(),
        api: info.api.clone(),
        kernel: info.kernel.clone(),
        driver: info.driver.clone().unwrap_or_default(),
        state: state_to_wire(&status.state).into(),
        reason: status.state.reason().unwrap_or_default(),
        hashes: saturated(status.hashes),
        headers: status.headers,
        rate_hz: status.rate_hz,
        strikes: status.strikes,
        canaries: status.canaries,
        canaries_missed: status.canaries_missed,
        pci: info.pci.clone().unwrap_or_default(),
        memory_bytes: memory_bytes(info),
        state_word: status.state.name().to_owned(),
        duplicate_of: duplicate_of(&status.state).unwrap_or_default(),
        quarantine_s: until_s(&status.state, Instant::now()),
        dispatch_nonces: status.tuned.map(|tuned| tuned.dispatch_nonces),
        crossover: (!status.crossovers.is_empty()).then(|| v1::Crossover {
            search: items(status, WorkKind::Search),
            headers: items(status, WorkKind::Headers),
            nodes: items(status, WorkKind::Nodes),
        }),
    }
}

fn state_to_wire(state: &DeviceState) -> v1::DeviceState {
    match state {
        DeviceState::Ready => v1::DeviceState::Ready,
        DeviceState::LeftOut { .. } => v1::DeviceState::LeftOut,
        DeviceState::Probation { .. } => v1::DeviceState::Probation,
        DeviceState::Quarantined { .. } => v1::DeviceState::Quarantined,
        DeviceState::Hung { .. } => v1::DeviceState::Hung,
        DeviceState::Reopening { .. } => v1::DeviceState::Reopening,
        DeviceState::Failed { .. } => v1::DeviceState::Failed,
        _ => v1::DeviceState::Unspecified,
    }
}
