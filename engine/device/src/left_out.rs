//! Why a device is not used.

use crate::OpenError;

/// Why a device is not used. The message says what the user can do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeftOutReason {
    /// A software adapter. The message names the flag of the command line; a library user allows software adapters when
    /// the engine is built.
    #[error("a software adapter, slower than the CPU itself: used only with --allow-software")]
    Software,
    /// The same device is already used through another API or driver.
    #[error("the same device as {of}, seen through another API or driver")]
    Duplicate {
        /// Id of the device that is used.
        of: String,
    },
    /// It lacks a feature that the shaders need.
    #[error("{reason}")]
    Unfit {
        /// The missing feature.
        reason: String,
    },
    /// It could not be opened.
    #[error("{reason}")]
    NotOpened {
        /// The error of its driver.
        reason: String,
    },
    /// It gave a wrong answer, or none, to a known-answer test.
    #[error("self-test failed: {reason}")]
    FailedSelfTest {
        /// The test, with the expected and the found answer.
        reason: String,
    },
    /// Other devices were named.
    #[error("not selected: other devices were named")]
    NotSelected,
}

impl LeftOutReason {
    /// The name in JSON: `software`, `duplicate`, `unfit`, `failed`, `failed-self-test`, `not-selected`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Duplicate { .. } => "duplicate",
            Self::Unfit { .. } => "unfit",
            Self::NotOpened { .. } => "failed",
            Self::FailedSelfTest { .. } => "failed-self-test",
            Self::NotSelected => "not-selected",
        }
    }

    /// Whether the device was tested and failed.
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::NotOpened { .. } | Self::FailedSelfTest { .. })
    }

    /// Id of the device that is used instead, for a duplicate.
    pub fn duplicate_of(&self) -> Option<&str> {
        match self {
            Self::Duplicate { of } => Some(of),
            Self::Software
            | Self::Unfit { .. }
            | Self::NotOpened { .. }
            | Self::FailedSelfTest { .. }
            | Self::NotSelected => None,
        }
    }
}

impl From<OpenError> for LeftOutReason {
    fn from(error: OpenError) -> Self {
        let reason = error.to_string();
        if matches!(error, OpenError::Lacks { .. }) { Self::Unfit { reason } } else { Self::NotOpened { reason } }
    }
}
