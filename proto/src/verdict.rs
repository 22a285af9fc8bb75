//! Conversions of faults and tips to and from the wire.
//!
//! Messages from a peer are only parsed here; the receiver must check whether they are true.

use cityseal_chain::body::{EncodingFault, EncodingKind};
use cityseal_chain::{
    ChainWork, CompactTarget, Fault, FaultValue, MerkleRoot, NotChecked, Rule, ScriptHead, Tip, Wording,
};

use crate::field::{self, FieldError, FieldProblem};
use crate::v1;

impl From<&Tip> for v1::Tip {
    fn from(tip: &Tip) -> Self {
        Self {
            height: tip.height,
            hash: field::bytes(tip.hash.to_wire()),
            chain_work: field::bytes(tip.chain_work.to_wire()),
        }
    }
}

/// Reads a tip as claimed by a peer.
///
/// # Errors
/// [`FieldError`] if a field has the wrong length.
pub fn tip_from_wire(message: &v1::Tip) -> Result<Tip, FieldError> {
    let chain_work = field::fixed("chain_work", &message.chain_work)?;
    Ok(Tip {
        height: message.height,
        hash: field::hash("hash", &message.hash)?,
        chain_work: ChainWork::from_wire(&chain_work),
    })
}

impl From<&Fault> for v1::Fault {
    fn from(fault: &Fault) -> Self {
        Self {
            height: fault.height,
            rule: fault.rule.code().to_owned(),
            name: fault.rule.name().to_owned(),
            expected: Some((&fault.expected).into()),
            found: Some((&fault.found).into()),
            offset: fault.offset,
            transaction: fault.transaction,
        }
    }
}

/// Reads a fault as claimed by a peer.
///
/// # Errors
/// [`FieldError`] if a value has the wrong length, or if this build does not know the rule.
pub fn fault_from_wire(message: &v1::Fault) -> Result<Fault, FieldError> {
    let unknown = || FieldProblem::Unknown { expected: "R01 to R11 or R20 to R41", found: message.rule.clone() };
    let value = |path, value: Option<&v1::FaultValue>| value_from_wire(value).map_err(|error| error.under(path));
    Ok(Fault {
        height: message.height,
        rule: Rule::from_code(&message.rule).ok_or_else(|| FieldError::new("rule", unknown()))?,
        expected: value("expected", message.expected.as_ref())?,
        found: value("found", message.found.as_ref())?,
        offset: message.offset,
        transaction: message.transaction,
    })
}

impl From<&FaultValue> for v1::FaultValue {
    fn from(value: &FaultValue) -> Self {
        use v1::fault_value::Value;
        let value = match value {
            FaultValue::Hash(hash) => Value::Hash(field::bytes(hash.to_wire())),
            FaultValue::Target(target) => Value::Target(field::bytes(target.to_wire())),
            FaultValue::Bits(bits) => Value::Bits(bits.to_bits()),
            FaultValue::Time(seconds) => Value::TimeS(*seconds),
            FaultValue::Version(version) => Value::Version(*version),
            FaultValue::Count(count) => Value::Count(*count),
            FaultValue::Amount(amount) => Value::Amount(*amount),
            FaultValue::Root(root) => Value::Root(field::bytes(root.to_wire())),
            FaultValue::Script(head) => Value::ScriptHead(head.as_bytes().to_vec().into()),
            FaultValue::Encoding(fault) => Value::Encoding(fault.into()),
            FaultValue::Words(wording) => Value::Words(wording.as_str().to_owned()),
        };
        Self { value: Some(value) }
    }
}

impl From<&NotChecked> for v1::NotChecked {
    fn from(not_checked: &NotChecked) -> Self {
        Self {
            rule: not_checked.rule.to_owned(),
            from_height: not_checked.from,
            to_height: not_checked.to,
            why: not_checked.why.as_str().to_owned(),
        }
    }
}

fn value_from_wire(message: Option<&v1::FaultValue>) -> Result<FaultValue, FieldError> {
    use v1::fault_value::Value;
    match message.and_then(|message| message.value.as_ref()) {
        None => Err(FieldError::missing("value", "a value of any kind")),
        Some(Value::Hash(bytes)) => field::hash("hash", bytes).map(FaultValue::Hash),
        Some(Value::Target(bytes)) => field::target("target", bytes).map(FaultValue::Target),
        Some(Value::Bits(bits)) => Ok(FaultValue::Bits(CompactTarget::from_bits(*bits))),
        Some(Value::TimeS(seconds)) => Ok(FaultValue::Time(*seconds)),
        Some(Value::Version(version)) => Ok(FaultValue::Version(*version)),
        Some(Value::Count(count)) => Ok(FaultValue::Count(*count)),
        Some(Value::Amount(amount)) => Ok(FaultValue::Amount(*amount)),
        Some(Value::Root(bytes)) => field::fixed("root", bytes).map(MerkleRoot::from_wire).map(FaultValue::Root),
        Some(Value::ScriptHead(bytes)) => script_head_from_wire(bytes).map(FaultValue::Script),
        Some(Value::Encoding(message)) => encoding_from_wire(message).map(FaultValue::Encoding),
        Some(Value::Words(text)) => wording_from_wire(text).map(FaultValue::Words),
    }
}

fn script_head_from_wire(bytes: &[u8]) -> Result<ScriptHead, FieldError> {
    if bytes.len() <= ScriptHead::LEN_MAX {
        return Ok(ScriptHead::of(bytes));
    }
    let problem = FieldProblem::TooLarge { expected_max: ScriptHead::LEN_MAX as u64, found: bytes.len() as u64 };
    Err(FieldError::new("script_head", problem))
}

impl From<&EncodingFault> for v1::BlockEncoding {
    fn from(fault: &EncodingFault) -> Self {
        Self { at_byte: fault.at, kind: fault.kind.name().to_owned() }
    }
}

fn encoding_from_wire(message: &v1::BlockEncoding) -> Result<EncodingFault, FieldError> {
    let unknown = || FieldProblem::Unknown { expected: "a known encoding fault", found: message.kind.clone() };
    let kind = EncodingKind::from_name(&message.kind);
    let kind = kind.ok_or_else(|| FieldError::new("kind", unknown()).under("encoding"))?;
    Ok(EncodingFault { at: message.at_byte, kind })
}

fn wording_from_wire(text: &str) -> Result<Wording, FieldError> {
    let unknown = || FieldProblem::Unknown { expected: "a known wording", found: text.to_owned() };
    Wording::from_text(text).ok_or_else(|| FieldError::new("words", unknown()))
}
