//! A statement with its signature, as one line of JSON that has exactly one form.
//!
//! What is signed is the text. The fields say the same for programs, and the verifier writes text and JSON again from
//! them: a receipt in which a single byte differs is refused, whatever the byte is.

use cityseal_chain::hex;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use crate::digits;
use crate::error::{ReceiptError, StatementError};
use crate::keys::{PublicKey, SecretKey};
use crate::statement::{Statement, StatementParts};
use crate::text;

/// The name of the format in which receipts are written, with its version.
pub const FORMAT: &str = "cityseal-receipt-2";

/// The first format, which is still read and checked: it has no [`StatementParts::rules`].
pub const FORMAT_WITHOUT_RULES: &str = "cityseal-receipt-1";

/// Largest receipt that is read, in bytes. A row has at most two texts of 256 bytes and 90 bytes of names and numbers: two
/// lists of such rows and two of single words have 1,024 × (2 × 600 + 2 × 260) bytes, once as fields and once as text,
/// and twice that where every sign is escaped: 7 MB. Usual are 20 KiB.
pub const RECEIPT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A statement, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    statement: Statement,
    signature: [u8; 64],
}

/// What every version of the format has.
#[derive(Deserialize)]
struct Head {
    format: String,
}

/// The JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: String,
    statement: StatementParts,
    text: String,
    #[serde(with = "digits")]
    public_key: PublicKey,
    #[serde(with = "digits")]
    signature: [u8; 64],
}

impl Receipt {
    /// Signs a statement. Its signer must be [`SecretKey::signer`] of the key.
    ///
    /// # Errors
    /// [`StatementError::Signer`] where it names another key.
    pub fn sign(statement: Statement, key: &SecretKey) -> Result<Self, StatementError> {
        let (named, key_at_hand) = (statement.parts().signer.public_key, key.public_key());
        if named != key_at_hand {
            return Err(StatementError::Signer { named, key: key_at_hand });
        }
        let signature = key.sign(statement.text().as_bytes());
        Ok(Self { statement, signature })
    }

    /// Reads a receipt, and checks all of it but whether its signer is trusted: its form, that text and fields say the
    /// same, the signature, and that the statement holds together.
    ///
    /// # Errors
    /// [`ReceiptError`], in that order.
    pub fn read(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLarge { found: bytes.len() });
        }
        let head: Head = serde_json::from_slice(bytes).map_err(|error| json_error(&error))?;
        if ![FORMAT, FORMAT_WITHOUT_RULES].contains(&head.format.as_str()) {
            return Err(ReceiptError::Format { found: head.format });
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(|error| json_error(&error))?;
        check_rules(&wire)?;
        check_text(&wire)?;
        check_form(&wire, bytes)?;
        check_signature(&wire)?;
        Ok(Self { statement: Statement::new(wire.statement)?, signature: wire.signature })
    }

    /// What is stated.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Gives what is stated.
    pub fn into_statement(self) -> Statement {
        self.statement
    }

    /// Who signed.
    pub const fn public_key(&self) -> PublicKey {
        self.statement.parts().signer.public_key
    }

    /// The 64 bytes of the signature.
    pub const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Whether one of these keys signed.
    ///
    /// # Errors
    /// [`ReceiptError::Foreign`].
    pub fn check_trusted(&self, trusted_keys: &[PublicKey]) -> Result<(), ReceiptError> {
        let key = self.public_key();
        if trusted_keys.contains(&key) { Ok(()) } else { Err(ReceiptError::Foreign { key }) }
    }

    /// Writes the receipt: one line of JSON and a line feed.
    pub fn to_json(&self) -> String {
        let statement = self.statement.parts().clone();
        let format = format_of(&statement).to_owned();
        let text = self.statement.text();
        written(&Wire { format, public_key: self.public_key(), text, statement, signature: self.signature })
    }
}

/// Checks a receipt: all that [`Receipt::read`] checks, and that one of these keys signed it.
///
/// # Errors
/// [`ReceiptError`]; without a trusted key, whatever is signed well is [`ReceiptError::Foreign`].
pub fn verify(receipt: &[u8], trusted_keys: &[PublicKey]) -> Result<Statement, ReceiptError> {
    let receipt = Receipt::read(receipt)?;
    receipt.check_trusted(trusted_keys)?;
    Ok(receipt.into_statement())
}

/// The one form of a receipt. Maps with keys that are no text, which JSON cannot write, are not in it.
fn written(wire: &Wire) -> String {
    let mut json = serde_json::to_string(wire).expect("texts, numbers and lists can be written as JSON");
    json.push('\n');
    json
}

/// The format of a statement: its parts say which.
pub(crate) const fn format_of(parts: &StatementParts) -> &'static str {
    if parts.rules.is_some() { FORMAT } else { FORMAT_WITHOUT_RULES }
}

/// The digest of the rules is there if and only if the format has it.
fn check_rules(wire: &Wire) -> Result<(), ReceiptError> {
    if wire.format == format_of(&wire.statement) {
        return Ok(());
    }
    let problem = if wire.statement.rules.is_some() { "unknown field `rules`" } else { "missing field `rules`" };
    Err(ReceiptError::Field { message: format!("{problem} of the statement in format {}", wire.format) })
}

fn json_error(error: &serde_json::Error) -> ReceiptError {
    let message = error.to_string();
    match error.classify() {
        Category::Eof => ReceiptError::Cut { message },
        Category::Data => ReceiptError::Field { message },
        Category::Syntax | Category::Io => ReceiptError::NotJson { message },
    }
}

fn check_text(wire: &Wire) -> Result<(), ReceiptError> {
    let expected = text::render(&wire.statement);
    if wire.text == expected {
        return Ok(());
    }
    let same = wire.text.split('\n').zip(expected.split('\n')).take_while(|(found, wanted)| found == wanted);
    Err(ReceiptError::TextDiffers { line: same.count() + 1 })
}

fn check_form(wire: &Wire, bytes: &[u8]) -> Result<(), ReceiptError> {
    let expected = written(wire);
    if bytes == expected.as_bytes() {
        return Ok(());
    }
    let same = bytes.iter().zip(expected.as_bytes()).take_while(|(found, wanted)| found == wanted);
    Err(ReceiptError::Form { at: same.count() })
}

fn check_signature(wire: &Wire) -> Result<(), ReceiptError> {
    let (key, named) = (wire.public_key, wire.statement.signer.public_key);
    if key != named {
        return Err(ReceiptError::Signer { named, key });
    }
    let is_signed = key.has_signed(wire.text.as_bytes(), &wire.signature);
    if is_signed { Ok(()) } else { Err(ReceiptError::Signature { key }) }
}

impl std::fmt::Display for Receipt {
    /// The signed text, and the signature behind it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\nsignature: {}\n", self.statement.text(), hex::encode(&self.signature))
    }
}
