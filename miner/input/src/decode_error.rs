//! Why bytes are not headers or blocks, with the place in the file.

/// Most bytes of one block: Bitcoin's `MAX_BLOCK_SERIALIZED_SIZE`.
pub const BLOCK_BYTES_MAX: u64 = 4_000_000;

/// Reason why bytes are not headers, with the place in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file ends inside a header.
    #[error("truncated header: {found} of 80 bytes at offset {offset}")]
    CutHeader {
        /// Byte at which the last header begins.
        offset: u64,
        /// Number of bytes found.
        found: usize,
    },
    /// The last line has no line end and too few digits.
    #[error("truncated header: line {line} ends after {found} of 160 digits")]
    CutLine {
        /// The line, counted from 1.
        line: u64,
        /// Number of digits found.
        found: usize,
    },
    /// The file ends inside a block.
    #[error("truncated block: the input ends inside the block at offset {offset}")]
    CutBlock {
        /// Byte at which the block's header (or frame) begins.
        offset: u64,
    },
    /// A character that is not a hex digit.
    #[error("line {line}, column {column}: expected a hex digit, found {found}")]
    Digit {
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// The byte found, in printable form.
        found: String,
    },
    /// A line with too few digits.
    #[error("line {line}, column {column}: the line ends after {found} digits, expected the 160 of a header")]
    ShortLine {
        /// The line, counted from 1.
        line: u64,
        /// Column at which the next digit was expected.
        column: usize,
        /// Number of digits found.
        found: usize,
    },
    /// A line with too many digits that are not headers linked to each other.
    #[error("line {line}: more than the 160 digits of a header, and not a run of linked headers")]
    LongLine {
        /// The line, counted from 1.
        line: u64,
    },
    /// No frame where a block should begin.
    #[error("offset {offset}: expected the magic of {}, found {found:02x?}", expected.unwrap_or("a known network"))]
    Magic {
        /// Byte at which the frame should begin.
        offset: u64,
        /// The network of the earlier frames, if there were any.
        expected: Option<&'static str>,
        /// The bytes found.
        found: [u8; 4],
    },
    /// The first frame belongs to another network than the one requested.
    #[error("offset {offset}: expected a block of {expected}, found one of {found}: use --network {found}")]
    OtherNetwork {
        /// Byte at which the frame begins.
        offset: u64,
        /// The requested network.
        expected: &'static str,
        /// The network of the frame.
        found: &'static str,
    },
    /// A frame of another network than the first one.
    #[error("offset {offset}: expected a block of {expected} like the first one, found one of {found}")]
    MixedNetworks {
        /// Byte at which the frame begins.
        offset: u64,
        /// The network of the first frame.
        expected: &'static str,
        /// The network of this one.
        found: &'static str,
    },
    /// A frame too small to hold a header.
    #[error("offset {offset}: the frame's block length is {found} bytes, less than the 80 of a header")]
    SmallBlock {
        /// Byte at which the frame begins.
        offset: u64,
        /// The length in the frame, in bytes.
        found: u32,
    },
    /// A frame too large for any block.
    #[error("offset {offset}: the frame's block length is {found} bytes, more than the limit of {BLOCK_BYTES_MAX}")]
    LargeFrame {
        /// Byte at which the frame begins.
        offset: u64,
        /// The length in the frame, in bytes.
        found: u32,
    },
    /// A frame whose length runs past the end of the file although the block is not truncated.
    #[error(
        "offset {offset}: the frame's length of {found} bytes runs past the end of the file, but this is not a \
         truncated block: the length is corrupt"
    )]
    LongFrame {
        /// Byte at which the frame begins.
        offset: u64,
        /// The length in the frame, in bytes.
        found: u32,
    },
    /// A frame with a wrong length before a complete block.
    #[error("offset {offset}: the frame's block length is {found} bytes, but the block has {real}")]
    WrongLength {
        /// Byte at which the frame begins.
        offset: u64,
        /// The length in the frame, in bytes.
        found: u32,
        /// The real length of the block, in bytes from its header; if its body is damaged, the distance to the next
        /// frame.
        real: u32,
    },
    /// Bytes that look like a frame but are not followed by a block.
    #[error("offset {offset}: a frame that is not followed by a block")]
    NoBlock {
        /// Byte at which the frame begins.
        offset: u64,
    },
    /// A block without a frame whose end cannot be found, so that nothing after it can be read.
    #[error("offset {offset}: the end of this block cannot be found")]
    NoEnd {
        /// Byte at which the block begins.
        offset: u64,
    },
    /// A file that should be a JSON object with a block.
    #[error("expected a JSON object with a hex member `block`: {message}")]
    Json {
        /// What is wrong, with its place.
        message: String,
    },
    /// A line of a block with an odd number of digits.
    #[error("line {line}: {found} digits, expected an even number (two for each byte)")]
    OddLine {
        /// The line, counted from 1.
        line: u64,
        /// Number of digits found.
        found: usize,
    },
    /// A line with more digits than a block can have.
    #[error("line {line}: more than {} digits, the limit for a block", 2 * BLOCK_BYTES_MAX)]
    LargeLine {
        /// The line, counted from 1.
        line: u64,
    },
    /// The last line has no line end, and its block is not complete.
    #[error("truncated block: line {line} ends after {found} digits")]
    CutBlockLine {
        /// The line, counted from 1.
        line: u64,
        /// Number of digits found.
        found: usize,
    },
    /// The transactions of a block run past the maximum size of a block.
    #[error("offset {offset}: a transaction of the block at {block} runs past the limit of {BLOCK_BYTES_MAX} bytes")]
    LargeBlock {
        /// Byte at which the excess begins.
        offset: u64,
        /// Byte at which the block begins.
        block: u64,
    },
    /// A transaction whose segwit marker is followed by an unknown flag (BIP144).
    #[error("offset {offset}: transaction flag {found:#04x} in the block at offset {block}, expected 0x01 (BIP144)")]
    TransactionFlag {
        /// Byte at which the flag is.
        offset: u64,
        /// Byte at which the block begins.
        block: u64,
        /// The flag.
        found: u8,
    },
}

