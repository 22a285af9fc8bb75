//! Checks of outputs before the work starts: hours of work must not end in a file that cannot be written, nor in a file of the
//! user's that was written over.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::target::{Target, find, folder_of};

/// An output that a command was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The flag that asks for it.
    pub flag: &'static str,
    /// Where it is to go.
    pub path: &'a Path,
    /// Only a regular file will do: it is read back later.
    pub is_read_back: bool,
}

/// Why an output is refused before the work starts.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {}: {problem}", path.display())]
pub struct OutputError {
    flag: &'static str,
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the folder {} does not exist; make it first", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("{} is not a folder", folder.display())]
    NotAFolder { folder: PathBuf },
    #[error("no file can be made in {}: {source}", folder.display())]
    FolderNotWritable { folder: PathBuf, source: io::Error },
    #[error("the file cannot be written: {source}")]
    NotWritable { source: io::Error },
    #[error("expected a regular file, which is read back later; found a device, a FIFO or an open descriptor")]
    NotRegular,
    #[error("{source}")]
    System { source: io::Error },
    #[error("{other} names the same file; give each its own")]
    Twice { other: &'static str },
    #[error("this is an input ({input}), which would be written over; name another file")]
    IsInput { input: String },
}

/// Checks that each output can be written, that no two are the same file, and that none is an input (each with the flag or the
/// word by which it was given). Writes nothing.
///
/// # Errors
/// [`OutputError`] for the first one that is wrong.
pub fn check_outputs(outputs: &[Wanted<'_>], inputs: &[(&'static str, &Path)]) -> Result<(), OutputError> {
    let mut seen: Vec<(Identity, &'static str)> = Vec::new();
    for wanted in outputs {
        let refuse = |problem| OutputError { flag: wanted.flag, path: wanted.path.into(), problem };
        let target = find(wanted.path).map_err(|source| refuse(Problem::System { source }))?;
        check_target(&target, wanted.is_read_back).map_err(refuse)?;
        if let Some((given, input)) = inputs.iter().find(|(_, input)| is_input(&target, input)) {
            let input = format!("{given} {}", input.display()).trim().to_owned();
            return Err(refuse(Problem::IsInput { input }));
        }
        let Some(identity) = Identity::of(&target) else { continue };
        if let Some((_, other)) = seen.iter().find(|(known, _)| *known == identity) {
            return Err(refuse(Problem::Twice { other }));
        }
        seen.push((identity, wanted.flag));
    }
    Ok(())
}

/// Checks that files can be made in a folder, which may not exist yet.
///
/// # Errors
/// [`OutputError`].
pub fn check_folder(flag: &'static str, path: &Path) -> Result<(), OutputError> {
    // The nearest folder that exists: the others are made in it.
    let existing = path.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.symlink_metadata().is_ok());
    let folder = existing.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check_folder_writable(folder).map_err(|problem| OutputError { flag, path: path.into(), problem })
}

fn check_target(target: &Target, is_read_back: bool) -> Result<(), Problem> {
    match target {
        Target::File { path, found: Some(_) } => {
            // Opened and closed: nothing is written or cut.
            let opened = fs::OpenOptions::new().write(true).open(path);
            opened.map(drop).map_err(|source| Problem::NotWritable { source })
        }
        Target::File { path, found: None } => check_folder_writable(folder_of(path)),
        Target::Stdout | Target::Stderr | Target::Through(_) if is_read_back => Err(Problem::NotRegular),
        // Opening a FIFO would wait for its reader, so only its permissions are looked at.
        Target::Through(path) => may_write(path).map_err(|source| Problem::NotWritable { source }),
        Target::Stdout | Target::Stderr => Ok(()),
    }
}

fn check_folder_writable(folder: &Path) -> Result<(), Problem> {
    let folder = folder.to_path_buf();
    match fs::metadata(&folder) {
        Ok(found) if !found.is_dir() => Err(Problem::NotAFolder { folder }),
        Ok(_) => may_write(&folder).map_err(|source| Problem::FolderNotWritable { folder, source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Problem::NoFolder { folder }),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(Problem::NotAFolder { folder }),
        Err(source) => Err(Problem::System { source }),
    }
}

#[cfg(unix)]
fn may_write(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

#[cfg(not(unix))]
fn may_write(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// What tells one file from another.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Stdout,
    Stderr,
    /// Device and inode of what exists.
    #[cfg(unix)]
    Inode(u64, u64),
    /// The full name of what does not exist yet.
    Name(PathBuf),
}

impl Identity {
    /// `None` for a character device: what two outputs write to a terminal or to `/dev/null` harms neither.
    fn of(target: &Target) -> Option<Self> {
        match target {
            Target::Stdout => Some(Self::Stdout),
            Target::Stderr => Some(Self::Stderr),
            Target::Through(path) => fs::metadata(path).ok().and_then(|found| Self::of_existing(path, &found)),
            Target::File { path, found: Some(found) } => Self::of_existing(path, found),
            Target::File { path, found: None } => {
                let folder = fs::canonicalize(folder_of(path)).unwrap_or_default();
                Some(Self::Name(folder.join(path.file_name().unwrap_or_default())))
            }
        }
    }

    #[cfg(unix)]
    fn of_existing(_path: &Path, found: &Metadata) -> Option<Self> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        (!found.file_type().is_char_device()).then(|| Self::Inode(found.dev(), found.ino()))
    }

    #[cfg(not(unix))]
    fn of_existing(path: &Path, _found: &Metadata) -> Option<Self> {
        fs::canonicalize(path).ok().map(Self::Name)
    }
}

/// Whether what is to be written is this input, or a file of a node's folder that is the input.
fn is_input(target: &Target, input: &Path) -> bool {
    // What `-` reads may be a file as well.
    let input = if input == Path::new("-") { Path::new("/dev/stdin") } else { input };
    let Ok(found) = fs::metadata(input) else { return false };
    if !found.is_dir() {
        let identity = Identity::of_existing(input, &found);
        return identity.is_some() && identity == Identity::of(target);
    }
    let Target::File { path, .. } = target else { return false };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_of_node = name.ends_with(".dat");
    is_of_node && fs::canonicalize(folder_of(path)).ok() == fs::canonicalize(input).ok()
}
