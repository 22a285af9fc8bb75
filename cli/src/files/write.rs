//! Writes outputs. Regular files are replaced atomically; devices, FIFOs and open descriptors are written to.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::target::{Target, find, folder_of};

/// Number of names tried for a temporary file. Each has 64 random bits, so a second one is hardly ever needed.
const NAMES_MAX: usize = 16;

/// Writes an output.
///
/// - A device, a FIFO or an open descriptor is written to.
/// - A regular file, also one behind symbolic links, is replaced atomically: a temporary file in the same folder is
///   written, synced to disk and renamed. The links, the owner and the permissions are kept.
/// - A file that cannot be replaced in this way (a bind mount, a read-only folder) is written in place.
///
/// # Errors
/// The system's error. No temporary file is left behind.
pub fn write_output(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, bytes, |from, to| fs::rename(from, to))
}

/// Writes an output as [`write_output`] does, and creates missing folders above it.
///
/// # Errors
/// The system's error.
pub fn write_output_in_new_folders(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder_of(path))?;
    write_output(path, bytes)
}

fn write_with(path: &Path, bytes: &[u8], rename: impl FnOnce(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    match find(path)? {
        Target::Stdout => write_stream(&mut io::stdout().lock(), bytes),
        Target::Stderr => write_stream(&mut io::stderr().lock(), bytes),
        Target::Through(path) => write_through(&path, bytes),
        Target::File { path, found } => {
            if found.is_some() {
                // A read-only file is not replaced either, although the folder would allow it.
                OpenOptions::new().write(true).open(&path)?;
            }
            match replace(&path, found.as_ref(), bytes, rename) {
                Err(error) if found.is_some() && needs_in_place(&error) => write_in_place(&path, bytes),
                replaced => replaced,
            }
        }
    }
}

fn write_stream(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Output to the descriptor of a regular file is appended, so that earlier output through it is kept. A block device
    // must not be opened for appending: it would be full at its end.
    let is_file = fs::metadata(path)?.is_file();
    let mut file = OpenOptions::new().write(true).append(is_file).open(path)?;
    file.write_all(bytes)?;
    match file.sync_all() {
        // FIFOs and most devices do not support syncing.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// Whether the error means that the file cannot be replaced but may be writable: it is a mount point, its folder is
/// read-only, or its owner could not be kept.
fn needs_in_place(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    [ResourceBusy, CrossesDevices, PermissionDenied, ReadOnlyFilesystem].contains(&error.kind())
}

fn write_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn replace(
    path: &Path,
    found: Option<&Metadata>,
    bytes: &[u8],
    rename: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let folder = folder_of(path);
    let (mut file, temporary) = Temporary::create(folder)?;
    file.write_all(bytes)?;
    if let Some(found) = found {
        keep_owner_and_permissions(&file, found)?;
    }
    file.sync_all()?;
    rename(&temporary.path, path)?;
    temporary.keep();
    sync_folder(folder);
    Ok(())
}

/// A temporary file, removed on drop unless it was renamed.
struct Temporary {
    path: PathBuf,
    is_left: bool,
}

impl Temporary {
    /// Creates a new file in the folder of the file to replace.
    fn create(folder: &Path) -> io::Result<(File, Self)> {
        let mut taken = io::ErrorKind::AlreadyExists.into();
        for _ in 0..NAMES_MAX {
            let mut random = [0; 8];
            getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
            let path = folder.join(format!(".cityseal-{}.tmp", cityseal_chain::hex::encode(&random)));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, Self { path, is_left: true })),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => taken = error,
                Err(error) => return Err(error),
            }
        }
        Err(taken)
    }

    fn keep(mut self) {
        self.is_left = false;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.is_left {
            // The first error is the one to report.
            let _left_behind = fs::remove_file(&self.path);
        }
    }
}

