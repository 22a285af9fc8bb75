//! The tuning cache: measurements of GPUs, kept in a file between runs, which saves a second when a GPU is opened.
//!
//! It may be deleted at any time. Unknown contents are ignored, and a failure to write it is not an error.

use std::fs;
use std::path::Path;

use cityseal_device::Tuned;
use serde::{Deserialize, Serialize};

use super::cost_model::{Cost, Costs};
use crate::gpu::Remembered;

/// Most devices in the cache; the oldest entries are dropped.
const DEVICES_MAX: usize = 64;

/// A larger file is not a tuning cache: 64 devices of less than 1 KiB each.
const BYTES_MAX: u64 = 64 * 1024;

/// Version of the format; a file of another version is ignored. Versions 1 and 2 were tables in `devices.tsv`.
const VERSION: u32 = 3;

/// The file: one JSON object.
#[derive(Debug, Serialize, Deserialize)]
struct CacheFile {
    version: u32,
    devices: Vec<Entry>,
}

/// The device of a file's entry, with the names that identify its tuning, and its measurements.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    device: String,
    driver: String,
    shaders: String,
    variant: String,
    tuned: Option<TunedEntry>,
    search: Option<CostEntry>,
    headers: Option<CostEntry>,
    nodes: Option<CostEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TunedEntry {
    dispatch_nonces: u64,
    rate_hz: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct CostEntry {
    fixed_ns: u64,
    item_fs: u64,
}

/// The entry of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Tuning, as the GPU back end needs it.
    pub(crate) remembered: Remembered,
    /// Costs of its batches.
    pub(crate) costs: Costs,
}

impl From<Entry> for Kept {
    fn from(entry: Entry) -> Self {
        let Entry { device, driver, shaders, variant, tuned, search, headers, nodes } = entry;
        let tuned = tuned.map(|TunedEntry { dispatch_nonces, rate_hz }| Tuned { dispatch_nonces, rate_hz });
        let cost = |cost: Option<CostEntry>| {
            let cost = cost.map(|CostEntry { fixed_ns, item_fs }| Cost { fixed_ns, item_fs });
            cost.filter(|cost| cost.is_plausible())
        };
        Self {
            remembered: Remembered { device, driver, shaders, variant, tuned },
            costs: Costs { search: cost(search), headers: cost(headers), nodes: cost(nodes) },
        }
    }
}

impl From<Kept> for Entry {
    fn from(kept: Kept) -> Self {
        let Remembered { device, driver, shaders, variant, tuned } = kept.remembered;
        let Costs { search, headers, nodes } = kept.costs;
        let tuned = tuned.map(|Tuned { dispatch_nonces, rate_hz }| TunedEntry { dispatch_nonces, rate_hz });
        let cost = |cost: Option<Cost>| cost.map(|Cost { fixed_ns, item_fs }| CostEntry { fixed_ns, item_fs });
        let [search, headers, nodes] = [search, headers, nodes].map(cost);
        Self { device, driver, shaders, variant, tuned, search, headers, nodes }
    }
}

/// Reads the cache; empty if the file is missing or something else.
pub(crate) fn load(file: &Path) -> Vec<Kept> {
    if !fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() <= BYTES_MAX) {
        return Vec::new();
    }
    parse(&fs::read(file).unwrap_or_default()).unwrap_or_default()
}

fn parse(json: &[u8]) -> Option<Vec<Kept>> {
    let file: CacheFile = serde_json::from_slice(json).ok()?;
    (file.version == VERSION).then(|| file.devices.into_iter().map(Kept::from).collect())
}

/// Replaces the entry of one device.
pub(crate) fn keep(file: &Path, measured: Kept) {
    let mut kept = load(file);
    if !kept.contains(&measured) {
        kept.retain(|other| other.remembered.device != measured.remembered.device);
        kept.push(measured);
        write(file, &kept);
    }
}

/// Removes a device, because its stored tuning may be the reason that it fails.
pub(crate) fn forget(file: &Path, device: &str) {
    let mut kept = load(file);
    if kept.iter().any(|known| known.remembered.device == device) {
        kept.retain(|known| known.remembered.device != device);
        write(file, &kept);
    }
}

