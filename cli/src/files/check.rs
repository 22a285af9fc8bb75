//! Checks output paths before the work starts, so that hours of work do not end in a file that cannot be written or in
//! an overwritten input.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::target::{Target, find, folder_of};

/// An output that a flag requests.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The flag.
    pub flag: &'static str,
    /// The path of the output.
    pub path: &'a Path,
    /// The output must be a regular file, because it is read back later.
    pub is_read_back: bool,
}

/// Error of an output path, found before the work starts.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {}: {problem}", path.display())]
pub struct OutputError {
    flag: &'static str,
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("the folder {} does not exist; create it first", folder.display())]
    NoFolder { folder: PathBuf },
    #[error("{} is not a folder", folder.display())]
    NotAFolder { folder: PathBuf },
    #[error("no file can be created in {}: {source}", folder.display())]
    FolderNotWritable { folder: PathBuf, source: io::Error },
    #[error("the file cannot be written: {source}")]
    NotWritable { source: io::Error },
    #[error("expected a regular file, which is read back later; found a device, a FIFO or an open descriptor")]
    NotRegular,
    #[error("{source}")]
    System { source: io::Error },
    #[error("{other} names the same file; choose another path for one of them")]
    Twice { other: &'static str },
    #[error("this is an input ({input}), which would be overwritten; choose another path")]
    IsInput { input: String },
}

/// Checks that each output can be written, that no two are the same file, and that none is an input. Each input comes
/// with its flag, or an empty string for a plain argument. Writes nothing.
///
/// # Errors
/// [`OutputError`] for the first wrong output.
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

/// Checks that files can be created in a folder, which may not exist yet.
///
/// # Errors
/// [`OutputError`].
pub fn check_folder(flag: &'static str, path: &Path) -> Result<(), OutputError> {
    // The nearest existing ancestor, in which the other folders will be created.
    let existing = path.ancestors().find(|folder| folder.as_os_str().is_empty() || folder.symlink_metadata().is_ok());
    let folder = existing.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    check_folder_writable(folder).map_err(|problem| OutputError { flag, path: path.into(), problem })
}

fn check_target(target: &Target, is_read_back: bool) -> Result<(), Problem> {
    match target {
        Target::File { path, found: Some(_) } => {
            // Opening without `truncate` changes nothing in the file.
            let opened = fs::OpenOptions::new().write(true).open(path);
            opened.map(drop).map_err(|source| Problem::NotWritable { source })
        }
        Target::File { path, found: None } => check_folder_writable(folder_of(path)),
        Target::Stdout | Target::Stderr | Target::Through(_) if is_read_back => Err(Problem::NotRegular),
        // Opening a FIFO would wait for its reader, so only its permissions are checked.
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

/// The identity of a file, for comparison with other files.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Stdout,
    Stderr,
    /// Device and inode of an existing file.
    #[cfg(unix)]
    Inode(u64, u64),
    /// The full path of a file that does not exist yet.
    Name(PathBuf),
}

impl Identity {
    /// `None` for a character device: two outputs may share a terminal or `/dev/null`.
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

/// Whether the target is this input, or would be a `.dat` file in the node's folder that is the input.
fn is_input(target: &Target, input: &Path) -> bool {
    // Stdin may be redirected from a file.
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
