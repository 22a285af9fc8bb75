//! Small files read whole, with a bound on their size.

use std::fs::File;
use std::io::{self, Read};
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
