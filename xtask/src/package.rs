//! `cargo xtask package`: the Debian package, the list of its components (SBOM), and a container image. Steps whose
//! tool is missing are skipped, and say so.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::say::{say, title};
use crate::shell::{self, Failure, Outcome, answers, cargo, program, run, target_dir, workspace_root};

/// The Rust target of the image's program, which needs no library of the system.
const STATIC_TARGET: &str = "x86_64-unknown-linux-musl";

/// The shells whose completion scripts the package installs, with the names of the files.
const SHELLS: [(&str, &str); 3] = [("bash", "cityseal"), ("zsh", "_cityseal"), ("fish", "cityseal.fish")];

/// The build that is packaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    Release,
    /// The build of the tests, to check the package itself in seconds.
    Dev,
}

/// One step: it writes into the folder given.
type Step = fn(&Path, Build) -> Outcome;

/// Makes everything in `target/package`.
pub(crate) fn run_all(build: Build) -> Outcome {
    let out = target_dir().join("package");
    std::fs::create_dir_all(&out).map_err(|e| Failure::new(format!("{}: {e}", out.display())))?;
    title("program");
    let binary = build_program(build)?;
    title("manual pages and completions");
    write_docs(&binary, &out)?;
    let steps: [(&str, Step); 3] =
        [("Debian package", debian), ("components (SBOM)", components), ("container image", image)];
    let mut failed = Vec::new();
    for (name, step) in steps {
        title(name);
        match step(&out, build) {
            Err(why) if why.is_skip() => say(format_args!("SKIPPED: {why}")),
            Err(why) => failed.push(format!("{name}: {why}")),
            Ok(()) => {}
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\n"))) }
}

/// Builds the program, with the list of its dependencies inside if `cargo auditable` is installed. Returns the program
/// where `cargo deb` looks for it.
fn build_program(build: Build) -> Outcome<PathBuf> {
    let release = target_dir().join("release/cityseal");
    if build == Build::Dev {
        run(&mut cargo(["build", "--quiet", "--locked", "--package", "cityseal"]))?;
        let dev = target_dir().join("debug/cityseal");
        let folder = target_dir().join("release");
        let copied = std::fs::create_dir_all(&folder).and_then(|()| std::fs::copy(&dev, &release));
        copied.map_err(|e| Failure::new(format!("{}: {e}", release.display())))?;
        return Ok(release);
    }
    run(&mut build_command(&["--release", "--package", "cityseal"]))?;
    Ok(release)
}

fn build_command(words: &[&str]) -> Command {
    let is_auditable = answers(&mut cargo(["auditable", "--version"]));
    if !is_auditable {
        say("SKIPPED: cargo-auditable is not installed; the program has no list of its dependencies");
    }
    let build: &[&str] = if is_auditable { &["auditable", "build", "--locked"] } else { &["build", "--locked"] };
    let mut command = cargo(build);
    command.args(words);
    command
}

/// Lets the program write its manual pages and completion scripts.
fn write_docs(binary: &Path, out: &Path) -> Outcome {
    let man = out.join("man");
    // Pages of commands that no longer exist must not be packaged.
    drop(std::fs::remove_dir_all(&man));
    run(program(binary, ["man", "--json", "--out"]).arg(&man))?;
    let folder = out.join("completions");
    std::fs::create_dir_all(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    for (shell, file) in SHELLS {
        let script = program(binary, ["completions", shell]).output();
        let script = script.map_err(|e| Failure::new(format!("{}: {e}", binary.display())))?;
        if !script.status.success() {
            return Err(Failure::new(format!("cityseal completions {shell}: {}", script.status)));
        }
        let path = folder.join(file);
        std::fs::write(&path, script.stdout).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
    }
    Ok(())
}

/// The Debian package, checked by lintian.
fn debian(out: &Path, build: Build) -> Outcome {
    if !answers(&mut cargo(["deb", "--version"])) {
        return Err(Failure::skip("cargo-deb is not installed (`cargo install --locked cargo-deb`)"));
    }
    let mut command = cargo(["deb", "--no-build", "--package", "cityseal", "--output"]);
    command.arg(out);
    // The build of the tests has debug information, which would be most of the package.
    if build == Build::Dev {
        command.arg("--strip");
    }
    run(&mut command)?;
    if !answers(&mut program("lintian", ["--version"])) {
        say("SKIPPED: lintian is not installed; the package was not checked");
        return Ok(());
    }
    for package in files_with(out, "deb")? {
        run(program("lintian", ["--fail-on", "error,warning", "--tag-display-limit", "0"]).arg(package))?;
    }
    Ok(())
}

/// The components of the program and their licences, as `CycloneDX`.
fn components(out: &Path, _build: Build) -> Outcome {
    if !answers(&mut cargo(["cyclonedx", "--version"])) {
        return Err(Failure::skip("cargo-cyclonedx is not installed (`cargo install --locked cargo-cyclonedx`)"));
    }
    let name = "cityseal-sbom";
    let words = ["cyclonedx", "--format", "json", "--manifest-path", "miner/Cargo.toml", "--override-filename", name];
    run(&mut cargo(words))?;
    // It is written beside the manifest of each crate of the workspace.
    let mut found = false;
    for file in sboms(&workspace_root(), &format!("{name}.json"))? {
        if file.ends_with(format!("miner/{name}.json")) {
            let to = out.join(format!("{name}.json"));
            std::fs::copy(&file, &to).map_err(|e| Failure::new(format!("{}: {e}", to.display())))?;
            found = true;
        }
        std::fs::remove_file(&file).map_err(|e| Failure::new(format!("{}: {e}", file.display())))?;
    }
    if found { Ok(()) } else { Err(Failure::new(format!("cargo cyclonedx wrote no miner/{name}.json"))) }
}

/// An image with the program alone, for CPUs.
fn image(out: &Path, build: Build) -> Outcome {
    let libraries = program("rustc", ["--print", "target-libdir", "--target", STATIC_TARGET]).output();
    let libraries = libraries.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    if !libraries.is_ok_and(|folder| folder.is_dir()) {
        return Err(Failure::skip(format!("the Rust target {STATIC_TARGET} is not installed (`rustup target add`)")));
    }
    let Some(builder) =
        ["podman", "buildah", "docker"].into_iter().find(|name| answers(&mut program(name, ["--version"])))
    else {
        return Err(Failure::skip("none of podman, buildah and docker is installed"));
    };
    let profile: &[&str] = if build == Build::Release { &["--release"] } else { &[] };
    let words = [profile, &["--package", "cityseal", "--no-default-features", "--target", STATIC_TARGET]].concat();
    run(&mut build_command(&words))?;
    let folder = out.join("image");
    std::fs::create_dir_all(&folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    let profile = if build == Build::Release { "release" } else { "debug" };
    let binary = target_dir().join(STATIC_TARGET).join(profile).join("cityseal");
    let packaging = workspace_root().join("packaging");
    for (from, name) in [(binary, "cityseal"), (packaging.join("cityseal.toml"), "cityseal.toml")] {
        let copied = std::fs::copy(&from, folder.join(name));
        copied.map_err(|e| Failure::new(format!("{}: {e}", from.display())))?;
    }
    let tag = format!("cityseal:{}", env!("CARGO_PKG_VERSION"));
    let words = ["build", "--file", "packaging/Containerfile", "--tag", &tag];
    run(shell::program(builder, words).arg(&folder))
}

/// The files of a folder with this extension.
fn files_with(folder: &Path, extension: &str) -> Outcome<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
    let files = entries.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    Ok(files.filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
}

/// The files of this name beside the manifests of the workspace.
fn sboms(root: &Path, name: &str) -> Outcome<Vec<PathBuf>> {
    let output = cargo(["metadata", "--format-version", "1", "--no-deps", "--locked"]).output();
    let output = output.map_err(|e| Failure::new(format!("cargo metadata: {e}")))?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|e| Failure::new(format!("cargo metadata: {e}")))?;
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let manifests = packages.iter().filter_map(|package| package["manifest_path"].as_str());
    let folders = manifests.filter_map(|manifest| Path::new(manifest).parent());
    Ok(folders.map(|folder| root.join(folder).join(name)).filter(|file| file.is_file()).collect())
}
