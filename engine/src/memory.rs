//! What was measured of GPUs, kept in a file between runs: opening one again takes a second less. The file is a cache. It may
//! be deleted at any time, what does not fit is ignored, and that it can not be written is no error.

use std::fs;
use std::path::Path;

use cityseal_gpu::Remembered;

/// Most devices that are kept; the oldest go first.
const DEVICES_MAX: usize = 64;

/// A larger file is none of ours.
const BYTES_MAX: u64 = 64 * 1024;

/// What the file holds; nothing where it is absent or none of ours.
pub(crate) fn load(file: &Path) -> Vec<Remembered> {
    if fs::metadata(file).map_or(u64::MAX, |metadata| metadata.len()) > BYTES_MAX {
        return Vec::new();
    }
    fs::read_to_string(file).unwrap_or_default().lines().filter_map(parse).collect()
}

fn parse(line: &str) -> Option<Remembered> {
    let words: Vec<&str> = line.split('\t').collect();
    let [device, driver, shaders, variant] = words.as_slice() else { return None };
    let own = |word: &str| word.to_owned();
    Some(Remembered { device: own(device), driver: own(driver), shaders: own(shaders), variant: own(variant) })
}

/// A line of the file; `None` where a driver's name would break it.
fn line(remembered: &Remembered) -> Option<String> {
    let Remembered { device, driver, shaders, variant } = remembered;
    let line = [device.as_str(), driver, shaders, variant].join("\t");
    (parse(&line).as_ref() == Some(remembered) && !line.contains(['\n', '\r'])).then(|| line + "\n")
}

/// Keeps what was measured of one device in place of what was kept of it before.
pub(crate) fn keep(file: &Path, measured: Remembered) {
    let mut kept = load(file);
    if !kept.contains(&measured) {
        kept.retain(|other| other.device != measured.device);
        kept.push(measured);
        write(file, &kept);
    }
}

/// Forgets a device: what was measured of it may be why it fails.
pub(crate) fn forget(file: &Path, device: &str) {
    let mut kept = load(file);
    if kept.iter().any(|known| known.device == device) {
        kept.retain(|known| known.device != device);
        write(file, &kept);
    }
}

fn write(file: &Path, kept: &[Remembered]) {
    let first = kept.len().saturating_sub(DEVICES_MAX);
    let text: String = kept[first..].iter().filter_map(line).collect();
    // Renamed into its place, so that two programs at once leave the whole text of one.
    let partial = file.with_extension(format!("{}.partial", std::process::id()));
    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    let _cache = folder.and_then(|()| fs::write(&partial, text)).and_then(|()| fs::rename(&partial, file));
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A file that is not there, in a folder that is not there either; removed in the end.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("cityseal-memory-{}-{name}", std::process::id())))
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

    fn measured(device: &str, variant: &str) -> Remembered {
        let own = |word: &str| word.to_owned();
        Remembered { device: own(device), driver: own("driver 1"), shaders: own("00"), variant: own(variant) }
    }

    #[test]
    fn what_is_kept_or_forgotten_of_a_device_concerns_no_other() {
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
    fn a_file_of_something_else_is_ignored_and_replaced() {
        let place = Place::new("something-else");
        fs::create_dir_all(place.file().parent().unwrap()).unwrap();
        for text in ["no table\n", "a\tb\tc\td\te\n", "\u{0}\u{1}\t\n"] {
            fs::write(place.file(), text).unwrap();
            assert_eq!(load(&place.file()), [], "{text:?}");
        }
        fs::write(place.file(), "x".repeat(BYTES_MAX as usize + 1)).unwrap();
        assert_eq!(load(&place.file()), []);
        keep(&place.file(), measured("a", "x"));
        assert_eq!(load(&place.file()), [measured("a", "x")]);
    }

    #[test]
    fn no_more_devices_are_kept_than_may_be_and_no_name_breaks_the_table() {
        let place = Place::new("many");
        (0..=DEVICES_MAX).for_each(|number| keep(&place.file(), measured(&number.to_string(), "x")));
        let kept = load(&place.file());
        assert_eq!((kept.len(), kept[0].device.as_str()), (DEVICES_MAX, "1"));
        keep(&place.file(), measured("tab\there", "x"));
        keep(&place.file(), measured("line\nhere", "x"));
        assert!(load(&place.file()).iter().all(|known| known.device.parse::<usize>().is_ok()));
    }

    #[test]
    fn that_nothing_can_be_written_is_no_error() {
        let place = Place::new("no-folder");
        keep(&place.file(), measured("a", "x"));
        let below_a_file = place.file().join("below");
        keep(&below_a_file, measured("a", "x"));
        assert_eq!(load(&below_a_file), []);
    }
}
