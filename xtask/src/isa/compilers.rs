//! The compilers that are asked, and the GPUs for which they compile.

use std::path::Path;

use super::counts::Count;
use super::{mesa, nvidia};
use crate::shell::Outcome;

/// A compiler.
pub(crate) struct Compiler {
    /// What it is called in tables and budgets.
    pub(crate) name: &'static str,
    /// Whether it can be had from what this version of Debian offers, and so is asked in CI.
    pub(crate) is_in_ci: bool,
    source: Source,
    /// Names of GPUs, and what selects each.
    pub(crate) gpus: &'static [(&'static str, &'static str)],
}

enum Source {
    Mesa(mesa::Driver),
    Nvidia,
}

const RADV: &str = "libvulkan_radeon.so";
const AMD_SHIM: &str = "libamdgpu_noop_drm_shim.so";
const AMD_VARIABLE: &str = "AMDGPU_GPU_ID";

/// The driver that this version of Debian offers.
const BACKPORTS: mesa::Driver =
    mesa::Driver { suite: "bookworm-backports", library: RADV, shim: AMD_SHIM, variable: AMD_VARIABLE };

/// All of them.
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

/// A command prefix under which a GPU is seen that takes work and does none of it.
///
/// # Errors
/// A skip where its driver cannot be had.
pub(crate) fn noop_gpu() -> Outcome<String> {
    BACKPORTS.noop_gpu("navi31")
}

impl Compiler {
    /// What it counts for each of its GPUs.
    ///
    /// # Errors
    /// A skip where it cannot be had; a failure where it could not be asked.
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
