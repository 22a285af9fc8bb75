//! Checks of single message fields, and errors that name the field.
//!
//! Combinations of fields are checked by the domain types that they are converted to.

use cityseal_chain::{BlockHash, ChainWork, Target};
use prost::bytes::Bytes;

/// The length of a header on the wire, in bytes.
pub const HEADER_LEN: usize = 80;

/// An invalid field. Its `path` has the form of `google.rpc.BadRequest`: field names from the message down, joined by
/// dots, with indices in brackets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct FieldError {
    /// Path of the field.
    pub path: String,
    /// What is wrong with it.
    pub problem: FieldProblem,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FieldProblem {
    /// A required field is missing.
    #[error("missing; expected {expected}")]
    Missing {
        /// What the field must contain.
        expected: &'static str,
    },
    /// The field has the wrong length.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// Required length in bytes.
        expected: usize,
        /// Actual length in bytes.
        found: usize,
    },
    /// The length is not a multiple of the unit.
    #[error("expected a multiple of {expected_unit} bytes, found {found}")]
    NotWhole {
        /// Length of one unit in bytes.
        expected_unit: usize,
        /// Actual length in bytes.
        found: usize,
    },
    /// A number, or a length in bytes, is too large.
    #[error("expected at most {expected_max}, found {found}")]
    TooLarge {
        /// Maximum value.
        expected_max: u64,
        /// Actual value.
        found: u64,
    },
    /// A word that this build does not know.
    #[error("expected {expected}, found '{found}'")]
    Unknown {
        /// The known words.
        expected: &'static str,
        /// The word found.
        found: String,
    },
    /// The domain type that the field is converted to refused it. The text is that type's error message.
    #[error("{0}")]
    Refused(String),
}

impl FieldError {
    /// Creates an error at `path`.
    pub fn new(path: impl Into<String>, problem: FieldProblem) -> Self {
        Self { path: path.into(), problem }
    }

    /// Creates an error for a missing field.
    pub fn missing(path: impl Into<String>, expected: &'static str) -> Self {
        Self::new(path, FieldProblem::Missing { expected })
    }

    /// Creates an error for a field that its domain type refused.
    pub fn refused(path: impl Into<String>, error: &impl ToString) -> Self {
        Self::new(path, FieldProblem::Refused(error.to_string()))
    }

    /// Prefixes the path with `parent`, the field of an outer message that contains this one.
    #[must_use]
    pub fn under(self, parent: &str) -> Self {
        let path = if self.path.is_empty() { parent.to_owned() } else { format!("{parent}.{}", self.path) };
        Self { path, ..self }
    }
}

/// Checks that a field has exactly `N` bytes.
///
/// # Errors
/// [`FieldProblem::Length`].
pub fn fixed<const N: usize>(path: &str, bytes: &[u8]) -> Result<[u8; N], FieldError> {
    let problem = FieldProblem::Length { expected: N, found: bytes.len() };
    bytes.try_into().map_err(|_| FieldError::new(path, problem))
}

/// Checks that a number is at most `max`.
///
/// # Errors
/// [`FieldProblem::TooLarge`].
pub fn at_most(path: &str, found: u64, max: u64) -> Result<u64, FieldError> {
    if found > max {
        return Err(FieldError::new(path, FieldProblem::TooLarge { expected_max: max, found }));
    }
    Ok(found)
}

/// Checks that bytes are whole headers. Returns the number of headers.
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

/// Reads a hash of 32 bytes in wire order.
///
/// # Errors
/// [`FieldProblem::Length`].
pub fn hash(path: &str, bytes: &[u8]) -> Result<BlockHash, FieldError> {
    fixed(path, bytes).map(BlockHash::from_wire)
}

/// Reads a target of 32 bytes, a little-endian number above zero.
///
/// # Errors
/// [`FieldProblem::Length`], or [`FieldProblem::Refused`] if it is zero.
pub fn target(path: &str, bytes: &[u8]) -> Result<Target, FieldError> {
    Target::from_wire(&fixed(path, bytes)?)
        .ok_or_else(|| FieldError::refused(path, &"a target of zero, which no hash meets; expected at least 1"))
}

/// Reads chain work of 32 bytes, a little-endian number; an empty field is zero.
///
/// # Errors
/// [`FieldProblem::Length`].
pub fn chain_work(path: &str, bytes: &[u8]) -> Result<ChainWork, FieldError> {
    if bytes.is_empty() {
        return Ok(ChainWork::ZERO);
    }
    fixed(path, bytes).map(|wire| ChainWork::from_wire(&wire))
}

/// Copies an array into a bytes field.
pub(crate) fn bytes(array: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(array.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_full_path_and_both_numbers() {
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
    fn accepts_whole_headers_and_refuses_an_extra_byte() {
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
