//! Signed receipts of verified chains: what was checked, by what, when, and who says so.
//!
//! A [`Receipt`] is a [`Statement`] with its readable text and an ed25519 signature over that text. Whoever holds one can
//! check the signature ([`verify`]), and open any part of it against the chain itself ([`Statement::open`]) without redoing
//! the whole. `docs/RECEIPTS.md` has the format to the byte, and what a receipt does not prove.
//!
//! The crate opens no file, reads no clock and has no randomness of its own: bytes, times and seeds are arguments. It
//! trusts no receipt; a [`Statement`] that was made here or read here holds together.

mod digits;
mod error;
mod keys;
mod openings;
mod pick;
mod receipt;
mod rows;
mod statement;
mod text;
mod utc;
mod words;

pub use error::{OpeningError, ReceiptError, StatementError};
pub use keys::{KeyError, PublicKey, SecretKey, Signer};
pub use openings::Openings;
pub use pick::pick;
pub use receipt::{FORMAT, FORMAT_WITHOUT_RULES, RECEIPT_BYTES_MAX, Receipt, verify};
pub use rows::{Build, DeviceRow, FaultRow, ItemKind, Made, NotCheckedRow, OUT_OF_SCOPE, TipRow, VerdictKind};
pub use statement::{ROWS_MAX, Statement, StatementParts};
pub use words::TEXT_BYTES_MAX;
