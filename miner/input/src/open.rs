//! Opens inputs: files and stdin. Regular files are opened so that several threads can read them at once.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cityseal_engine::ReadAt;

use super::input_error::InputError;
use super::paths::is_stdin;

pub(super) struct Source {
    pub(super) reader: Box<dyn Read>,
    /// The same input, if it is a regular file.
    pub(super) file: Option<RegularFile>,
}

pub(super) struct RegularFile {
    /// The handle that the reader reads from.
    pub(super) cursor: Arc<File>,
    /// Reads at any offset without moving the cursor.
    pub(super) anywhere: Arc<dyn ReadAt>,
    /// Length in bytes when the file was opened.
    pub(super) len: u64,
}

impl RegularFile {
    /// Opens the file a second time on Windows, where every read moves the cursor.
    fn new(path: &Path, cursor: &Arc<File>, len: u64) -> io::Result<Self> {
        let anywhere = if cfg!(windows) { Arc::new(File::open(path)?) } else { Arc::clone(cursor) };
        Ok(Self { cursor: Arc::clone(cursor), anywhere, len })
    }
}

pub(super) fn open(path: &Path) -> Result<Source, InputError> {
    if is_stdin(path) {
        return Ok(Source { reader: Box::new(io::stdin().lock()), file: None });
    }
    let refuse = |source| InputError::Open { path: path.into(), source };
    let file = Arc::new(File::open(path).map_err(refuse)?);
    let metadata = file.metadata().map_err(refuse)?;
    let regular =
        metadata.is_file().then(|| RegularFile::new(path, &file, metadata.len())).transpose().map_err(refuse)?;
    Ok(Source { reader: Box::new(file), file: regular })
}

/// Returns the total size in bytes, if all files are regular. Missing files are detected here, before work begins.
pub(super) fn sizes(paths: &[PathBuf]) -> Result<Option<u64>, InputError> {
    let mut total = Some(0);
    for path in paths {
        let size = if is_stdin(path) { None } else { size(path)? };
        total = total.zip(size).map(|(total, size)| total + size);
    }
    Ok(total)
}

fn size(path: &Path) -> Result<Option<u64>, InputError> {
    let refuse = |source| InputError::Open { path: path.into(), source };
    let metadata = fs::metadata(path).map_err(refuse)?;
    if metadata.is_dir() {
        return Err(refuse(io::ErrorKind::IsADirectory.into()));
    }
    Ok(metadata.is_file().then_some(metadata.len()))
}
