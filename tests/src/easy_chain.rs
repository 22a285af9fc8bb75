//! Regtest chains, which a test can seal quickly because every second hash meets the target.

use cityseal_engine::chain::{BlockHeader, Network, Parameters};

/// Returns a regtest chain of `count` headers from genesis on, ten minutes apart.
///
/// # Panics
/// Never: regtest's target is met within a few nonces.
pub fn easy_chain(count: usize) -> Vec<BlockHeader> {
    let genesis = *Parameters::of(Network::Regtest).genesis();
    std::iter::successors(Some(genesis), |parent| Some(child(parent))).take(count).collect()
}

fn child(parent: &BlockHeader) -> BlockHeader {
    let unsealed =
        BlockHeader { version: 4, prev_block_hash: parent.hash(), time: parent.time + 600, nonce: 0, ..*parent };
    let target = unsealed.bits.decode().expect("the bits of regtest encode a target");
    let headers = (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..unsealed });
    headers.into_iter().find(|header| target.is_met_by(&header.hash())).expect("every second hash meets the target")
}

/// Packs headers as on the wire: 80 bytes each.
pub fn packed(headers: &[BlockHeader]) -> Vec<u8> {
    headers.iter().flat_map(BlockHeader::to_wire).collect()
}
