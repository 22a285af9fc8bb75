//! Why a kernel that was asked for by name cannot be had. It decides nothing: the caller chooses between failing and
//! asking for another.

use crate::KernelName;

/// A kernel asked for by name is not to be had on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// No kernel has this name.
    #[error("no kernel is called {name:?}; the kernels are {}", KernelName::all_joined())]
    Unknown {
        /// The name that was asked for.
        name: String,
    },
    /// This CPU, or this build, lacks the instructions.
    #[error("kernel {name} needs {needs}, which this CPU or this build does not have")]
    Unsupported {
        /// The kernel that was asked for.
        name: KernelName,
        /// The instruction sets that it needs.
        needs: &'static str,
    },
    /// The kernel ran and gave a wrong answer: the CPU, or this program, is faulty.
    #[error("kernel {name} failed its known-answer test and is not used")]
    WrongAnswer {
        /// The kernel that was asked for.
        name: KernelName,
    },
}
