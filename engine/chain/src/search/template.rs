//! A template to be sealed: a header, the fields that may roll, and the threshold.
//!
//! Everything is checked once, when the template is built, so every [`SealTemplate`] can be searched. This file hashes
//! only the coinbase and the branch above it.

use cityseal_hash::{Midstate, SearchInput};

use super::candidate::Candidate;
use super::coinbase::CoinbaseParts;
use super::region::Region;
use super::rolling_version::{RollingVersion, VersionMaskError, VersionRun};
use super::space::{SearchSpace, SpaceTooLarge};
use super::span::{NonceSpan, TimeSpan};
use crate::hash::MerkleRoot;
use crate::header::BlockHeader;
use crate::merkle::{self, Node};
use crate::targets::{CompactFault, CompactTarget, Target};

/// A header to be sealed, with everything that may roll: nonce, version bits, time, extranonce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealTemplate {
    header: BlockHeader,
    coinbase: Option<CoinbaseParts>,
    merkle_branch: Vec<Node>,
    target: Target,
    space: SearchSpace,
}

/// Why a template cannot be searched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// The window exceeds the 32-bit time field.
    #[error(
        "time window of {found_s} s from time {time}; expected at most {expected_max_s} s, the end of the 32-bit field"
    )]
    TimeWindow {
        /// The header's time, a Unix time in seconds.
        time: u32,
        /// The longest window that fits.
        expected_max_s: u32,
        /// The window given.
        found_s: u32,
    },
    /// No target was given, and the header's bits encode none.
    #[error("header bits {bits} encode no target: {fault}; expected a target above zero, or a separate search target")]
    Bits {
        /// The header's compact target.
        bits: CompactTarget,
        /// What is wrong with it.
        fault: CompactFault,
    },
    /// The branch is longer than the height of any tree.
    #[error("Merkle branch of {found} hashes; expected at most {expected_max}")]
    BranchTooLong {
        /// Height of the largest tree.
        expected_max: usize,
        /// Hashes in the branch.
        found: usize,
    },
    /// The mask includes the top bits of the version.
    #[error(transparent)]
    VersionMask(#[from] VersionMaskError),
    /// The space is too large to be counted.
    #[error(transparent)]
    Space(#[from] SpaceTooLarge),
}

/// Collects the parts of a template; [`Self::build`] checks them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct SealTemplateBuilder {
    header: BlockHeader,
    nonces: NonceSpan,
    version_mask: u32,
    time_window_s: u32,
    coinbase: Option<CoinbaseParts>,
    merkle_branch: Vec<Node>,
    target: Option<Target>,
}

impl SealTemplateBuilder {
    /// Sets the nonces to try with each version, time and extranonce. Default: all 32 bits.
    pub fn nonces(self, nonces: NonceSpan) -> Self {
        Self { nonces, ..self }
    }

    /// Sets the version bits that may roll (BIP320: `0x1fffe000`), within [`RollingVersion::MASK_MAX`]. Default: none.
    pub fn version_mask(self, version_mask: u32) -> Self {
        Self { version_mask, ..self }
    }

    /// Sets by how many seconds the header's time may be later. Default: 0.
    pub fn time_window_s(self, time_window_s: u32) -> Self {
        Self { time_window_s, ..self }
    }

    /// Sets a coinbase whose extranonce may roll, and the sibling hashes on its path to the root: 32 bytes each in wire
    /// order, as Stratum sends them. The computed Merkle root then replaces the header's.
    pub fn coinbase(self, coinbase: CoinbaseParts, merkle_branch: Vec<Node>) -> Self {
        Self { coinbase: Some(coinbase), merkle_branch, ..self }
    }

    /// Sets the threshold, instead of the one that the header's bits encode. The bits stay unchanged.
    pub fn target(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    /// Checks the parts and builds the template.
    ///
    /// # Errors
    /// The first [`TemplateError`] in this order: time window, bits, branch, version mask, size of the space.
    pub fn build(self) -> Result<SealTemplate, TemplateError> {
        let times = self.times()?;
        let target = self.threshold()?;
        self.check_branch()?;
        let versions = RollingVersion::new(self.header.version, self.version_mask)?;
        let extranonces = self.coinbase.as_ref().map(CoinbaseParts::extranonces);
        let space = SearchSpace::new(extranonces, versions, times, self.nonces)?;
        let Self { header, coinbase, merkle_branch, .. } = self;
        // The template computes the Merkle root that its own header needs, so the header is completed afterwards.
        let mut template = SealTemplate { header, coinbase, merkle_branch, target, space };
        let first = space.extranonce_values().first();
        template.header = BlockHeader { nonce: 0, merkle_root: template.merkle_root(first), ..header };
        Ok(template)
    }

    fn times(&self) -> Result<TimeSpan, TemplateError> {
        let (time, found_s) = (self.header.time, self.time_window_s);
        let expected_max_s = u32::MAX - time;
        let last = time.checked_add(found_s).ok_or(TemplateError::TimeWindow { time, expected_max_s, found_s })?;
        Ok(TimeSpan::new(time, last).expect("time plus window is not below time"))
    }

    fn threshold(&self) -> Result<Target, TemplateError> {
        let bits = self.header.bits;
        self.target.map_or_else(|| bits.decode().map_err(|fault| TemplateError::Bits { bits, fault }), Ok)
    }

    fn check_branch(&self) -> Result<(), TemplateError> {
        let (found, expected_max) = (self.merkle_branch.len(), SealTemplate::BRANCH_LEN_MAX);
        if found > expected_max {
            return Err(TemplateError::BranchTooLong { expected_max, found });
        }
        Ok(())
    }
}

impl SealTemplate {
    /// Maximum length of a Merkle branch: a tree over 2^32 items, the most that a 32-bit count can name, has 32 levels.
    pub const BRANCH_LEN_MAX: usize = 32;

