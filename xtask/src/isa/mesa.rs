//! Mesa's drivers with their no-op kernel shim, from Debian's archive. They are unpacked under `target/` and run with
//! the libraries they were built with; nothing is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::say::say;
use crate::shell::{Failure, Outcome, answers, is_root, program, run, target_dir};

/// Keyring of the Debian archive.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Library folder of Debian packages on x86-64, the only architecture with the shims.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// Folder of the C library and its loader up to Debian 12.
const OLD_LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// File name of the dynamic loader.
const LOADER: &str = "ld-linux-x86-64.so.2";

/// The packages that are unpacked, with all their dependencies.
const PACKAGES: [&str; 3] = ["mesa-vulkan-drivers", "mesa-drm-shim", "libvulkan1"];

/// One driver.
pub(crate) struct Driver {
    /// The suite of Debian's archive.
    pub(crate) suite: &'static str,
    /// File name of the driver.
    pub(crate) library: &'static str,
    /// File name of the shim.
    pub(crate) shim: &'static str,
    /// The environment variable that selects the GPU of the shim.
    pub(crate) variable: &'static str,
}

impl Driver {
    /// Runs the probe with this driver for the given GPU, and returns its output for all shaders.
    pub(crate) fn ask(&self, root: &Path, probe: &Path, gpu: &str) -> Outcome<String> {
        let libraries = root.join(LIBRARIES);
        let mut command = Command::new(loader(root)?);
        command.arg("--preload").arg(libraries.join(self.shim));
        command.arg("--library-path").arg(library_path(root));
        command.arg(probe).arg("vulkan").arg(libraries.join(self.library));
        command.env(self.variable, gpu).env("MESA_SHADER_CACHE_DISABLE", "true");
        output_of(&mut command)
    }
}

impl Driver {
    /// A command prefix with which the driver shows a GPU that accepts work and does nothing.
    ///
    /// # Errors
    /// A skip if the packages are not available.
    pub(crate) fn noop_gpu(&self, gpu: &str) -> Outcome<String> {
        let root = unpacked(self.suite)?;
        let libraries = root.join(LIBRARIES);
        let manifest = root.join("noop-gpu.json");
        let library = libraries.join(self.library);
        let icd = format!("\"ICD\": {{\"api_version\": \"1.3.0\", \"library_path\": \"{}\"}}", library.display());
        let text = format!("{{\"file_format_version\": \"1.0.0\", {icd}}}\n");
        std::fs::write(&manifest, text).map_err(|error| Failure::new(format!("{}: {error}", manifest.display())))?;
        let (manifest, shim) = (manifest.display(), libraries.join(self.shim));
        let settings = format!("{}={gpu} VK_DRIVER_FILES={manifest} VK_ICD_FILENAMES={manifest}", self.variable);
        let (loader, shim, path) = (loader(&root)?, shim.display(), library_path(&root));
        Ok(format!("{settings} {} --preload {shim} --library-path {path}", loader.display()))
    }
}

/// Runs a command and returns its stdout; an error contains its stderr.
pub(super) fn output_of(command: &mut Command) -> Outcome<String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| Failure::new(format!("{shown}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{shown}: {}: {}", output.status, stderr.trim())))
}

fn loader(root: &Path) -> Outcome<PathBuf> {
    let places = [LIBRARIES, OLD_LIBRARIES].map(|folder| root.join(folder).join(LOADER));
    let found = places.into_iter().find(|place| place.exists());
    found.ok_or_else(|| Failure::new(format!("no {LOADER} under {}", root.display())))
}

fn library_path(root: &Path) -> String {
    [LIBRARIES, OLD_LIBRARIES].map(|folder| root.join(folder).display().to_string()).join(":")
}

/// Returns the folder with the unpacked packages of a suite; fetches them the first time.
///
/// # Errors
/// A skip if they are not available.
pub(crate) fn unpacked(suite: &str) -> Outcome<PathBuf> {
    let home = target_dir().join("isa").join(suite);
    let (root, complete) = (home.join("root"), home.join("complete"));
    if !complete.exists() {
        fetch(suite, &home).map_err(|why| Failure::skip(format!("Mesa of {suite} is not available ({why})")))?;
        std::fs::write(&complete, "").map_err(|error| Failure::new(format!("{}: {error}", complete.display())))?;
    }
    if runs_local_programs(&root)? {
        return Ok(root);
    }
    Err(Failure::skip(format!("programs built on this machine do not run with the C library of {suite}")))
}

