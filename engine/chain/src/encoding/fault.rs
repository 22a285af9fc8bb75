//! Encoding faults: where and why bytes are not a block.

use std::fmt;

/// The kind of an encoding fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EncodingKind {
    /// The bytes end inside a field of known length.
    Cut,
    /// A count or length exceeds what the remaining bytes can hold.
    Count,
    /// A compact size uses more bytes than it needs (Bitcoin Core: `ReadCompactSize`).
    LongSize,
    /// The flag byte before the inputs is not the one of BIP144.
    Flag,
    /// The flag of BIP144 is set, but no input has a witness.
    EmptyWitness,
    /// Bytes follow the last transaction.
    Trailing,
    /// The block is longer than [`BLOCK_BYTES_MAX`](super::BLOCK_BYTES_MAX).
    TooLong,
}

impl EncodingKind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Cut, Self::Count, Self::LongSize, Self::Flag, Self::EmptyWitness, Self::Trailing, Self::TooLong];

    /// The kind's name on the wire, hyphenated.
    pub const fn name(self) -> &'static str {
        self.name_and_words().0
    }

    /// Finds a kind by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const fn name_and_words(self) -> (&'static str, &'static str) {
        match self {
            Self::Cut => ("cut", "a field that runs past the end of the block"),
            Self::Count => ("count", "a count that exceeds the rest of the block"),
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
    /// Offset within the block of the first byte of the faulty field.
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
    fn every_kind_is_found_by_its_exact_name() {
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
