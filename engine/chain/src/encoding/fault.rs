//! Where and how bytes stop being a block.

use std::fmt;

/// What is wrong with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EncodingKind {
    /// The bytes end inside a field of known length.
    Cut,
    /// A count, or a length, of more than the bytes that are left can hold.
    Count,
    /// A compact size in more bytes than it needs (Bitcoin Core: `ReadCompactSize`).
    LongSize,
    /// A flag before the inputs that is not the one of BIP144.
    Flag,
    /// The flag of BIP144, and no input has a witness.
    EmptyWitness,
    /// Bytes after the last transaction.
    Trailing,
    /// The block is longer than [`BLOCK_BYTES_MAX`].
    TooLong,
}

impl EncodingKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Cut, Self::Count, Self::LongSize, Self::Flag, Self::EmptyWitness, Self::Trailing, Self::TooLong];

    /// The kind's name on the wire, in words joined by hyphens.
    pub const fn name(self) -> &'static str {
        self.name_and_words().0
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const fn name_and_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Cut => ("cut", "a field that the block's end cuts"),
            Self::Count => ("count", "a count that the rest of the block cannot hold"),
            Self::LongSize => ("long-size", "a compact size in more bytes than it needs"),
            Self::Flag => ("flag", "an unknown flag before the inputs"),
            Self::EmptyWitness => ("empty-witness", "a witness flag where no input has a witness"),
            Self::Trailing => ("trailing", "bytes after the last transaction"),
            Self::TooLong => ("too-long", "more bytes than a block may have"),
        }
    }
}

/// Why bytes are not one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EncodingFault {
    /// The byte of the block at which the field begins that is wrong.
    pub at: u32,
    /// What is wrong with it.
    pub kind: EncodingKind,
}

impl fmt::Display for EncodingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {} of the block", self.kind.name_and_words().1, self.at)
    }
}

impl std::error::Error for EncodingFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_own_name_alone() {
        for kind in EncodingKind::ALL {
            assert_eq!(EncodingKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EncodingKind::from_name("Cut"), None);
    }

    #[test]
    fn a_fault_names_the_byte_of_the_block() {
        let fault = EncodingFault { at: 86, kind: EncodingKind::Flag };
        assert_eq!(fault.to_string(), "an unknown flag before the inputs, at byte 86 of the block");
    }
}
