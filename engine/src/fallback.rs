//! What a job does without a GPU.

/// What happens to a job while no GPU is usable. A GPU is usable while it takes tasks: it is ready, or on probation. A
/// software adapter counts as a GPU where it is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenNoGpu {
    /// Every device works on the job, the CPU too, whether or not there is a GPU.
    #[default]
    Cpu,
    /// Only GPUs work on the job. While none is usable it waits, until its deadline.
    Wait,
    /// Only GPUs work on the job. It fails as soon as none is usable.
    Fail,
}

impl WhenNoGpu {
    /// Whether only GPUs may work on the job.
    pub(crate) const fn needs_gpu(self) -> bool {
        !matches!(self, Self::Cpu)
    }
}
