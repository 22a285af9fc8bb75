//! Reads custom network parameters from TOML text and checks them, including the genesis header's proof of work.
//!
//! It opens no file. Unknown keys are refused, and every error names the line and, if there is one, the key.
//!
//! ```toml
//! name = "riverside"
//! genesis = "0100…"                 # 160 hex digits, wire order
//! pow_limit = "207fffff"            # 8 hex digits (compact) or 64 (full)
//! future_limit_s = 7200             # optional, two hours
//! merkle = "bitcoin"                # optional; or "rfc6962-sha256"
//! signet_challenge = "51"           # optional, hex: blocks are signed for this script (BIP325); sets the files' magic
//! difficulty = "fixed"              # or "bitcoin-2016", or the table below
//!
//! [difficulty]
//! kind = "asert"
//! spacing_s = 60
//! half_life_s = 3600
//! anchor_height = 0                 # the anchor: all three keys or none; the default is the genesis header
//! anchor_parent_time = 1700000000   # with a parent one spacing earlier
//! anchor_bits = "207fffff"
//!
//! [[version]]                       # optional, by ascending height
//! min = 2
//! from_height = 100
//!
//! [body]                            # optional, like each of its keys; a rule without a height never applies
//! coinbase_height_from = 1
//! median_time_from = 1
//! witness_from = 0
//! ```
//!
//! `difficulty = "asert"` with its numbers as top-level keys is accepted as well. A table of kind `bitcoin-2016` may
//! enable the rules of Bitcoin's test networks: `min_difficulty = true`, `bip94 = true`.

use super::consensus::{BodyRules, FUTURE_LIMIT_S, Parameters, VersionRule};
use super::difficulty::{Asert, Difficulty};
use super::error::{NAME_BYTES_MAX, ParametersError, ValueFault};
use crate::hash::BlockHash;
use crate::header::BlockHeader;
use crate::hex::{self, HexError};
use crate::targets::{CompactTarget, Target};
use cityseal_hash::MerkleKind;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use std::fmt;
use std::ops::Range;
use toml::Spanned;

/// Maximum length of a signet challenge in bytes: Bitcoin's limit for scripts, `MAX_SCRIPT_SIZE`.
pub const SIGNET_CHALLENGE_BYTES_MAX: usize = 10_000;

