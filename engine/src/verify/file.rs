//! Files that several threads read at once, each at its own offset.

use std::fs::File;
use std::io;

use cityseal_chain::{History, Parameters};
use cityseal_hash::HEADER_LEN;

/// A source that several threads can read at any offset at once.
pub trait ReadAt: Send + Sync {
    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// The error of the operating system; [`io::ErrorKind::UnexpectedEof`] if the source ends first.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

#[cfg(unix)]
impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }
}

#[cfg(windows)]
impl ReadAt for File {
    fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        use std::os::windows::fs::FileExt;
        while !buffer.is_empty() {
            match self.seek_read(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    buffer = &mut buffer[count..];
                    offset += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Headers that are read together to advance a history: the eleven of the median time, and a few more.
const AHEAD: usize = 16;

/// Advances `history` over `count` headers of a file, of which it reads only a few.
pub(crate) fn advance(
    history: &mut History,
    parameters: &Parameters,
    file: &dyn ReadAt,
    from: u64,
    count: u64,
) -> io::Result<()> {
    let mut few = [[0; HEADER_LEN]; AHEAD];
    let mut known = 0..0;
    history.advance_over(parameters, count, |index| {
        if !known.contains(&index) {
            let end = (index + AHEAD as u64).min(count);
            let buffer = &mut few[..(end - index) as usize];
            file.read_exact_at(buffer.as_flattened_mut(), from + index * HEADER_LEN as u64)?;
            known = index..end;
        }
        Ok(few[(index - known.start) as usize])
    })
}
