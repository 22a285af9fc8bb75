//! The names of the kernels, their CPU requirements, and the order of preference. The choice is a pure function of a
//! feature set, so that tests can check every case on any machine.

use core::fmt;

/// The kernels by name, the preferred one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KernelName {
    /// Sixteen lanes in 512-bit vectors.
    Avx512,
    /// The SHA instructions of x86, with several messages interleaved.
    ShaNi,
    /// Eight lanes in 256-bit vectors.
    Avx2,
    /// The `sha2` crate, one message at a time. It runs on any CPU, and uses SHA instructions if the CPU has them.
    Portable,
}

impl KernelName {
    /// Every kernel, in order of preference.
    pub const LADDER: [Self; 4] = [Self::Avx512, Self::ShaNi, Self::Avx2, Self::Portable];

    /// The name on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::ShaNi => "sha-ni",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// The kernel with the given name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::LADDER.into_iter().find(|kernel| kernel.as_str() == name)
    }

    /// The required CPU features, for messages.
    pub const fn needs(self) -> &'static str {
        match self {
            Self::Avx512 => "AVX-512F and AVX-512BW",
            Self::ShaNi => "SHA and SSE4.1",
            Self::Avx2 => "AVX2",
            Self::Portable => "nothing",
        }
    }

    /// All names, comma-separated, for messages.
    pub(crate) fn all_joined() -> String {
        Self::LADDER.map(Self::as_str).join(", ")
    }
}

impl fmt::Display for KernelName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The CPU features that kernels need and that the operating system supports (it must save the registers).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Features {
    /// AVX-512F and AVX-512BW.
    pub avx512: bool,
    /// SHA and SSE4.1.
    pub sha_ni: bool,
    /// AVX2.
    pub avx2: bool,
}

impl Features {
    /// Detects the features of this CPU.
    #[cfg(target_arch = "x86_64")]
    pub fn of_this_cpu() -> Self {
        Self {
            avx512: is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"),
            sha_ni: is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1"),
            avx2: is_x86_feature_detected!("avx2"),
        }
    }

    /// No features: on this architecture there is only the portable kernel.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn of_this_cpu() -> Self {
        Self::default()
    }

    /// Whether a CPU with these features can run the kernel.
    pub const fn allow(self, name: KernelName) -> bool {
        match name {
            KernelName::Avx512 => self.avx512,
            KernelName::ShaNi => self.sha_ni,
            KernelName::Avx2 => self.avx2,
            KernelName::Portable => true,
        }
    }

    /// The kernels that a CPU with these features can run, the preferred one first; the last is always the portable
    /// one.
    pub fn ladder(self) -> impl Iterator<Item = KernelName> {
        KernelName::LADDER.into_iter().filter(move |name| self.allow(*name))
    }
}

#[cfg(test)]
mod tests {
    use super::{Features, KernelName};

    #[test]
    fn the_next_kernel_of_the_ladder_is_chosen_when_a_feature_is_missing() {
        let mut features = Features { avx512: true, sha_ni: true, avx2: true };
        assert_eq!(features.ladder().next(), Some(KernelName::Avx512));
        features.avx512 = false;
        assert_eq!(features.ladder().next(), Some(KernelName::ShaNi));
        features.sha_ni = false;
        assert_eq!(features.ladder().next(), Some(KernelName::Avx2));
        features.avx2 = false;
        assert_eq!(features.ladder().collect::<Vec<_>>(), [KernelName::Portable]);
    }

    #[test]
    fn a_kernel_is_allowed_only_with_its_features() {
        for bits in 0..8_u8 {
            let features = Features { avx512: bits & 1 != 0, sha_ni: bits & 2 != 0, avx2: bits & 4 != 0 };
            let rungs: Vec<_> = features.ladder().collect();
            assert_eq!(rungs.contains(&KernelName::Avx512), features.avx512);
            assert_eq!(rungs.contains(&KernelName::ShaNi), features.sha_ni);
            assert_eq!(rungs.contains(&KernelName::Avx2), features.avx2);
            assert_eq!(rungs.last(), Some(&KernelName::Portable));
        }
    }

    #[test]
    fn every_kernel_is_found_by_its_exact_name() {
        for name in KernelName::LADDER {
            assert_eq!(KernelName::from_name(name.as_str()), Some(name));
            assert_eq!(KernelName::from_name(&name.as_str().to_uppercase()), None);
        }
        assert_eq!(KernelName::from_name(""), None);
    }
}
