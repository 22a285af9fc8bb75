//! Provides a Python interpreter with the packages of `examples/python/requirements.txt`. They are installed below the
//! target folder, so that the system's Python is not changed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::say::say;
use crate::shell::{self, Failure, Outcome, answers, program, run};

/// An interpreter that can import the packages of the examples.
pub(crate) struct Python {
    interpreter: PathBuf,
    /// The folder of the packages, unless the interpreter finds them itself.
    packages: Option<PathBuf>,
}

/// The examples' imports beyond the standard library.
const IMPORTS: &str = "import google.protobuf, grpc, grpc_health.v1.health_pb2, grpc_reflection.v1alpha.reflection_pb2";

impl Python {
    /// Passes the interpreter to the tests in the environment.
    pub(crate) fn offer_to(&self, command: &mut Command) {
        command.env("CITYSEAL_PYTHON", &self.interpreter);
        if let Some(packages) = &self.packages {
            command.env("PYTHONPATH", packages);
        }
    }

    /// Writes a script `python` into a folder; it starts this interpreter with its packages.
    pub(crate) fn write_launcher(&self, folder: &Path) -> Outcome {
        let packages = self.packages.as_deref().unwrap_or(Path::new("")).display();
        let script = format!("#!/bin/sh\nPYTHONPATH='{packages}' exec '{}' \"$@\"\n", self.interpreter.display());
        let launcher = folder.join("python");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&launcher, script))
            .map_err(|e| Failure::new(format!("{}: {e}", launcher.display())))?;
        run(program("chmod", ["+x"]).arg(&launcher))
    }

    fn imports(&self) -> bool {
        let mut check = program(&self.interpreter, ["-c", IMPORTS]);
        if let Some(packages) = &self.packages {
            check.env("PYTHONPATH", packages);
        }
        answers(&mut check)
    }
}

/// Makes the interpreter available.
pub(crate) fn ensure() -> Outcome<Python> {
    let requirements = shell::workspace_root().join("examples/python/requirements.txt");
    let wanted =
        std::fs::read_to_string(&requirements).map_err(|e| Failure::new(format!("{}: {e}", requirements.display())))?;
    let home = shell::target_dir().join("python");
    if let Some(python) = installed(&home, &wanted) {
        return Ok(python);
    }
    ensure_interpreter()?;
    let python = install(&home, &requirements)?;
    std::fs::write(stamp(&home), wanted).map_err(|e| Failure::new(format!("{}: {e}", home.display())))?;
    Ok(python)
}

/// A copy of the requirements that are installed in `home`.
fn stamp(home: &Path) -> PathBuf {
    home.join("requirements.installed")
}

fn installed(home: &Path, wanted: &str) -> Option<Python> {
    let installed = std::fs::read_to_string(stamp(home)).ok()?;
    let candidates = [in_venv(home), in_folder(home)];
    candidates.into_iter().find(|python| installed == wanted && python.imports())
}

fn in_venv(home: &Path) -> Python {
    Python { interpreter: home.join("venv/bin/python"), packages: None }
}

fn in_folder(home: &Path) -> Python {
    Python { interpreter: "python3".into(), packages: Some(home.join("packages")) }
}

fn ensure_interpreter() -> Outcome {
    if answers(&mut program("python3", ["-c", "import ensurepip, venv"]))
        || answers(&mut program("python3", ["-m", "pip", "--version"]))
    {
        return Ok(());
    }
    say("found no Python with venv or pip: installing python3-venv");
    shell::apt_install(&["python3", "python3-venv"])
}

fn install(home: &Path, requirements: &Path) -> Outcome<Python> {
    std::fs::create_dir_all(home).map_err(|e| Failure::new(format!("{}: {e}", home.display())))?;
    say(format_args!("installing {} into {}", requirements.display(), home.display()));
    let python = install_venv(home, requirements).or_else(|why| {
        say(format_args!("{why}; trying pip without a virtual environment"));
        install_folder(home, requirements)
    })?;
    if python.imports() {
        Ok(python)
    } else {
        Err(Failure::new("the packages were installed, but Python cannot import grpc"))
    }
}

const PIP_INSTALL: [&str; 6] = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];

fn install_venv(home: &Path, requirements: &Path) -> Outcome<Python> {
    let python = in_venv(home);
    run(program("python3", ["-m", "venv", "--clear"]).arg(home.join("venv")))?;
    run(program(&python.interpreter, PIP_INSTALL).arg(requirements))?;
    Ok(python)
}

fn install_folder(home: &Path, requirements: &Path) -> Outcome<Python> {
    run(program("python3", PIP_INSTALL).arg(requirements).arg("--target").arg(home.join("packages")))?;
    Ok(in_folder(home))
}
