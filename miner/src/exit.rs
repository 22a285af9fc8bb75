//! How a command ends. The three exit codes stand here and nowhere else.

use std::process::ExitCode;

use cityseal_chain::Verdict;
use cityseal_engine::SealOutcome;

/// The answer of a command, as a script sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Sealed, valid, right.
    Yes,
    /// A clear no: exhausted, a fault, a wrong answer.
    No,
    /// Anything else: bad input, incomplete, cancelled, a device asked for and not ready.
    Neither,
}

impl Ending {
    /// The exit code: 0, 1 or 2.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Neither => 2,
        }
    }

    /// `Yes` where everything was right, otherwise `No`.
    pub(crate) const fn of_right(right: bool) -> Self {
        if right { Self::Yes } else { Self::No }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending.code())
    }
}

impl From<&SealOutcome> for Ending {
    fn from(outcome: &SealOutcome) -> Self {
        match outcome {
            SealOutcome::Sealed => Self::Yes,
            SealOutcome::Exhausted => Self::No,
            SealOutcome::Cancelled { .. }
            | SealOutcome::Expired
            | SealOutcome::Superseded { .. }
            | SealOutcome::Failed { .. }
            | _ => Self::Neither,
        }
    }
}

impl From<&Verdict> for Ending {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Valid => Self::Yes,
            Verdict::Fault(_) => Self::No,
            Verdict::Incomplete(_) => Self::Neither,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_has_the_exit_code_of_the_contract() {
        assert_eq!([Ending::Yes, Ending::No, Ending::Neither].map(Ending::code), [0, 1, 2]);
    }

    #[test]
    fn a_search_that_found_nothing_is_a_clear_no_and_a_cancelled_one_is_not() {
        assert_eq!(Ending::from(&SealOutcome::Sealed), Ending::Yes);
        assert_eq!(Ending::from(&SealOutcome::Exhausted), Ending::No);
        assert_eq!(Ending::from(&SealOutcome::Cancelled { by: "Ctrl-C".into() }), Ending::Neither);
        assert_eq!(Ending::from(&SealOutcome::Expired), Ending::Neither);
    }
}
