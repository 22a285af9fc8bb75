//! `cityseal verify` of an input that may be in any order and may fork: judges the best chain and lists the rest.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use cityseal_chain::header_tree::{InvalidHeader, Root, Unconnected};
use cityseal_chain::{BlockHash, BlockHeader, Cut, Verdict};
use cityseal_cli::Ending;
use cityseal_engine::Engine;
use cityseal_hash::HEADER_LEN;
use cityseal_input::part::{Conclusion, ItemKind};
use cityseal_input::{BlockSet, ChainSink, FrameNetwork, Opening, Place, PlacedFault};

use super::error::VerifyCommandError;
use super::feed::{Course, Fed, Feed};
use super::{Findings, Run, missing_blocks, proof, pruned};
use crate::answers::Forks;

/// Reads the files of an input that may fork into one set.
pub(super) fn open(run: &Run<'_>) -> Result<BlockSet, VerifyCommandError> {
    let (args, root) = (run.args, root(run)?);
    let set = match args.files.as_slice() {
        [folder] if folder.is_dir() => BlockSet::of_folder(folder, run.parameters, root)?,
        files => {
            if let Some(folder) = files.iter().find(|path| path.is_dir()) {
                return Err(VerifyCommandError::FolderAmongFiles { path: PathBuf::from(folder) });
            }
            BlockSet::of_files(
                files.to_vec(),
                |head| super::format_of(args, run.parameters, head),
                run.parameters,
                root,
            )?
        }
    };
    Ok(set)
}

/// The root of the best chain: the genesis header, the last trusted header, or the root with the most work above it.
fn root(run: &Run<'_>) -> Result<Root, VerifyCommandError> {
    let height = run.args.start_height;
    let parent = run.request.state()?.history.parent();
    Ok(match (height, parent) {
        (0, _) => Root::Genesis,
        (_, Some(parent)) => Root::Above { hash: parent.hash(), height: height - 1 },
        (_, None) => Root::Heaviest { height },
    })
}

/// Judges the best chain of the set and reports the rest.
pub(super) fn run(run: &Run<'_>, engine: &Engine, set: &BlockSet) -> Result<Ending, VerifyCommandError> {
    let unit = if run.items == ItemKind::Blocks { "blocks" } else { "headers" };
    let progress = run.context.output.progress(Some(set.tree().best().len() as u64), unit);
    let course = Course::whole(run.items);
    let mut feed = Feed::new(engine, run.parameters, run.request.clone(), course, progress, None)?;
    feed_best(set, run.items, &mut feed);
    let Fed { mut report, before, .. } = feed.finish(false)?;
    let unconnected = unconnected(set, &trusted(run)?);
    let (conclusion, file) = conclude(run, set, &unconnected, &mut report.verdict)?;
    let findings = Findings {
        conclusion,
        file: file.map(|path| path.display().to_string()),
        forks: Some(Forks { set, unconnected }),
        notes: Vec::new(),
        proved: proof::place_in_set(run.proof.as_ref(), set),
        first: set.first_records(),
        opening: Opening::of_file(set.first_file(), FrameNetwork::of(run.parameters)),
        mistake: None,
    };
    run.conclude(&report, before, findings, engine)
}

/// The conclusion about the whole input, and the file of its fault. Data outside the best chain can overrule the
/// verdict on it: an invalid header on top of it is a FAULT, and signs of missing blocks make a valid chain INCOMPLETE.
fn conclude<'a>(
    run: &Run<'_>,
    set: &'a BlockSet,
    unconnected: &[Unconnected],
    verdict: &mut Verdict,
) -> Result<(Conclusion, Option<&'a Path>), VerifyCommandError> {
    let tree = set.tree();
    let missing = || missing_blocks::reason(run.parameters, set, unconnected);
    let is_empty = *verdict == Verdict::Incomplete(Cut::Empty);
    let invalid = invalid_header_fault(set).filter(|_| is_empty || *verdict == Verdict::Valid);
    let conclusion = match (verdict, invalid) {
        (Verdict::Fault(found), _) => {
            // The verifier counts bytes along the best chain; people need the place in a file.
            let place = set.place(tree.best()[(found.height - tree.first_height()) as usize]);
            found.offset = place.offset;
            return Ok((Conclusion::Fault(PlacedFault::new(found, place.offset, place.line)), Some(place.path)));
        }
        (_, Some((fault, file))) => return Ok((Conclusion::Fault(fault), Some(file))),
        (Verdict::Valid, None) => missing().map_or(Conclusion::Valid, Conclusion::Incomplete),
        (Verdict::Incomplete(_), None) if is_empty && !tree.is_empty() => {
            Conclusion::Incomplete(pruned::no_first_block(run, set)?)
        }
        (Verdict::Incomplete(cut), None) => Conclusion::Incomplete(missing().unwrap_or_else(|| cut.to_string())),
    };
    Ok((conclusion, None))
}

