//! Complete and truncated files and streams, with a sink that takes headers and one that reads by itself.

use std::fs;

use super::*;

#[derive(Default)]
struct Taken {
    headers: usize,
    stop_after: Option<usize>,
    places: Vec<(usize, Place)>,
}

impl ChainSink for Taken {
    fn take(&mut self, packed: &[u8], file: usize, place: Place) -> ControlFlow<()> {
        self.headers += packed.len() / 80;
        self.places.push((file, place));
        match self.stop_after {
            Some(enough) if self.headers >= enough => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("cityseal-source-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn several_files_are_one_chain_and_each_ends_with_a_whole_header() {
    let folder = Folder::new("several");
    let paths = vec![folder.file("a", &[1; 160]), folder.file("b", &[2; 80])];
    let mut taken = Taken::default();
    let input = ChainInput::detect(paths.clone()).unwrap();
    assert_eq!((input.format(), input.headers_expected()), (Format::Headers, Some(3)));
    input.read(&mut taken).unwrap();
    assert_eq!(taken.places, [(0, Place::Packed), (1, Place::Packed)]);

    let cut = vec![folder.file("a", &[1; 159]), paths[1].clone()];
    let error = ChainInput::detect(cut).unwrap().read(&mut taken).unwrap_err();
    assert!(error.to_string().ends_with("a: truncated header: 79 of 80 bytes at offset 80"), "{error}");
}

#[test]
fn a_missing_file_is_named_before_any_header_is_read() {
    let folder = Folder::new("missing");
    let paths = vec![folder.file("a", &[1; 80]), folder.0.join("nowhere.bin")];
    let message = ChainInput::detect(paths).unwrap_err().to_string();
    assert!(message.contains("nowhere.bin"), "{message}");
}

#[test]
fn a_folder_is_not_an_input() {
    let folder = Folder::new("folder");
    assert!(matches!(ChainInput::detect(vec![folder.0.clone()]), Err(InputError::Open { .. })));
}

#[test]
fn reading_stops_when_the_sink_has_had_enough() {
    let folder = Folder::new("stop");
    let paths = vec![folder.file("a", &vec![1; 3 * READ_BYTES])];
    let mut taken = Taken { stop_after: Some(1), ..Taken::default() };
    ChainInput::detect(paths).unwrap().read(&mut taken).unwrap();
    assert_eq!(taken.headers, READ_BYTES / 80);
}

/// A sink that reads by itself, in small pieces.
#[derive(Default)]
struct Reading {
    bytes: Vec<u8>,
    stop_after: Option<usize>,
}

impl ChainSink for Reading {
    fn take(&mut self, packed: &[u8], _file: usize, _place: Place) -> ControlFlow<()> {
        self.bytes.extend_from_slice(packed);
        ControlFlow::Continue(())
    }

    fn read(&mut self, source: &mut dyn Read, _file: usize) -> Option<io::Result<ControlFlow<(), usize>>> {
        let mut piece = [0; 77];
        Some(source.read(&mut piece).map(|len| {
            self.bytes.extend_from_slice(&piece[..len]);
            match self.stop_after {
                Some(enough) if self.bytes.len() >= enough => ControlFlow::Break(()),
                _ => ControlFlow::Continue(len),
            }
        }))
    }
}

#[test]
fn a_sink_that_reads_by_itself_gets_every_byte_once_and_truncation_is_reported_the_same_way() {
    let folder = Folder::new("reading");
    let bytes: Vec<u8> = (0..2 * READ_BYTES + 160).map(|at| (at / 80) as u8).collect();
    let long = folder.file("long", &bytes);
    let short = folder.file("short", &bytes[..160]);
    let mut sink = Reading::default();
    ChainInput::detect(vec![long.clone(), short.clone()]).unwrap().read(&mut sink).unwrap();
    assert!(sink.bytes == [&bytes[..], &bytes[..160]].concat());

    let cut = folder.file("cut", &bytes[..160 + 79]);
    let error = ChainInput::detect(vec![short, cut]).unwrap().read(&mut Reading::default()).unwrap_err();
    assert!(error.to_string().ends_with("cut: truncated header: 79 of 80 bytes at offset 160"), "{error}");

    let mut sink = Reading { stop_after: Some(READ_BYTES + 100), ..Reading::default() };
    ChainInput::detect(vec![long]).unwrap().read(&mut sink).unwrap();
    assert_eq!(sink.bytes.len(), READ_BYTES + 154);
}

#[test]
fn a_place_inside_blocks_counts_over_all_files() {
    let folder = Folder::new("blocks");
    let block = [&[0xf9, 0xbe, 0xb4, 0xd9, 90, 0, 0, 0][..], &[1; 90]].concat();
    let paths = vec![folder.file("a", &block), folder.file("b", &block)];
    let mut taken = Taken::default();
    ChainInput::detect(paths).unwrap().read(&mut taken).unwrap();
    assert_eq!(taken.places, [(0, Place::Byte(8)), (1, Place::Byte(98 + 8))]);
}

#[test]
fn stdin_can_be_named_only_once() {
    let twice = vec![PathBuf::from("-"), PathBuf::from("-")];
    assert!(matches!(ChainInput::detect(twice), Err(InputError::StdinTwice)));
}
