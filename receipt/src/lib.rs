//! Signed receipts of verified chains: what was checked, with what, when, and who signed it.
//!
//! ```
//! use cityseal_receipt::{PublicKey, verify};
//!
//! /// `receipt`: the bytes of a receipt file; `key`: the public key of a trusted signer, 64 hex digits.
//! fn print(receipt: &[u8], key: &str) -> Result<(), Box<dyn std::error::Error>> {
//!     let trusted: PublicKey = key.parse()?;
//!     let statement = verify(receipt, &[trusted])?;
//!     let parts = statement.parts();
//!     println!("{}: {} items from height {}", parts.verdict.as_str(), parts.count, parts.first_height);
//!     Ok(())
//! }
//! ```
//!
//! A [`Receipt`] is a [`Statement`] with its readable text and an ed25519 signature over that text. Its holder can
//! check the signature ([`verify`]), and check any part of the chain against it ([`Statement::open`]) without verifying
//! the whole chain again. `docs/RECEIPTS.md` specifies the format to the byte, and what a receipt does not prove.
//!
//! The crate opens no file, reads no clock and draws no random numbers: bytes, times and seeds are arguments. It trusts
//! no receipt; the parts of every [`Statement`] it creates or reads are consistent.

mod digits;
mod error;
mod format;
mod keys;
mod openings;
mod parts;
mod pick;
mod receipt;
mod rows;
mod statement;
mod text;
mod utc;
mod words;

pub use error::{OpeningError, ReceiptError, StatementError};
pub use format::{FORMAT, FORMAT_WITHOUT_RULES, RECEIPT_BYTES_MAX};
pub use keys::{KeyError, PublicKey, SecretKey, Signer};
pub use openings::Openings;
pub use parts::StatementParts;
pub use pick::pick;
pub use receipt::{Receipt, verify};
pub use rows::{Build, DeviceRow, FaultRow, ItemKind, Made, NotCheckedRow, OUT_OF_SCOPE, TipRow, VerdictKind};
pub use statement::{ROWS_MAX, Statement};
pub use words::TEXT_BYTES_MAX;
