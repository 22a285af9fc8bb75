//! A template with the Merkle root of one extranonce, computed once for every search and every seal below it.

use std::sync::Arc;

use super::candidate::Candidate;
use super::region::Region;
use super::template::{RegionInput, SealTemplate};
use crate::hash::MerkleRoot;
use crate::header::BlockHeader;

/// A template and the Merkle root of one of its extranonces. A root costs the hash of the coinbase's last part, up to a
/// million bytes, and of the branch; this value keeps it.
#[derive(Clone, Debug)]
pub struct RootedTemplate {
    template: Arc<SealTemplate>,
    extranonce: u64,
    merkle_root: MerkleRoot,
}

impl RootedTemplate {
    /// Computes the root of an extranonce (0 if the template has no coinbase).
    ///
    /// # Panics
    /// If the extranonce is outside the space.
    pub fn new(template: Arc<SealTemplate>, extranonce: u64) -> Self {
        let merkle_root = template.merkle_root(extranonce);
        Self { template, extranonce, merkle_root }
    }

    /// The template.
    pub fn template(&self) -> &SealTemplate {
        &self.template
    }

    /// The extranonce's value; 0 if the template has no coinbase.
    pub const fn extranonce(&self) -> u64 {
        self.extranonce
    }

    /// Whether a point is in the space and has this extranonce.
    pub fn contains(&self, point: &Candidate) -> bool {
        point.extranonce == self.extranonce && self.template.space().contains(point)
    }

    /// The header at a point of this extranonce.
    ///
    /// # Panics
    /// If the point is outside the space or has another extranonce.
    pub fn header_at(&self, point: &Candidate) -> BlockHeader {
        assert!(self.contains(point), "outside the part of extranonce {}: {point:?}", self.extranonce);
        self.template.header_over(self.merkle_root, point)
    }

    /// Everything that a device needs to search a region of this extranonce.
    ///
    /// # Panics
    /// If the region is outside the space or has another extranonce.
    pub fn region_input(&self, region: &Region) -> RegionInput {
        let is_inside = region.extranonce == self.extranonce && self.template.space().encloses(region);
        assert!(is_inside, "outside the part of extranonce {}: {region}", self.extranonce);
        self.template.input_over(self.merkle_root, region)
    }
}
