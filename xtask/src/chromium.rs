//! Finds the browser with which the dashboard is tested, or installs it if possible.

use std::path::PathBuf;

use crate::say::say;
use crate::shell::{self, Failure, Outcome, answers, program};

/// The variable that names another program.
const VARIABLE: &str = "CITYSEAL_CHROMIUM";

/// Makes the browser available. Returns its program.
pub(crate) fn ensure() -> Outcome<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        let is_there = answers(&mut program(&named, ["--version"]));
        return if is_there { Ok(named) } else { Err(Failure::new(format!("{} does not start", named.display()))) };
    }
    let found = PathBuf::from("chromium");
    if answers(&mut program(&found, ["--version"])) {
        return Ok(found);
    }
    say("found no Chromium: installing chromium");
    shell::apt_install(&["chromium"])?;
    if answers(&mut program(&found, ["--version"])) {
        Ok(found)
    } else {
        Err(Failure::new("chromium was installed, but does not start"))
    }
}
