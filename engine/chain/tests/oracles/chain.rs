//! Chains with consecutive numbers instead of hashes, so that no target is too hard to seal: the judge takes hashes as
//! arguments.

use cityseal_chain::{
    BlockHash, BlockHeader, CompactTarget, Fault, FaultValue, History, MerkleRoot, Parameters, Rule, judge,
};

/// A time later than every time in these chains, so that R10 passes.
const LATE: u64 = 1 << 40;
pub(crate) const START_TIME: u32 = 1_700_000_000;
pub(crate) const LIMIT_BITS: u32 = 0x207f_ffff;

pub(crate) struct Chain {
    pub(crate) parameters: Parameters,
    pub(crate) headers: Vec<BlockHeader>,
}

impl Chain {
    /// A chain of custom network parameters that has only its genesis header, which is really sealed.
    pub(crate) fn of_city(bits: u32, difficulty: &str) -> Self {
        let unsealed = BlockHeader {
            version: 4,
            prev_block_hash: BlockHash::ZERO,
            merkle_root: MerkleRoot::ZERO,
            time: START_TIME,
            bits: CompactTarget::from_bits(bits),
            nonce: 0,
        };
        let target = unsealed.bits.decode().unwrap();
        let mut tries = (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..unsealed });
        let genesis = tries.find(|header| target.is_met_by(&header.hash())).unwrap();
        let text = format!(
            "name = \"city\"\ngenesis = \"{}\"\npow_limit = \"{LIMIT_BITS:08x}\"\n{difficulty}",
            genesis.to_hex()
        );
        Self { parameters: Parameters::from_toml(&text).unwrap(), headers: vec![genesis] }
    }

    pub(crate) fn tip(&self) -> &BlockHeader {
        &self.headers[self.headers.len() - 1]
    }

    pub(crate) fn height(&self) -> u64 {
        self.headers.len() as u64 - 1
    }

    pub(crate) fn push(&mut self, time: u32, bits: u32) {
        let header = self.next(time, bits);
        self.headers.push(header);
    }

    fn next(&self, time: u32, bits: u32) -> BlockHeader {
        let prev_block_hash = match self.height() {
            0 => self.tip().hash(),
            height => BlockHash::from_wire(hash_at(height)),
        };
        BlockHeader { version: 4, prev_block_hash, time, bits: CompactTarget::from_bits(bits), nonce: 0, ..*self.tip() }
    }

    /// The median time of the last eleven headers, or of all.
    pub(crate) fn median(&self) -> u32 {
        let mut times: Vec<u32> = self.headers.iter().rev().take(11).map(|header| header.time).collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    /// The fault that the judge finds in the whole chain.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault_up_to(&self.headers)
    }

    fn fault_up_to(&self, headers: &[BlockHeader]) -> Option<Fault> {
        let history = History::before(&self.parameters, 1, &[]).unwrap();
        let bytes: Vec<u8> = headers[1..].iter().flat_map(BlockHeader::to_wire).collect();
        let hashes: Vec<[u8; 32]> = (1..headers.len() as u64).map(hash_at).collect();
        judge(&self.parameters, &history, &bytes, &hashes, LATE, 0).fault
    }

    /// The rule that the next header breaks, and the expected value.
    pub(crate) fn broken_by(&self, time: u32, bits: u32) -> Option<(Rule, FaultValue)> {
        let mut history = History::before(&self.parameters, 1, &[]).unwrap();
        let bytes: Vec<u8> = self.headers[1..].iter().flat_map(BlockHeader::to_wire).collect();
        history.advance(&self.parameters, &bytes);
        // The judge computes the hash of the last header itself.
        let next = BlockHeader { prev_block_hash: self.tip().hash(), ..self.next(time, bits) }.to_wire();
        judge(&self.parameters, &history, &next, &[[0; 32]], LATE, 0).fault.map(|fault| (fault.rule, fault.expected))
    }

    /// Asserts that other bits at `height` are refused, with the present ones as the expected value.
    pub(crate) fn assert_refuses(&self, height: u64, other: u32) {
        let at = height as usize;
        let mut headers = self.headers[..=at].to_vec();
        let right = headers[at].bits;
        headers[at].bits = CompactTarget::from_bits(other);
        let fault = self.fault_up_to(&headers).unwrap();
        assert_eq!((fault.height, fault.rule), (height, Rule::Difficulty));
        assert_eq!(fault.expected, FaultValue::Bits(right));
    }
}

/// A number that meets every target of these chains.
fn hash_at(height: u64) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&height.to_le_bytes());
    hash
}
