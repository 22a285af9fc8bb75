//! `cityseal verify` of an input that may be in any order and may fork: judges the best chain and lists the rest.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use cityseal_chain::header_tree::{HeaderTree, InvalidHeader, Root, StaleBranch, Unconnected};
use cityseal_chain::{BlockHash, BlockHeader, Cut, Tip, Verdict};
use cityseal_cli::Ending;
use cityseal_engine::Engine;
use cityseal_hash::HEADER_LEN;
use cityseal_input::part::ItemKind;
use cityseal_input::rows::FaultRow;
use cityseal_input::{BlockSet, ChainSink, DamagedCopy, FrameNetwork, Opening, Place};

use super::answer::{self, tip_row};
use super::error::VerifyCommandError;
use super::feed::{Course, Fed, Feed};
use super::{Findings, Run, missing_blocks, proof, pruned};
use crate::json::{DamagedCopyRow, ForksRow, InvalidHeaderRow, StaleRow, UnconnectedRow};

/// Maximum number of headers of each kind that are listed one by one.
const LISTED_MAX: usize = 16;

/// Maximum number of damaged copies in JSON: at about 150 bytes each, 150 kB.
const DAMAGED_COPIES_MAX: usize = 1000;

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
    let tree = set.tree();
    let mut file = None;
    let mut fault = None;
    if let Verdict::Fault(found) = &mut report.verdict {
        // The verifier counts bytes along the best chain; people need the place in a file.
        let place = set.place(tree.best()[(found.height - tree.first_height()) as usize]);
        found.offset = place.offset;
        file = Some(place.path.display().to_string());
        fault = Some(answer::fault_row(found, place.offset, place.line));
    }
    let unconnected = unconnected(set, &trusted(run)?);
    let first = set.first_records();
    let opening = Some(Opening::of_file(set.first_file(), FrameNetwork::of(run.parameters)));
    let proved = proof::place_in_set(run.proof.as_ref(), set);
    let forks = Some(forks(set, &unconnected));
    let mut findings = Findings { fault, file, forks, proved, first, opening, ..Findings::default() };
    let is_empty = report.verdict == Verdict::Incomplete(Cut::Empty);
    // Data outside the best chain can overrule its verdict: an invalid header on top of it is a FAULT, and signs of
    // missing blocks make a valid chain INCOMPLETE.
    match (&report.verdict, invalid_header_fault(set).filter(|_| is_empty || report.verdict == Verdict::Valid)) {
        (_, Some((row, place))) => {
            findings.overruled = Some("fault");
            (findings.fault, findings.file) = (Some(row), Some(place));
        }
        (Verdict::Valid, None) => {
            findings.reason = missing_blocks::reason(run.parameters, set, &unconnected);
            findings.overruled = findings.reason.as_ref().map(|_| "incomplete");
        }
        (Verdict::Incomplete(_), None) if is_empty && !set.tree().is_empty() => {
            findings.reason = Some(pruned::no_first_block(run, set)?);
        }
        (Verdict::Incomplete(cut), None) => {
            findings.reason =
                Some(missing_blocks::reason(run.parameters, set, &unconnected).unwrap_or_else(|| cut.to_string()));
        }
        (Verdict::Fault(_), None) => {}
    }
    run.conclude(&report, before, findings, engine)
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
fn invalid_header_fault(set: &BlockSet) -> Option<(FaultRow, String)> {
    let tree = set.tree();
    let next = tree.first_height() + tree.best().len() as u64;
    let extends = |invalid: &&InvalidHeader| {
        let parent = parent_of(set, invalid.index);
        invalid.height == Some(next) && tree.tip().is_none_or(|tip| tree.hash(tip) == parent)
    };
    let invalid = tree.invalid_headers().iter().find(extends)?;
    let height = next;
    let place = set.place(invalid.index);
    let InvalidHeader { rule, expected, found, .. } = *invalid;
    let fault = cityseal_chain::Fault { height, rule, expected, found, offset: place.offset, transaction: None };
    Some((answer::fault_row(&fault, place.offset, place.line), place.path.display().to_string()))
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
    let is_trusted = |index: u32| trusted.contains(&tree.hash(index)) || trusted.contains(&parent_of(set, index));
    let trusted: HashSet<u32> =
        all.iter().filter(|(loose, _)| is_trusted(loose.index)).map(|(_, bottom)| *bottom).collect();
    all.into_iter().filter(|(_, bottom)| !trusted.contains(bottom)).map(|(loose, _)| loose).collect()
}

fn parent_of(set: &BlockSet, index: u32) -> BlockHash {
    missing_blocks::header_of(set, index).prev_block_hash
}

fn forks(set: &BlockSet, unconnected: &[Unconnected]) -> ForksRow {
    let tree = set.tree();
    let count = unconnected.len() as u64;
    let unconnected = unconnected.iter().filter(|unconnected| unconnected.parent.is_none());
    let row = |index: u32| {
        let place = set.place(index);
        let (file, at) = (place.path.display().to_string(), place.at);
        UnconnectedRow { hash: tree.hash(index).to_string(), parent: parent_of(set, index).to_string(), file, at }
    };
    ForksRow {
        stale: tree.stale().iter().map(|branch| stale_row(tree, branch)).collect(),
        unconnected: unconnected.take(LISTED_MAX).map(|unconnected| row(unconnected.index)).collect(),
        unconnected_count: count,
        unsound: tree
            .invalid_headers()
            .iter()
            .take(LISTED_MAX)
            .map(|invalid| invalid_header_row(set, invalid))
            .collect(),
        duplicates: tree.duplicates().len() as u64,
        damage: set.damage().iter().map(ToString::to_string).collect(),
        damaged_copies: set.damaged_copies().iter().take(DAMAGED_COPIES_MAX).map(damaged_copy_row).collect(),
        damaged_copies_count: set.damaged_copies().len() as u64,
        notes: set.notes().to_vec(),
    }
}

fn damaged_copy_row(copy: &DamagedCopy) -> DamagedCopyRow {
    DamagedCopyRow {
        file: copy.path.display().to_string(),
        offset: copy.at,
        height: copy.height,
        rule: copy.rule.code().to_owned(),
    }
}

fn invalid_header_row(set: &BlockSet, invalid: &InvalidHeader) -> InvalidHeaderRow {
    let place = set.place(invalid.index);
    InvalidHeaderRow {
        hash: set.tree().hash(invalid.index).to_string(),
        height: invalid.height,
        rule: invalid.rule.code().to_owned(),
        file: place.path.display().to_string(),
        at: place.at,
    }
}

fn stale_row(tree: &HeaderTree, branch: &StaleBranch) -> StaleRow {
    let tip = Tip { height: branch.tip_height, hash: branch.tip_hash, chain_work: branch.tip_work };
    let best_height = tree.first_height() + tree.best().len() as u64 - 1;
    StaleRow {
        fork_height: branch.fork.height,
        fork_hash: branch.fork.hash.to_string(),
        tip: tip_row(&tip),
        disconnect: branch.blocks,
        connect: best_height - branch.fork.height,
    }
}

/// Whether the input is a folder, or `--forks` was given.
pub(super) fn is_wanted(run: &Run<'_>) -> bool {
    run.args.forks || run.args.files.iter().any(|path| path.is_dir())
}