    /// Returns a builder for a template of `header`, whose nonce is ignored.
    pub fn builder(header: BlockHeader) -> SealTemplateBuilder {
        SealTemplateBuilder {
            header,
            nonces: NonceSpan::ALL,
            version_mask: 0,
            time_window_s: 0,
            coinbase: None,
            merkle_branch: Vec::new(),
            target: None,
        }
    }

    /// Replaces the threshold. The header's bits stay unchanged.
    #[must_use]
    pub fn with_target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    /// The header before anything rolls: its nonce is 0, its Merkle root that of the first extranonce.
    pub const fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// The coinbase whose extranonce may roll, if there is one.
    pub const fn coinbase(&self) -> Option<&CoinbaseParts> {
        self.coinbase.as_ref()
    }

    /// The sibling hashes on the path from the coinbase to the root, 32 bytes each in wire order.
    pub fn merkle_branch(&self) -> &[Node] {
        &self.merkle_branch
    }

    /// The threshold: a hash at or below it seals the header.
    pub const fn target(&self) -> Target {
        self.target
    }

    /// The largest top word (most significant 32 bits of a hash as a number) of a possible seal.
    pub const fn top_word_max(&self) -> u32 {
        self.target.top_word_max()
    }

    /// Everything that may roll.
    pub const fn space(&self) -> &SearchSpace {
        &self.space
    }

    /// The Merkle root for an extranonce: the coinbase's hash folded with the branch. Without a coinbase it is the
    /// header's.
    ///
    /// # Panics
    /// If the extranonce is outside the space.
    pub fn merkle_root(&self, extranonce: u64) -> MerkleRoot {
        assert!(self.space.extranonce_values().contains(extranonce), "extranonce {extranonce} is not open");
        match &self.coinbase {
            Some(coinbase) => merkle::fold_leftmost(&coinbase.leaf(extranonce), &self.merkle_branch),
            None => self.header.merkle_root,
        }
    }

    /// The header at a point of the space.
    ///
    /// # Panics
    /// If the point is outside the space.
    pub fn header_at(&self, point: &Candidate) -> BlockHeader {
        assert!(self.space.contains(point), "outside the space: {point:?}");
        self.header_over(self.merkle_root(point.extranonce), point)
    }

    /// The header at a point of the space whose extranonce has the given root.
    pub(super) fn header_over(&self, merkle_root: MerkleRoot, point: &Candidate) -> BlockHeader {
        let version = self.space.versions().at(point.version_index);
        BlockHeader { version, merkle_root, time: point.time, nonce: point.nonce, ..self.header }
    }

    /// The midstates of some versions for an extranonce, in the order of the versions.
    ///
    /// # Panics
    /// If the extranonce or a version is outside the space.
    pub fn midstates(&self, extranonce: u64, versions: VersionRun) -> Vec<Midstate> {
        self.midstates_over(self.merkle_root(extranonce), versions)
    }

    /// Bytes 64..76 of the header: the last four of the Merkle root, the time and the bits; equal for all versions and
    /// nonces.
    ///
    /// # Panics
    /// If the extranonce is outside the space.
    pub fn tail(&self, extranonce: u64, time: u32) -> [u8; 12] {
        self.tail_over(self.merkle_root(extranonce), time)
    }

    /// Everything that a device needs to search a region. Computes the Merkle root once.
    ///
    /// # Panics
    /// If the region is outside the space.
    pub fn region_input(&self, region: &Region) -> RegionInput {
        assert!(self.space.encloses(region), "outside the space: {region}");
        self.input_over(self.merkle_root(region.extranonce), region)
    }

    /// The input for a region whose extranonce has the given root.
    pub(super) fn input_over(&self, merkle_root: MerkleRoot, region: &Region) -> RegionInput {
        RegionInput {
            midstates: self.midstates_over(merkle_root, region.versions),
            tail: self.tail_over(merkle_root, region.time),
            top_word_max: self.top_word_max(),
        }
    }

    fn midstates_over(&self, merkle_root: MerkleRoot, versions: VersionRun) -> Vec<Midstate> {
        let rolling = self.space.versions();
        let header = |index| BlockHeader { version: rolling.at(index), merkle_root, ..self.header };
        versions.indices().map(|index| Midstate::of(&split_wire(&header(index)).0)).collect()
    }

    fn tail_over(&self, merkle_root: MerkleRoot, time: u32) -> [u8; 12] {
        split_wire(&BlockHeader { merkle_root, time, ..self.header }).1
    }
}

/// What a device needs to know about a region in addition to its nonces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionInput {
    /// One midstate for each version of the region, in order: 1 to 8.
    pub midstates: Vec<Midstate>,
    /// Bytes 64..76 of the header.
    pub tail: [u8; 12],
    /// The largest top word of a possible seal.
    pub top_word_max: u32,
}

impl RegionInput {
    /// Borrows the values as the input of a kernel.
    pub fn as_search_input(&self) -> SearchInput<'_> {
        SearchInput { midstates: &self.midstates, tail: self.tail, top_word_max: self.top_word_max }
    }
}

/// A header's first SHA-256 block (64 bytes), and the 12 bytes between it and the nonce.
fn split_wire(header: &BlockHeader) -> ([u8; 64], [u8; 12]) {
    let wire = header.to_wire();
    let (mut block, mut tail) = ([0; 64], [0; 12]);
    block.copy_from_slice(&wire[..64]);
    tail.copy_from_slice(&wire[64..76]);
    (block, tail)
}
