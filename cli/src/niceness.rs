//! The niceness of this process. It is set before the first thread starts, because threads inherit it.

use std::io;

use crate::error::CliError;

/// Raises the niceness of this process by this many steps, if there are any.
///
/// # Errors
/// [`CliError::Nice`] if the system refuses.
pub fn lower_priority(steps: Option<u8>) -> Result<(), CliError> {
    let Some(steps) = steps else { return Ok(()) };
    nice(steps).map_err(|source| CliError::Nice { steps, source })
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
