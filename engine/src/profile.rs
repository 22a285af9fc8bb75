//! Profiles for sharing a GPU with its display.

use std::time::Duration;

/// The duration of one GPU dispatch. A display waits that long for its next frame, and a cancelled job for its end; but
/// shorter dispatches have more overhead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// 5 ms: the display stays smooth.
    Interactive,
    /// 20 ms.
    #[default]
    Balanced,
    /// 100 ms: for machines that do nothing else.
    Throughput,
}

impl Profile {
    /// All profiles, the shortest dispatch first.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Balanced, Self::Throughput];

    /// The name: `interactive`, `balanced`, `throughput`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Balanced => "balanced",
            Self::Throughput => "throughput",
        }
    }

    /// The profile with that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The target duration of a dispatch.
    pub const fn dispatch_time(self) -> Duration {
        Duration::from_millis(match self {
            Self::Interactive => 5,
            Self::Balanced => 20,
            Self::Throughput => 100,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_found_by_its_exact_name_only() {
        for profile in Profile::ALL {
            assert_eq!(Profile::by_name(profile.name()), Some(profile));
        }
        assert_eq!(Profile::by_name("Balanced"), None);
        assert_eq!(Profile::by_name(""), None);
    }

    #[test]
    fn the_dispatch_times_are_5_20_and_100_ms() {
        let times = Profile::ALL.map(|profile| profile.dispatch_time().as_millis());
        assert_eq!(times, [5, 20, 100]);
        assert_eq!(Profile::default(), Profile::Balanced);
    }
}
