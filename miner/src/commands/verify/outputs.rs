//! The files that `verify` writes: their paths are checked before the work starts, and they are written at its end.

use std::path::Path;

use cityseal_cli::CliError;
use cityseal_cli::files::{self, Wanted};

use super::VerifyArgs;
use super::error::VerifyCommandError;

/// Checks every output path against the other outputs and against the inputs.
///
/// # Errors
/// [`VerifyCommandError::Output`].
pub(super) fn check(args: &VerifyArgs) -> Result<(), VerifyCommandError> {
    let wanted = |flag, path| Wanted { flag, path, is_read_back: flag == "--checkpoint" };
    let outputs = [("--out", &args.out), ("--receipt", &args.receipt), ("--checkpoint", &args.checkpoint)];
    let outputs: Vec<_> = outputs.into_iter().filter_map(|(flag, path)| Some(wanted(flag, path.as_deref()?))).collect();
    let mut inputs: Vec<(&'static str, &Path)> = args.files.iter().map(|file| ("", file.as_path())).collect();
    inputs.extend(args.context.as_deref().map(|path| ("--context", path)));
    inputs.extend(args.key.as_deref().map(|path| ("--key", path)));
    // The name of a network is not a path, unless a file has that name.
    inputs.push(("--network", Path::new(&args.network)));
    Ok(files::check_outputs(&outputs, &inputs)?)
}

/// Writes one output file.
///
/// # Errors
/// [`CliError::WriteFile`].
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), VerifyCommandError> {
    Ok(files::write_output(path, bytes).map_err(|source| CliError::WriteFile { path: path.into(), source })?)
}
