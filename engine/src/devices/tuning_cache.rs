//! The tuning cache: measurements of GPUs, kept in a file between runs, which saves a second when a GPU is opened.
//!
//! It may be deleted at any time. Unknown contents are ignored, and a failure to write it is not an error.

use std::fs;
use std::path::Path;

use cityseal_device::Tuned;

use super::cost_model::{Cost, Costs};
use crate::gpu::Remembered;

/// Most devices in the cache; the oldest entries are dropped.
const DEVICES_MAX: usize = 64;

/// A larger file is not a tuning cache: 64 devices of less than 1 KiB each.
const BYTES_MAX: u64 = 64 * 1024;

/// Version of the line format; other lines are ignored. Version 1 had no version number and four columns.
const VERSION: &str = "2";

/// Marks a value that was not measured.
const ABSENT: &str = "-";

/// The entry of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Tuning, as the GPU back end needs it.
    pub(crate) remembered: Remembered,
    /// Costs of its batches.
    pub(crate) costs: Costs,
}

/// Reads the cache; empty if the file is missing or something else.
pub(crate) fn load(file: &Path) -> Vec<Kept> {
    if !fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() <= BYTES_MAX) {
        return Vec::new();
    }
    fs::read_to_string(file).unwrap_or_default().lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Kept> {
    let words: Vec<&str> = line.split('\t').collect();
    let [VERSION, device, driver, shaders, variant, tuned, search, headers, nodes] = words.as_slice() else {
        return None;
    };
    let own = |word: &str| word.to_owned();
    let tuned = pair(tuned, |dispatch_nonces, rate_hz| Tuned { dispatch_nonces, rate_hz })?.0;
    let cost = |word: &str| {
        let Measured(cost) = pair(word, |fixed_ns, item_fs| Cost { fixed_ns, item_fs })?;
        Some(Measured(cost.filter(|cost| cost.is_plausible())))
    };
    Some(Kept {
        remembered: Remembered {
            device: own(device),
            driver: own(driver),
            shaders: own(shaders),
            variant: own(variant),
            tuned,
        },
        costs: Costs { search: cost(search)?.0, headers: cost(headers)?.0, nodes: cost(nodes)?.0 },
    })
}

/// Parses two numbers separated by a colon, or [`ABSENT`]; `None` if it is neither.
fn pair<T>(word: &str, of: impl FnOnce(u64, u64) -> T) -> Option<Measured<T>> {
    if word == ABSENT {
        return Some(Measured(None));
    }
    let (one, other) = word.split_once(':')?;
    Some(Measured(Some(of(one.parse().ok()?, other.parse().ok()?))))
}

/// A value, if it was measured.
struct Measured<T>(Option<T>);

/// Formats an entry; `None` if a driver's name would break the line.
fn line(kept: &Kept) -> Option<String> {
    let Remembered { device, driver, shaders, variant, tuned } = &kept.remembered;
    let written = |pair: Option<(u64, u64)>| pair.map_or(ABSENT.to_owned(), |(one, other)| format!("{one}:{other}"));
    let tuned = written(tuned.map(|tuned| (tuned.dispatch_nonces, tuned.rate_hz)));
    let cost = |cost: Option<Cost>| written(cost.map(|cost| (cost.fixed_ns, cost.item_fs)));
    let Costs { search, headers, nodes } = kept.costs;
    let costs = [search, headers, nodes].map(cost);
    let [search, headers, nodes] = &costs;
    let line = [VERSION, device, driver, shaders, variant, &tuned, search, headers, nodes].join("\t");
    (parse(&line).as_ref() == Some(kept) && !line.contains(['\n', '\r'])).then(|| line + "\n")
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
    let text: String = kept[first..].iter().filter_map(line).collect();
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
    if fs::write(&partial, text).and_then(|()| fs::rename(&partial, &file)).is_err() {
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
            self.0.join("below").join("devices.tsv")
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
        let (file, target) = (place.file(), place.0.join("target.tsv"));
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
    fn a_line_of_another_version_or_with_a_malformed_pair_is_ignored() {
        let whole = line(&measured("a", "x")).unwrap();
        let whole = whole.trim_end();
        assert_eq!(parse(whole), Some(measured("a", "x")));
        assert!(
            whole.starts_with("2\ta\t") && whole.ends_with("\t100000000:5000000000\t200000:200000\t-\t-"),
            "{whole}"
        );
        for broken in [
            whole.replacen('2', "1", 1),
            whole.replacen('2', "3", 1),
            format!("{whole}\t-"),
            whole.replace("5000000000", "x"),
            whole.replace("5000000000", "-1"),
            whole.replace(':', "-"),
            whole.replace("200000:200000", "200000:99999999999999999999"),
            whole.trim_end_matches("\t-").to_owned(),
        ] {
            assert_eq!(parse(&broken), None, "{broken}");
        }
    }

    #[test]
    fn the_oldest_devices_are_dropped_and_no_name_breaks_the_table() {
        let place = Place::new("many");
        (0..=DEVICES_MAX).for_each(|number| keep(&place.file(), measured(&number.to_string(), "x")));
        let kept = load(&place.file());
        assert_eq!((kept.len(), kept[0].remembered.device.as_str()), (DEVICES_MAX, "1"));
        keep(&place.file(), measured("tab\there", "x"));
        keep(&place.file(), measured("line\nhere", "x"));
        assert!(load(&place.file()).iter().all(|known| known.remembered.device.parse::<usize>().is_ok()));
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
