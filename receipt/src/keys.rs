//! The ed25519 keys (RFC 8032) that sign and check receipts, and their text formats.
//!
//! A public key is 64 lower-case hex digits. A secret key file has two or three lines: `cityseal-secret-key-1`, the
//! seed as 64 lower-case hex digits, and optionally a label after `# `. Secrets are wiped from memory on drop and never
//! appear in `Debug` output.

use std::fmt;
use std::str::FromStr;

use cityseal_chain::{HexError, hex};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::digits;
use crate::words::objection_to_text;

/// The first line of a secret key file.
const SECRET_HEAD: &str = "cityseal-secret-key-1";

/// The prefix of the label line in a secret key file.
const LABEL_MARK: &str = "# ";

/// Why a text or bytes are not a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Not hex digits, or not as many as a key has.
    #[error("not a key: {0}")]
    Digits(#[from] HexError),
    /// Upper-case digits.
    #[error("not a key: hex digits must be lower case")]
    UpperCase,
    /// Not the canonical encoding of a curve point, or a point of small order, for which anyone could sign.
    #[error("not a public key: the bytes are not a valid curve point")]
    Point,
    /// A secret key file instead of a public key.
    #[error("this is a secret key: keep it private and use the public key, which `cityseal key show FILE` prints")]
    Secret,
    /// Not a secret key file.
    #[error("not a secret key: its first line is not `{SECRET_HEAD}`")]
    Head,
    /// Too few or too many lines, or a third line that is not a label.
    #[error("not a secret key: expected two lines and optionally a third one, `{LABEL_MARK}LABEL`")]
    Lines,
    /// A label that is not allowed in a receipt.
    #[error("invalid label {label:?}: {reason}")]
    Label {
        /// The label.
        label: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// A public key: the canonical encoding of a curve point that is not of small order, 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Decodes a key (RFC 8032, section 5.1.2).
    ///
    /// # Errors
    /// [`KeyError::Point`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Point)?;
        // Some points have a second encoding, and for a point of small order one signature fits any message.
        let is_proper = key.to_edwards().compress().as_bytes() == bytes && !key.is_weak();
        if is_proper { Ok(Self(*bytes)) } else { Err(KeyError::Point) }
    }

    /// Returns the 32 bytes of the key.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Reads a public key file: the digits, and optionally a line end.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::Secret`] for a secret key file.
    pub fn from_file_text(text: &str) -> Result<Self, KeyError> {
        if text.starts_with(SECRET_HEAD) {
            return Err(KeyError::Secret);
        }
        text.strip_suffix('\n').unwrap_or(text).trim_end_matches('\r').parse()
    }

    /// Whether this key signed the message. Checks strictly: a signature has one accepted encoding only.
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

/// The signer as named in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// The key.
    #[serde(with = "digits")]
    pub public_key: PublicKey,
    /// The name that the signer gives itself; not verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A secret key, with the label that its receipts carry.
pub struct SecretKey {
    key: SigningKey,
    label: Option<String>,
}

impl SecretKey {
    /// Creates the key of a seed of 32 random bytes (RFC 8032, section 5.1.5).
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

    /// Reads a secret key file.
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

    /// Returns the contents of the key's file.
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(hex::encode(self.key.as_bytes()));
        let label = self.label.as_ref().map(|label| format!("{LABEL_MARK}{label}\n")).unwrap_or_default();
        Zeroizing::new(format!("{SECRET_HEAD}\n{}\n{label}", *seed))
    }

    /// Returns the public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.key.verifying_key().to_bytes())
    }

    /// Returns the signer as named in statements.
    pub fn signer(&self) -> Signer {
        Signer { public_key: self.public_key(), label: self.label.clone() }
    }

    /// Derives an independent subkey for `purpose` with HKDF-SHA-256 (RFC 5869): the seed is the input key material,
    /// there is no salt, and `info` is the purpose. The same purpose gives the same subkey; a subkey reveals neither
    /// this key nor other subkeys.
    pub fn derived(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut subkey = Zeroizing::new([0; 32]);
        let expanded = Hkdf::<Sha256>::new(None, self.key.as_bytes()).expand(purpose.as_bytes(), &mut *subkey);
        // RFC 5869, section 2.3: the output is limited to 255 times the 32 bytes of a hash.
        expanded.expect("32 bytes are within the limit of HKDF");
        subkey
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
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                         5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(hex::encode(&key.sign(b"")), signature);
        assert!(key.public_key().has_signed(b"", &hex::decode_array(signature).unwrap()));
        assert!(!key.public_key().has_signed(b"x", &hex::decode_array(signature).unwrap()));
    }

    #[test]
    fn a_secret_key_file_is_read_back_as_written() {
        for label in [None, Some("Amt für Register")] {
            let written = key(label).to_file_text();
            let read = SecretKey::from_file_text(&written).unwrap();
            assert_eq!((read.signer(), read.to_file_text()), (key(label).signer(), written));
        }
        let text = key(None).to_file_text();
        assert_eq!(*text, format!("cityseal-secret-key-1\n{}\n", "07".repeat(32)));
    }

    #[test]
    fn a_malformed_secret_key_is_refused_with_the_reason() {
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
    fn a_public_key_is_lower_case_digits_of_a_valid_point() {
        let good = key(None).public_key();
        assert_eq!(PublicKey::from_file_text(&format!("{good}\n")), Ok(good));
        assert_eq!(good.to_string().to_uppercase().parse::<PublicKey>(), Err(KeyError::UpperCase));
        assert!(matches!(format!("{good} ").parse::<PublicKey>(), Err(KeyError::Digits(_))));
        assert_eq!(PublicKey::from_file_text(&key(None).to_file_text()), Err(KeyError::Secret));
        // The neutral point, a point of order two, and the neutral point in its second encoding.
        let neutral = format!("01{}", "00".repeat(31));
        let order_two = format!("ec{}7f", "ff".repeat(30));
        let second_form = format!("ee{}7f", "ff".repeat(30));
        // No point has the y coordinate 2.
        let not_on_curve = format!("02{}", "00".repeat(31));
        for bad in [neutral, order_two, second_form, not_on_curve] {
            assert_eq!(bad.parse::<PublicKey>(), Err(KeyError::Point), "{bad}");
        }
    }

    /// HKDF-SHA-256 of 32 bytes without a salt, from HMAC as RFC 2104 defines it: `HMAC(HMAC(zeros, seed), info || 1)`.
    fn hkdf_by_hand(seed: &[u8], info: &[u8]) -> [u8; 32] {
        let hmac = |key: &[u8], message: &[u8]| {
            let padded = |mask: u8| {
                let mut block = [mask; 64];
                block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
                block
            };
            let inner = cityseal_hash::sha256(&[&padded(0x36), message].concat());
            cityseal_hash::sha256(&[&padded(0x5c)[..], &inner].concat())
        };
        hmac(&hmac(&[0; 32], seed), &[info, &[1]].concat())
    }

    #[test]
    fn a_derived_key_depends_on_the_purpose_and_the_seed_only() {
        let of = |seed: u8, purpose: &str| *SecretKey::from_seed(&[seed; 32], None).unwrap().derived(purpose);
        assert_eq!(of(7, "a"), *key(Some("a label")).derived("a"));
        assert_eq!(of(7, "a"), hkdf_by_hand(&[7; 32], b"a"));
        assert!(of(7, "a") != of(7, "b") && of(7, "a") != of(8, "a") && of(7, "a") != [7; 32]);
    }

    #[test]
    fn debug_output_does_not_show_the_secret() {
        let shown = format!("{:?}", key(Some("a label")));
        assert_eq!(shown, format!("SecretKey(of {})", key(None).public_key()));
        assert!(!shown.contains("0707"));
    }
}
