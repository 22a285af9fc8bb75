//! The scheduling niceness of this process. It is set before the first thread is started, because threads inherit it.

use std::io;

use crate::error::CommandError;

/// Increases the niceness by `steps`, if given.
pub(crate) fn lower(steps: Option<u8>) -> Result<(), CommandError> {
    let Some(steps) = steps else { return Ok(()) };
    nice(steps).map_err(|source| CommandError::Nice { steps, source })
}

#[cfg(unix)]
fn nice(steps: u8) -> io::Result<()> {
    rustix::process::nice(steps.into())?;
    Ok(())
}

#[cfg(not(unix))]
fn nice(_steps: u8) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "niceness is not supported on this system"))
}
