//! Versions of files: what tells that a file has changed since it was read.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What tells one version of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    /// A replaced file has another inode, even within one tick of the file system's clock.
    inode: u64,
}

/// The versions of some files; `None` for a file that cannot be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<(PathBuf, Option<Stamp>)>);

impl Stamps {
    /// Looks at these files.
    pub(crate) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let look = |path: PathBuf| {
            let stamp = stamp(&path).ok();
            (path, stamp)
        };
        Self(paths.into_iter().map(look).collect())
    }

    /// Takes the versions of the files that were looked at earlier too from there.
    pub(crate) fn or_earlier(mut self, earlier: &Self) -> Self {
        for (path, stamp) in &mut self.0 {
            if let Some((_, before)) = earlier.0.iter().find(|(other, _)| other == path) {
                stamp.clone_from(before);
            }
        }
        self
    }

    /// Looks at the same files again.
    pub(crate) fn again(&self) -> Self {
        Self::of(self.0.iter().map(|(path, _)| path.clone()))
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let found = std::fs::metadata(path)?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&found);
    #[cfg(not(unix))]
    let inode = 0;
    Ok(Stamp { modified: found.modified().ok(), len: found.len(), inode })
}
