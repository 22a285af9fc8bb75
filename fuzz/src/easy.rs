//! Builds short chains from a fuzzer's bytes: easy headers that are sealed here, some of which are broken afterwards.

use std::sync::LazyLock;

use cityseal_chain::{BlockHeader, Network, Parameters};

use crate::cursor::Cursor;

/// Maximum length of a chain: enough for a full median window and several cuts.
pub(crate) const HEADERS_MAX: usize = 48;

/// The Unix time by which R10 is judged: ten minutes after the genesis header of regtest.
pub(crate) const NOW: u64 = 1_296_688_602 + 600;

/// The decision for a valid header: version 3, one second after its parent.
const FINE: u8 = 0x0b;

static CHAINS: LazyLock<[Parameters; 3]> = LazyLock::new(|| {
    let regtest = Parameters::of(Network::Regtest);
    let city = |rest: &str| {
        let head = format!("name = \"town\"\ngenesis = \"{}\"\npow_limit = \"207fffff\"\n", regtest.genesis().to_hex());
        Parameters::from_toml(&(head + rest)).expect("the text above is valid")
    };
    let asert = city("[difficulty]\nkind = \"asert\"\nspacing_s = 1\nhalf_life_s = 60\n");
    let versions = city("difficulty = \"fixed\"\nfuture_limit_s = 60\n[[version]]\nmin = 3\nfrom_height = 5\n");
    [regtest.clone(), asert, versions]
});

/// Valid and broken chains of each kind of parameters, for a body whose first byte chooses the parameters and which
/// reads `decisions` next.
pub(crate) fn seeds(decisions: &[u8]) -> Vec<Vec<u8>> {
    let chain = |city: u8, headers: &[u8]| [&[city], decisions, headers].concat();
    // One bit in each part of a header, several in its time and its bits.
    let bits: [u16; 10] = [5, 40, 300, 544, 550, 575, 578, 599, 607, 620];
    let broken = bits.map(|bit| [&[FINE; 20][..], &[0xff], &bit.to_le_bytes(), &[FINE; 20]].concat());
    let good = vec![FINE; 40];
    let headers = [&broken[..], &[good]].concat();
    (0..3).flat_map(|city| headers.iter().map(move |headers| chain(city, headers))).collect()
}

/// The parameters that the next byte chooses.
pub(crate) fn parameters(cursor: &mut Cursor) -> &'static Parameters {
    &CHAINS[usize::from(cursor.byte() % 3)]
}

/// A chain that begins with its genesis header.
pub(crate) fn chain(parameters: &Parameters, cursor: &mut Cursor) -> Vec<BlockHeader> {
    let mut chain = vec![*parameters.genesis()];
    while !cursor.is_at_end() && chain.len() < HEADERS_MAX {
        let header = child(chain.last().expect("the chain begins with the genesis header"), cursor);
        chain.push(header);
    }
    chain
}

/// A sealed child of `parent`; an unusual decision then inverts one of its bits.
fn child(parent: &BlockHeader, cursor: &mut Cursor) -> BlockHeader {
    let decision = cursor.byte();
    let mut header = BlockHeader {
        version: i32::from(decision & 7),
        prev_block_hash: parent.hash(),
        time: parent.time.saturating_add(u32::from(decision >> 3 & 3)).saturating_sub(u32::from(decision >> 5 & 1)),
        ..*parent
    };
    // The child of a broken parent may have bits that no nonce meets in time.
    let is_met = |header: &BlockHeader| header.bits.decode().is_ok_and(|target| target.is_met_by(&header.hash()));
    let tries = (0..100).map(|nonce| BlockHeader { nonce, ..header });
    header.nonce = tries.into_iter().find(is_met).map_or(0, |found| found.nonce);
    if decision >= 0xf0 { broken(&header, cursor) } else { header }
}

fn broken(header: &BlockHeader, cursor: &mut Cursor) -> BlockHeader {
    let mut wire = header.to_wire();
    let bit = usize::from(cursor.byte()) | usize::from(cursor.byte()) << 8;
    wire[bit / 8 % 80] ^= 1 << (bit % 8);
    BlockHeader::from_wire(&wire)
}
