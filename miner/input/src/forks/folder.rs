//! The folder of a Bitcoin Core node: `blk00000.dat` and so on, obfuscated with the key in `xor.dat`, in the order of
//! their numbers.
//!
//! Other files are ignored: `rev*.dat` are for undoing blocks, and the index is private to the node. A node appends to
//! its last file: a truncated block at the end of that file is normal and becomes a note; in any other file it is
//! damage. For a node's data directory, the folder of the network's blocks is read.

use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cityseal_chain::header_tree::Root;
use cityseal_chain::{Network, Parameters};
use cityseal_engine::BlockPlace;
use cityseal_hash::HashKernel;

use super::super::decode_error::DecodeError;
use super::super::frame::FrameNetwork;
use super::super::input_error::InputError;
use super::files::Writing;
use super::key::Key;
use super::scan::{Flaw, Scan, Scanned};
use super::{BlockSet, Found};

/// Maximum number of threads that scan files: each occupies a disk head or a part of the disk's queue.
const THREADS_MAX: usize = 8;

impl BlockSet {
    /// Scans all block files of a folder.
    ///
    /// # Errors
    /// Returns [`InputError`] if the folder holds no block files, or if one of them cannot be read.
    pub fn of_folder(folder: &Path, parameters: &Parameters, root: Root) -> Result<Self, InputError> {
        let (folder, mut notes) = folder_of_blocks(folder, parameters)?;
        let key = Key::of_folder(&folder)?;
        let files = block_files(&folder)?;
        notes.extend(missing(&files));
        let paths: Vec<PathBuf> = files.into_iter().map(|(_, path)| path).collect();
        let mut found = scan_all(&paths, key, FrameNetwork::of(parameters), true)?;
        found.notes.splice(0..0, notes);
        found.into_set(parameters, root, paths, Some(Writing::Bytes(key)))
    }
}

/// Returns the folder that holds the block files: the given one or, in a node's data directory, that of the network.
fn folder_of_blocks(folder: &Path, parameters: &Parameters) -> Result<(PathBuf, Vec<String>), InputError> {
    let has_blocks = |folder: &Path| block_files(folder).is_ok_and(|files| !files.is_empty());
    if !block_files(folder)?.is_empty() {
        return Ok((folder.into(), Vec::new()));
    }
    // Mainnet's blocks are directly under `blocks`; the other networks have a folder of their own.
    let known = Network::ALL.map(Network::name).into_iter().filter(|name| *name != Network::Mainnet.name());
    let of_networks: Vec<(&str, PathBuf)> =
        known.map(|name| (name, folder.join(name).join("blocks"))).filter(|(_, folder)| has_blocks(folder)).collect();
    let of_mainnet = Some(folder.join("blocks")).filter(|folder| has_blocks(folder));
    let of_network = of_networks.iter().find(|(name, _)| *name == parameters.name()).map(|(_, folder)| folder.clone());
    match of_network.or(of_mainnet) {
        Some(found) => {
            let note =
                format!("{}: no block files in this folder; {} is read instead", folder.display(), found.display());
            Ok((found, vec![note]))
        }
        None => Err(InputError::NoBlockFiles {
            path: folder.into(),
            others: of_networks.into_iter().map(|(_, folder)| folder).collect(),
        }),
    }
}

