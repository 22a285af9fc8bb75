//! Writes outputs: through what is no regular file, and otherwise so that the file is old or new at any moment, never half.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::target::{Target, find, folder_of};

/// How many names are tried for a temporary file. Each has 64 random bits, so a second one is hardly ever needed.
const NAMES_MAX: usize = 16;

/// Writes an output.
///
/// - A device, a FIFO or an open descriptor is written through.
/// - A regular file, also one behind symbolic links, is replaced as a whole: a temporary file beside it is written, brought to the
///   disk and renamed. The links, the owner and the permissions stay.
/// - Where a file cannot be replaced so (a bind mount, a folder that may not be written), it is written in place.
///
/// # Errors
/// What the system says. Nothing temporary is left behind.
pub fn write_output(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, bytes, |from, to| fs::rename(from, to))
}

/// The same, and makes the folders above the file where they are missing.
///
/// # Errors
/// What the system says.
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
                // A file that may not be written is not replaced either.
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
    // To the descriptor of a regular file is appended, since what was written through it before must stay. A block device
    // would be full at its end.
    let is_file = fs::metadata(path)?.is_file();
    let mut file = OpenOptions::new().write(true).append(is_file).open(path)?;
    file.write_all(bytes)?;
    match file.sync_all() {
        // Most devices, and FIFOs, have nothing that could be brought to a disk.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// Whether the file can be written, though not replaced: it is a mount point of its own, its folder may not be written, or its
/// owner could not be kept.
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

/// A temporary file, removed unless it got its final name.
struct Temporary {
    path: PathBuf,
    is_left: bool,
}

impl Temporary {
    /// Makes a file that was not there, in the folder of the file that it is to replace.
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

/// Gives a new file the owner and permissions of the one that it is to replace.
///
/// # Errors
/// `PermissionDenied` where this user may not give it that owner.
#[cfg(unix)]
fn keep_owner_and_permissions(file: &File, found: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (found.uid(), found.gid()) {
        // The system has several errors for it: inside a container an owner may not exist at all.
        fchown(file, Some(found.uid()), Some(found.gid())).map_err(|_| io::ErrorKind::PermissionDenied)?;
    }
    // After the owner: a change of owner clears some permissions.
    file.set_permissions(found.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_permissions(file: &File, found: &Metadata) -> io::Result<()> {
    file.set_permissions(found.permissions())
}

/// Brings the new name to the disk. Not every file system can, and the file itself is there already.
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

    /// A folder that goes away with the test.
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

        /// The names of all that is in it, sorted.
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
        assert_ne!(found.ino(), inode, "a reader of the old file keeps the old file");
        assert_eq!(folder.names(), ["a"]);
    }

    #[test]
    fn a_file_beside_it_of_a_temporary_looking_name_is_not_touched() {
        let folder = Folder::new();
        for name in ["a.new", "a.partial", "a.tmp"] {
            fs::write(folder.path(name), name).unwrap();
        }
        write_output(&folder.path("a"), b"new").unwrap();
        assert_eq!(folder.names(), ["a", "a.new", "a.partial", "a.tmp"]);
        assert_eq!(text(&folder.path("a.new")), "a.new");
    }

    #[test]
    fn of_a_symbolic_link_the_target_is_replaced_and_the_link_stays() {
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
    fn links_that_lead_in_a_circle_are_refused() {
        let folder = Folder::new();
        symlink("b", folder.path("a")).unwrap();
        symlink("a", folder.path("b")).unwrap();
        let error = write_output(&folder.path("a"), b"new").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
        assert_eq!(folder.names(), ["a", "b"]);
    }

    #[test]
    fn what_cannot_be_replaced_is_written_in_place_and_leaves_nothing_beside_it() {
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
    fn a_failure_leaves_the_old_file_and_nothing_beside_it() {
        let folder = Folder::new();
        let path = folder.path("a");
        fs::write(&path, "old").unwrap();
        let error = write_with(&path, b"new", |_, _| Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!((error.kind(), text(&path).as_str()), (io::ErrorKind::StorageFull, "old"));
        // One that is not there is not made in place: nobody mounted it.
        write_with(&folder.path("b"), b"new", |_, _| Err(io::ErrorKind::ResourceBusy.into())).unwrap_err();
        assert_eq!(folder.names(), ["a"]);
    }
}
