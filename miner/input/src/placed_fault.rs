//! The first fault of a chain with its place in the input, as part files save it and the answers of `verify` show it.

use std::fmt;

use cityseal_chain::{Fault, FaultValue, Rule};
use serde::{Deserialize, Serialize};

/// The first fault of a chain, with its place in the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "FaultRow", try_from = "FaultRow")]
pub struct PlacedFault {
    /// Height of the header.
    pub height: u64,
    /// The broken rule.
    pub rule: Rule,
    /// The nearest value that would have passed.
    pub expected: ShownValue,
    /// The value found.
    pub found: ShownValue,
    /// Offset of the header in bytes of the decoded input.
    pub offset: u64,
    /// Line of the header in its file; only for hex input.
    pub line: Option<u64>,
    /// Index of the transaction that breaks the rule, counted from 0; `None` if the rule is about the whole block.
    pub transaction: Option<u32>,
}

impl PlacedFault {
    /// A fault at a place in the input.
    pub fn new(fault: &Fault, offset: u64, line: Option<u64>) -> Self {
        let Fault { height, rule, expected, found, transaction, .. } = *fault;
        Self { height, rule, expected: (&expected).into(), found: (&found).into(), offset, line, transaction }
    }
}

/// A value of a fault in the notation of its kind: times and counts are integers; hashes, targets, bits and versions
/// are hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShownValue {
    /// A time or a count.
    Integer(u64),
    /// Anything else.
    Text(String),
}

impl From<&FaultValue> for ShownValue {
    fn from(value: &FaultValue) -> Self {
        value.as_integer().map_or_else(|| Self::Text(value.to_string()), Self::Integer)
    }
}

impl fmt::Display for ShownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The JSON form of a fault. Scripts rely on it: fields may be added, never changed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultRow {
    height: u64,
    /// Number of the rule: `R05`.
    rule: String,
    /// Name of the rule: `proof-of-work`.
    name: String,
    expected: ShownValue,
    found: ShownValue,
    offset: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction: Option<u32>,
}

impl From<PlacedFault> for FaultRow {
    fn from(fault: PlacedFault) -> Self {
        let PlacedFault { height, rule, expected, found, offset, line, transaction } = fault;
        let (rule, name) = (rule.code().to_owned(), rule.name().to_owned());
        Self { height, rule, name, expected, found, offset, line, transaction }
    }
}

impl TryFrom<FaultRow> for PlacedFault {
    type Error = String;

    fn try_from(row: FaultRow) -> Result<Self, String> {
        let FaultRow { height, rule, name, expected, found, offset, line, transaction } = row;
        let known = Rule::from_code(&rule).filter(|known| known.name() == name);
        let rule = known.ok_or_else(|| format!("expected a rule of this build, found {rule} {name}"))?;
        Ok(Self { height, rule, expected, found, offset, line, transaction })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> PlacedFault {
        let (expected, found) = (FaultValue::Time(1_231_006_505), FaultValue::Version(2));
        let fault = Fault { height: 7, rule: Rule::MedianTime, expected, found, offset: 560, transaction: None };
        PlacedFault::new(&fault, 560, Some(8))
    }

    #[test]
    fn times_are_integers_in_json_and_versions_are_digits() {
        let json = serde_json::to_string(&fault()).unwrap();
        let expected = "{\"height\":7,\"rule\":\"R08\",\"name\":\"median-time\",\"expected\":1231006505,\
                        \"found\":\"00000002\",\"offset\":560,\"line\":8}";
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<PlacedFault>(&json).unwrap(), fault());
    }

    #[test]
    fn a_rule_that_this_build_does_not_know_by_number_and_name_is_refused() {
        let json = serde_json::to_string(&fault()).unwrap();
        for other in [json.replace("R08", "R99"), json.replace("median-time", "link")] {
            let error = serde_json::from_str::<PlacedFault>(&other).unwrap_err();
            assert!(error.to_string().contains("expected a rule of this build"), "{error}");
        }
    }
}
