//! A small chain, statements about it, and a key.
#![allow(dead_code, reason = "each test binary uses only a part of this module")]

use cityseal_chain::{BlockHash, BlockHeader, ChainWork, CompactTarget, MerkleRoot, TreeOutline, rfc6962};
use cityseal_hash::HashKernel;
use cityseal_receipt::{
    Build, DeviceRow, FaultRow, ItemKind, Made, NotCheckedRow, OUT_OF_SCOPE, Openings, Receipt, SecretKey, Statement,
    StatementParts, TipRow, VerdictKind,
};

/// The height of the first header of the chain.
pub(crate) const FIRST_HEIGHT: u64 = 20;

/// A chain of `count` headers with a target that every second hash meets; each `salt` gives a different chain.
pub(crate) fn chain(count: usize, salt: u8) -> Vec<BlockHeader> {
    let bits = CompactTarget::from_bits(0x207f_ffff);
    let mut headers: Vec<BlockHeader> = Vec::new();
    while headers.len() < count {
        let prev_block_hash = headers.last().map_or(BlockHash::from_wire([salt; 32]), BlockHeader::hash);
        let time = 1_700_000_000 + 60 * headers.len() as u32;
        let header = BlockHeader {
            version: 4,
            prev_block_hash,
            merkle_root: MerkleRoot::from_wire([9; 32]),
            time,
            bits,
            nonce: 0,
        };
        headers.push(sealed(header));
    }
    headers
}

/// The header with the lowest nonce that meets its target.
pub(crate) fn sealed(header: BlockHeader) -> BlockHeader {
    let target = header.bits.decode().unwrap();
    (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..header }).find(|header| target.is_met_by(&header.hash())).unwrap()
}

pub(crate) fn packed(headers: &[BlockHeader]) -> Vec<u8> {
    headers.iter().flat_map(BlockHeader::to_wire).collect()
}

pub(crate) fn openings(headers: &[BlockHeader]) -> Openings {
    let leaves: Vec<_> = headers.iter().map(|header| rfc6962::leaf_hash(header.hash().as_bytes())).collect();
    Openings::of(&TreeOutline::of_leaves(0, &leaves, HashKernel::portable())).unwrap()
}

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32], Some("Harbour office".into())).unwrap()
}

pub(crate) fn work(number: u64) -> ChainWork {
    ChainWork::from_display_hex(&format!("{number:064x}")).unwrap()
}

/// The parts of a statement that these headers, from [`FIRST_HEIGHT`] on, are valid.
pub(crate) fn parts(headers: &[BlockHeader]) -> StatementParts {
    let count = headers.len() as u64;
    let openings = openings(headers);
    StatementParts {
        verdict: VerdictKind::Valid,
        kind: ItemKind::Headers,
        network: "riverside".into(),
        parameters: [0xab; 32],
        first_height: FIRST_HEIGHT,
        count,
        parent: headers.first().map_or(BlockHash::ZERO, |header| header.prev_block_hash),
        start_work: work(40),
        tip: headers.last().map(|last| TipRow {
            height: FIRST_HEIGHT + count - 1,
            hash: last.hash(),
            chain_work: work(40 + 2 * count),
        }),
        transactions: 0,
        body_bytes: 0,
        fault: None,
        checked: vec!["R01".into(), "R05".into(), "R06".into()],
        rules: Some([0xef; 32]),
        not_checked: vec![NotCheckedRow {
            rule: "R08".into(),
            from: FIRST_HEIGHT,
            to: FIRST_HEIGHT + 10,
            why: "not all of the 11 headers before were given".into(),
        }],
        out_of_scope: OUT_OF_SCOPE.map(str::to_owned).to_vec(),
        headers_root: openings.root(),
        contents_root: None,
        openings,
        build: Build { version: "0.1.0".into(), commit: "0123456789ab".into() },
        devices: vec![DeviceRow { name: "cpu".into(), kernel: Some("avx2".into()), items: count }],
        now: 1_800_000_000,
        made: Made::at(1_795_618_328).unwrap(),
        signer: key().signer(),
    }
}

pub(crate) fn fault(height: u64) -> FaultRow {
    FaultRow {
        height,
        rule: "R07".into(),
        name: "difficulty".into(),
        expected: "207fffff".into(),
        found: "20700000".into(),
        offset: 80 * (height - FIRST_HEIGHT),
        transaction: None,
    }
}

/// The parts of a statement with every field: blocks, a fault in a transaction, two devices.
pub(crate) fn full_parts(headers: &[BlockHeader]) -> StatementParts {
    let height = FIRST_HEIGHT + headers.len() as u64;
    StatementParts {
        verdict: VerdictKind::Fault,
        kind: ItemKind::Blocks,
        transactions: 12,
        body_bytes: 3456,
        fault: Some(FaultRow { transaction: Some(3), ..fault(height) }),
        contents_root: Some([0xcd; 32]),
        devices: vec![
            DeviceRow { name: "cpu".into(), kernel: Some("avx2".into()), items: 1 },
            DeviceRow { name: "llvmpipe (LLVM 15, 256 bits)".into(), kernel: None, items: 2 },
        ],
        ..parts(headers)
    }
}

pub(crate) fn receipt(parts: StatementParts) -> Receipt {
    Receipt::sign(Statement::new(parts).unwrap(), &key()).unwrap()
}
