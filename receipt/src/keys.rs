//! The keys with which receipts are signed and checked: ed25519 (RFC 8032), and how they are written.
//!
//! A public key is 64 lower-case hex digits. The file of a secret key has three lines: `cityseal-secret-key-1`, the seed as
//! 64 lower-case hex digits, and, where there is one, a label after `# `. Secrets are wiped from memory when they are
//! dropped, and no `Debug` shows them.

use std::fmt;
use std::str::FromStr;

use cityseal_chain::{HexError, hex};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::digits;
use crate::words::objection_to_text;

/// The first line of a secret key's file.
const SECRET_HEAD: &str = "cityseal-secret-key-1";

/// What stands before the label in a secret key's file.
const LABEL_MARK: &str = "# ";

/// Why a text or bytes are no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not the hex digits that a key has.
    #[error("not a key: {0}")]
    Digits(#[from] HexError),
    /// Upper-case digits.
    #[error("not a key: hex digits are written in lower case")]
    UpperCase,
    /// The bytes are no point of the curve in its one form, or one with which anybody could sign.
    #[error("not a public key: no proper point of the curve")]
    Point,
    /// The file of a secret key, where a public one is wanted.
    #[error(
        "this is a secret key: give the public one (`cityseal key show FILE` prints it), and keep the secret to yourself"
    )]
    Secret,
    /// Not the file of a secret key.
    #[error("not a secret key: its first line is not `{SECRET_HEAD}`")]
    Head,
    /// Lines that do not belong there.
    #[error("not a secret key: wanted are three lines, the last one `{LABEL_MARK}LABEL` or absent")]
    Lines,
    /// A label that may not stand in a receipt.
    #[error("the label {label:?}: {reason}")]
    Label {
        /// The label.
        label: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// A public key: who signed. 32 bytes that were seen to be a proper point of the curve.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key of these 32 bytes (RFC 8032, section 5.1.2).
    ///
    /// # Errors
    /// [`KeyError::Point`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Point)?;
        // A point may be written in a second form, and one of small order makes signatures that fit any message.
        let is_proper = key.to_edwards().compress().as_bytes() == bytes && !key.is_weak();
        if is_proper { Ok(Self(*bytes)) } else { Err(KeyError::Point) }
    }

    /// The 32 bytes of the key.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Reads the file of a public key: its digits, and a line feed or none.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::Secret`] for the file of a secret key.
    pub fn from_file_text(text: &str) -> Result<Self, KeyError> {
        if text.starts_with(SECRET_HEAD) {
            return Err(KeyError::Secret);
        }
        text.strip_suffix('\n').unwrap_or(text).trim_end_matches('\r').parse()
    }

    /// Whether the signature is this key's over the message, strictly: one signature has one form.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&lower_digits(text)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

fn lower_digits(text: &str) -> Result<[u8; 32], KeyError> {
    let bytes = hex::decode_array(text)?;
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) { Err(KeyError::UpperCase) } else { Ok(bytes) }
}

/// Who signed a receipt, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// The key.
    #[serde(with = "digits")]
    pub public_key: PublicKey,
    /// How the signer calls itself. Nobody vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A secret key, with the label that goes into what it signs.
pub struct SecretKey {
    key: SigningKey,
    label: Option<String>,
}

impl SecretKey {
    /// The key of a seed of 32 random bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// [`KeyError::Label`].
    pub fn from_seed(seed: &[u8; 32], label: Option<String>) -> Result<Self, KeyError> {
        if let Some(label) = &label
            && let Some(reason) = objection_to_text(label)
        {
            return Err(KeyError::Label { label: label.clone(), reason });
        }
        Ok(Self { key: SigningKey::from_bytes(seed), label })
    }

