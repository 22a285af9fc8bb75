//! Starting other programs, and the folders that the tasks use.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a task did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    code: u8,
    is_skip: bool,
}

impl Failure {
    /// A failed check.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 1, is_skip: false }
    }

    /// An invalid command line.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 2, is_skip: false }
    }

    /// A check that could not run because an external resource is missing.
    pub(crate) fn skip(text: impl Into<String>) -> Self {
        Self { text: text.into(), code: 1, is_skip: true }
    }

    /// Whether the check could not run, as opposed to having failed.
    pub(crate) const fn is_skip(&self) -> bool {
        self.is_skip
    }

    /// A failed check whose message is already printed.
    pub(crate) const fn already_printed() -> Self {
        Self { text: String::new(), code: 1, is_skip: false }
    }

    pub(crate) const fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// The workspace root.
pub(crate) fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask is a folder of the workspace").to_path_buf()
}

/// Cargo's target folder.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => workspace_root().join(dir),
        None => workspace_root().join("target"),
    }
}

/// A command of the cargo that started this task, in the workspace root.
pub(crate) fn cargo<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(words).current_dir(workspace_root());
    command
}

/// A command of another program, in the workspace root.
pub(crate) fn program<S: AsRef<OsStr>>(name: impl AsRef<OsStr>, words: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(name);
    command.args(words).current_dir(workspace_root());
    command
}

/// Runs a command that inherits our output; an exit code other than 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let shown = shown(command);
    let status = command.status().map_err(|e| Failure::new(format!("{shown}: {e}")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{shown}: {status}"))) }
}

/// Whether a command can be started and ends with exit code 0; its output is discarded.
pub(crate) fn answers(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// The command line of a command.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Whether this process may install system packages.
pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Installs Debian packages, if possible.
pub(crate) fn apt_install(packages: &[&str]) -> Outcome {
    if !answers(&mut program("apt-get", ["--version"])) {
        return Err(Failure::new("apt-get is not available"));
    }
    if !is_root() {
        return Err(Failure::new("only root may install packages"));
    }
    run(&mut program("apt-get", ["-qq", "update"]))?;
    let flags = ["-qq", "install", "-y", "--no-install-recommends"];
    run(program("apt-get", flags).args(packages).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()))
}
