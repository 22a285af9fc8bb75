//! `Display` for wire messages, in the words of the command line.
//!
//! Texts in a message come from the peer and are displayed unchanged: escape them before writing to a terminal or a
//! log.

use std::fmt;

use cityseal_chain::BlockHash;

use crate::v1;

impl fmt::Display for v1::JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Running => "running",
            Self::Sealed => "sealed",
            Self::Exhausted => "exhausted",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
        })
    }
}

impl fmt::Display for v1::WhenNoGpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Cpu => "cpu",
            Self::Wait => "wait",
            Self::Fail => "fail",
        })
    }
}

impl fmt::Display for v1::VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Valid => "valid",
            Self::Fault => "fault",
            Self::Incomplete => "incomplete",
        })
    }
}

impl fmt::Display for v1::DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
            Self::Software => "software",
        })
    }
}

impl fmt::Display for v1::DeviceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Ready => "ready",
            Self::LeftOut => "left out",
            Self::Quarantined => "quarantined",
            Self::Reopening => "reopening",
            Self::Failed => "failed",
            Self::Probation => "probation",
            Self::Hung => "hung",
        })
    }
}

impl fmt::Display for v1::Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {}: {}", self.id, self.state())?;
        if !self.reason.is_empty() {
            write!(f, " ({})", self.reason)?;
        }
        write!(f, "; {} of {} hashes, {} seals", self.hashes, self.volume, self.seals_found)
    }
}

impl fmt::Display for v1::Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): ", self.id, self.name)?;
        // The word is more precise than the enum; an older service sends the enum only.
        match self.state_word.as_str() {
            "" => write!(f, "{}", self.state())?,
            word => f.write_str(word)?,
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason) }
    }
}

impl fmt::Display for v1::DeviceShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kernel, hashes, headers, state, .. } = self;
        write!(f, "{name} ({kernel}, {state}): {hashes} hashes, {headers} headers")
    }
}

/// The hash as block explorers show it; a hash that is not 32 bytes long is displayed by its length.
impl fmt::Display for v1::Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match <[u8; 32]>::try_from(&self.hash[..]) {
            Ok(wire) => write!(f, "{}", BlockHash::from_wire(wire)),
            Err(_) => write!(f, "a hash of {} bytes", self.hash.len()),
        }
    }
}

impl fmt::Display for v1::NotChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, from_height, to_height, why } = self;
        write!(f, "{rule} not checked at heights {from_height} to {to_height}: {why}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_enum_is_displayed_as_its_wire_name_without_the_prefix() {
        fn check<E: fmt::Display>(value: E, wire: &str, prefix: &str) {
            let words = wire.strip_prefix(prefix).unwrap().to_lowercase().replace('_', " ");
            assert_eq!(value.to_string(), words);
        }
        for state in (0..).map_while(|number| v1::JobState::try_from(number).ok()) {
            check(state, state.as_str_name(), "JOB_STATE_");
        }
        for when in (0..).map_while(|number| v1::WhenNoGpu::try_from(number).ok()) {
            check(when, when.as_str_name(), "WHEN_NO_GPU_");
        }
        for kind in (0..).map_while(|number| v1::VerdictKind::try_from(number).ok()) {
            check(kind, kind.as_str_name(), "VERDICT_KIND_");
        }
        for kind in (0..).map_while(|number| v1::DeviceKind::try_from(number).ok()) {
            check(kind, kind.as_str_name(), "DEVICE_KIND_");
        }
        for state in (0..).map_while(|number| v1::DeviceState::try_from(number).ok()) {
            check(state, state.as_str_name(), "DEVICE_STATE_");
        }
    }

    #[test]
    fn a_job_is_displayed_with_its_reason_if_it_has_one() {
        let mut job = v1::Job { id: "1-2".to_owned(), hashes: 7, volume: "9".to_owned(), ..Default::default() };
        job.set_state(v1::JobState::Running);
        assert_eq!(job.to_string(), "job 1-2: running; 7 of 9 hashes, 0 seals");
        job.set_state(v1::JobState::Cancelled);
        job.reason = "the operator".to_owned();
        assert_eq!(job.to_string(), "job 1-2: cancelled (the operator); 7 of 9 hashes, 0 seals");
    }

    #[test]
    fn a_device_is_displayed_with_its_state_word_if_it_has_one() {
        let mut device = v1::Device { id: "cpu".to_owned(), name: "A CPU".to_owned(), ..Default::default() };
        device.set_state(v1::DeviceState::LeftOut);
        assert_eq!(device.to_string(), "cpu (A CPU): left out");
        device.state_word = "not-selected".to_owned();
        device.reason = "not selected".to_owned();
        assert_eq!(device.to_string(), "cpu (A CPU): not-selected (not selected)");
    }

    #[test]
    fn a_seal_is_displayed_as_its_hash_most_significant_byte_first() {
        let mut hash = [0; 32];
        hash[0] = 0xab;
        let seal = v1::Seal { hash: hash.to_vec().into(), ..Default::default() };
        assert_eq!(seal.to_string(), format!("{}ab", "00".repeat(31)));
        assert_eq!(v1::Seal::default().to_string(), "a hash of 0 bytes");
    }
}
