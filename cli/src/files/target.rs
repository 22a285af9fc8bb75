//! Resolves the path of an output.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Maximum number of symbolic links to follow, as in Linux (`MAXSYMLINKS`, `path_resolution(7)`).
const LINKS_MAX: usize = 40;

/// What a path leads to after following symbolic links.
#[derive(Debug)]
pub(super) enum Target {
    /// This process's own stdout, under one of its names (`/dev/stdout`, `/dev/fd/1`, `/proc/self/fd/1`).
    Stdout,
    /// The same for stderr.
    Stderr,
    /// A device, a FIFO or an open descriptor, which is written to rather than replaced.
    Through(PathBuf),
    /// A regular file, or the path of one that does not exist yet.
    File {
        /// The path, which is not a symbolic link.
        path: PathBuf,
        /// `None` if the file does not exist.
        found: Option<Metadata>,
    },
}

/// Follows the symbolic links of a path, one after the other. The last link may point to a file that does not exist
/// yet.
///
/// # Errors
/// `IsADirectory` for a folder, `InvalidInput` for a socket or a cycle of links; otherwise the system's error.
pub(super) fn find(path: &Path) -> io::Result<Target> {
    let mut at = path.to_path_buf();
    for _ in 0..=LINKS_MAX {
        if names_folder(&at) {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; expected a file"));
        }
        let found = match fs::symlink_metadata(&at) {
            Ok(found) => found,
            // Missing folders above the file are reported when they are checked or used.
            Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory].contains(&error.kind()) => {
                return Ok(Target::File { path: at, found: None });
            }
            Err(error) => return Err(error),
        };
        if found.is_symlink() {
            if let Some(descriptor) = descriptor(&at) {
                return Ok(descriptor);
            }
            let to = fs::read_link(&at)?;
            at = folder_of(&at).join(to);
        } else if found.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; expected a file"));
        } else if found.is_file() {
            return Ok(Target::File { path: at, found: Some(found) });
        } else if is_socket(&found) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is a socket, which cannot be written as a file",
            ));
        } else {
            return Ok(Target::Through(at));
        }
    }
    let message = format!("more than {LINKS_MAX} symbolic links in a row: probably a cycle");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// The folder of a path's last component; `.` for a plain name.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether the path can only name a folder: it ends in a separator or has no last component.
fn names_folder(path: &Path) -> bool {
    path.file_name().is_none() || path.as_os_str().to_string_lossy().ends_with(std::path::is_separator)
}

/// The open descriptor behind a link of procfs. Such a link can be read as a path, but that path must not be followed:
/// a pipe has no path, and a file must be written through the descriptor because another process has it open.
fn descriptor(link: &Path) -> Option<Target> {
    let folder = fs::canonicalize(folder_of(link)).ok()?;
    if !folder.starts_with("/proc") {
        return None;
    }
    let is_own = folder == Path::new("/proc").join(std::process::id().to_string()).join("fd");
    Some(match link.file_name()?.to_str()? {
        "1" if is_own => Target::Stdout,
        "2" if is_own => Target::Stderr,
        _ => Target::Through(link.to_path_buf()),
    })
}

#[cfg(unix)]
fn is_socket(found: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())
}

#[cfg(not(unix))]
fn is_socket(_found: &Metadata) -> bool {
    false
}
