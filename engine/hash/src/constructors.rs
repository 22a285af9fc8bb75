//! The constructors of [`HashKernel`]: each one runs the known-answer test of its kernel.

use std::sync::OnceLock;

use crate::{Features, HashKernel, KernelError, KernelName, known_answer};

impl HashKernel {
    /// The preferred kernel of this CPU: the first of [`KernelName::LADDER`] that runs here and passes its known-answer
    /// test.
    ///
    /// # Panics
    /// If even the portable kernel fails its known-answer test, as for [`HashKernel::portable`].
    pub fn detect() -> Self {
        Features::of_this_cpu()
            .ladder()
            .find_map(|name| Self::checked(name).ok())
            .expect("the portable kernel is `sha2` itself, against which the known answers are checked")
    }

    /// The kernel that runs on every CPU.
    ///
    /// # Panics
    /// If `sha2` itself gives a wrong answer: no hash of such a machine can be trusted.
    pub fn portable() -> Self {
        Self::checked(KernelName::Portable).expect("sha2 knows the hash of the first block")
    }

    /// The kernel on x86's SHA instructions, if this CPU has them.
    pub fn sha_ni() -> Option<Self> {
        Self::checked(KernelName::ShaNi).ok()
    }

    /// The eight-lane kernel, if this CPU has AVX2.
    pub fn avx2() -> Option<Self> {
        Self::checked(KernelName::Avx2).ok()
    }

    /// The sixteen-lane kernel, if this CPU has AVX-512F and AVX-512BW.
    pub fn avx512() -> Option<Self> {
        Self::checked(KernelName::Avx512).ok()
    }

    /// Every kernel that runs on this CPU and passes its known-answer test, the preferred one first.
    pub fn all_available() -> Vec<Self> {
        Features::of_this_cpu().ladder().filter_map(|name| Self::checked(name).ok()).collect()
    }

    /// The kernel with the given name (see [`KernelName::as_str`]).
    ///
    /// # Errors
    /// If there is no such kernel, if it cannot run here, or if it fails its known-answer test.
    pub fn by_name(name: &str) -> Result<Self, KernelError> {
        #[cfg(feature = "fault-injection")]
        if name == Self::BROKEN {
            return Ok(Self::detect().broken_for_tests());
        }
        let known = KernelName::from_name(name).ok_or_else(|| KernelError::Unknown { name: name.to_owned() })?;
        Self::checked(known)
    }

    /// Makes the kernel. The first call for a name runs the known-answer test.
    fn checked(name: KernelName) -> Result<Self, KernelError> {
        /// Whether each kernel passed, in the order of [`KernelName`]. A test takes about 0.1 ms, and kernels are made
        /// often.
        static PASSED: [OnceLock<bool>; KernelName::LADDER.len()] =
            [const { OnceLock::new() }; KernelName::LADDER.len()];
        let kernel = Self::untested(name).ok_or(KernelError::Unsupported { name, needs: name.needs() })?;
        let passed = *PASSED[name as usize].get_or_init(|| known_answer::holds(kernel));
        if passed { Ok(kernel) } else { Err(KernelError::WrongAnswer { name }) }
    }
}