/// Whether a program built on this machine, such as this one, runs with the libraries under `root`. It does not if this
/// machine's C library is newer.
fn runs_local_programs(root: &Path) -> Outcome<bool> {
    let own = std::env::current_exe().map_err(|error| Failure::new(format!("this program's path: {error}")))?;
    Ok(answers(Command::new(loader(root)?).arg("--library-path").arg(library_path(root)).arg(own).arg("help")))
}

fn fetch(suite: &str, home: &Path) -> Outcome {
    if std::env::consts::ARCH != "x86_64" {
        return Err(Failure::new("the shims exist only for x86-64"));
    }
    if !answers(&mut program("apt-get", ["--version"])) {
        return Err(Failure::new("apt-get is not installed"));
    }
    let archive = Archive::new(suite, home)?;
    say(format_args!("fetching Mesa of {suite} into {}", home.display()));
    run(archive.apt_get().arg("update"))?;
    let words = ["--yes", "--no-install-recommends", "--download-only", "--target-release", suite, "install"];
    run(archive.apt_get().args(words).args(PACKAGES).stdout(Stdio::null()))?;
    archive.unpack()
}

/// An apt configuration for one suite of Debian's archive, with its own lists and cache and no package installed.
struct Archive<'a> {
    home: &'a Path,
}

impl<'a> Archive<'a> {
    fn new(suite: &str, home: &'a Path) -> Outcome<Self> {
        let site = site()?;
        let base = suite.strip_suffix("-backports").filter(|base| *base != suite);
        let suites = base.into_iter().chain([suite]);
        let sources: Vec<String> =
            suites.map(|name| format!("deb [signed-by={KEYRING}] {site} {name} main\n")).collect();
        for folder in ["lists/partial", "archives/partial", "root"] {
            let folder = home.join(folder);
            std::fs::create_dir_all(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
        }
        let write = |name: &str, text: &str| {
            let file = home.join(name);
            std::fs::write(&file, text).map_err(|e| Failure::new(format!("{}: {e}", file.display())))
        };
        write("sources.list", &sources.concat())?;
        write("status", "")?;
        Ok(Self { home })
    }

    fn apt_get(&self) -> Command {
        let mut command = program("apt-get", ["-qq"]);
        let own = [
            ("Dir::Etc::sourcelist", "sources.list"),
            ("Dir::State::Lists", "lists"),
            ("Dir::State::status", "status"),
            ("Dir::Cache::archives", "archives"),
        ];
        for (option, place) in own {
            command.arg("-o").arg(format!("{option}={}", self.home.join(place).display()));
        }
        let options = ["Dir::Etc::sourceparts=-", "APT::Sandbox::User=root", "Debug::NoLocking=true"];
        options.iter().for_each(|option| {
            command.args(["-o", option]);
        });
        command
    }

    fn unpack(&self) -> Outcome {
        let folder = self.home.join("archives");
        let entries = folder.read_dir().map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        let packages = entries.flatten().map(|entry| entry.path());
        for package in packages.filter(|path| path.extension().is_some_and(|extension| extension == "deb")) {
            run(program("dpkg-deb", ["-x"]).arg(&package).arg(self.home.join("root")))?;
        }
        // The downloads are no longer needed, and are as large as the unpacked files.
        for folder in ["archives", "lists"] {
            let folder = self.home.join(folder);
            std::fs::remove_dir_all(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
        }
        Ok(())
    }
}

/// The Debian mirror of this machine's apt; tries again after an update if apt does not know it yet.
fn site() -> Outcome<String> {
    if let Some(site) = known_site() {
        return Ok(site);
    }
    if is_root() {
        run(&mut program("apt-get", ["-qq", "update"]))?;
    }
    known_site().ok_or_else(|| Failure::new("apt has no Debian mirror configured"))
}

fn known_site() -> Option<String> {
    let format = "$(ORIGIN) $(LABEL) $(SITE)";
    let output = program("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("Debian Debian ")).map(str::to_owned)
}
