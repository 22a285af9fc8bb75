//! Keeps a graphics driver from printing errors to stderr.
//!
//! Mesa's Vulkan layer `VK_LAYER_MESA_device_select` connects to Wayland when a program looks for GPUs. Without a
//! runtime directory (cron, containers, system services) libwayland prints an error for each attempt. An environment
//! variable turns the layer off. The layer only reorders GPUs, and the engine orders them itself.

#[cfg(all(target_os = "linux", feature = "gpu"))]
use std::{env, os::unix::process::CommandExt as _, path::Path, process::Command};

/// Environment variable that turns the layer off.
#[cfg(all(target_os = "linux", feature = "gpu"))]
const SWITCH: &str = "NODEVICE_SELECT";

/// If there is no runtime directory, replaces this process by the same program with the layer turned off, because a
/// process cannot set its own variables without unsafe code. The process id, the standard streams and the arguments are
/// kept.
#[cfg(all(target_os = "linux", feature = "gpu"))]
pub(crate) fn restart_without_noise() {
    let has_runtime_dir = env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| Path::new(&folder).is_absolute());
    if has_runtime_dir || env::var_os(SWITCH).is_some() {
        return;
    }
    let mut arguments = env::args_os();
    if let (Ok(program), Some(name)) = (env::current_exe(), arguments.next()) {
        // It returns only if it failed; then this process continues with the layer.
        let _failed = Command::new(program).arg0(name).args(arguments).env(SWITCH, "1").exec();
    }
}

/// Nothing to do on other systems and without GPUs.
#[cfg(not(all(target_os = "linux", feature = "gpu")))]
pub(crate) const fn restart_without_noise() {}
