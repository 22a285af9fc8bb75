//! Provides the packages of `examples/node/package-lock.json` for Node. They are installed below the target folder; no
//! script of a package runs.

use std::path::{Path, PathBuf};

use crate::say::say;
use crate::shell::{self, Failure, Outcome, answers, program, run};

/// What the installation depends on.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs the packages. Returns the folder that has `node_modules`.
pub(crate) fn ensure() -> Outcome<PathBuf> {
    let example = shell::workspace_root().join("examples/node");
    let home = shell::target_dir().join("node");
    let wanted = read(&example.join(FILES[1]))?;
    if std::fs::read_to_string(stamp(&home)).is_ok_and(|installed| installed == wanted) {
        return Ok(home);
    }
    if !answers(&mut program("node", ["--version"])) || !answers(&mut program("npm", ["--version"])) {
        return Err(Failure::new("found no node and npm; install Node 18 or later"));
    }
    say(format_args!("installing the packages of {} into {}", example.display(), home.display()));
    std::fs::create_dir_all(&home).map_err(|e| Failure::new(format!("{}: {e}", home.display())))?;
    for name in FILES {
        write(&home.join(name), &read(&example.join(name))?)?;
    }
    run(program("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(&home))?;
    write(&stamp(&home), &wanted)?;
    Ok(home)
}

/// A copy of the lock file whose packages are installed in `home`.
fn stamp(home: &Path) -> PathBuf {
    home.join("package-lock.installed")
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|e| Failure::new(format!("{}: {e}", path.display())))
}
