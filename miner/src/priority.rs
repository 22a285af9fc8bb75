//! How far this process stands back behind others. Called before the first thread is made: threads inherit it.

use std::io;

use crate::error::CommandError;

/// Takes so many steps back, where any are asked for.
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
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no niceness"))
}