/// Returns the block files of a folder, sorted by number.
fn block_files(folder: &Path) -> Result<Vec<(u64, PathBuf)>, InputError> {
    let refuse = |source| InputError::Open { path: folder.into(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(refuse)? {
        let entry = entry.map_err(refuse)?;
        if let Some(number) = entry.file_name().to_str().and_then(number_of) {
            files.push((number, entry.path()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Returns the number of `blk00000.dat`: five digits, or more for large numbers.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("blk")?.strip_suffix(".dat")?;
    let is_number = digits.len() >= 5 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// Reports gaps between the numbers: a pruned node removes only its lowest files.
fn missing(files: &[(u64, PathBuf)]) -> Vec<String> {
    let gaps = files.windows(2).filter(|pair| pair[0].0 + 1 < pair[1].0);
    gaps.map(|pair| format!("no block files with numbers {} to {}", pair[0].0 + 1, pair[1].0 - 1)).collect()
}

/// Scans framed files, several at once. If the last one `grows`, it may end in a truncated block.
pub(super) fn scan_all(paths: &[PathBuf], key: Key, network: FrameNetwork, grows: bool) -> Result<Found, InputError> {
    let network = first_network(paths, key, network)?;
    let scanned = in_parallel(paths, |path| scan(path, key, network))?;
    let mut found = Found::default();
    found.reserve(scanned.iter().map(|file| file.hashes.len()).sum());
    let mut base = 0;
    for (number, (path, file)) in paths.iter().zip(scanned).enumerate() {
        let is_last = number + 1 == paths.len();
        let size = file.size;
        found.take(number as u32, path, base, file, grows && is_last);
        base += size;
    }
    Ok(found)
}

/// Returns the network of the first file that begins with a frame; the other files must be of the same network. If the
/// caller named a network, a first frame of another known one is an error.
fn first_network(paths: &[PathBuf], key: Key, asked: FrameNetwork) -> Result<FrameNetwork, InputError> {
    for path in paths {
        let (file, size) = open(path)?;
        let first = Scan::new(&file, size, key, asked).first_frame();
        let first = first.map_err(|source| InputError::Read { path: path.clone(), offset: 0, source })?;
        let network = first.map_err(|source| InputError::Decode { path: path.clone(), source })?;
        if network.is_settled() {
            return Ok(network);
        }
    }
    Ok(asked)
}

fn open(path: &Path) -> Result<(File, u64), InputError> {
    let refuse = |source| InputError::Open { path: path.into(), source };
    // Check before opening: opening a FIFO waits for a writer.
    let metadata = fs::metadata(path).map_err(refuse)?;
    if metadata.is_file() {
        let file = File::open(path).map_err(refuse)?;
        return Ok((file, metadata.len()));
    }
    Err(InputError::NotRegular { path: path.into() })
}

/// The content of one file, with the hashes of its headers.
struct ScannedFile {
    scanned: Scanned,
    hashes: Vec<[u8; 32]>,
    size: u64,
}

fn scan(path: &Path, key: Key, network: FrameNetwork) -> Result<ScannedFile, InputError> {
    let (file, size) = open(path)?;
    let scanned = Scan::new(&file, size, key, network).run();
    let scanned = scanned.map_err(|source| InputError::Read { path: path.into(), offset: 0, source })?;
    let mut hashes = vec![[0; 32]; scanned.blocks.len()];
    HashKernel::detect().hash_headers(&scanned.headers, &mut hashes);
    Ok(ScannedFile { scanned, hashes, size })
}

/// Applies `work` to each item on several threads; the results are in the order of the items.
pub(super) fn in_parallel<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> Result<T, InputError> + Sync,
) -> Result<Vec<T>, InputError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX).min(items.len());
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some((number, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
        {
            done.push((number, work(item)));
        }
        done
    };
    let done: Result<Vec<_>, InputError> = thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().name("cityseal-index".into()).spawn_scoped(scope, worker);
        let workers: Result<Vec<_>, _> = (0..threads).map(spawn).collect();
        let workers = workers.map_err(|source| InputError::Thread { source })?;
        let join = |worker: thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        Ok(workers.into_iter().flat_map(join).collect())
    });
    let mut done = done?;
    // The threads take items as they become free, so the results arrive out of order.
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, answer)| answer).collect()
}

impl Found {
    fn take(&mut self, number: u32, path: &Path, base: u64, file: ScannedFile, may_be_cut: bool) {
        let ScannedFile { scanned, hashes, .. } = file;
        self.headers.extend_from_slice(&scanned.headers);
        self.hashes.extend_from_slice(&hashes);
        let place = |(at, len): (u64, u32)| BlockPlace { file: number, len, at, offset: base + at };
        self.places.extend(scanned.blocks.into_iter().map(place));
        for Flaw { what, resumed_at, hidden } in scanned.flaws {
            self.damage(path, what, resumed_at, hidden);
        }
        self.hides_unlisted |= scanned.hides_unlisted;
        let path_name = path.display();
        match scanned.cut {
            Some((offset, _)) if may_be_cut => {
                self.notes.push(format!(
                    "{path_name}: the last block, at byte {offset}, is truncated, as is normal for a node"
                ));
            }
            Some((offset, hidden)) => self.damage(path, DecodeError::CutBlock { offset }, None, hidden),
            None => {}
        }
        if scanned.flaws_unlisted > 0 {
            self.notes.push(format!("{path_name}: {} more damaged places are not listed", scanned.flaws_unlisted));
        }
        let stray =
            |at| format!("{path_name}: the 8 bytes at byte {at} are a stray frame before a block's own; skipped");
        self.notes.extend(scanned.stray.into_iter().map(stray));
        if scanned.stray_unlisted > 0 {
            self.notes.push(format!("{path_name}: {} more stray frames are not listed", scanned.stray_unlisted));
        }
    }
}
