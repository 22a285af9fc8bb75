//! The JSON form of a template: what `cityseal seal --template FILE.json` reads.
//!
//! ```json
//! { "header": "160 hex digits, wire order",
//!   "version_mask": "1fffe000", "time_window": 60, "nonces": { "first": 0, "last": 4294967295 },
//!   "target": "8 or 64 hex digits",
//!   "coinbase": { "prefix": "hex", "suffix": "hex", "extranonce_size": 4,
//!                 "extranonce_first": "00000000", "extranonce_last": "ffffffff" },
//!   "merkle_branch": ["64 hex digits, wire order, as Stratum sends them"] }
//! ```
//! Instead of `header` a file may have `version`, `bits` (8 digits, numeric), `prev_block_hash`, `merkle_root` (64
//! digits, most significant first, as block explorers show them) and `time` (a number). Everything else is optional.
//! With a `coinbase` the Merkle root is computed: the one in `header` is ignored, and the field `merkle_root` is
//! refused. Unknown and duplicate keys are refused. This file only parses; [`SealTemplateBuilder::build`] checks
//! whether the parts fit.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::coinbase::{CoinbaseError, CoinbaseParts};
use super::rolling_version::{RollingVersion, VersionMaskError};
use super::span::{ExtranonceSpan, NonceSpan, SpanBackwards};
use super::template::{SealTemplate, SealTemplateBuilder};
use crate::hash::{BlockHash, MerkleRoot};
use crate::header::{BlockHeader, HeaderHexError};
use crate::hex::{self, HexError};
use crate::merkle::Node;
use crate::targets::{CompactTarget, Target, ThresholdHexError};

/// Why a text is not a template. Each message names the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateFileError {
    /// The text is not JSON, a value is not an object, or a key is unknown or duplicate.
    #[error("template: {reason}")]
    Json {
        /// The parser's message, with line and column.
        reason: String,
    },
    /// A required field is absent.
    #[error("template field {field}: absent; expected {expected}")]
    Absent {
        /// The field's path.
        field: String,
        /// The expected value.
        expected: String,
    },
    /// A field has the wrong type, or is a number out of range.
    #[error("template field {field}: expected {expected}, found {found}")]
    Type {
        /// The field's path.
        field: String,
        /// The expected value.
        expected: String,
        /// The value found, shortened.
        found: String,
    },
    /// A text is not the expected hexadecimal value.
    #[error("template field {field}: {fault}")]
    Hex {
        /// The field's path.
        field: String,
        /// What is wrong with it.
        fault: HexError,
    },
    /// The header is invalid.
    #[error("template field header: {fault}")]
    Header {
        /// What is wrong with it.
        fault: HeaderHexError,
    },
    /// The mask includes the top bits of the version.
    #[error("template field version_mask: {fault}")]
    VersionMask {
        /// What is wrong with it.
        fault: VersionMaskError,
    },
    /// The target is invalid.
    #[error("template field target: {fault}")]
    Target {
        /// What is wrong with it.
        fault: ThresholdHexError,
    },
    /// Two fields give the same value.
    #[error("template field {field}: not allowed together with {beside}; expected one of the two")]
    Conflict {
        /// The field's path.
        field: &'static str,
        /// The other field.
        beside: &'static str,
    },
    /// A range runs backwards.
    #[error("template field {field}: {fault}")]
    Backwards {
        /// The range's path.
        field: &'static str,
        /// Its two bounds.
        fault: SpanBackwards,
    },
    /// The parts of the coinbase do not fit each other.
    #[error("template field coinbase: {fault}")]
    Coinbase {
        /// What is wrong.
        fault: CoinbaseError,
    },
}

impl SealTemplateBuilder {
    /// Reads the JSON form of a template.
    ///
    /// # Errors
    /// [`TemplateFileError`], with the field's path and what was expected there.
    pub fn from_json(text: &str) -> Result<Self, TemplateFileError> {
        let Object(shape) = serde_json::from_str::<Object<TemplateShape>>(text)
            .map_err(|error| TemplateFileError::Json { reason: error.to_string() })?;
        shape.builder()
    }
}

