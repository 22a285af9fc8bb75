//! Small files: read whole, with a bound on their size; and secrets written so that nobody else reads them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

/// Reads a text file of at most `bytes_max` bytes.
///
/// # Errors
/// What the system said; `InvalidData` for a file that is larger, or not UTF-8.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let message = format!("the file is larger than the {bytes_max} bytes that are read");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    String::from_utf8(bytes).map_err(|error| {
        let message = format!("not UTF-8 text: a bad byte at offset {}", error.utf8_error().valid_up_to());
        io::Error::new(io::ErrorKind::InvalidData, message)
    })
}

/// Writes a file that nobody but its owner may read, and that must not be there yet. Where that fails half-way nothing is
/// left of it.
///
/// # Errors
/// What the system said; `AlreadyExists` for a file that is there.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
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
