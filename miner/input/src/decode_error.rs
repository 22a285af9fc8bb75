//! Why bytes are not headers or blocks, with the place in the file.

/// Most bytes of one block: Bitcoin's `MAX_BLOCK_SERIALIZED_SIZE`.
pub const BLOCK_BYTES_MAX: u64 = 4_000_000;

/// Why bytes are not headers; each with its place in the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The file ends inside a header.
    #[error("cut in mid-header: {found} of 80 bytes at offset {offset}")]
    CutHeader {
        /// Where the last header begins.
        offset: u64,
        /// How many of its bytes there are.
        found: usize,
    },
    /// The last line has no end and too few digits.
    #[error("cut in mid-header: line {line} ends after {found} of 160 digits")]
    CutLine {
        /// The line, counted from 1.
        line: u64,
        /// Its digits.
        found: usize,
    },
    /// The file ends inside a block.
    #[error("cut inside the block that begins at offset {offset}")]
    CutBlock {
        /// Where the block's header (or frame) begins.
        offset: u64,
    },
    /// A character that is not a hex digit.
    #[error("line {line}, column {column}: {found} is not a hex digit")]
    Digit {
        /// The line, counted from 1.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// The byte found, as a person reads it.
        found: String,
    },
    /// A line with too few digits.
    #[error("line {line}, column {column}: the line ends after {found} digits, a header has 160")]
    ShortLine {
        /// The line, counted from 1.
        line: u64,
        /// Where the next digit should stand.
        column: usize,
        /// Digits found.
        found: usize,
    },
    /// A line with too many digits, which are not headers that link either.
    #[error("line {line}: more than the 160 digits of a header, and not headers that follow each other")]
    LongLine {
        /// The line, counted from 1.
        line: u64,
    },
    /// No frame of a block where one should begin.
    #[error("offset {offset}: {found:02x?} is not the magic of {}", expected.unwrap_or("a known network"))]
    Magic {
        /// Where the frame should begin.
        offset: u64,
        /// The network of the frames before, where there were any.
        expected: Option<&'static str>,
        /// The bytes found.
        found: [u8; 4],
    },
    /// The first frame is of another network than the one asked for.
    #[error("offset {offset}: a block of {found}, and --network is {expected}: use --network {found}")]
    OtherNetwork {
        /// Where the frame begins.
        offset: u64,
        /// The network asked for.
        expected: &'static str,
        /// The network of the frame.
        found: &'static str,
    },
    /// A frame of another network than the first one's.
    #[error("offset {offset}: a block of {found} in a file of {expected}")]
    MixedNetworks {
        /// Where the frame begins.
        offset: u64,
        /// The network of the first frame.
        expected: &'static str,
        /// The network of this one.
        found: &'static str,
    },
    /// A frame too small to hold a header.
    #[error("offset {offset}: a block of {found} bytes, a header alone has 80")]
    SmallBlock {
        /// Where the frame begins.
        offset: u64,
        /// The length that the frame tells.
        found: u32,
    },
    /// A frame too large for any block.
    #[error("offset {offset}: a block of {found} bytes, at most {BLOCK_BYTES_MAX} are possible")]
    LargeFrame {
        /// Where the frame begins.
        offset: u64,
        /// The length that the frame tells.
        found: u32,
    },
    /// A frame whose block would run past the end of the file, and does not.
    #[error("offset {offset}: a block of {found} bytes runs past the end of the file, but is not what the end cuts")]
    LongFrame {
        /// Where the frame begins.
        offset: u64,
        /// The length that the frame tells.
        found: u32,
    },
    /// A frame with a wrong length before a block that is whole.
    #[error("offset {offset}: the frame gives its block {found} bytes, the block has {real}")]
    WrongLength {
        /// Where the frame begins.
        offset: u64,
        /// The length in the frame.
        found: u32,
        /// Where the block really ends, counted from its header; where its body is damaged, where the next frame begins.
        real: u32,
    },
    /// Bytes that look like a frame, and no block behind them.
    #[error("offset {offset}: a frame without a block behind it")]
    NoBlock {
        /// Where the frame begins.
        offset: u64,
    },
    /// A block without a frame whose end cannot be found, so that nothing behind it can be read.
    #[error("offset {offset}: the end of this block cannot be found")]
    NoEnd {
        /// Where the block begins.
        offset: u64,
    },
    /// A file that should be a JSON object with a block.
    #[error("not a JSON object with a `block` in hex: {message}")]
    Json {
        /// What is wrong, with its place.
        message: String,
    },
    /// A line of a block with half a byte too many.
    #[error("line {line}: {found} digits, a block has two for each byte")]
    OddLine {
        /// The line, counted from 1.
        line: u64,
        /// Digits found.
        found: usize,
    },
    /// A line with more digits than a block can have.
    #[error("line {line}: more than the {} digits of the largest block", 2 * BLOCK_BYTES_MAX)]
    LargeLine {
        /// The line, counted from 1.
        line: u64,
    },
    /// The last line has no end, and its block is not whole.
    #[error("cut inside the block of line {line}, which ends after {found} digits")]
    CutBlockLine {
        /// The line, counted from 1.
        line: u64,
        /// Its digits.
        found: usize,
    },
    /// The transactions of a block run past what any block may hold.
    #[error("offset {offset}: a transaction of the block at {block} runs past the {BLOCK_BYTES_MAX} bytes of a block")]
    LargeBlock {
        /// Where the excess begins.
        offset: u64,
        /// Where the block begins.
        block: u64,
    },
    /// A transaction whose marker is followed by an unknown flag (BIP144).
    #[error("offset {offset}: flag {found:#04x} of a transaction of the block at {block}, 0x01 is the only one known")]
    TransactionFlag {
        /// Where the flag stands.
        offset: u64,
        /// Where the block begins.
        block: u64,
        /// The flag.
        found: u8,
    },
}

impl DecodeError {
    /// Where in the file: a line, with the column where that is known, or a byte.
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

    /// A frame of the right network has a length that no block can have.
    pub(crate) const fn is_length(&self) -> bool {
        matches!(self, Self::SmallBlock { .. } | Self::LargeFrame { .. } | Self::LongFrame { .. })
    }

    /// The input only ends too early: all that came before was well formed.
    pub const fn is_cut(&self) -> bool {
        matches!(
            self,
            Self::CutHeader { .. } | Self::CutLine { .. } | Self::CutBlock { .. } | Self::CutBlockLine { .. }
        )
    }
}
