//! The five networks of Bitcoin, with their published constants (Bitcoin Core: `kernel/chainparams.cpp`).
//!
//! This file holds only constants; `difficulty.rs` and the rules define their meaning.

use super::consensus::{BodyRules, FUTURE_LIMIT_S, Parameters, VersionRule};
use super::difficulty::Difficulty;
use crate::hash::{BlockHash, MerkleRoot};
use crate::header::BlockHeader;
use crate::targets::{CompactTarget, Target};
use cityseal_hash::MerkleKind;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A network with built-in parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// Bitcoin's main network.
    Mainnet,
    /// The third test network.
    Testnet3,
    /// The fourth test network (BIP94).
    Testnet4,
    /// The default signet (BIP325). Its block signatures are not in the headers and are never checked.
    Signet,
    /// The regression-test network: half of all hashes meet its target, and its difficulty never changes.
    Regtest,
}

/// No built-in network has this name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown network {found:?}; expected mainnet, testnet3, testnet4, signet or regtest")]
pub struct UnknownNetwork {
    /// The name as given.
    pub found: String,
}

impl Network {
    /// Every network, in the order of the command line's help.
    pub const ALL: [Self; 5] = [Self::Mainnet, Self::Testnet3, Self::Testnet4, Self::Signet, Self::Regtest];

