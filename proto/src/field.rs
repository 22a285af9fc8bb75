//! What is wrong with a field of a message, and which field it is.
//!
//! It checks single values; what the values mean together is checked by the types that they become.

use cityseal_chain::{BlockHash, ChainWork, Target};
use prost::bytes::Bytes;

/// The length of a header on the wire, in bytes.
pub const HEADER_LEN: usize = 80;

/// A field that cannot be used. Its `path` is the one that `google.rpc.BadRequest` wants: names from the message down,
/// with dots, indices in brackets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct FieldError {
    /// Which field.
    pub path: String,
    /// What is wrong with it.
    pub problem: FieldProblem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldProblem {
    /// It must be given.
    #[error("missing; expected {expected}")]
    Missing {
        /// What must stand there.
        expected: &'static str,
    },
    /// It has one right length.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Bytes wanted.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// It is made of units of one length.
    #[error("expected a multiple of {expected_unit} bytes, found {found}")]
    NotWhole {
        /// Bytes of one unit.
        expected_unit: usize,
        /// Bytes given.
        found: usize,
    },
    /// A number, or a length in bytes, is too large.
    #[error("expected at most {expected_max}, found {found}")]
    TooLarge {
        /// The greatest that is taken.
        expected_max: u64,
        /// What was given.
        found: u64,
    },
    /// A word that is none of the known ones.
    #[error("expected {expected}, found '{found}'")]
    Unknown {
        /// The known words.
        expected: &'static str,
        /// The word given.
        found: String,
    },
    /// The type that the field becomes refused it; its own message says why, with both numbers.
    #[error("{0}")]
    Refused(String),
}

impl FieldError {
    /// An error at `path`.
    pub fn new(path: impl Into<String>, problem: FieldProblem) -> Self {
        Self { path: path.into(), problem }
    }

    /// A field that must be given is not.
    pub fn missing(path: impl Into<String>, expected: &'static str) -> Self {
        Self::new(path, FieldProblem::Missing { expected })
    }

    /// The type that the field becomes refused it.
    pub fn refused(path: impl Into<String>, error: &impl ToString) -> Self {
        Self::new(path, FieldProblem::Refused(error.to_string()))
    }

    /// The same error in a message that holds this one as its field `parent`.
    #[must_use]
    pub fn under(self, parent: &str) -> Self {
        let path = if self.path.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.path) };
        Self { path, ..self }
    }
}

/// Exactly `N` bytes.
///
/// # Errors
/// [`FieldProblem::Length`].
pub fn fixed<const N: usize>(path: &str, bytes: &[u8]) -> Result<[u8; N], FieldError> {
    let problem = FieldProblem::Length { expected: N, found: bytes.len() };
    bytes.try_into().map_err(|_| FieldError::new(path, problem))
}

/// A number of at most `max`.
///
/// # Errors
/// [`FieldProblem::TooLarge`].
pub fn at_most(path: &str, found: u64, max: u64) -> Result<u64, FieldError> {
    if found > max {
        return Err(FieldError::new(path, FieldProblem::TooLarge { expected_max: max, found }));
    }
    Ok(found)
}

/// Bytes that are whole headers. Returns their number.
///
/// # Errors
/// [`FieldProblem::NotWhole`].
pub fn whole_headers(path: &str, bytes: &[u8]) -> Result<u64, FieldError> {
    let found = bytes.len();
    if !found.is_multiple_of(HEADER_LEN) {
        return Err(FieldError::new(path, FieldProblem::NotWhole { expected_unit: HEADER_LEN, found }));
    }
    Ok((found / HEADER_LEN) as u64)
}

/// A hash of 32 bytes in wire order.
///
/// # Errors
/// [`FieldProblem::Length`].
pub fn hash(path: &str, bytes: &[u8]) -> Result<BlockHash, FieldError> {
    fixed(path, bytes).map(BlockHash::from_wire)
}

/// A target of 32 bytes, a little-endian number above zero.
///
/// # Errors
/// [`FieldProblem::Length`], or [`FieldProblem::Refused`] where it is zero.
pub fn target(path: &str, bytes: &[u8]) -> Result<Target, FieldError> {
    Target::from_wire(&fixed(path, bytes)?)
        .ok_or_else(|| FieldError::refused(path, &"a target of zero, which no hash meets; expected at least 1"))
}

/// Chain work of 32 bytes, a little-endian number; no bytes are zero.
///
/// # Errors
/// [`FieldProblem::Length`].
pub fn chain_work(path: &str, bytes: &[u8]) -> Result<ChainWork, FieldError> {
    if bytes.is_empty() {
        return Ok(ChainWork::ZERO);
    }
    fixed(path, bytes).map(|wire| ChainWork::from_wire(&wire))
}

/// The bytes of a field, from an array.
pub(crate) fn bytes(array: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(array.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_path_through_its_parents_and_both_numbers() {
        let error = fixed::<80>("header", &[0; 79]).unwrap_err().under("template");
        assert_eq!(error.to_string(), "template.header: expected 80 bytes, found 79");
        assert_eq!(FieldError::missing("", "a template").under("template").path, "template");
    }

    #[test]
    fn accepts_a_number_at_its_limit_and_refuses_the_next() {
        assert_eq!(at_most("priority", 255, 255), Ok(255));
        let error = at_most("priority", 256, 255).unwrap_err();
        assert_eq!(error.to_string(), "priority: expected at most 255, found 256");
    }

    #[test]
    fn accepts_whole_headers_and_refuses_a_byte_more() {
        assert_eq!(whole_headers("packed_headers", &[0; 160]), Ok(2));
        assert_eq!(whole_headers("packed_headers", &[]), Ok(0));
        let error = whole_headers("packed_headers", &[0; 161]).unwrap_err();
        assert_eq!(error.to_string(), "packed_headers: expected a multiple of 80 bytes, found 161");
    }

    #[test]
    fn refuses_a_target_of_zero_and_accepts_one() {
        let mut one = [0; 32];
        assert!(target("target", &one).unwrap_err().to_string().contains("a target of zero"));
        one[0] = 1;
        assert!(target("target", &one).is_ok());
    }
}
