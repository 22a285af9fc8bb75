//! A city chain created at run time: its genesis header and its parameters. The demonstration, the drill and the
//! benchmarks use it, so that their chains need no external data.

use cityseal_chain::{BlockHash, BlockHeader, CompactTarget, MerkleRoot, Parameters};

/// A target that every second hash meets.
pub const EASIEST_BITS: u32 = 0x207f_ffff;

/// A city of fixed difficulty.
#[derive(Clone, Debug)]
pub struct City {
    /// The first header of its chain.
    pub genesis: BlockHeader,
    /// The parameters as a TOML file.
    pub toml: String,
    /// The same parameters, parsed.
    pub parameters: Parameters,
}

impl City {
    /// A city with this sealed genesis header and a fixed difficulty.
    ///
    /// # Panics
    /// If the header does not meet its own bits. All callers seal it first.
    pub fn of(name: &str, genesis: BlockHeader) -> Self {
        let bits = genesis.bits.to_bits();
        let toml = format!(
            "name = \"{name}\"\ngenesis = \"{}\"\npow_limit = \"{bits:08x}\"\ndifficulty = \"fixed\"\n",
            genesis.to_hex()
        );
        Self::from_toml(genesis, toml)
    }

    /// A city with this sealed genesis header and these parameters.
    ///
    /// # Panics
    /// If the TOML is not valid parameters for that header. All callers write it from constants.
    pub fn from_toml(genesis: BlockHeader, toml: String) -> Self {
        let parameters = Parameters::from_toml(&toml).expect("a sealed genesis header and constants");
        Self { genesis, toml, parameters }
    }
}

/// An unsealed genesis header.
pub const fn genesis(bits: u32, records: MerkleRoot, time: u32) -> BlockHeader {
    BlockHeader {
        version: 1,
        prev_block_hash: BlockHash::ZERO,
        merkle_root: records,
        time,
        bits: CompactTarget::from_bits(bits),
        nonce: 0,
    }
}

/// Returns the header with the lowest nonce that meets its own bits. If no nonce does, the time is increased by a
/// second.
///
/// # Panics
/// If the bits do not encode a target. All callers pass constants.
pub fn sealed(mut header: BlockHeader) -> BlockHeader {
    let target = header.bits.decode().expect("a constant that encodes a target");
    loop {
        let nonces = (0..=u32::MAX).map(|nonce| BlockHeader { nonce, ..header });
        if let Some(sealed) = nonces.into_iter().find(|header| target.is_met_by(&header.hash())) {
            return sealed;
        }
        header.time += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_city_is_founded_on_a_header_that_meets_its_own_bits() {
        let city = City::of("riverside", sealed(genesis(0x1f00_ffff, MerkleRoot::ZERO, 1_700_000_000)));
        assert_eq!(city.parameters.name(), "riverside");
        assert_eq!(*city.parameters.genesis(), city.genesis);
        assert!(city.parameters.pow_limit().is_met_by(&city.genesis.hash()));
    }
}