/// The keys of a template. Their values are parsed one by one, so that each error can name its field.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateShape {
    header: Option<Value>,
    version: Option<Value>,
    prev_block_hash: Option<Value>,
    merkle_root: Option<Value>,
    time: Option<Value>,
    bits: Option<Value>,
    version_mask: Option<Value>,
    time_window: Option<Value>,
    nonces: Option<Object<NoncesShape>>,
    target: Option<Value>,
    coinbase: Option<Object<CoinbaseShape>>,
    merkle_branch: Option<Value>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoncesShape {
    first: Option<Value>,
    last: Option<Value>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct CoinbaseShape {
    prefix: Option<Value>,
    suffix: Option<Value>,
    extranonce_size: Option<Value>,
    extranonce_first: Option<Value>,
    extranonce_last: Option<Value>,
}

impl TemplateShape {
    fn builder(&self) -> Result<SealTemplateBuilder, TemplateFileError> {
        let mut builder = SealTemplate::builder(self.block_header()?);
        if let Some(mask) = read_u32_hex("version_mask", self.version_mask.as_ref())? {
            RollingVersion::check_mask(mask).map_err(|fault| TemplateFileError::VersionMask { fault })?;
            builder = builder.version_mask(mask);
        }
        if let Some(window_s) = read_u32("time_window", self.time_window.as_ref())? {
            builder = builder.time_window_s(window_s);
        }
        if let Some(Object(nonces)) = &self.nonces {
            builder = builder.nonces(nonces.span()?);
        }
        if let Some(target) = read_text("target", self.target.as_ref(), "8 or 64 hex digits")? {
            let refused = |fault| TemplateFileError::Target { fault };
            builder = builder.target(Target::from_threshold_hex(target).map_err(refused)?);
        }
        self.with_coinbase(builder)
    }

    fn block_header(&self) -> Result<BlockHeader, TemplateFileError> {
        match read_text("header", self.header.as_ref(), "160 hex digits")? {
            Some(text) => {
                self.refuse_fields_beside_header()?;
                BlockHeader::from_hex(text).map_err(|fault| TemplateFileError::Header { fault })
            }
            None => self.header_of_fields(),
        }
    }

    fn refuse_fields_beside_header(&self) -> Result<(), TemplateFileError> {
        let fields = [
            ("version", &self.version),
            ("prev_block_hash", &self.prev_block_hash),
            ("merkle_root", &self.merkle_root),
            ("time", &self.time),
            ("bits", &self.bits),
        ];
        match fields.iter().find(|(_, value)| value.is_some()) {
            Some((field, _)) => Err(TemplateFileError::Conflict { field, beside: "header" }),
            None => Ok(()),
        }
    }

    fn header_of_fields(&self) -> Result<BlockHeader, TemplateFileError> {
        let version = read_u32_hex("version", self.version.as_ref())?;
        let prev = read_array("prev_block_hash", self.prev_block_hash.as_ref())?;
        let time = read_u32("time", self.time.as_ref())?;
        let bits = read_u32_hex("bits", self.bits.as_ref())?;
        Ok(BlockHeader {
            version: needed("version", "8 hex digits (or a field `header`)", version)? as i32,
            prev_block_hash: BlockHash::from_wire(reversed(needed("prev_block_hash", "64 hex digits", prev)?)),
            merkle_root: self.merkle_root_field()?,
            time: needed("time", U32_EXPECTED, time)?,
            bits: CompactTarget::from_bits(needed("bits", "8 hex digits", bits)?),
            nonce: 0,
        })
    }

    fn merkle_root_field(&self) -> Result<MerkleRoot, TemplateFileError> {
        let root = read_array("merkle_root", self.merkle_root.as_ref())?;
        match (root, &self.coinbase) {
            (Some(_), Some(_)) => Err(TemplateFileError::Conflict { field: "merkle_root", beside: "coinbase" }),
            (None, Some(_)) => Ok(MerkleRoot::ZERO),
            (root, None) => {
                Ok(MerkleRoot::from_wire(reversed(needed("merkle_root", "64 hex digits, or a coinbase", root)?)))
            }
        }
    }

    fn with_coinbase(&self, builder: SealTemplateBuilder) -> Result<SealTemplateBuilder, TemplateFileError> {
        match (&self.coinbase, &self.merkle_branch) {
            (None, None) => Ok(builder),
            (None, Some(_)) => Err(absent("coinbase", "the coinbase that merkle_branch belongs to")),
            (Some(Object(coinbase)), branch) => {
                Ok(builder.coinbase(coinbase.parts()?, branch.as_ref().map_or(Ok(Vec::new()), read_branch)?))
            }
        }
    }
}

impl NoncesShape {
    fn span(&self) -> Result<NonceSpan, TemplateFileError> {
        let first = needed("nonces.first", U32_EXPECTED, read_u32("nonces.first", self.first.as_ref())?)?;
        let last = needed("nonces.last", U32_EXPECTED, read_u32("nonces.last", self.last.as_ref())?)?;
        NonceSpan::new(first, last).map_err(|fault| TemplateFileError::Backwards { field: "nonces", fault })
    }
}

impl CoinbaseShape {
    fn parts(&self) -> Result<CoinbaseParts, TemplateFileError> {
        let size = read_u32("coinbase.extranonce_size", self.extranonce_size.as_ref())?;
        let size = needed("coinbase.extranonce_size", "a number from 1 to 8", size)?;
        let refused = |fault| TemplateFileError::Coinbase { fault };
        let len = u8::try_from(size).map_err(|_| {
            refused(CoinbaseError::ExtranonceLen {
                expected_max: CoinbaseParts::EXTRANONCE_LEN_MAX,
                found: size.into(),
            })
        })?;
        let prefix = read_bytes("coinbase.prefix", self.prefix.as_ref())?;
        let suffix = read_bytes("coinbase.suffix", self.suffix.as_ref())?;
        let parts = CoinbaseParts::new(prefix, suffix, len).map_err(refused)?;
        let extranonces = self.extranonces(&parts)?;
        parts.with_extranonces(extranonces).map_err(refused)
    }

    fn extranonces(&self, parts: &CoinbaseParts) -> Result<ExtranonceSpan, TemplateFileError> {
        let (all, len) = (parts.extranonces(), usize::from(parts.extranonce_len()));
        let first = read_extranonce("coinbase.extranonce_first", self.extranonce_first.as_ref(), len)?;
        let last = read_extranonce("coinbase.extranonce_last", self.extranonce_last.as_ref(), len)?;
        ExtranonceSpan::new(first.unwrap_or(all.first()), last.unwrap_or(all.last())).map_err(|fault| {
            TemplateFileError::Backwards { field: "coinbase.extranonce_first..=extranonce_last", fault }
        })
    }
}

const U32_EXPECTED: &str = "a whole number from 0 to 4294967295";

/// Maximum number of characters of a wrong value that a message repeats.
const FOUND_CHARS_MAX: usize = 80;

fn absent(field: &str, expected: &str) -> TemplateFileError {
    TemplateFileError::Absent { field: field.to_owned(), expected: expected.to_owned() }
}

fn needed<T>(field: &str, expected: &str, value: Option<T>) -> Result<T, TemplateFileError> {
    value.ok_or_else(|| absent(field, expected))
}

fn bad_hex(field: &str, fault: HexError) -> TemplateFileError {
    TemplateFileError::Hex { field: field.to_owned(), fault }
}

fn wrong_type(field: &str, expected: &str, found: &Value) -> TemplateFileError {
    let found = found.to_string();
    let shown: String = found.chars().take(FOUND_CHARS_MAX).collect();
    let ellipsis = if shown.len() < found.len() { "..." } else { "" };
    TemplateFileError::Type {
        field: field.to_owned(),
        expected: expected.to_owned(),
        found: format!("{shown}{ellipsis}"),
    }
}

fn read_text<'a>(field: &str, value: Option<&'a Value>, expected: &str) -> Result<Option<&'a str>, TemplateFileError> {
    let Some(value) = value else { return Ok(None) };
    value.as_str().map(Some).ok_or_else(|| wrong_type(field, expected, value))
}

