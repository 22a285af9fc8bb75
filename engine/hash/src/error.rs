//! Why a kernel selected by name is not available.

use crate::KernelName;

/// A kernel selected by name is not available on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// No kernel has this name.
    #[error("no kernel is called {name:?}; the kernels are {}", KernelName::all_joined())]
    Unknown {
        /// The given name.
        name: String,
    },
    /// This CPU, or this build, lacks the instructions.
    #[error("kernel {name} needs {needs}, which this CPU or this build does not have")]
    Unsupported {
        /// The selected kernel.
        name: KernelName,
        /// The instruction sets that the kernel needs.
        needs: &'static str,
    },
    /// The kernel gave a wrong answer: the CPU or this program is faulty.
    #[error("kernel {name} failed its known-answer test and is not used")]
    WrongAnswer {
        /// The selected kernel.
        name: KernelName,
    },
}
