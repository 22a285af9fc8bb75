//! Mesa's drivers with their no-op kernel shim, from Debian's archive. They are unpacked under `target/` and run with the
//! libraries that they were built with; nothing is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::say::say;
use crate::shell::{Failure, Outcome, answers, is_root, program, run, target_dir};

/// The keys that Debian signs its archive with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Where Debian's packages put their libraries on the one machine type that the shims are built for.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";

/// Where the C library of Debian 12 still stands, and its loader.
const OLD_LIBRARIES: &str = "lib/x86_64-linux-gnu";

/// The dynamic loader's name there.
const LOADER: &str = "ld-linux-x86-64.so.2";

/// What is unpacked, with all that it needs.
const PACKAGES: [&str; 3] = ["mesa-vulkan-drivers", "mesa-drm-shim", "libvulkan1"];

/// One driver.
pub(crate) struct Driver {
    /// The part of Debian's archive that it is taken from.
    pub(crate) suite: &'static str,
    /// The driver's file.
    pub(crate) library: &'static str,
    /// The shim's file.
    pub(crate) shim: &'static str,
    /// The variable by which the shim is told which GPU to be.
    pub(crate) variable: &'static str,
}

impl Driver {
    /// What the probe prints of all shaders, compiled by this driver for the GPU that is selected.
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
    /// A command prefix under which the driver shows a GPU that takes work and does none of it.
    ///
    /// # Errors
    /// A skip where the packages cannot be had.
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

/// What a command prints; what it says on stderr only where it fails.
pub(super) fn output_of(command: &mut Command) -> Outcome<String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| Failure::new(format!("{shown}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{shown}: {}: {}", output.status, said.trim())))
}

fn loader(root: &Path) -> Outcome<PathBuf> {
    let places = [LIBRARIES, OLD_LIBRARIES].map(|folder| root.join(folder).join(LOADER));
    let found = places.into_iter().find(|place| place.exists());
    found.ok_or_else(|| Failure::new(format!("no {LOADER} under {}", root.display())))
}

fn library_path(root: &Path) -> String {
    [LIBRARIES, OLD_LIBRARIES].map(|folder| root.join(folder).display().to_string()).join(":")
}

/// The folder that holds the unpacked packages of a suite; fetched where they are not there yet.
///
/// # Errors
/// A skip where they cannot be had.
pub(crate) fn unpacked(suite: &str) -> Outcome<PathBuf> {
    let home = target_dir().join("isa").join(suite);
    let (root, complete) = (home.join("root"), home.join("complete"));
    if !complete.exists() {
        fetch(suite, &home).map_err(|why| Failure::skip(format!("Mesa of {suite} cannot be had ({why})")))?;
        std::fs::write(&complete, "").map_err(|error| Failure::new(format!("{}: {error}", complete.display())))?;
    }
    if runs_programs_of_here(&root)? {
        return Ok(root);
    }
    Err(Failure::skip(format!("what is built here does not run with the C library of {suite}")))
}

/// Whether a program that was built on this machine runs with the libraries under `root`: this one, for instance. It does
/// not where this machine's C library is the newer one.
fn runs_programs_of_here(root: &Path) -> Outcome<bool> {
    let own = std::env::current_exe().map_err(|error| Failure::new(format!("this program's path: {error}")))?;
    Ok(answers(Command::new(loader(root)?).arg("--library-path").arg(library_path(root)).arg(own).arg("help")))
}

fn fetch(suite: &str, home: &Path) -> Outcome {
    if std::env::consts::ARCH != "x86_64" {
        return Err(Failure::new("the shims are built for x86-64 only"));
    }
    if !answers(&mut program("apt-get", ["--version"])) {
        return Err(Failure::new("there is no apt-get"));
    }
    let archive = Archive::new(suite, home)?;
    say(format_args!("fetching Mesa of {suite} into {}", home.display()));
    run(archive.apt_get().arg("update"))?;
    let words = ["--yes", "--no-install-recommends", "--download-only", "--target-release", suite, "install"];
    run(archive.apt_get().args(words).args(PACKAGES).stdout(Stdio::null()))?;
    archive.unpack()
}

/// Debian's archive as apt sees it for one suite: own lists, own cache, and no package installed.
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
        // What was fetched is not needed any more, and is as large as what was unpacked.
        for folder in ["archives", "lists"] {
            let folder = self.home.join(folder);
            std::fs::remove_dir_all(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
        }
        Ok(())
    }
}

/// Where this machine's apt fetches Debian from; asked for once more after an update where it does not know yet.
fn site() -> Outcome<String> {
    if let Some(site) = known_site() {
        return Ok(site);
    }
    if is_root() {
        run(&mut program("apt-get", ["-qq", "update"]))?;
    }
    known_site().ok_or_else(|| Failure::new("apt knows no archive of Debian"))
}

fn known_site() -> Option<String> {
    let format = "$(ORIGIN) $(LABEL) $(SITE)";
    let output = program("apt-get", ["indextargets", "--format", format, "Created-By: Packages"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("Debian Debian ")).map(str::to_owned)
}
