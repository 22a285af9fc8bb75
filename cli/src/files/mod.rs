//! File access of the commands: small files are read whole, with a limit on their size; secrets are readable by their
//! owner only; outputs are checked before the work starts, and only regular files are replaced.

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
/// The system's error; `InvalidData` if the file is larger or not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    text_of(File::open(path)?, bytes_max)
}

/// Reads the rest of an open text file of at most `bytes_max` bytes.
///
/// # Errors
/// As [`read_text`].
pub fn text_of(file: File, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let message = format!("the file is too large; expected at most {bytes_max} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let message = format!("not UTF-8 text: invalid byte at offset {}", error.utf8_error().valid_up_to());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// Returns the permission bits of a file if they grant any access to group or others. As `ssh` does for secret keys,
/// only regular files of this user are checked, since a user cannot change the permissions of other users' files.
///
/// # Errors
/// The system's error.
#[cfg(unix)]
pub fn mode_for_others(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::MetadataExt;
    let found = file.metadata()?;
    let is_own = found.is_file() && found.uid() == rustix::process::geteuid().as_raw();
    let mode = found.mode() & 0o7777;
    Ok(if is_own && mode & 0o077 != 0 { Some(mode) } else { None })
}

/// Always `None`: this system has no Unix permissions.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn mode_for_others(_file: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Creates a file that only its owner may read. The file must not exist yet; if writing fails, it is removed.
///
/// # Errors
/// The system's error; `AlreadyExists` if the file exists.
pub fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // The first error is the one to report.
        let _left_behind = fs::remove_file(path);
    }
    written
}
