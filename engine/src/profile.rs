//! How a GPU is shared with a person who looks at its screen.

use std::time::Duration;

/// How long one dispatch of a GPU takes: a display waits that long for its next picture, and a cancelled job that long for
/// its end; starting a dispatch costs the more of a GPU's time the shorter it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// 5 ms: the screen of the machine stays smooth.
    Interactive,
    /// 20 ms.
    #[default]
    Balanced,
    /// 100 ms: for machines that do nothing else.
    Throughput,
}

impl Profile {
    /// All of them, the gentlest first.
    pub const ALL: [Self; 3] = [Self::Interactive, Self::Balanced, Self::Throughput];

    /// The name that people give: `interactive`, `balanced`, `throughput`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Balanced => "balanced",
            Self::Throughput => "throughput",
        }
    }

    /// The profile of that name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// What a dispatch should take.
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
    fn every_profile_is_found_by_its_name_and_no_other_is() {
        for profile in Profile::ALL {
            assert_eq!(Profile::by_name(profile.name()), Some(profile));
        }
        assert_eq!(Profile::by_name("Balanced"), None);
        assert_eq!(Profile::by_name(""), None);
    }

    #[test]
    fn the_times_are_those_that_are_promised() {
        let times = Profile::ALL.map(|profile| profile.dispatch_time().as_millis());
        assert_eq!(times, [5, 20, 100]);
        assert_eq!(Profile::default(), Profile::Balanced);
    }
}
