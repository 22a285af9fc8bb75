//! Facts of a device's status that the service and the command line both report.

use std::time::Instant;

use cityseal_device::DeviceKind;
use cityseal_engine::{Crossover, DeviceState, DeviceStatus, WorkKind};
use cityseal_proto::v1;

/// Id of the device that is used instead of this duplicate.
pub fn duplicate_of(state: &DeviceState) -> Option<String> {
    if let DeviceState::LeftOut { reason } = state { reason.duplicate_of().map(str::to_owned) } else { None }
}

/// Whole seconds until a quarantine ends, rounded up; `None` without a quarantine, or if it has no end.
pub fn until_s(state: &DeviceState, now: Instant) -> Option<u64> {
    let DeviceState::Quarantined { until: Some(until), .. } = state else { return None };
    Some(until.saturating_duration_since(now).as_secs_f64().ceil() as u64)
}

/// Smallest batch, in items, that the device finishes sooner than the CPU; `None`: never, or unknown.
pub fn items(status: &DeviceStatus, kind: WorkKind) -> Option<u64> {
    let found = status.crossovers.iter().find(|(other, _)| *other == kind)?;
    if let Crossover::From(items) = found.1 { Some(items) } else { None }
}

/// The kind of a device on the wire.
pub(crate) fn kind_to_wire(kind: DeviceKind) -> v1::DeviceKind {
    match kind {
        DeviceKind::Cpu => v1::DeviceKind::Cpu,
        DeviceKind::Gpu => v1::DeviceKind::Gpu,
        DeviceKind::Software => v1::DeviceKind::Software,
        _ => v1::DeviceKind::Unspecified,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cityseal_engine::LeftOutReason;

    use super::*;

    #[test]
    fn only_a_quarantine_has_seconds_until_its_end() {
        let now = Instant::now();
        let quarantined = |until| DeviceState::Quarantined { reason: "test".into(), until };
        assert_eq!(until_s(&quarantined(Some(now + Duration::from_millis(59_001))), now), Some(60));
        assert_eq!(until_s(&quarantined(Some(now)), now + Duration::from_secs(1)), Some(0));
        assert_eq!(until_s(&quarantined(None), now), None);
        assert_eq!(until_s(&DeviceState::Ready, now), None);
    }

    #[test]
    fn a_duplicate_names_the_device_that_is_used() {
        let duplicate = LeftOutReason::Duplicate { of: "vulkan-1".into() };
        assert_eq!(duplicate_of(&DeviceState::LeftOut { reason: duplicate }).as_deref(), Some("vulkan-1"));
        assert_eq!(duplicate_of(&DeviceState::LeftOut { reason: LeftOutReason::Software }), None);
        assert_eq!(duplicate_of(&DeviceState::Ready), None);
    }
}
