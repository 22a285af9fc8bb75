//! Values as hex digits in JSON: lower case, of exactly the value's length.

use cityseal_chain::merkle::Node;
use cityseal_chain::{BlockHash, ChainWork, hex};
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// A value that is written as hex digits.
pub(crate) trait Digits: Sized {
    fn write(&self) -> String;
    /// Reads digits of either case; the error is a human-readable message.
    fn read(text: &str) -> Result<Self, String>;
}

impl<const N: usize> Digits for [u8; N] {
    fn write(&self) -> String {
        hex::encode(self)
    }

    fn read(text: &str) -> Result<Self, String> {
        hex::decode_array(text).map_err(|error| error.to_string())
    }
}

impl Digits for BlockHash {
    fn write(&self) -> String {
        self.to_display_hex()
    }

    fn read(text: &str) -> Result<Self, String> {
        Self::from_display_hex(text).map_err(|error| error.to_string())
    }
}

impl Digits for ChainWork {
    fn write(&self) -> String {
        self.to_display_hex()
    }

    fn read(text: &str) -> Result<Self, String> {
        Self::from_display_hex(text).map_err(|error| error.to_string())
    }
}

fn read_lower<T: Digits>(text: &str) -> Result<T, String> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err("hex digits must be lower case".into());
    }
    T::read(text)
}

pub(crate) fn serialize<T: Digits, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.write())
}

pub(crate) fn deserialize<'de, T: Digits, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    read_lower(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// The same for optional values.
pub(crate) mod maybe {
    use super::{Deserialize, Deserializer, Digits, Error, Serializer, read_lower};

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(crate) fn serialize<T: Digits, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => super::serialize(value, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, T: Digits, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| read_lower(&text)).transpose().map_err(D::Error::custom)
    }
}

/// The same for lists of nodes.
pub(crate) mod nodes {
    use super::{Deserialize, Deserializer, Digits, Error, Node, Serializer, read_lower};

    pub(crate) fn serialize<S: Serializer>(nodes: &[Node], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(nodes.iter().map(Digits::write))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Node>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| read_lower(text)).collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}
