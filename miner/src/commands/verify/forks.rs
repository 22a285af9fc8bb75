//! `cityseal verify` of an input that stands in any order and may fork: the best chain is judged, the rest is listed.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use cityseal_chain::header_tree::{HeaderTree, Root, StaleBranch, Unconnected, Unsound};
use cityseal_chain::{BlockHash, BlockHeader, Cut, Tip, Verdict};
use cityseal_engine::Engine;

use super::answer::{self, tip_row};
use super::feed::{Course, Fed, Feed};
use super::{Run, Story};
use crate::error::CommandError;
use crate::exit::Ending;
use crate::input::{BlockSet, ChainSink, FrameNetwork, Opening, Place};
use crate::json::{FaultRow, ForksRow, StaleRow, UnconnectedRow, UnsoundRow};
use crate::part::ItemKind;

/// Headers of a kind that are listed one by one.
const LISTED_MAX: usize = 16;

/// The files of an input that may fork, as one set.
pub(super) fn open(run: &Run<'_>) -> Result<BlockSet, CommandError> {
    let (args, root) = (run.args, root(run)?);
    let set = match args.files.as_slice() {
        [folder] if folder.is_dir() => BlockSet::of_folder(folder, run.parameters, root)?,
        files => {
            if let Some(folder) = files.iter().find(|path| path.is_dir()) {
                return Err(CommandError::FolderAmongFiles { path: PathBuf::from(folder) });
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

/// What the best chain stands on: the genesis header, the last trusted one, or whatever carries the most work.
fn root(run: &Run<'_>) -> Result<Root, CommandError> {
    let height = run.args.start_height;
    let parent = run.request.state()?.history.parent();
    Ok(match (height, parent) {
        (0, _) => Root::Genesis,
        (_, Some(parent)) => Root::Above { hash: parent.hash(), height: height - 1 },
        (_, None) => Root::Heaviest { height },
    })
}

/// Judges the best chain of the set, and tells the rest.
pub(super) fn run(run: &Run<'_>, engine: &Engine, set: &BlockSet) -> Result<Ending, CommandError> {
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
        let place = set.place(tree.best()[(found.height - tree.first_height()) as usize]);
        found.offset = place.offset;
        file = Some(place.path.display().to_string());
        fault = Some(answer::fault_row(found, place.offset, place.line));
    }
    let unconnected = unconnected(set, run.request.state()?.history.parent().map(|parent| parent.hash()));
    let first = set.first_records();
    let opening = Some(Opening::of_file(set.first_file(), FrameNetwork::of(run.parameters)));
    let mut story = Story { fault, file, forks: Some(forks(set, &unconnected)), first, opening, ..Story::default() };
    let is_empty = report.verdict == Verdict::Incomplete(Cut::Empty);
    match (&report.verdict, unsound_fault(set).filter(|_| is_empty || report.verdict == Verdict::Valid)) {
        (_, Some((row, place))) => {
            story.overruled = Some("fault");
            (story.fault, story.file) = (Some(row), Some(place));
        }
        (Verdict::Valid, None) => {
            story.reason = missing(set, &unconnected);
            story.overruled = story.reason.as_ref().map(|_| "incomplete");
        }
        (Verdict::Incomplete(cut), None) => {
            story.reason = Some(missing(set, &unconnected).unwrap_or_else(|| cut.to_string()));
        }
        (Verdict::Fault(_), None) => {}
    }
    run.tell(&report, before, story, engine)
}

fn feed_best(set: &BlockSet, items: ItemKind, feed: &mut Feed<'_>) {
    match items {
        ItemKind::Blocks => while_wanted(set.best_blocks(), |blocks| feed.take_unread(blocks)),
        ItemKind::Headers => {
            while_wanted(set.best_headers(), |packed| ChainSink::take(feed, &packed, 0, Place::Packed));
        }
    }
}

/// Hands on one after another, until the rest would change nothing any more.
fn while_wanted<T>(all: impl Iterator<Item = T>, mut take: impl FnMut(T) -> ControlFlow<()>) {
    for one in all {
        if take(one).is_break() {
            break;
        }
    }
}

/// The first header that breaks a rule of its own where the best chain ends, and would have made it longer: one that stands
/// elsewhere changes nothing about the best chain.
fn unsound_fault(set: &BlockSet) -> Option<(FaultRow, String)> {
    let tree = set.tree();
    let next = tree.first_height() + tree.best().len() as u64;
    let extends = |unsound: &&Unsound| {
        let parent = parent_of(set, unsound.index);
        unsound.height == Some(next) && tree.tip().is_none_or(|tip| tree.hash(tip) == parent)
    };
    let unsound = tree.unsound().iter().find(extends)?;
    let height = next;
    let place = set.place(unsound.index);
    let Unsound { rule, expected, found, .. } = *unsound;
    let fault = cityseal_chain::Fault { height, rule, expected, found, offset: place.offset, transaction: None };
    Some((answer::fault_row(&fault, place.offset, place.line), place.path.display().to_string()))
}

/// Headers that are not connected, but for those of the part of the chain on which the first one stands, which is trusted.
fn unconnected(set: &BlockSet, below: Option<BlockHash>) -> Vec<Unconnected> {
    let tree = set.tree();
    let parents: HashMap<u32, Option<u32>> =
        tree.unconnected().iter().map(|unconnected| (unconnected.index, unconnected.parent)).collect();
    let mut tops: HashMap<u32, u32> = HashMap::new();
    let mut top = |index: u32| {
        let mut way = vec![index];
        let mut at = index;
        while !tops.contains_key(&at)
            && let Some(parent) = parents.get(&at).copied().flatten()
        {
            at = parent;
            way.push(at);
        }
        let found = tops.get(&at).copied().unwrap_or(at);
        tops.extend(way.into_iter().map(|index| (index, found)));
        found
    };
    let all = || tree.unconnected().iter();
    let trusted = all().find(|unconnected| Some(tree.hash(unconnected.index)) == below);
    let trusted = trusted.map(|unconnected| top(unconnected.index));
    all().filter(|unconnected| Some(top(unconnected.index)) != trusted).copied().collect()
}

/// Why the set is not whole: damaged files, headers whose parent is not there or who break a rule of their own out of reach.
fn missing(set: &BlockSet, unconnected: &[Unconnected]) -> Option<String> {
    let tree = set.tree();
    if let Some(damage) = set.damage().first() {
        return Some(format!("{damage} ({} such places)", set.damage().len()));
    }
    let of = |index: u32, what: &str| {
        let place = set.place(index);
        format!("{} {what}: {} at byte {}", tree.hash(index), place.path.display(), place.at)
    };
    if let Some(unsound) = tree.unsound().iter().find(|unsound| unsound.height.is_none()) {
        return Some(of(unsound.index, &format!("breaks {} and hangs in the air", unsound.rule)));
    }
    let unconnected = unconnected.first()?;
    let parent = parent_of(set, unconnected.index);
    Some(of(unconnected.index, &format!("does not connect, its parent {parent} is not there")))
}

fn parent_of(set: &BlockSet, index: u32) -> BlockHash {
    let header = set.header(index).first_chunk().map(BlockHeader::from_wire);
    header.map_or(BlockHash::ZERO, |header| header.prev_block_hash)
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
        unsound: tree.unsound().iter().take(LISTED_MAX).map(|unsound| unsound_row(set, unsound)).collect(),
        duplicates: tree.duplicates().len() as u64,
        damage: set.damage().iter().map(ToString::to_string).collect(),
        notes: set.notes().to_vec(),
    }
}

fn unsound_row(set: &BlockSet, unsound: &Unsound) -> UnsoundRow {
    let place = set.place(unsound.index);
    UnsoundRow {
        hash: set.tree().hash(unsound.index).to_string(),
        height: unsound.height,
        rule: unsound.rule.code().to_owned(),
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

/// An input that is a folder, or that was said to fork.
pub(super) fn is_wanted(run: &Run<'_>) -> bool {
    run.args.forks || run.args.files.iter().any(|path| path.is_dir())
}
