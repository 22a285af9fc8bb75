//! Files of the command line: small ones read whole, with a bound on their size; secrets that nobody else may read; and outputs,
//! which are checked before the work starts and never replace what is not a regular file.

mod check;
mod target;
mod write;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

pub use check::{OutputError, Wanted, check_folder, check_outputs};
pub use write::{write_output, write_output_in_new_folders};

/// Reads a text file of at most `bytes_max` bytes.
///
/// # Errors
/// What the system said; `InvalidData` for a file that is larger, or not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    text_of(File::open(path)?, bytes_max)
}

/// The same for a file that is open.
///
/// # Errors
/// As [`read_text`].
pub fn text_of(file: File, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let message = format!("the file is larger than the {bytes_max} bytes that are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let message = format!("not UTF-8 text: a bad byte at offset {}", error.utf8_error().valid_up_to());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// The permissions of a file that gives others than its owner any, as `ssh` judges the file of a secret key: only a regular file
/// of this user's own, since of another one the permissions are not this user's to change.
///
/// # Errors
/// What the system says.
#[cfg(unix)]
pub fn mode_for_others(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::MetadataExt;
    let found = file.metadata()?;
    let is_own = found.is_file() && found.uid() == rustix::process::geteuid().as_raw();
    let mode = found.mode() & 0o7777;
    Ok(if is_own && mode & 0o077 != 0 { Some(mode) } else { None })
}

/// Where there are no permissions of this kind nothing is judged by them.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn mode_for_others(_file: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Writes a file that nobody but its owner may read, and that must not be there yet. Where that fails half-way nothing is
/// left of it.
///
/// # Errors
/// What the system said; `AlreadyExists` for a file that is there.
pub fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // The first error is the one to tell.
        let _left_behind = fs::remove_file(path);
    }
    written
}