fn feed_best(set: &BlockSet, items: ItemKind, feed: &mut Feed<'_>) {
    match items {
        ItemKind::Blocks => while_wanted(set.best_blocks(), |blocks| feed.take_unread(blocks)),
        ItemKind::Headers => {
            while_wanted(set.best_headers(), |packed| ChainSink::take(feed, &packed, 0, Place::Packed));
        }
    }
}

/// Passes items to `take` until it returns `Break`.
fn while_wanted<T>(all: impl Iterator<Item = T>, mut take: impl FnMut(T) -> ControlFlow<()>) {
    for one in all {
        if take(one).is_break() {
            break;
        }
    }
}

/// The fault and the file of the first invalid header that would extend the best chain. Invalid headers elsewhere do
/// not affect the best chain.
fn invalid_header_fault(set: &BlockSet) -> Option<(PlacedFault, &Path)> {
    let tree = set.tree();
    let next = tree.first_height() + tree.best().len() as u64;
    let extends = |invalid: &&InvalidHeader| {
        let parent = set.header(invalid.index).prev_block_hash;
        invalid.height == Some(next) && tree.tip().is_none_or(|tip| tree.hash(tip) == parent)
    };
    let invalid = tree.invalid_headers().iter().find(extends)?;
    let height = next;
    let place = set.place(invalid.index);
    let InvalidHeader { rule, expected, found, .. } = *invalid;
    let fault = cityseal_chain::Fault { height, rule, expected, found, offset: place.offset, transaction: None };
    Some((PlacedFault::new(&fault, place.offset, place.line), place.path))
}

/// The hashes of the headers below the first one, which are trusted.
fn trusted(run: &Run<'_>) -> Result<HashSet<BlockHash>, VerifyCommandError> {
    let (headers, _) = run.request.trusted().as_chunks::<HEADER_LEN>();
    let parent = run.request.state()?.history.parent();
    let all = headers.iter().map(BlockHeader::from_wire).chain(parent);
    Ok(all.map(|header| header.hash()).collect())
}

/// Headers that do not connect to the root. Pieces that contain a trusted header or are built on one are left out: they
/// are below the first header or branch off there, and do not matter.
fn unconnected(set: &BlockSet, trusted: &HashSet<BlockHash>) -> Vec<Unconnected> {
    let tree = set.tree();
    let parents: HashMap<u32, Option<u32>> =
        tree.unconnected().iter().map(|unconnected| (unconnected.index, unconnected.parent)).collect();
    let mut bottoms: HashMap<u32, u32> = HashMap::new();
    let mut bottom = |index: u32| {
        let mut way = vec![index];
        let mut at = index;
        while !bottoms.contains_key(&at)
            && let Some(parent) = parents.get(&at).copied().flatten()
        {
            at = parent;
            way.push(at);
        }
        let found = bottoms.get(&at).copied().unwrap_or(at);
        bottoms.extend(way.into_iter().map(|index| (index, found)));
        found
    };
    let all: Vec<(Unconnected, u32)> = tree.unconnected().iter().map(|loose| (*loose, bottom(loose.index))).collect();
    let is_trusted =
        |index: u32| trusted.contains(&tree.hash(index)) || trusted.contains(&set.header(index).prev_block_hash);
    let trusted: HashSet<u32> =
        all.iter().filter(|(loose, _)| is_trusted(loose.index)).map(|(_, bottom)| *bottom).collect();
    all.into_iter().filter(|(_, bottom)| !trusted.contains(bottom)).map(|(loose, _)| loose).collect()
}

/// Whether the input is a folder, or `--forks` was given.
pub(super) fn is_wanted(run: &Run<'_>) -> bool {
    run.args.forks || run.args.files.iter().any(|path| path.is_dir())
}