impl Parameters {
    /// Reads and checks custom network parameters.
    ///
    /// # Errors
    /// The first error, with its line and key.
    pub fn from_toml(text: &str) -> Result<Self, ParametersError> {
        let file: ParametersFile = toml::from_str(text).map_err(|error| ParametersError::Toml {
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        file.check().map_err(|Refused { key, at, fault }| ParametersError::Value {
            line: line_of(text, at.start),
            key,
            fault,
        })
    }
}

fn line_of(text: &str, byte: usize) -> usize {
    1 + text.as_bytes().iter().take(byte).filter(|&&byte| byte == b'\n').count()
}

/// A value that its key cannot take, with its position in the text.
struct Refused {
    key: &'static str,
    at: Range<usize>,
    fault: ValueFault,
}

fn refused(key: &'static str, at: Range<usize>, fault: impl Into<ValueFault>) -> Refused {
    Refused { key, at, fault: fault.into() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ParametersFile {
    name: Spanned<String>,
    genesis: Spanned<String>,
    pow_limit: Spanned<String>,
    difficulty: Spanned<DifficultyFile>,
    future_limit_s: Option<Spanned<i64>>,
    merkle: Option<Spanned<String>>,
    signet_challenge: Option<Spanned<String>>,
    #[serde(default)]
    version: Vec<VersionFile>,
    #[serde(default)]
    body: BodyFile,
    spacing_s: Option<Spanned<i64>>,
    half_life_s: Option<Spanned<i64>>,
    anchor_height: Option<Spanned<i64>>,
    anchor_parent_time: Option<Spanned<i64>>,
    anchor_bits: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionFile {
    min: Spanned<i64>,
    from_height: Spanned<i64>,
}

/// The heights from which body rules apply.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names of the keys in the file")]
struct BodyFile {
    coinbase_height_from: Option<Spanned<i64>>,
    median_time_from: Option<Spanned<i64>>,
    witness_from: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DifficultyTable {
    kind: String,
    min_difficulty: Option<Spanned<bool>>,
    bip94: Option<Spanned<bool>>,
    spacing_s: Option<Spanned<i64>>,
    half_life_s: Option<Spanned<i64>>,
    anchor_height: Option<Spanned<i64>>,
    anchor_parent_time: Option<Spanned<i64>>,
    anchor_bits: Option<Spanned<String>>,
}

/// The flags of test networks.
#[derive(Default)]
struct FlagsFile {
    min_difficulty: Option<Spanned<bool>>,
    bip94: Option<Spanned<bool>>,
}

/// The numbers of ASERT, whether from the table or the top level.
struct AsertFile {
    spacing_s: Option<Spanned<i64>>,
    half_life_s: Option<Spanned<i64>>,
    anchor_height: Option<Spanned<i64>>,
    anchor_parent_time: Option<Spanned<i64>>,
    anchor_bits: Option<Spanned<String>>,
}

/// `difficulty` is a word or a table.
enum DifficultyFile {
    Word(String),
    Table(Box<DifficultyTable>),
}

impl<'de> Deserialize<'de> for DifficultyFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrTable;

        impl<'de> Visitor<'de> for WordOrTable {
            type Value = DifficultyFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a kind of difficulty, or a table with its kind")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<DifficultyFile, E> {
                Ok(DifficultyFile::Word(word.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DifficultyFile, A::Error> {
                DifficultyTable::deserialize(MapAccessDeserializer::new(map))
                    .map(|table| DifficultyFile::Table(Box::new(table)))
            }
        }

        deserializer.deserialize_any(WordOrTable)
    }
}

impl ParametersFile {
    fn check(self) -> Result<Parameters, Refused> {
        check_name(&self.name)?;
        let pow_limit = target_of("pow_limit", &self.pow_limit)?;
        let versions = versions_of(&self.version)?;
        let genesis = genesis_of(&self.genesis, pow_limit, &versions)?;
        let merkle = merkle_of(self.merkle.as_ref())?;
        let body = self.body.check()?;
        let future_limit_s = match &self.future_limit_s {
            Some(limit) => within("future_limit_s", limit, 0, i64::from(u32::MAX))? as u64,
            None => FUTURE_LIMIT_S,
        };
        let challenge = self.signet_challenge.as_ref().map(challenge_of).transpose()?;
        let at = self.difficulty.span();
        let flat = AsertFile {
            spacing_s: self.spacing_s,
            half_life_s: self.half_life_s,
            anchor_height: self.anchor_height,
            anchor_parent_time: self.anchor_parent_time,
            anchor_bits: self.anchor_bits,
        };
        let (kind, flags, asert) = match self.difficulty.into_inner() {
            DifficultyFile::Word(kind) => (kind, FlagsFile::default(), flat),
            DifficultyFile::Table(table) => {
                // ASERT's numbers may be at the top level or in the table, but not in both.
                flat.refuse_any()?;
                table.split()
            }
        };
        let difficulty = difficulty_of(&kind, at, &flags, &asert, &genesis, pow_limit)?;
        let name = self.name.into_inner();
        let plain =
            Parameters::new(name, genesis, pow_limit, difficulty, future_limit_s, versions, merkle, body, false);
        Ok(match challenge {
            Some(challenge) => plain.with_signet_challenge(challenge),
            None => plain,
        })
    }
}

impl DifficultyTable {
    fn split(self) -> (String, FlagsFile, AsertFile) {
        let Self {
            kind,
            min_difficulty,
            bip94,
            spacing_s,
            half_life_s,
            anchor_height,
            anchor_parent_time,
            anchor_bits,
        } = self;
        let asert = AsertFile { spacing_s, half_life_s, anchor_height, anchor_parent_time, anchor_bits };
        (kind, FlagsFile { min_difficulty, bip94 }, asert)
    }
}

impl BodyFile {
    fn check(&self) -> Result<BodyRules, Refused> {
        let height = |key, value: &Option<Spanned<i64>>| {
            value.as_ref().map(|value| within(key, value, 0, i64::MAX).map(|height| height as u64)).transpose()
        };
        Ok(BodyRules {
            coinbase_height_from: height("coinbase_height_from", &self.coinbase_height_from)?,
            median_time_from: height("median_time_from", &self.median_time_from)?,
            witness_from: height("witness_from", &self.witness_from)?,
        })
    }
}

fn check_name(name: &Spanned<String>) -> Result<(), Refused> {
    let text = name.get_ref();
    if text.is_empty() || text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(refused("name", name.span(), ValueFault::Name));
    }
    Ok(())
}

fn within(key: &'static str, value: &Spanned<i64>, min: i64, max: i64) -> Result<i64, Refused> {
    let found = *value.get_ref();
    if (min..=max).contains(&found) {
        Ok(found)
    } else {
        Err(refused(key, value.span(), ValueFault::Range { min, max, found }))
    }
}

/// Eight digits are a compact target; anything else must be a full target.
fn target_of(key: &'static str, text: &Spanned<String>) -> Result<Target, Refused> {
    if text.get_ref().len() == 8 {
        return compact_of(key, text).map(|(_, target)| target);
    }
    Target::from_display_hex(text.get_ref()).map_err(|error| refused(key, text.span(), error))
}

fn compact_of(key: &'static str, text: &Spanned<String>) -> Result<(CompactTarget, Target), Refused> {
    let bits = hex::decode_u32(text.get_ref()).map_err(|error| refused(key, text.span(), error))?;
    let bits = CompactTarget::from_bits(bits);
    let target = bits.decode().map_err(|fault| refused(key, text.span(), ValueFault::Compact { bits, fault }))?;
    Ok((bits, target))
}

fn versions_of(rules: &[VersionFile]) -> Result<Vec<VersionRule>, Refused> {
    let mut versions: Vec<VersionRule> = Vec::new();
    for rule in rules {
        let min = within("min", &rule.min, i64::from(i32::MIN), i64::from(i32::MAX))? as i32;
        let from_height = within("from_height", &rule.from_height, 0, i64::MAX)? as u64;
        if let Some(last) = versions.last().filter(|last| last.from_height >= from_height) {
            let fault = ValueFault::Descending { last: last.from_height, found: from_height };
            return Err(refused("from_height", rule.from_height.span(), fault));
        }
        versions.push(VersionRule { min, from_height });
    }
    Ok(versions)
}

/// A genesis header must meet its own target within the limit, name no predecessor, and keep the version rules.
fn genesis_of(text: &Spanned<String>, limit: Target, versions: &[VersionRule]) -> Result<BlockHeader, Refused> {
    let refuse = |fault: ValueFault| refused("genesis", text.span(), fault);
    let header = BlockHeader::from_hex(text.get_ref()).map_err(|error| refuse(error.into()))?;
    let bits = header.bits;
    let target = bits.decode().map_err(|fault| refuse(ValueFault::Compact { bits, fault }))?;
    if target > limit {
        return Err(refuse(ValueFault::AboveLimit { limit, found: target }));
    }
    let found = header.hash();
    if !target.is_met_by(&found) {
        return Err(refuse(ValueFault::ProofOfWork { target, found }));
    }
    if header.prev_block_hash != BlockHash::ZERO {
        return Err(refuse(ValueFault::Predecessor { found: header.prev_block_hash }));
    }
    match versions.first() {
        Some(rule) if rule.from_height == 0 && header.version < rule.min => {
            Err(refuse(ValueFault::Version { min: rule.min, found: header.version }))
        }
        _ => Ok(header),
    }
}

fn challenge_of(text: &Spanned<String>) -> Result<Vec<u8>, Refused> {
    decode_signet_challenge(text.get_ref()).map_err(|error| refused("signet_challenge", text.span(), error))
}

/// Reads a signet challenge: the hex digits of a script of 1 to [`SIGNET_CHALLENGE_BYTES_MAX`] bytes.
///
/// # Errors
/// [`HexError`] for a bad digit, or for a number of digits that is odd, zero or too large.
pub fn decode_signet_challenge(text: &str) -> Result<Vec<u8>, HexError> {
    let challenge = hex::decode(text)?;
    match challenge.len() {
        0 => Err(HexError::Length { expected_digits: 2, found_digits: 0 }),
        len if len > SIGNET_CHALLENGE_BYTES_MAX => {
            Err(HexError::Length { expected_digits: 2 * SIGNET_CHALLENGE_BYTES_MAX, found_digits: text.len() })
        }
        _ => Ok(challenge),
    }
}

fn merkle_of(word: Option<&Spanned<String>>) -> Result<MerkleKind, Refused> {
    let Some(word) = word else { return Ok(MerkleKind::Bitcoin) };
    let kinds = [MerkleKind::Bitcoin, MerkleKind::Rfc6962Sha256];
    kinds.into_iter().find(|kind| kind.name() == word.get_ref()).ok_or_else(|| {
        let expected = "\"bitcoin\" or \"rfc6962-sha256\"";
        refused("merkle", word.span(), ValueFault::Word { expected, found: word.get_ref().clone() })
    })
}

fn difficulty_of(
    kind: &str,
    at: Range<usize>,
    flags: &FlagsFile,
    asert: &AsertFile,
    genesis: &BlockHeader,
    limit: Target,
) -> Result<Difficulty, Refused> {
    if kind != "asert" {
        asert.refuse_any()?;
    }
    if kind != "bitcoin-2016" {
        flags.refuse_any()?;
    }
    match kind {
        "asert" => asert.check(&at, genesis, limit).map(Difficulty::Asert),
        "bitcoin-2016" => Ok(flags.difficulty()),
        "fixed" => Ok(Difficulty::Fixed),
        _ => {
            let expected = "\"bitcoin-2016\", \"asert\" or \"fixed\"";
            Err(refused("difficulty", at, ValueFault::Word { expected, found: kind.to_owned() }))
        }
    }
}

impl FlagsFile {
    fn difficulty(&self) -> Difficulty {
        let is_on = |flag: &Option<Spanned<bool>>| flag.as_ref().is_some_and(|flag| *flag.get_ref());
        Difficulty::Bitcoin2016 { min_difficulty: is_on(&self.min_difficulty), bip94: is_on(&self.bip94) }
    }

    fn refuse_any(&self) -> Result<(), Refused> {
        let keys = [("min_difficulty", &self.min_difficulty), ("bip94", &self.bip94)];
        refuse_first("bitcoin-2016", keys.map(|(key, flag)| (key, flag.as_ref().map(Spanned::span))))
    }
}

/// Refuses the first key that is present, because it belongs to another kind of difficulty.
fn refuse_first<const N: usize>(
    kind: &'static str,
    keys: [(&'static str, Option<Range<usize>>); N],
) -> Result<(), Refused> {
    match keys.into_iter().find_map(|(key, at)| at.map(|at| (key, at))) {
        Some((key, at)) => Err(refused(key, at, ValueFault::OtherKind { kind })),
        None => Ok(()),
    }
}

impl AsertFile {
    fn check(&self, at: &Range<usize>, genesis: &BlockHeader, limit: Target) -> Result<Asert, Refused> {
        let spacing_s = positive("spacing_s", self.spacing_s.as_ref(), at)?;
        let half_life_s = positive("half_life_s", self.half_life_s.as_ref(), at)?;
        let (anchor_height, anchor_parent_time, anchor_bits) = self.anchor(at, genesis, limit, spacing_s)?;
        Ok(Asert { spacing_s, half_life_s, anchor_height, anchor_parent_time, anchor_bits })
    }

    /// The given anchor, or by default the genesis header with a parent one spacing earlier.
    fn anchor(
        &self,
        at: &Range<usize>,
        genesis: &BlockHeader,
        limit: Target,
        spacing_s: u32,
    ) -> Result<(u64, i64, CompactTarget), Refused> {
        match (&self.anchor_height, &self.anchor_parent_time, &self.anchor_bits) {
            (None, None, None) => Ok((0, i64::from(genesis.time) - i64::from(spacing_s), genesis.bits)),
            (Some(height), Some(parent_time), Some(bits)) => {
                let height = within("anchor_height", height, 0, i64::MAX)? as u64;
                let parent_time = within("anchor_parent_time", parent_time, -i64::from(u32::MAX), i64::from(u32::MAX))?;
                let (anchor_bits, found) = compact_of("anchor_bits", bits)?;
                if found > limit {
                    return Err(refused("anchor_bits", bits.span(), ValueFault::AboveLimit { limit, found }));
                }
                Ok((height, parent_time, anchor_bits))
            }
            _ => Err(refused("difficulty", at.clone(), ValueFault::PartOfAnchor)),
        }
    }

    fn refuse_any(&self) -> Result<(), Refused> {
        let span = |value: &Option<Spanned<i64>>| value.as_ref().map(Spanned::span);
        let keys = [
            ("spacing_s", span(&self.spacing_s)),
            ("half_life_s", span(&self.half_life_s)),
            ("anchor_height", span(&self.anchor_height)),
            ("anchor_parent_time", span(&self.anchor_parent_time)),
            ("anchor_bits", self.anchor_bits.as_ref().map(Spanned::span)),
        ];
        refuse_first("asert", keys)
    }
}

fn positive(key: &'static str, value: Option<&Spanned<i64>>, at: &Range<usize>) -> Result<u32, Refused> {
    let value = value.ok_or_else(|| refused(key, at.clone(), ValueFault::NeededForAsert))?;
    Ok(within(key, value, 1, i64::from(u32::MAX))? as u32)
}
