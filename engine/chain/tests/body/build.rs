//! Builds blocks for the tests, and runs both judges on them.

use cityseal_chain::body::{
    BodyContext, BodyJudgement, BodyRoots, BrokenBody, ParsedBlock, coinbase_height_script, judge_body, reference,
};
use cityseal_chain::{BlockHeader, FaultValue, MerkleKind, MerkleRoot, Network, Parameters, Rule, merkle, rfc6962};
use cityseal_hash::double_sha256;

/// A height at which every body rule applies on regtest, and which takes two bytes in the coinbase.
pub(crate) const HEIGHT: u64 = 20;
pub(crate) const TIME: u32 = 1_700_000_000;
pub(crate) const MEDIAN: u32 = TIME - 3_000;
pub(crate) const MONEY_MAX: i64 = 2_100_000_000_000_000;

/// The beginning of a script that commits to the witnesses.
const COMMITMENT_HEAD: [u8; 6] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed];

/// A broken rule, its transaction, and both values as text.
pub(crate) type Broken = (Rule, Option<u32>, String, String);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) prevout: [u8; 36],
    pub(crate) script: Vec<u8>,
    pub(crate) sequence: u32,
    pub(crate) witness: Vec<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tx {
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<(i64, Vec<u8>)>,
    pub(crate) lock_time: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) transactions: Vec<Tx>,
    pub(crate) merkle: MerkleKind,
    pub(crate) time: u32,
}

pub(crate) fn size(size: usize) -> Vec<u8> {
    let bytes = (size as u64).to_le_bytes();
    match size {
        0..0xfd => vec![size as u8],
        0xfd..0x1_0000 => [&[0xfd], &bytes[..2]].concat(),
        _ => [&[0xfe], &bytes[..4]].concat(),
    }
}

fn sized(bytes: &[u8]) -> Vec<u8> {
    [&size(bytes.len()), bytes].concat()
}

/// The output `index` of the transaction whose id is 32 times `number`.
pub(crate) fn prevout(number: u8, index: u32) -> [u8; 36] {
    let mut prevout = [number; 36];
    prevout[32..].copy_from_slice(&index.to_le_bytes());
    prevout
}

pub(crate) const NO_PREVOUT: [u8; 36] = {
    let mut prevout = [0xff; 36];
    prevout.split_at_mut(32).0.copy_from_slice(&[0; 32]);
    prevout
};

impl Input {
    pub(crate) fn of(prevout: [u8; 36]) -> Self {
        Self { prevout, script: vec![], sequence: u32::MAX, witness: vec![] }
    }
}

impl Tx {
    /// A transaction with one input and one output.
    pub(crate) fn plain(number: u8) -> Self {
        Self { inputs: vec![Input::of(prevout(number, 0))], outputs: vec![(1, vec![0x51])], lock_time: 0 }
    }

    pub(crate) fn coinbase(height: u64) -> Self {
        let mut input = Input::of(NO_PREVOUT);
        input.script = [coinbase_height_script(height).as_bytes(), &[0]].concat();
        Self { inputs: vec![input], outputs: vec![(50, vec![0x51])], lock_time: 0 }
    }

    /// Appends an output of this many bytes without signature checks.
    pub(crate) fn pad(&mut self, bytes: usize) {
        let len = (0..10).map(|less| bytes - 8 - less).find(|&len| 8 + size(len).len() + len == bytes);
        self.outputs.push((0, vec![0; len.expect("some script length gives this size")]));
    }

    pub(crate) fn bytes(&self, with_witness: bool) -> Vec<u8> {
        let with_witness = with_witness && self.inputs.iter().any(|input| !input.witness.is_empty());
        let mut bytes = 2u32.to_le_bytes().to_vec();
        bytes.extend_from_slice(if with_witness { &[0, 1] } else { &[] });
        bytes.extend(size(self.inputs.len()));
        for input in &self.inputs {
            bytes.extend([&input.prevout[..], &sized(&input.script), &input.sequence.to_le_bytes()].concat());
        }
        bytes.extend(size(self.outputs.len()));
        for (value, script) in &self.outputs {
            bytes.extend([&value.to_le_bytes()[..], &sized(script)].concat());
        }
        for input in self.inputs.iter().filter(|_| with_witness) {
            bytes.extend(size(input.witness.len()));
            bytes.extend(input.witness.iter().flat_map(|item| sized(item)));
        }
        bytes.extend(self.lock_time.to_le_bytes());
        bytes
    }
}

pub(crate) fn tree_root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match merkle::root(leaves) {
        Ok(root) | Err(merkle::MerkleError::Duplicated { root, .. }) => root.to_wire(),
        Err(_) => [0; 32],
    }
}

