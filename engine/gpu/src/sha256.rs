//! The constants and functions of SHA-256 (FIPS 180-4, section 4) on single words, as both the generator and the host's
//! part of a search need them. Nothing here hashes.

/// The state before the first block (FIPS 180-4, section 5.3.3).
pub const INITIAL_STATE: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// The round constants (FIPS 180-4, section 4.2.2).
pub const ROUND_CONSTANTS: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
    0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
    0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
    0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2,
];

/// One of SHA-256's four functions of rotations and shifts (FIPS 180-4, section 4.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sigma {
    /// Rotations by 2, 13, 22.
    Big0,
    /// Rotations by 6, 11, 25.
    Big1,
    /// Rotations by 7, 18 and a shift by 3.
    Small0,
    /// Rotations by 17, 19 and a shift by 10.
    Small1,
}

impl Sigma {
    /// The function's value.
    pub const fn of(self, x: u32) -> u32 {
        match self {
            Self::Big0 => x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22),
            Self::Big1 => x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25),
            Self::Small0 => x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3),
            Self::Small1 => x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10),
        }
    }

    /// How many of its three parts are shifts; the others are rotations.
    pub const fn shifts(self) -> usize {
        match self {
            Self::Big0 | Self::Big1 => 0,
            Self::Small0 | Self::Small1 => 1,
        }
    }
}

/// Where e has a one the bit of f, elsewhere that of g.
pub const fn ch(e: u32, f: u32, g: u32) -> u32 {
    g ^ (e & (f ^ g))
}

/// The bit that at least two of the three have.
pub const fn maj(a: u32, b: u32, c: u32) -> u32 {
    (a & b) | (c & (a | b))
}