fn read_u32(field: &str, value: Option<&Value>) -> Result<Option<u32>, TemplateFileError> {
    let Some(value) = value else { return Ok(None) };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number.map(Some).ok_or_else(|| wrong_type(field, U32_EXPECTED, value))
}

fn read_u32_hex(field: &str, value: Option<&Value>) -> Result<Option<u32>, TemplateFileError> {
    let Some(text) = read_text(field, value, "8 hex digits")? else { return Ok(None) };
    hex::decode_u32(text).map(Some).map_err(|fault| bad_hex(field, fault))
}

/// Reads 64 digits without changing their order.
fn read_array(field: &str, value: Option<&Value>) -> Result<Option<[u8; 32]>, TemplateFileError> {
    let Some(text) = read_text(field, value, "64 hex digits")? else { return Ok(None) };
    hex::decode_array(text).map(Some).map_err(|fault| bad_hex(field, fault))
}

fn read_bytes(field: &str, value: Option<&Value>) -> Result<Vec<u8>, TemplateFileError> {
    let expected = "hex digits, two for each byte";
    let text = needed(field, expected, read_text(field, value, expected)?)?;
    hex::decode(text).map_err(|fault| bad_hex(field, fault))
}

/// Reads an extranonce as Stratum writes it: big-endian, with all its `len` bytes (1 to 8).
fn read_extranonce(field: &str, value: Option<&Value>, len: usize) -> Result<Option<u64>, TemplateFileError> {
    let expected = format!("{} hex digits, which is what extranonce_size requires", 2 * len);
    let Some(text) = read_text(field, value, &expected)? else { return Ok(None) };
    let bytes = hex::decode(text).map_err(|fault| bad_hex(field, fault))?;
    if bytes.len() != len {
        return Err(bad_hex(field, HexError::Length { expected_digits: 2 * len, found_digits: text.len() }));
    }
    Ok(Some(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))))
}

fn read_branch(value: &Value) -> Result<Vec<Node>, TemplateFileError> {
    let expected = "a list of hashes, 64 hex digits each in wire order";
    let hashes = value.as_array().ok_or_else(|| wrong_type("merkle_branch", expected, value))?;
    let node = |(index, hash)| {
        let field = format!("merkle_branch[{index}]");
        read_array(&field, Some(hash))?.ok_or_else(|| absent(&field, "64 hex digits"))
    };
    hashes.iter().enumerate().map(node).collect()
}

fn reversed(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes.reverse();
    bytes
}

/// A JSON object. Derived code alone would also accept a list and assign its items by position.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}