impl Block {
    /// A coinbase and `more` transactions, each of which spends a different output.
    pub(crate) fn of(more: u8) -> Self {
        let transactions = std::iter::once(Tx::coinbase(HEIGHT)).chain((1..=more).map(Tx::plain)).collect();
        Self { transactions, merkle: MerkleKind::Bitcoin, time: TIME }
    }

    /// A block with witnesses in its second transaction and a commitment to them.
    pub(crate) fn with_witness() -> Self {
        let mut block = Self::of(3);
        block.transactions[1].inputs.push(Input::of(prevout(9, 1)));
        block.transactions[1].inputs[1].witness = vec![vec![7; 71], vec![], vec![8; 33]];
        block.commit();
        block
    }

    pub(crate) fn coinbase(&mut self) -> &mut Tx {
        &mut self.transactions[0]
    }

    /// Appends an output that commits to the current witnesses, and sets the reserved value that it needs.
    pub(crate) fn commit(&mut self) {
        self.coinbase().inputs[0].witness = vec![vec![5; 32]];
        let mut ids: Vec<_> = self.transactions.iter().map(|tx| double_sha256(&tx.bytes(true))).collect();
        ids[0] = [0; 32];
        let commitment = double_sha256(&[tree_root(&ids), [5; 32]].concat());
        self.coinbase().outputs.push((0, [&COMMITMENT_HEAD[..], &commitment].concat()));
    }

    pub(crate) fn root(&self) -> [u8; 32] {
        match self.merkle {
            MerkleKind::Bitcoin => {
                let ids: Vec<_> = self.transactions.iter().map(|tx| double_sha256(&tx.bytes(false))).collect();
                tree_root(&ids)
            }
            MerkleKind::Rfc6962Sha256 => {
                let leaves: Vec<_> = self.transactions.iter().map(|tx| rfc6962::leaf_hash(&tx.bytes(true))).collect();
                rfc6962::root(&leaves)
            }
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let merkle_root = MerkleRoot::from_wire(self.root());
        let header = BlockHeader { merkle_root, time: self.time, ..*regtest().genesis() };
        let mut bytes = [&header.to_wire()[..], &size(self.transactions.len())].concat();
        bytes.extend(self.transactions.iter().flat_map(|tx| tx.bytes(true)));
        bytes
    }

    pub(crate) fn stripped_len(&self) -> usize {
        let transactions: usize = self.transactions.iter().map(|tx| tx.bytes(false).len()).sum();
        80 + size(self.transactions.len()).len() + transactions
    }

    /// The judgement on regtest at [`HEIGHT`].
    pub(crate) fn judged(&self) -> BodyJudgement {
        judged(&regtest(), &context(HEIGHT), &self.bytes())
    }

    /// The rule that it breaks there, with the transaction and both values as text.
    pub(crate) fn broken(&self) -> Option<Broken> {
        self.judged().broken.map(|BrokenBody { rule, transaction, expected, found }| {
            (rule, transaction, expected.to_string(), found.to_string())
        })
    }

    /// Asserts that it passes there and that every rule was judged.
    pub(crate) fn passes(&self) {
        assert_eq!(self.judged(), BodyJudgement::default());
    }
}

pub(crate) fn regtest() -> Parameters {
    Parameters::of(Network::Regtest)
}

/// Custom network parameters on regtest's genesis header: the required keys and `rest`.
pub(crate) fn city(rest: &str) -> Parameters {
    let genesis = regtest().genesis().to_hex();
    let required =
        format!("name = \"city\"\ngenesis = \"{genesis}\"\npow_limit = \"207fffff\"\ndifficulty = \"fixed\"\n");
    Parameters::from_toml(&(required + rest)).expect("the parameters are valid")
}

pub(crate) fn context(height: u64) -> BodyContext {
    BodyContext { height, median_time: Some(MEDIAN) }
}

/// The judgement of the fast judge, which must equal that of the reference implementation.
pub(crate) fn judged(parameters: &Parameters, context: &BodyContext, block: &[u8]) -> BodyJudgement {
    let fast = ParsedBlock::parse(block).map_or_else(BodyJudgement::from, |parsed| {
        let roots = BodyRoots::of(parameters, context, block, &parsed);
        judge_body(parameters, context, block, &parsed, &roots)
    });
    assert_eq!(fast, reference::judge_block(parameters, context, block));
    fast
}

/// The result of [`Block::broken`] for a broken rule.
#[expect(clippy::unnecessary_wraps, reason = "it is compared with an `Option`")]
#[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and literals")]
pub(crate) fn breaks(
    rule: Rule,
    transaction: Option<u32>,
    expected: impl ToString,
    found: impl ToString,
) -> Option<Broken> {
    Some((rule, transaction, expected.to_string(), found.to_string()))
}

pub(crate) fn root_value(wire: [u8; 32]) -> FaultValue {
    FaultValue::Root(MerkleRoot::from_wire(wire))
}
