//! Finds Mesa's software Vulkan driver (lavapipe), on which the shaders are tested without a GPU, or installs it if
//! possible.

use std::path::{Path, PathBuf};

use crate::say::say;
use crate::shell::{self, Outcome, program};

/// Folders that the Vulkan loader searches for drivers.
const ICD_DIRS: [&str; 3] = ["/usr/share/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/etc/vulkan/icd.d"];

/// Variables that name driver files directly.
const ICD_VARIABLES: [&str; 3] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_ADD_DRIVER_FILES"];

/// Makes lavapipe available.
pub(crate) fn ensure() -> Outcome {
    if is_present() {
        return Ok(());
    }
    say("no lavapipe driver found: installing mesa-vulkan-drivers and libvulkan1");
    shell::apt_install(&["mesa-vulkan-drivers", "libvulkan1"])?;
    if is_present() { Ok(()) } else { Err(shell::Failure::new("lavapipe was installed, but its driver is not found")) }
}

fn is_present() -> bool {
    has_driver() && has_loader()
}

fn has_driver() -> bool {
    named_drivers().iter().any(|file| is_lavapipe(file)) || ICD_DIRS.iter().any(|dir| has_driver_in(Path::new(dir)))
}

fn named_drivers() -> Vec<PathBuf> {
    let values = ICD_VARIABLES.iter().filter_map(std::env::var_os);
    values.flat_map(|value| std::env::split_paths(&value).collect::<Vec<_>>()).collect()
}

fn has_driver_in(dir: &Path) -> bool {
    let Ok(entries) = dir.read_dir() else { return false };
    entries.flatten().any(|entry| is_lavapipe(&entry.path()))
}

/// Mesa names the driver's manifest `lvp_icd.ARCH.json`.
fn is_lavapipe(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("lvp")) && file.exists()
}

fn has_loader() -> bool {
    let cache = program("ldconfig", ["-p"]).output().or_else(|_| program("/sbin/ldconfig", ["-p"]).output());
    cache.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("libvulkan.so.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_an_existing_file_with_the_driver_s_name() {
        let dir = std::env::temp_dir().join(format!("cityseal-icd-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("radeon_icd.x86_64.json"), "{}").unwrap();
        assert!(!has_driver_in(&dir));
        std::fs::write(dir.join("lvp_icd.x86_64.json"), "{}").unwrap();
        assert!(has_driver_in(&dir));
        std::fs::remove_dir_all(&dir).unwrap();
        assert!(!is_lavapipe(&dir.join("lvp_icd.x86_64.json")));
    }
}
