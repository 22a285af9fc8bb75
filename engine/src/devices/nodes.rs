//! Whether the operating system shows a GPU at all. Loading the drivers to find none takes about 50 ms.

use std::path::Path;

/// Device files of Linux that belong to GPUs: Mesa and other DRM drivers (a directory), NVIDIA, NVIDIA Tegra, Qualcomm,
/// Arm Mali, and Windows' GPUs under WSL. An entry also matches with a number at its end (`nvidia0`).
const GPU_NODES: [&str; 7] = ["dri", "nvidia", "nvhost-gpu", "nvgpu", "kgsl-3d", "mali", "dxg"];

/// Whether `dev` (`/dev` on Linux) has a device file of a GPU. True if it cannot be read.
fn has_gpu_node(dev: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(dev) else { return true };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        GPU_NODES.contains(&name.trim_end_matches(|last: char| last.is_ascii_digit()))
    })
}

/// Whether this machine may have a GPU. Always true on systems other than Linux, which list GPUs elsewhere.
pub(crate) fn may_have_gpu() -> bool {
    !cfg!(target_os = "linux") || has_gpu_node(Path::new("/dev"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_directory_has_a_gpu_node_only_under_its_name_with_or_without_a_number() {
        let dev = std::env::temp_dir().join(format!("cityseal-nodes-{}", std::process::id()));
        for (name, expected) in [("nvidia0", true), ("dri", true), ("kgsl-3d0", true), ("drip", false), ("tty1", false)]
        {
            fs::create_dir_all(&dev).unwrap();
            fs::write(dev.join(name), "").unwrap();
            assert_eq!(has_gpu_node(&dev), expected, "{name}");
            fs::remove_dir_all(&dev).unwrap();
        }
        assert!(has_gpu_node(&dev), "a directory that cannot be read proves nothing");
    }
}
