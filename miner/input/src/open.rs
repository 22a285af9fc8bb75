//! Opens what a chain is read from: files and stdin. A regular file is opened so that several threads can read it at once.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cityseal_engine::ReadAt;

use super::input_error::InputError;
use super::paths::is_stdin;

/// An open input.
pub(super) struct Source {
    pub(super) reader: Box<dyn Read>,
    /// The same, where it is a regular file.
    pub(super) file: Option<RegularFile>,
}

pub(super) struct RegularFile {
    /// What the reader reads from.
    pub(super) cursor: Arc<File>,
    /// What can be read anywhere without moving that.
    pub(super) anywhere: Arc<dyn ReadAt>,
    /// In bytes, when it was opened.
    pub(super) len: u64,
}

impl RegularFile {
    /// Windows moves the cursor with every read: there the file is opened once more.
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

/// The bytes of all files together, where all are regular; a file that is not there is found here, before work begins.
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
