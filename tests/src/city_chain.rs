//! Long header chains with custom network parameters, generated faster than a disk can store them.
//!
//! Every rule that costs time is exercised: block times vary, and so do the bits where the difficulty varies.

use cityseal_engine::chain::{
    BlockHash, BlockHeader, CompactTarget, Difficulty, MerkleRoot, Parameters, ParametersError,
};

/// The difficulty rule of a city.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CityDifficulty {
    /// The difficulty never changes.
    Fixed,
    /// The difficulty changes with every header (aserti3-2d).
    Asert,
}

/// An endless iterator over the headers of a city's chain.
#[derive(Clone, Debug)]
pub struct CityChain {
    toml: String,
    parameters: Parameters,
    next: BlockHeader,
    height: u64,
}

/// A target that every fourth hash meets; the limit under ASERT is twice as easy.
const GENESIS_BITS: u32 = 0x203f_ffff;
const GENESIS_TIME: u32 = 1_700_000_000;
/// Average seconds between blocks.
const SPACING_S: u32 = 60;

impl CityChain {
    /// Creates the chain, starting with its genesis header.
    ///
    /// # Errors
    /// Never, unless the product refuses documented parameters.
    pub fn new(difficulty: CityDifficulty) -> Result<Self, ParametersError> {
        let genesis = sealed(BlockHeader {
            version: 1,
            prev_block_hash: BlockHash::ZERO,
            merkle_root: MerkleRoot::ZERO,
            time: GENESIS_TIME,
            bits: CompactTarget::from_bits(GENESIS_BITS),
            nonce: 0,
        });
        let limit = match difficulty {
            CityDifficulty::Fixed => format!("pow_limit = \"{GENESIS_BITS:08x}\"\ndifficulty = \"fixed\"\n"),
            CityDifficulty::Asert => format!(
                "pow_limit = \"207fffff\"\n\
                 [difficulty]\nkind = \"asert\"\nspacing_s = {SPACING_S}\nhalf_life_s = 86400\n"
            ),
        };
        let toml = format!("name = \"long\"\ngenesis = \"{}\"\n{limit}", genesis.to_hex());
        Ok(Self { parameters: Parameters::from_toml(&toml)?, toml, next: genesis, height: 0 })
    }

    /// Returns the city's parameters in the format of `--network FILE.toml`.
    pub fn toml(&self) -> &str {
        &self.toml
    }

    fn child(&self, parent: &BlockHeader) -> BlockHeader {
        let mut root = [0; 32];
        root[..8].copy_from_slice(&self.height.to_le_bytes());
        // 1 to 119 seconds, 60 on average, in a sequence with a long period.
        let jitter = (self.height.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % (2 * SPACING_S - 1);
        sealed(BlockHeader {
            version: 4,
            prev_block_hash: parent.hash(),
            merkle_root: MerkleRoot::from_wire(root),
            time: parent.time + 1 + jitter,
            bits: self.bits_after(parent),
            nonce: 0,
        })
    }

    fn bits_after(&self, parent: &BlockHeader) -> CompactTarget {
        match self.parameters.difficulty() {
            Difficulty::Asert(asert) => asert.required_bits(self.height - 1, parent.time, self.parameters.limit_bits()),
            Difficulty::Fixed | Difficulty::Bitcoin2016 { .. } => parent.bits,
        }
    }
}

impl Iterator for CityChain {
    type Item = BlockHeader;

    fn next(&mut self) -> Option<BlockHeader> {
        let header = self.next;
        self.height += 1;
        self.next = self.child(&header);
        Some(header)
    }
}

fn sealed(mut header: BlockHeader) -> BlockHeader {
    let target = header.bits.decode().expect("the bits of a city encode a target");
    while !target.is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    header
}

#[cfg(test)]
mod tests {
    use cityseal_engine::chain::{Rule, Verdict};
    use cityseal_engine::{Engine, VerifyReport, VerifyRequest};

    use super::*;
    use crate::easy_chain::packed;

    const COUNT: usize = 3_000;

    fn verify(chain: &CityChain, headers: &[BlockHeader]) -> VerifyReport {
        let engine = Engine::builder().gpu(false).threads(2).build().unwrap();
        let request = VerifyRequest::new(chain.parameters.clone(), 4_000_000_000);
        engine.verify(request, &packed(headers)[..], |_| {}).unwrap()
    }

    #[test]
    fn a_chain_of_either_difficulty_is_valid_and_fully_checked() {
        for difficulty in [CityDifficulty::Fixed, CityDifficulty::Asert] {
            let chain = CityChain::new(difficulty).unwrap();
            let headers: Vec<_> = chain.clone().take(COUNT).collect();
            let report = verify(&chain, &headers);
            assert_eq!((report.verdict, report.count), (Verdict::Valid, COUNT as u64));
            assert_eq!(report.not_checked, []);
        }
    }

    #[test]
    fn under_asert_most_headers_change_the_bits_and_wrong_bits_are_a_fault() {
        let chain = CityChain::new(CityDifficulty::Asert).unwrap();
        let mut headers: Vec<_> = chain.clone().take(COUNT).collect();
        let moved = headers.windows(2).filter(|pair| pair[0].bits != pair[1].bits).count();
        assert!(moved > COUNT * 9 / 10, "{moved}");
        headers[COUNT - 1] = sealed(BlockHeader { bits: headers[0].bits, ..headers[COUNT - 1] });
        let Verdict::Fault(fault) = verify(&chain, &headers).verdict else { panic!("wrong bits passed") };
        assert_eq!((fault.rule, fault.height), (Rule::Difficulty, COUNT as u64 - 1));
    }
}
