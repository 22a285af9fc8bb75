//! Reads chains of headers from the usual formats: packed, as lines of hex, or inside blocks. Also reads proofs of
//! transactions ([`TxOutProof`]).
//!
//! The decoders ([`Decoder`]) are pure and push-based: bytes in, whole headers out, in constant memory; any split of
//! the bytes gives the same result. For whole blocks, a [`BlockCutter`] is used instead. [`ChainInput`] feeds either of
//! them from files. Nothing here validates a header or a body: the result is headers or blocks, or an error that names
//! the place.

mod blocks;
mod cut;
mod decode_error;
mod decoder;
mod detect;
mod forks;
mod frame;
mod hex_lines;
mod input_error;
mod looks;
mod open;
mod packed;
pub mod part;
mod paths;
mod place;
mod placed_fault;
mod places;
mod proof;
mod proof_file;
mod raw_block;
pub mod receipts;
mod recognise;
mod sinks;
mod source;

pub use blocks::FramedBlocks;
pub use cut::{BlockCutter, Cut, TakeBlock};
pub use decode_error::{BLOCK_BYTES_MAX, DecodeError};
pub use decoder::Decoder;
pub use detect::{Format, SNIFF_BYTES, detect, detect_for};
pub use forks::{BestBlocks, BlockSet, Damage, DamagedCopy, Hidden, PlaceInSet};
pub use frame::{FrameNetwork, MAGICS};
pub use hex_lines::HexLines;
pub use input_error::{InputError, Looks};
pub use looks::{LOOK_BYTES, Opening};
pub use packed::PackedHeaders;
pub use place::{HeaderSink, Place};
pub use placed_fault::{PlacedFault, ShownValue};
pub use places::{PlaceLog, PlaceOfHeader};
pub use proof::{NotAProof, TxOutProof};
pub use raw_block::RawBlocks;
pub use recognise::{FirstRecords, RECORDS, Recogniser, Watched};
pub use sinks::{BlockSink, ChainSink};
pub use source::ChainInput;
