//! The compilers that count instructions, and the GPUs that they compile for.

use std::path::Path;

use super::counts::Count;
use super::{mesa, nvidia};
use crate::shell::Outcome;

/// A compiler.
pub(crate) struct Compiler {
    /// Its name in tables and budgets.
    pub(crate) name: &'static str,
    /// Whether this version of Debian offers it, so that it runs in CI.
    pub(crate) is_in_ci: bool,
    source: Source,
    /// Names of GPUs, and the value that selects each.
    pub(crate) gpus: &'static [(&'static str, &'static str)],
}

enum Source {
    Mesa(mesa::Driver),
    Nvidia,
}

const RADV: &str = "libvulkan_radeon.so";
const AMD_SHIM: &str = "libamdgpu_noop_drm_shim.so";
const AMD_VARIABLE: &str = "AMDGPU_GPU_ID";

/// The driver in the backports of this version of Debian.
const BACKPORTS: mesa::Driver =
    mesa::Driver { suite: "bookworm-backports", library: RADV, shim: AMD_SHIM, variable: AMD_VARIABLE };

/// All compilers.
pub(crate) const COMPILERS: [Compiler; 4] = [
    Compiler { name: "RADV 25", is_in_ci: true, source: Source::Mesa(BACKPORTS), gpus: &[("RDNA 3", "navi31")] },
    Compiler {
        name: "RADV 26",
        is_in_ci: false,
        source: Source::Mesa(mesa::Driver { suite: "sid", library: RADV, shim: AMD_SHIM, variable: AMD_VARIABLE }),
        gpus: &[
            ("RDNA 1", "navi10"),
            ("RDNA 2", "navi21"),
            ("RDNA 3", "navi31"),
            ("RDNA 4", "gfx1201"),
            ("GCN 5", "vega20"),
            ("GCN 4", "polaris10"),
        ],
    },
    Compiler {
        name: "NVK 26",
        is_in_ci: false,
        source: Source::Mesa(mesa::Driver {
            suite: "sid",
            library: "libvulkan_nouveau.so",
            shim: "libnouveau_noop_drm_shim.so",
            variable: "NOUVEAU_CHIPSET",
        }),
        gpus: &[("Turing", "0x162"), ("Ampere", "0x172"), ("Ada", "0x192")],
    },
    Compiler {
        name: "ptxas",
        is_in_ci: false,
        source: Source::Nvidia,
        gpus: &[("Turing", "sm_75"), ("A100", "sm_80"), ("Ampere", "sm_86"), ("Ada", "sm_89"), ("Hopper", "sm_90")],
    },
];

/// A command prefix that makes a GPU visible which accepts work and does nothing.
///
/// # Errors
/// A skip if the driver is not available.
pub(crate) fn noop_gpu() -> Outcome<String> {
    BACKPORTS.noop_gpu("navi31")
}

impl Compiler {
    /// Counts the instructions for each of its GPUs.
    ///
    /// # Errors
    /// A skip if the compiler is not available; a failure if it could not be run.
    pub(crate) fn count(&self, probe: &Path) -> Outcome<Vec<Count>> {
        let texts: Vec<String> = match &self.source {
            Source::Mesa(driver) => {
                let root = mesa::unpacked(driver.suite)?;
                self.gpus.iter().map(|(_, gpu)| driver.ask(&root, probe, gpu)).collect::<Outcome<_>>()?
            }
            Source::Nvidia => {
                let tools = nvidia::Tools::fetched()?;
                self.gpus.iter().map(|(_, gpu)| tools.ask(probe, gpu)).collect::<Outcome<_>>()?
            }
        };
        let counts = self.gpus.iter().zip(texts).map(|((gpu, _), text)| Count::of_lines(self.name, gpu, &text));
        Ok(counts.collect::<Outcome<Vec<_>>>()?.concat())
    }
}