impl DecodeError {
    /// Returns the place in the file: the line, with the column if it is known, or the byte.
    pub fn place(&self) -> Option<String> {
        Some(match self {
            Self::CutHeader { offset, .. }
            | Self::CutBlock { offset }
            | Self::Magic { offset, .. }
            | Self::OtherNetwork { offset, .. }
            | Self::MixedNetworks { offset, .. }
            | Self::SmallBlock { offset, .. }
            | Self::LargeFrame { offset, .. }
            | Self::LongFrame { offset, .. }
            | Self::WrongLength { offset, .. }
            | Self::NoBlock { offset }
            | Self::NoEnd { offset }
            | Self::LargeBlock { offset, .. }
            | Self::TransactionFlag { offset, .. } => format!("byte {offset}"),
            Self::Digit { line, column, .. } | Self::ShortLine { line, column, .. } => {
                format!("line {line}, column {column}")
            }
            Self::CutLine { line, .. }
            | Self::LongLine { line }
            | Self::OddLine { line, .. }
            | Self::LargeLine { line }
            | Self::CutBlockLine { line, .. } => format!("line {line}"),
            Self::Json { .. } => return None,
        })
    }

    /// Whether a frame of the right network has a length that no block can have.
    pub(crate) const fn is_length(&self) -> bool {
        matches!(self, Self::SmallBlock { .. } | Self::LargeFrame { .. } | Self::LongFrame { .. })
    }

    /// Whether the input is only truncated: everything before its end was well formed.
    pub const fn is_cut(&self) -> bool {
        matches!(
            self,
            Self::CutHeader { .. } | Self::CutLine { .. } | Self::CutBlock { .. } | Self::CutBlockLine { .. }
        )
    }
}
