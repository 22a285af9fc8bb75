//! Seals chains for the tests, at targets that half of all hashes meet, and runs both judges on them.

use cityseal_chain::{
    BlockHash, BlockHeader, CompactTarget, Fault, FaultValue, History, MerkleRoot, Parameters, Rule, Summary, judge,
    reference,
};
use cityseal_hash::double_sha256;

pub(crate) const START_TIME: u32 = 1_700_000_000;
pub(crate) const EASY_BITS: u32 = 0x207f_ffff;
/// A time later than every time in these chains, so that R10 passes.
pub(crate) const LATE: u64 = 1 << 40;

/// A chain with its parameters and the history after its last header.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) parameters: Parameters,
    pub(crate) headers: Vec<BlockHeader>,
    history: History,
}

impl Chain {
    /// A chain of custom network parameters that has only its genesis header. `rest` are the keys of the TOML besides
    /// name, genesis and limit.
    pub(crate) fn of_city(limit_bits: u32, rest: &str) -> Self {
        let genesis = sealed(BlockHeader {
            version: 1,
            prev_block_hash: BlockHash::ZERO,
            merkle_root: MerkleRoot::from_wire([7; 32]),
            time: START_TIME,
            bits: CompactTarget::from_bits(limit_bits),
            nonce: 0,
        });
        let text =
            format!("name = \"city\"\ngenesis = \"{}\"\npow_limit = \"{limit_bits:08x}\"\n{rest}", genesis.to_hex());
        let parameters = Parameters::from_toml(&text).expect("the parameters are valid");
        let mut chain = Self { parameters, headers: Vec::new(), history: History::before_genesis() };
        chain.push(genesis);
        chain
    }

    pub(crate) fn fixed() -> Self {
        Self::of_city(EASY_BITS, "difficulty = \"fixed\"")
    }

    pub(crate) fn asert() -> Self {
        Self::of_city(EASY_BITS, "[difficulty]\nkind = \"asert\"\nspacing_s = 60\nhalf_life_s = 600")
    }

    pub(crate) fn bitcoin() -> Self {
        Self::of_city(EASY_BITS, "difficulty = \"bitcoin-2016\"")
    }

    /// A chain with the rules of testnet4 and an easy limit.
    pub(crate) fn test_network() -> Self {
        Self::of_city(EASY_BITS, "[difficulty]\nkind = \"bitcoin-2016\"\nmin_difficulty = true\nbip94 = true")
    }

    pub(crate) fn height(&self) -> u64 {
        self.headers.len() as u64 - 1
    }

    pub(crate) fn tip(&self) -> &BlockHeader {
        &self.headers[self.headers.len() - 1]
    }

    pub(crate) fn push(&mut self, header: BlockHeader) {
        self.history.advance(&self.parameters, &header.to_wire());
        self.headers.push(header);
    }

    /// The next header, unsealed, with the bits required of a header with that time.
    pub(crate) fn next(&self, time: u32) -> BlockHeader {
        let parent = self.tip();
        let prev_block_hash = parent.hash();
        let merkle_root = MerkleRoot::from_wire(double_sha256(&self.headers.len().to_le_bytes()));
        let header = BlockHeader { version: 4, prev_block_hash, merkle_root, time, bits: parent.bits, nonce: 0 };
        BlockHeader { bits: self.required_bits(&header), ..header }
    }

    /// The bits that the judge requires, with a hash of zero that meets every target.
    fn required_bits(&self, header: &BlockHeader) -> CompactTarget {
        match judge(&self.parameters, &self.history, &header.to_wire(), &[[0; 32]], LATE, 0).fault {
            Some(Fault { rule: Rule::Difficulty, expected: FaultValue::Bits(required), .. }) => required,
            _ => header.bits,
        }
    }

    /// Seals the next header with that time and appends it.
    pub(crate) fn grow(&mut self, time: u32) {
        let header = sealed(self.next(time));
        self.push(header);
    }

    /// Grows to `height`, each header `spacing_s` after its parent.
    pub(crate) fn grow_to(&mut self, height: u64, spacing_s: u32) {
        while self.height() < height {
            self.grow(self.tip().time + spacing_s);
        }
    }

    /// The fault of the chain followed by these headers; both judges must agree.
    pub(crate) fn fault_after(&self, more: &[BlockHeader], now: u64) -> Option<Fault> {
        let headers = [self.headers.as_slice(), more].concat();
        summary_by_both(&self.parameters, 0, &[], &headers, now).fault
    }

    /// The rule that the next header breaks, with the expected and the found value.
    pub(crate) fn broken_by(&self, header: &BlockHeader) -> Option<(Rule, FaultValue, FaultValue)> {
        self.fault_after(&[*header], LATE).map(|fault| {
            assert_eq!(fault.height, self.headers.len() as u64);
            assert_eq!(fault.offset, 80 * fault.height);
            (fault.rule, fault.expected, fault.found)
        })
    }
}

/// The header with a nonce that misses its own target.
pub(crate) fn unsealed(header: BlockHeader) -> BlockHeader {
    let target = header.bits.decode().expect("the bits encode a target");
    let mut tries = (0u32..64).map(|nonce| BlockHeader { nonce, ..header });
    tries.find(|header| !target.is_met_by(&header.hash())).expect("half of all hashes miss")
}

/// Increments the nonce until the header meets its own target. Headers whose bits encode no target are returned
/// unchanged.
pub(crate) fn sealed(header: BlockHeader) -> BlockHeader {
    let Ok(target) = header.bits.decode() else { return header };
    let mut tries = (0u32..1 << 24).map(|step| BlockHeader { nonce: header.nonce.wrapping_add(step), ..header });
    tries.find(|header| target.is_met_by(&header.hash())).expect("the targets are easy")
}

pub(crate) fn packed(headers: &[BlockHeader]) -> Vec<u8> {
    headers.iter().flat_map(BlockHeader::to_wire).collect()
}

pub(crate) fn hashes_of(packed: &[u8]) -> Vec<[u8; 32]> {
    packed.chunks_exact(80).map(double_sha256).collect()
}

/// The summary of the fast judge, which must equal that of the reference implementation.
pub(crate) fn summary_by_both(
    parameters: &Parameters,
    start_height: u64,
    context: &[BlockHeader],
    headers: &[BlockHeader],
    now: u64,
) -> Summary {
    let history = History::before(parameters, start_height, &packed(context)).expect("the context fits");
    let bytes = packed(headers);
    let fast = judge(parameters, &history, &bytes, &hashes_of(&bytes), now, 0);
    assert_eq!(fast, reference::judge_headers(parameters, start_height, context, headers, now));
    fast
}