    /// Reads the file of a secret key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_file_text(text: &str) -> Result<Self, KeyError> {
        let mut lines = text.lines();
        if lines.next() != Some(SECRET_HEAD) {
            return Err(KeyError::Head);
        }
        let seed = Zeroizing::new(lower_digits(lines.next().ok_or(KeyError::Lines)?)?);
        let label = match (lines.next(), lines.next()) {
            (None, _) => None,
            (Some(line), None) => Some(line.strip_prefix(LABEL_MARK).ok_or(KeyError::Lines)?.to_owned()),
            (Some(_), Some(_)) => return Err(KeyError::Lines),
        };
        Self::from_seed(&seed, label)
    }

    /// Writes the file of the key.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(hex::encode(self.key.as_bytes()));
        let label = self.label.as_ref().map(|label| format!("{LABEL_MARK}{label}\n")).unwrap_or_default();
        Zeroizing::new(format!("{SECRET_HEAD}\n{}\n{label}", *seed))
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
    }

    /// Who signs with this key, as it goes into a statement.
    pub fn signer(&self) -> Signer {
        Signer { public_key: self.public_key(), label: self.label.clone() }
    }

    /// A key for another purpose, from which this one cannot be told, nor one for a third: SHA-256 over the purpose, a zero
    /// byte, and the seed. The same purpose gives the same key.
    ///
    /// # Panics
    /// Where the purpose has a zero byte, which would end it.
    pub fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        assert!(!purpose.contains('\0'), "a purpose is a word or some");
        let message = Zeroizing::new([purpose.as_bytes(), &[0], self.key.as_bytes()].concat());
        Zeroizing::new(cityseal_hash::sha256(&message))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(label: Option<&str>) -> SecretKey {
        SecretKey::from_seed(&[7; 32], label.map(str::to_owned)).unwrap()
    }

    #[test]
    fn signs_the_first_vector_of_rfc_8032() {
        let seed = hex::decode_array("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let key = SecretKey::from_seed(&seed, None).unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(key.public_key().to_string(), public);
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b\
                         d25bf5f0595bbe24655141438e7a100b";
        assert_eq!(hex::encode(&key.sign(b"")), signature);
        assert!(key.public_key().has_signed(b"", &hex::decode_array(signature).unwrap()));
        assert!(!key.public_key().has_signed(b"x", &hex::decode_array(signature).unwrap()));
    }

    #[test]
    fn the_file_of_a_secret_key_is_read_as_it_was_written() {
        for label in [None, Some("Amt für Register")] {
            let written = key(label).to_file_text();
            let read = SecretKey::from_file_text(&written).unwrap();
            assert_eq!((read.signer(), read.to_file_text()), (key(label).signer(), written));
        }
        let text = key(None).to_file_text();
        assert_eq!(*text, format!("cityseal-secret-key-1\n{}\n", "07".repeat(32)));
    }

    #[test]
    fn what_is_no_secret_key_is_refused_with_the_reason() {
        let refused = |text: &str| SecretKey::from_file_text(text).unwrap_err();
        let seed = "07".repeat(32);
        assert_eq!(refused(""), KeyError::Head);
        assert_eq!(refused(&seed), KeyError::Head);
        assert_eq!(refused("cityseal-secret-key-1"), KeyError::Lines);
        assert!(matches!(refused("cityseal-secret-key-1\n07"), KeyError::Digits(HexError::Length { .. })));
        assert_eq!(refused(&format!("cityseal-secret-key-1\n{}", "0A".repeat(32))), KeyError::UpperCase);
        assert_eq!(refused(&format!("cityseal-secret-key-1\n{seed}\nlabel")), KeyError::Lines);
        assert_eq!(refused(&format!("cityseal-secret-key-1\n{seed}\n# a\n# b")), KeyError::Lines);
        assert!(matches!(refused(&format!("cityseal-secret-key-1\n{seed}\n# \u{1b}[2J")), KeyError::Label { .. }));
    }

    #[test]
    fn a_public_key_is_lower_case_digits_of_a_proper_point() {
        let good = key(None).public_key();
        assert_eq!(PublicKey::from_file_text(&format!("{good}\n")), Ok(good));
        assert_eq!(good.to_string().to_uppercase().parse::<PublicKey>(), Err(KeyError::UpperCase));
        assert!(matches!(format!("{good} ").parse::<PublicKey>(), Err(KeyError::Digits(_))));
        assert_eq!(PublicKey::from_file_text(&key(None).to_file_text()), Err(KeyError::Secret));
        // The neutral point, one of order two, and the neutral point in its second form.
        let neutral = format!("01{}", "00".repeat(31));
        let order_two = format!("ec{}7f", "ff".repeat(30));
        let second_form = format!("ee{}7f", "ff".repeat(30));
        // 2 is the height of no point.
        let none = format!("02{}", "00".repeat(31));
        for bad in [neutral, order_two, second_form, none] {
            assert_eq!(bad.parse::<PublicKey>(), Err(KeyError::Point), "{bad}");
        }
    }

    #[test]
    fn a_derived_key_depends_on_the_purpose_and_on_the_seed_and_on_nothing_else() {
        let of = |seed: u8, purpose: &str| *SecretKey::from_seed(&[seed; 32], None).unwrap().derived(purpose);
        assert_eq!(of(7, "a"), *key(Some("a label")).derived("a"));
        assert_eq!(of(7, "a"), cityseal_hash::sha256(&[b"a\0", &[7; 32][..]].concat()));
        assert!(of(7, "a") != of(7, "b") && of(7, "a") != of(8, "a") && of(7, "a") != [7; 32]);
    }

    #[test]
    fn no_debug_text_shows_a_secret() {
        let shown = format!("{:?}", key(Some("a label")));
        assert_eq!(shown, format!("SecretKey(of {})", key(None).public_key()));
        assert!(!shown.contains("0707"));
    }
}