    /// The name on the command line and in verdicts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mainnet => "mainnet",
            Self::Testnet3 => "testnet3",
            Self::Testnet4 => "testnet4",
            Self::Signet => "signet",
            Self::Regtest => "regtest",
        }
    }

    /// The four bytes before each block in this network's files and messages (Bitcoin Core: `pchMessageStart`).
    pub const fn magic(self) -> [u8; 4] {
        match self {
            Self::Mainnet => [0xf9, 0xbe, 0xb4, 0xd9],
            Self::Testnet3 => [0x0b, 0x11, 0x09, 0x07],
            Self::Testnet4 => [0x1c, 0x16, 0x3f, 0x28],
            Self::Signet => [0x0a, 0x03, 0xcf, 0x40],
            Self::Regtest => [0xfa, 0xbf, 0xb5, 0xda],
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(text: &str) -> Result<Self, UnknownNetwork> {
        let known = Self::ALL.into_iter().find(|network| network.name() == text);
        known.ok_or_else(|| UnknownNetwork { found: text.to_owned() })
    }
}

impl Parameters {
    /// The parameters of a built-in network.
    pub fn of(network: Network) -> Self {
        let genesis = genesis_of(network);
        Self::new(
            network.name().to_owned(),
            genesis,
            pow_limit_of(network),
            difficulty_of(network),
            FUTURE_LIMIT_S,
            versions_of(network),
            MerkleKind::Bitcoin,
            body_of(network),
            network == Network::Signet,
        )
        .with_magic(network.magic())
    }
}

/// The Merkle root of the coinbase of 2009, which every network but testnet4 uses, in wire order.
const GENESIS_ROOT: [u8; 32] = [
    0x3b, 0xa3, 0xed, 0xfd, 0x7a, 0x7b, 0x12, 0xb2, 0x7a, 0xc7, 0x2c, 0x3e, 0x67, 0x76, 0x8f, 0x61, 0x7f, 0xc8, 0x1b,
    0xc3, 0x88, 0x8a, 0x51, 0x32, 0x3a, 0x9f, 0xb8, 0xaa, 0x4b, 0x1e, 0x5e, 0x4a,
];

/// The Merkle root of testnet4's coinbase of May 2024, in wire order.
const TESTNET4_ROOT: [u8; 32] = [
    0x4e, 0x7b, 0x2b, 0x91, 0x28, 0xfe, 0x02, 0x91, 0xdb, 0x06, 0x93, 0xaf, 0x2a, 0xe4, 0x18, 0xb7, 0x67, 0xe6, 0x57,
    0xcd, 0x40, 0x7e, 0x80, 0xcb, 0x14, 0x34, 0x22, 0x1e, 0xae, 0xa7, 0xa0, 0x7a,
];

fn genesis_of(network: Network) -> BlockHeader {
    let (root, time, bits, nonce) = match network {
        Network::Mainnet => (GENESIS_ROOT, 1_231_006_505, 0x1d00_ffff, 2_083_236_893),
        Network::Testnet3 => (GENESIS_ROOT, 1_296_688_602, 0x1d00_ffff, 414_098_458),
        Network::Testnet4 => (TESTNET4_ROOT, 1_714_777_860, 0x1d00_ffff, 393_743_547),
        Network::Signet => (GENESIS_ROOT, 1_598_918_400, 0x1e03_77ae, 52_613_770),
        Network::Regtest => (GENESIS_ROOT, 1_296_688_602, 0x207f_ffff, 2),
    };
    BlockHeader {
        version: 1,
        prev_block_hash: BlockHash::ZERO,
        merkle_root: MerkleRoot::from_wire(root),
        time,
        bits: CompactTarget::from_bits(bits),
        nonce,
    }
}

/// The proof-of-work limits: 2^224 - 1 for mainnet and the testnets, 2^255 - 1 for regtest, 0x377ae * 2^216 for signet.
fn pow_limit_of(network: Network) -> Target {
    let mut wire = [0xff; 32];
    match network {
        Network::Mainnet | Network::Testnet3 | Network::Testnet4 => wire[28..].fill(0),
        Network::Regtest => wire[31] = 0x7f,
        Network::Signet => {
            wire.fill(0);
            wire[27..30].copy_from_slice(&[0xae, 0x77, 0x03]);
        }
    }
    Target::from_wire(&wire).unwrap_or(Target::MAX)
}

fn difficulty_of(network: Network) -> Difficulty {
    match network {
        Network::Mainnet | Network::Signet => Difficulty::Bitcoin2016 { min_difficulty: false, bip94: false },
        Network::Testnet3 => Difficulty::Bitcoin2016 { min_difficulty: true, bip94: false },
        Network::Testnet4 => Difficulty::Bitcoin2016 { min_difficulty: true, bip94: true },
        // `fPowNoRetargeting` with a genesis header at the limit: every header must carry the limit's bits.
        Network::Regtest => Difficulty::Fixed,
    }
}

/// Heights at which BIP34 (version 2), BIP66 (version 3) and BIP65 (version 4) are buried (BIP90).
fn versions_of(network: Network) -> Vec<VersionRule> {
    let [bip34, bip66, bip65] = match network {
        Network::Mainnet => [227_931, 363_725, 388_381],
        Network::Testnet3 => [21_111, 330_776, 581_885],
        Network::Testnet4 | Network::Signet | Network::Regtest => {
            return vec![VersionRule { min: 4, from_height: 1 }];
        }
    };
    vec![
        VersionRule { min: 2, from_height: bip34 },
        VersionRule { min: 3, from_height: bip66 },
        VersionRule { min: 4, from_height: bip65 },
    ]
}

/// Heights at which BIP34, BIP113 (`CSVHeight`) and BIP141 (`SegwitHeight`) are buried.
fn body_of(network: Network) -> BodyRules {
    let [bip34, bip113, bip141] = match network {
        Network::Mainnet => [227_931, 419_328, 481_824],
        Network::Testnet3 => [21_111, 770_112, 834_624],
        Network::Testnet4 | Network::Signet => [1, 1, 1],
        Network::Regtest => [1, 1, 0],
    };
    BodyRules { coinbase_height_from: Some(bip34), median_time_from: Some(bip113), witness_from: Some(bip141) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_genesis_header_has_its_published_hash_and_meets_its_own_target() {
        let hashes = [
            (Network::Mainnet, "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"),
            (Network::Testnet3, "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943"),
            (Network::Testnet4, "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"),
            (Network::Signet, "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6"),
            (Network::Regtest, "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"),
        ];
        for (network, hash) in hashes {
            let parameters = Parameters::of(network);
            assert_eq!(parameters.genesis_hash().to_string(), hash, "{network}");
            let target = parameters.genesis().bits.decode().unwrap();
            assert!(target <= parameters.pow_limit(), "{network}");
            assert!(target.is_met_by(&parameters.genesis_hash()), "{network}");
        }
    }

    #[test]
    fn every_limit_has_its_published_digits() {
        let f = |count| "f".repeat(count);
        let limits = [
            (Network::Mainnet, format!("00000000{}", f(56)), 0x1d00_ffff),
            (Network::Testnet3, format!("00000000{}", f(56)), 0x1d00_ffff),
            (Network::Testnet4, format!("00000000{}", f(56)), 0x1d00_ffff),
            (Network::Signet, format!("00000377ae{}", "0".repeat(54)), 0x1e03_77ae),
            (Network::Regtest, format!("7{}", f(63)), 0x207f_ffff),
        ];
        for (network, digits, bits) in limits {
            let parameters = Parameters::of(network);
            assert_eq!(parameters.pow_limit().to_display_hex(), digits, "{network}");
            assert_eq!(parameters.limit_bits().to_bits(), bits, "{network}");
        }
    }

    #[test]
    fn body_rules_apply_from_their_buried_heights() {
        let heights = |network| {
            let BodyRules { coinbase_height_from, median_time_from, witness_from } = *Parameters::of(network).body();
            [coinbase_height_from, median_time_from, witness_from].map(|from| from.unwrap())
        };
        assert_eq!(heights(Network::Mainnet), [227_931, 419_328, 481_824]);
        assert_eq!(heights(Network::Testnet3), [21_111, 770_112, 834_624]);
        assert_eq!(heights(Network::Testnet4), [1, 1, 1]);
        assert_eq!(heights(Network::Signet), [1, 1, 1]);
        assert_eq!(heights(Network::Regtest), [1, 1, 0]);
    }

    #[test]
    fn a_network_is_found_only_by_its_exact_name() {
        for network in Network::ALL {
            assert_eq!(network.name().parse(), Ok(network));
        }
        let error = "Mainnet".parse::<Network>().unwrap_err();
        assert_eq!(error, UnknownNetwork { found: "Mainnet".to_owned() });
    }
}
