//! The functions of SHA-256 (FIPS 180-4, section 4.1.2) on single words, for the generator and for the host's part of a
//! search. The constants are in [`cityseal_hash::constants`].

/// One of the four sigma functions of SHA-256 (FIPS 180-4, section 4.1.2).
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
    /// The value of the function.
    pub const fn of(self, x: u32) -> u32 {
        match self {
            Self::Big0 => x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22),
            Self::Big1 => x.rotate_right(6) ^ x.rotate_right(11) ^ x.rotate_right(25),
            Self::Small0 => x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3),
            Self::Small1 => x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10),
        }
    }

    /// The number of shifts among its three parts; the others are rotations.
    pub const fn shifts(self) -> usize {
        match self {
            Self::Big0 | Self::Big1 => 0,
            Self::Small0 | Self::Small1 => 1,
        }
    }
}

/// `Ch`: the bits of `f` where `e` has ones, and of `g` where it has zeros.
pub const fn ch(e: u32, f: u32, g: u32) -> u32 {
    g ^ (e & (f ^ g))
}

/// `Maj`: each bit is the majority of the three.
pub const fn maj(a: u32, b: u32, c: u32) -> u32 {
    (a & b) | (c & (a | b))
}
