//! `DeviceService`: every device as the engine knows it.

use cityseal_device::DeviceKind;
use cityseal_engine::{DeviceState, DeviceStatus, Engine};
use cityseal_proto::v1;
use cityseal_proto::v1::device_service_server::DeviceService;
use tonic::{Request, Response, Status};

use super::jobs::saturated;

#[derive(Debug)]
pub(crate) struct Devices {
    engine: Engine,
}

impl Devices {
    pub(crate) const fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

#[tonic::async_trait]
impl DeviceService for Devices {
    async fn list_devices(
        &self,
        _request: Request<v1::ListDevicesRequest>,
    ) -> Result<Response<v1::ListDevicesResponse>, Status> {
        let devices = self.engine.devices().iter().map(device_to_wire).collect();
        Ok(Response::new(v1::ListDevicesResponse { devices, notes: self.engine.notes().to_vec() }))
    }
}

fn device_to_wire(status: &DeviceStatus) -> v1::Device {
    let info = &status.info;
    v1::Device {
        id: info.id.clone(),
        name: info.name.clone(),
        kind: kind_to_wire(info.kind).into(),
        api: info.api.clone(),
        kernel: info.kernel.clone(),
        driver: info.driver.clone().unwrap_or_default(),
        state: state_to_wire(&status.state).into(),
        reason: status.state.reason().unwrap_or_default().to_owned(),
        hashes: saturated(status.hashes),
        headers: status.headers,
        rate_hz: status.rate_hz,
        strikes: status.strikes,
        canaries: status.canaries,
        canaries_missed: status.canaries_missed,
    }
}

fn kind_to_wire(kind: DeviceKind) -> v1::DeviceKind {
    match kind {
        DeviceKind::Cpu => v1::DeviceKind::Cpu,
        DeviceKind::Gpu => v1::DeviceKind::Gpu,
        DeviceKind::Software => v1::DeviceKind::Software,
        _ => v1::DeviceKind::Unspecified,
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
