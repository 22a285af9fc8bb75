//! The buffers of one batch in flight. A device has a few slots, which are created when it is opened and reused:
//! nothing is allocated or destroyed while work is in flight.

use wgpu::{BindGroup, Buffer, BufferUsages, Device};

use crate::layout::{HashWords, LEVEL_STRIDE, SearchWords};
use crate::pipelines::{Pipelines, bind, bind_words};
use crate::results::{HEAD_BYTES, SLOT_BYTES};
use crate::trees::{Level, levels_max, nodes_max};

/// Most hits of one search batch. 2^16 hits of 8 bytes take 512 KiB per slot. If hits are more frequent, the CPU is the
/// better device.
pub(crate) const HITS_MAX: usize = 1 << 16;

/// Most headers or nodes of one batch. 2^16 headers are an upload of 5 MiB and a download of 2.25 MiB, and one dispatch
/// of them takes less than 100 ms even at 1 M/s.
pub(crate) const ITEMS_MAX: usize = 1 << 16;

/// Bytes of the largest item, a header.
const ITEM_BYTES_MAX: usize = cityseal_hash::HEADER_LEN;

/// Bytes of one hash.
const HASH_BYTES: usize = 32;

/// Bytes of one mark, and of one source of a tree's node.
const MARK_BYTES: usize = 4;

/// Most nodes of all trees of a batch: 80 bytes per leaf, so that they fit into the buffer for headers.
const NODES_MAX: usize = nodes_max(ITEMS_MAX);

const _: () =
    assert!(NODES_MAX * HASH_BYTES <= ITEMS_MAX * ITEM_BYTES_MAX, "the nodes of trees fit into the buffer for items");

/// The buffers of one batch.
#[derive(Debug)]
pub(crate) struct Slot {
    /// [`SearchWords`].
    pub(crate) search_words: Buffer,
    /// A search's results: head and slots.
    pub(crate) search_results: Buffer,
    /// The bind group of both.
    pub(crate) search_group: BindGroup,
    /// [`HashWords`].
    pub(crate) hash_words: Buffer,
    /// Headers or nodes; for trees, all nodes.
    pub(crate) items: Buffer,
    /// Their hashes.
    pub(crate) hashes: Buffer,
    /// The mark of each hash, or of each node of a tree.
    pub(crate) marks: Buffer,
    /// The bind group of all four.
    pub(crate) hash_group: BindGroup,
    /// [`LevelWords`] of each level, [`LEVEL_STRIDE`] apart.
    pub(crate) level_words: Buffer,
    /// The source of each node of the trees.
    pub(crate) sources: Buffer,
    /// The bind group of both, with nodes and marks.
    pub(crate) tree_group: BindGroup,
    /// The buffer that the host reads: a copy of the results.
    pub(crate) readback: Buffer,
}

impl Slot {
    /// Creates the buffers of one slot.
    pub(crate) fn new(device: &Device, pipelines: &Pipelines) -> Self {
        let words = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let results = BufferUsages::STORAGE | BufferUsages::COPY_SRC;
        let search_words = buffer(device, "search words", size_of::<SearchWords>(), words);
        let search_results = buffer(device, "search results", search_bytes(HITS_MAX), results | BufferUsages::COPY_DST);
        let hash_words = buffer(device, "hash words", size_of::<HashWords>(), words);
        let items = buffer(device, "items", ITEMS_MAX * ITEM_BYTES_MAX, results | BufferUsages::COPY_DST);
        let hashes = buffer(device, "hashes", ITEMS_MAX * HASH_BYTES, results);
        let marks = buffer(device, "marks", NODES_MAX * MARK_BYTES, results);
        let level_words = buffer(device, "level words", levels_max(ITEMS_MAX) * LEVEL_STRIDE, words);
        let sources = buffer(
            device,
            "sources",
            (NODES_MAX - ITEMS_MAX) * MARK_BYTES,
            BufferUsages::STORAGE | BufferUsages::COPY_DST,
        );
        let readback_bytes = search_bytes(HITS_MAX).max(hash_bytes(ITEMS_MAX));
        Self {
            search_group: bind(device, "search", &pipelines.search_layout, &[&search_words, &search_results]),
            hash_group: bind(device, "hash", &pipelines.hash_layout, &[&hash_words, &items, &hashes, &marks]),
            tree_group: bind_words(device, &pipelines.tree_layout, &level_words, &[&sources, &items, &marks]),
            readback: buffer(device, "readback", readback_bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            search_words,
            search_results,
            hash_words,
            items,
            hashes,
            marks,
            level_words,
            sources,
        }
    }

    /// Records the copy of a search's results to the readback buffer; returns the number of bytes.
    pub(crate) fn copy_search(&self, encoder: &mut wgpu::CommandEncoder, hits_max: usize) -> usize {
        let bytes = search_bytes(hits_max);
        encoder.copy_buffer_to_buffer(&self.search_results, 0, &self.readback, 0, bytes as u64);
        bytes
    }

    /// Records the copy of trees' roots, then their marks, to the readback buffer; returns the number of bytes.
    pub(crate) fn copy_roots(&self, encoder: &mut wgpu::CommandEncoder, roots: Level) -> usize {
        let (first, count) = (roots.first as usize, roots.count as usize);
        let copy = |encoder: &mut wgpu::CommandEncoder, from: &Buffer, size: usize, to: usize| {
            let (at, bytes) = ((first * size) as u64, (count * size) as u64);
            encoder.copy_buffer_to_buffer(from, at, &self.readback, to as u64, bytes);
        };
        copy(encoder, &self.items, HASH_BYTES, 0);
        copy(encoder, &self.marks, MARK_BYTES, count * HASH_BYTES);
        hash_bytes(count)
    }

    /// Records the copy of hashes, then their marks, to the readback buffer; returns the number of bytes.
    pub(crate) fn copy_hashes(&self, encoder: &mut wgpu::CommandEncoder, count: usize) -> usize {
        let (hashes, marks) = ((count * HASH_BYTES) as u64, (count * MARK_BYTES) as u64);
        encoder.copy_buffer_to_buffer(&self.hashes, 0, &self.readback, 0, hashes);
        encoder.copy_buffer_to_buffer(&self.marks, 0, &self.readback, hashes, marks);
        hash_bytes(count)
    }
}

/// Bytes of a search's head and `hits_max` slots.
const fn search_bytes(hits_max: usize) -> usize {
    HEAD_BYTES + hits_max * SLOT_BYTES
}

/// Bytes of `count` hashes and their marks.
const fn hash_bytes(count: usize) -> usize {
    count * (HASH_BYTES + MARK_BYTES)
}

fn buffer(device: &Device, label: &str, bytes: usize, usage: BufferUsages) -> Buffer {
    let size = bytes as u64;
    device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
}
