//! How a command ends: the three exit codes.

use std::process::ExitCode;

use cityseal_chain::VerdictKind;

/// The outcome of a command, as a script sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A clear yes: sealed, valid, correct.
    Yes,
    /// A clear no: exhausted, a fault, a wrong answer.
    No,
    /// Neither: bad input, incomplete, cancelled, or a requested device that is not ready.
    Neither,
}

impl Ending {
    /// The exit code: 0, 1 or 2.
    pub const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Neither => 2,
        }
    }

    /// `Yes` if every answer was right, otherwise `No`.
    pub const fn of_right(is_right: bool) -> Self {
        if is_right { Self::Yes } else { Self::No }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending.code())
    }
}

impl From<VerdictKind> for Ending {
    fn from(verdict: VerdictKind) -> Self {
        match verdict {
            VerdictKind::Valid => Self::Yes,
            VerdictKind::Fault => Self::No,
            VerdictKind::Incomplete => Self::Neither,
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
}
