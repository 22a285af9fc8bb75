//! Published vectors as Rust values: from Bitcoin Core's tests, from Certificate Transparency's reference tree, and
//! from one header of mainnet.

/// What compact bits decode to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Zero,
    Negative,
    Overflow,
    /// The target as 64 digits, and the bits that it encodes to.
    Target(&'static str, u32),
}

/// Bits and what they decode to (Bitcoin Core, `arith_uint256_tests.cpp`, `bignum_SetCompact`).
pub(crate) const COMPACT_TARGETS: [(u32, Decoded); 20] = [
    (0x0000_0000, Decoded::Zero),
    (0x0012_3456, Decoded::Zero),
    (0x0100_3456, Decoded::Zero),
    (0x0200_0056, Decoded::Zero),
    (0x0300_0000, Decoded::Zero),
    (0x0400_0000, Decoded::Zero),
    (0x0092_3456, Decoded::Zero),
    (0x0180_3456, Decoded::Zero),
    (0x0280_0056, Decoded::Zero),
    (0x0380_0000, Decoded::Zero),
    (0x0480_0000, Decoded::Zero),
    (0x0112_3456, Decoded::Target("0000000000000000000000000000000000000000000000000000000000000012", 0x0112_0000)),
    (0x01fe_dcba, Decoded::Negative),
    (0x0212_3456, Decoded::Target("0000000000000000000000000000000000000000000000000000000000001234", 0x0212_3400)),
    (0x0312_3456, Decoded::Target("0000000000000000000000000000000000000000000000000000000000123456", 0x0312_3456)),
    (0x0412_3456, Decoded::Target("0000000000000000000000000000000000000000000000000000000012345600", 0x0412_3456)),
    (0x0492_3456, Decoded::Negative),
    (0x0500_9234, Decoded::Target("0000000000000000000000000000000000000000000000000000000092340000", 0x0500_9234)),
    (0x2012_3456, Decoded::Target("1234560000000000000000000000000000000000000000000000000000000000", 0x2012_3456)),
    (0xff12_3456, Decoded::Overflow),
];

/// One retarget: bits and times of a period, the bits after it, and bits that must not follow.
#[derive(Debug)]
pub(crate) struct Retarget {
    pub(crate) name: &'static str,
    pub(crate) last_bits: u32,
    pub(crate) first_time: u32,
    pub(crate) last_time: u32,
    pub(crate) expected: u32,
    pub(crate) not_permitted: Option<u32>,
}

/// Retargets, plain and at their limits (Bitcoin Core, `pow_tests.cpp`).
pub(crate) const RETARGETS: [Retarget; 4] = [
    Retarget {
        name: "get_next_work",
        last_bits: 0x1d00_ffff,
        first_time: 1_261_130_161,
        last_time: 1_262_152_739,
        expected: 0x1d00_d86a,
        not_permitted: None,
    },
    Retarget {
        name: "pow_limit",
        last_bits: 0x1d00_ffff,
        first_time: 1_231_006_505,
        last_time: 1_233_061_996,
        expected: 0x1d00_ffff,
        not_permitted: None,
    },
    Retarget {
        name: "lower_limit_actual",
        last_bits: 0x1c05_a3f4,
        first_time: 1_279_008_237,
        last_time: 1_279_297_671,
        expected: 0x1c01_68fd,
        not_permitted: Some(0x1c01_68fc),
    },
    Retarget {
        name: "upper_limit_actual",
        last_bits: 0x1c38_7f6f,
        first_time: 1_263_163_443,
        last_time: 1_269_211_443,
        expected: 0x1d00_e1fd,
        not_permitted: Some(0x1d00_e1fe),
    },
];

/// Leaves of the reference tree of Certificate Transparency, as hex.
pub(crate) const CT_LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// The roots over the first 0, 1, … 8 of [`CT_LEAVES`].
pub(crate) const CT_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Audit paths in that tree: the leaf's index, the number of leaves, the nodes from the leaf up.
pub(crate) const CT_PATHS: [(u64, u64, [&str; 3]); 2] = [
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

/// SHA-256's state after the first 64 bytes of mainnet's header 171,874: eight words, most significant byte first.
pub(crate) const MIDSTATE_171874: &str = "e48f544a9a3afa71451471134df6c35682b400254bfe0860c99876bf4679ba4e";
/// Bytes 64 to 75 of that header.
pub(crate) const TAIL_171874: &str = "2fa722ce1426674f87320b1a";
/// Its nonce, as the four bytes in the header.
pub(crate) const NONCE_171874: &str = "000187a2";
/// Its hash.
pub(crate) const HASH_171874: &str = "00000000000004b64108a8e4168cfaa890d62b8c061c6b74305b7f6cb2cf9fda";
