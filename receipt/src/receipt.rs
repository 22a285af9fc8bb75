//! A statement with its signature, as one line of JSON in exactly one form.
//!
//! The signature is over the text. The fields repeat its content for programs; the verifier renders text and JSON from
//! the fields again and compares, so a change of any single byte is refused.

use cityseal_chain::hex;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use crate::digits;
use crate::error::{ReceiptError, StatementError};
use crate::format::{FORMAT, FORMAT_WITHOUT_RULES, RECEIPT_BYTES_MAX};
use crate::keys::{PublicKey, SecretKey};
use crate::parts::{StatementParts, format_of};
use crate::statement::Statement;
use crate::text;

/// A statement, signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    statement: Statement,
    signature: [u8; 64],
}

/// The part common to all versions of the format.
#[derive(Deserialize)]
struct Head {
    format: String,
}

/// The JSON object.
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
    /// Signs a statement. It must name [`SecretKey::signer`] of `key` as its signer.
    ///
    /// # Errors
    /// [`StatementError::Signer`] if it names another key.
    pub fn sign(statement: Statement, key: &SecretKey) -> Result<Self, StatementError> {
        let (named, key_at_hand) = (statement.parts().signer.public_key, key.public_key());
        if named != key_at_hand {
            return Err(StatementError::Signer { named, key: key_at_hand });
        }
        let signature = key.sign(statement.text().as_bytes());
        Ok(Self { statement, signature })
    }

    /// Reads a receipt and checks its form, that text and fields agree, the signature, and that the statement is
    /// consistent. It does not check whether the signer is trusted.
    ///
    /// # Errors
    /// [`ReceiptError`] for the first check that fails, in this order.
    pub fn read(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > RECEIPT_BYTES_MAX {
            return Err(ReceiptError::TooLarge { found: bytes.len() });
        }
        // Read the format first: a receipt of another version should not be reported as a malformed field.
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

    /// Returns the statement.
    pub const fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Converts the receipt into its statement.
    pub fn into_statement(self) -> Statement {
        self.statement
    }

    /// Returns the signer's key.
    pub const fn public_key(&self) -> PublicKey {
        self.statement.parts().signer.public_key
    }

    /// Returns the 64 bytes of the signature.
    pub const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Checks that one of these keys signed.
    ///
    /// # Errors
    /// [`ReceiptError::Foreign`].
    pub fn check_trusted(&self, trusted_keys: &[PublicKey]) -> Result<(), ReceiptError> {
        let key = self.public_key();
        if trusted_keys.contains(&key) { Ok(()) } else { Err(ReceiptError::Foreign { key }) }
    }

    /// Returns the receipt as one line of JSON with a line feed.
    pub fn to_json(&self) -> String {
        let statement = self.statement.parts().clone();
        let format = format_of(&statement).to_owned();
        let text = self.statement.text();
        written(&Wire { format, public_key: self.public_key(), text, statement, signature: self.signature })
    }
}

/// Checks a receipt as [`Receipt::read`] does, and that one of these keys signed it.
///
/// # Errors
/// [`ReceiptError`]; if `trusted_keys` is empty, every valid receipt is [`ReceiptError::Foreign`].
pub fn verify(receipt: &[u8], trusted_keys: &[PublicKey]) -> Result<Statement, ReceiptError> {
    let receipt = Receipt::read(receipt)?;
    receipt.check_trusted(trusted_keys)?;
    Ok(receipt.into_statement())
}

/// The canonical form of a receipt.
fn written(wire: &Wire) -> String {
    let mut json = serde_json::to_string(wire).expect("a receipt has no map whose keys are not strings");
    json.push('\n');
    json
}

/// Checks that the digest of the rules is present if and only if the format has it.
fn check_rules(wire: &Wire) -> Result<(), ReceiptError> {
    if wire.format == format_of(&wire.statement) {
        return Ok(());
    }
    let problem = if wire.statement.rules.is_some() { "unknown field `rules`" } else { "missing field `rules`" };
    Err(ReceiptError::Field { message: format!("{problem} in the statement of format {}", wire.format) })
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
    /// Writes the signed text, followed by the signature.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\nsignature: {}\n", self.statement.text(), hex::encode(&self.signature))
    }
}
