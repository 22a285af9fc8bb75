//! Paths of inputs as the user names them: `-` is stdin.

use std::path::Path;

pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "stdin".into() } else { path.display().to_string() }
}

pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}