/// Gives a new file the owner and permissions of the file that it replaces.
///
/// # Errors
/// `PermissionDenied` if this user may not set that owner.
#[cfg(unix)]
fn keep_owner_and_permissions(file: &File, found: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (found.uid(), found.gid()) {
        // Systems report this with different errors; in a container the owner may not even exist.
        fchown(file, Some(found.uid()), Some(found.gid())).map_err(|_| io::ErrorKind::PermissionDenied)?;
    }
    // Set after the owner, because a change of owner clears some permissions.
    file.set_permissions(found.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_permissions(file: &File, found: &Metadata) -> io::Result<()> {
    file.set_permissions(found.permissions())
}

/// Syncs the new name to disk. Errors are ignored: not every file system supports it, and the file itself is synced.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _synced = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A folder that is removed at the end of the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static MADE: AtomicU32 = AtomicU32::new(0);
            let number = MADE.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("cityseal-files-{}-{number}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }

        /// The names of its entries, sorted.
        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _left_behind = fs::remove_dir_all(&self.0);
        }
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_its_permissions() {
        let folder = Folder::new();
        let path = folder.path("a");
        write_output(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        write_output(&path, b"new").unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!((text(&path).as_str(), found.mode() & 0o777), ("new", 0o640));
        assert_ne!(found.ino(), inode, "a process that has the old file open keeps reading the old file");
        assert_eq!(folder.names(), ["a"]);
    }

    #[test]
    fn files_with_names_like_temporary_ones_are_not_touched() {
        let folder = Folder::new();
        for name in ["a.new", "a.partial", "a.tmp"] {
            fs::write(folder.path(name), name).unwrap();
        }
        write_output(&folder.path("a"), b"new").unwrap();
        assert_eq!(folder.names(), ["a", "a.new", "a.partial", "a.tmp"]);
        assert_eq!(text(&folder.path("a.new")), "a.new");
    }

    #[test]
    fn the_target_of_a_symbolic_link_is_replaced_and_the_link_is_kept() {
        let folder = Folder::new();
        fs::create_dir(folder.path("below")).unwrap();
        fs::write(folder.path("below/file"), "old").unwrap();
        symlink("below/middle", folder.path("link")).unwrap();
        symlink("file", folder.path("below/middle")).unwrap();
        write_output(&folder.path("link"), b"new").unwrap();
        assert_eq!(text(&folder.path("below/file")), "new");
        assert_eq!(fs::read_link(folder.path("link")).unwrap(), Path::new("below/middle"));
        assert!(fs::symlink_metadata(folder.path("below/middle")).unwrap().is_symlink());
        assert_eq!(folder.names(), ["below", "link"]);

        symlink("below/nothing-yet", folder.path("dangling")).unwrap();
        write_output(&folder.path("dangling"), b"made").unwrap();
        assert_eq!(text(&folder.path("below/nothing-yet")), "made");
        assert!(fs::symlink_metadata(folder.path("dangling")).unwrap().is_symlink());
    }

    #[test]
    fn refuses_a_cycle_of_links() {
        let folder = Folder::new();
        symlink("b", folder.path("a")).unwrap();
        symlink("a", folder.path("b")).unwrap();
        let error = write_output(&folder.path("a"), b"new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        assert_eq!(folder.names(), ["a", "b"]);
    }

    #[test]
    fn a_file_that_cannot_be_replaced_is_written_in_place_and_leaves_no_temporary_file() {
        for refusal in [io::ErrorKind::ResourceBusy, io::ErrorKind::CrossesDevices] {
            let folder = Folder::new();
            let path = folder.path("mounted");
            fs::write(&path, "an old text that is longer").unwrap();
            let inode = fs::metadata(&path).unwrap().ino();
            write_with(&path, b"new", |_, _| Err(refusal.into())).unwrap();
            assert_eq!((text(&path).as_str(), fs::metadata(&path).unwrap().ino()), ("new", inode));
            assert_eq!(folder.names(), ["mounted"]);
        }
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_no_temporary_file() {
        let folder = Folder::new();
        let path = folder.path("a");
        fs::write(&path, "old").unwrap();
        let error = write_with(&path, b"new", |_, _| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!((error.kind(), text(&path).as_str()), (io::ErrorKind::StorageFull, "old"));
        // A file that does not exist is not created in place: it cannot be a mount point.
        write_with(&folder.path("b"), b"new", |_, _| Err(io::ErrorKind::ResourceBusy.into())).unwrap_err();
        assert_eq!(folder.names(), ["a"]);
    }
}