fn write(file: &Path, kept: &[Kept]) {
    let first = kept.len().saturating_sub(DEVICES_MAX);
    let devices = kept[first..].iter().cloned().map(Entry::from).collect();
    let Ok(json) = serde_json::to_vec(&CacheFile { version: VERSION, devices }) else { return };
    if let Some(folder) = file.parent() {
        let _made = fs::create_dir_all(folder);
    }
    // Follow a symbolic link, and never replace anything but a regular file.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    if fs::symlink_metadata(&file).is_ok_and(|found| !found.is_file()) {
        return;
    }
    // Rename into place, so that concurrent writers leave one complete file.
    let partial = file.with_extension(format!("{}.partial", std::process::id()));
    if fs::write(&partial, json).and_then(|()| fs::rename(&partial, &file)).is_err() {
        let _left_behind = fs::remove_file(&partial);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A missing file in a missing folder, which is removed at the end.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("cityseal-tuning-cache-{}-{name}", std::process::id())))
        }

        fn file(&self) -> PathBuf {
            self.0.join("below").join("devices.json")
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    fn measured(device: &str, variant: &str) -> Kept {
        let own = |word: &str| word.to_owned();
        let (device, driver, shaders, variant) = (own(device), own("driver 1"), own("00"), own(variant));
        let tuned = Some(Tuned { dispatch_nonces: 100_000_000, rate_hz: 5_000_000_000 });
        let remembered = Remembered { device, driver, shaders, variant, tuned };
        let costs = Costs { search: Some(Cost { fixed_ns: 200_000, item_fs: 200_000 }), ..Costs::default() };
        Kept { remembered, costs }
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_is_kept_and_a_special_file_is_not_replaced() {
        let place = Place::new("links");
        let (file, target) = (place.file(), place.0.join("target.json"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &file).unwrap();
        keep(&file, measured("gpu 1", "wgsl-loop"));
        assert_eq!(load(&target), [measured("gpu 1", "wgsl-loop")]);
        assert!(fs::symlink_metadata(&file).unwrap().is_symlink());

        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/dev/null", &file).unwrap();
        keep(&file, measured("gpu 1", "wgsl-loop"));
        assert_eq!(fs::read_link(&file).unwrap(), Path::new("/dev/null"));
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "no partial file is left");
    }

    #[test]
    fn keeping_or_forgetting_a_device_leaves_the_others_alone() {
        let place = Place::new("replaces");
        assert_eq!(load(&place.file()), []);
        for (device, variant) in [("a", "x"), ("b", "x"), ("a", "y")] {
            keep(&place.file(), measured(device, variant));
        }
        assert_eq!(load(&place.file()), [measured("b", "x"), measured("a", "y")]);
        forget(&place.file(), "b");
        forget(&place.file(), "c");
        assert_eq!(load(&place.file()), [measured("a", "y")]);
    }

    #[test]
    fn a_file_with_other_contents_is_ignored_and_replaced() {
        let place = Place::new("something-else");
        fs::create_dir_all(place.file().parent().unwrap()).unwrap();
        for text in ["no table\n", "a\tb\tc\td\te\n", "a\tdriver 1\t00\tx\n", "\u{0}\u{1}\t\n"] {
            fs::write(place.file(), text).unwrap();
            assert_eq!(load(&place.file()), [], "{text:?}");
        }
        fs::write(place.file(), "x".repeat(BYTES_MAX as usize + 1)).unwrap();
        assert_eq!(load(&place.file()), []);
        keep(&place.file(), measured("a", "x"));
        assert_eq!(load(&place.file()), [measured("a", "x")]);
    }

    #[test]
    fn another_version_or_a_malformed_entry_is_ignored() {
        let place = Place::new("versions");
        keep(&place.file(), measured("a", "x"));
        let whole = fs::read_to_string(place.file()).unwrap();
        assert_eq!(parse(whole.as_bytes()), Some(vec![measured("a", "x")]));
        for (from, to) in [
            ("\"version\":3", "\"version\":2"),
            ("\"version\":3", "\"version\":4"),
            ("5000000000", "-1"),
            ("5000000000", "\"x\""),
            ("\"fixed_ns\":200000", "\"fixed_ns\":99999999999999999999"),
            ("\"driver\":\"driver 1\",", ""),
            ("}]}", "}]"),
        ] {
            let broken = whole.replace(from, to);
            assert_ne!(broken, whole, "{from}");
            assert_eq!(parse(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn an_implausible_cost_counts_as_not_measured() {
        let mut kept = measured("a", "x");
        kept.costs.search = Some(Cost { fixed_ns: u64::MAX, item_fs: u64::MAX });
        let place = Place::new("implausible");
        keep(&place.file(), kept.clone());
        kept.costs.search = None;
        assert_eq!(load(&place.file()), [kept]);
    }

    #[test]
    fn the_oldest_devices_are_dropped_and_names_may_hold_any_character() {
        let place = Place::new("many");
        (0..=DEVICES_MAX).for_each(|number| keep(&place.file(), measured(&number.to_string(), "x")));
        let kept = load(&place.file());
        assert_eq!((kept.len(), kept[0].remembered.device.as_str()), (DEVICES_MAX, "1"));
        let odd = measured("tab\t, quote \", line\n", "x");
        keep(&place.file(), odd.clone());
        assert_eq!(load(&place.file()).last(), Some(&odd));
    }

    #[test]
    fn a_failure_to_write_is_not_an_error() {
        let place = Place::new("no-folder");
        keep(&place.file(), measured("a", "x"));
        let below_a_file = place.file().join("below");
        keep(&below_a_file, measured("a", "x"));
        assert_eq!(load(&below_a_file), []);
    }
}
