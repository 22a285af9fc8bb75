//! The service's keys: an optional key that signs receipts, and the key that authenticates resume tokens.
//!
//! A token is the state of a verification in the format of a part (JSON), preceded by its HMAC-SHA-256 (RFC 2104). It
//! is not secret, and the service stores nothing about it. Only the service can create a token, so an authentic token
//! is accepted; its content must still match the call that presents it.

use std::io;
use std::sync::Arc;

use cityseal_receipt::SecretKey;
use hmac::{Hmac, KeyInit, Mac};
use prost::bytes::{Bytes, BytesMut};
use sha2::Sha256;
use zeroize::Zeroizing;

use cityseal_input::part::{Part, PartFileError, RulesDiffer};

/// Purpose for which the token key is derived from the signing key.
const PURPOSE: &str = "cityseal resume token 1";

/// Length in bytes of the authentication code at the front of a token.
const CODE_LEN: usize = 32;

/// Maximum size of a token, in bytes. The outlines of two trees have at most 2 x 512 nodes of 64 digits, and unchecked
/// ranges take 100 bytes each: 70 KB are usual. A larger state has no token, and a larger token is not from this
/// service.
pub(super) const TOKEN_BYTES_MAX: usize = 512 * 1024;

/// Signs receipts, and issues and opens resume tokens.
#[derive(Clone)]
pub(super) struct Keys {
    signer: Option<Arc<SecretKey>>,
    tokens: Hmac<Sha256>,
    commit: &'static str,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("signer", &self.signer).finish_non_exhaustive()
    }
}

/// Reason for refusing a resume token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// It is truncated, changed, or from another service or key.
    #[error("not issued by this service, or issued before a restart without a key")]
    Foreign,
    /// It is authentic, but this build cannot read it.
    #[error("issued by another version of this service")]
    Unreadable,
    /// It was issued for other rules than those of this build.
    #[error(transparent)]
    Rules(#[from] RulesDiffer),
    /// It belongs to another call.
    #[error("issued for a call with a different value: {what}")]
    Misfit {
        /// What differs.
        what: &'static str,
    },
}

impl Keys {
    /// Creates the keys of a service; without a signing key its tokens are valid only until the service ends.
    ///
    /// # Errors
    /// Returns the error of the operating system if it provides no random numbers.
    pub(super) fn new(signer: Option<Arc<SecretKey>>, commit: &'static str) -> io::Result<Self> {
        let key = signer.as_ref().map_or_else(random_key, |signer| Ok(signer.derived(PURPOSE)))?;
        Ok(Self { signer, tokens: hmac_of(&key), commit })
    }

    /// The commit that receipts name.
    pub(super) const fn commit(&self) -> &'static str {
        self.commit
    }

    /// Returns the key that signs receipts.
    pub(super) fn signer(&self) -> Option<&SecretKey> {
        self.signer.as_deref()
    }

    /// Returns the token of a state; `None` if the state is too large.
    pub(super) fn seal(&self, part: &Part) -> Option<Bytes> {
        let state = part.to_json();
        if CODE_LEN + state.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let code = self.tokens.clone().chain_update(&state).finalize().into_bytes();
        let mut token = BytesMut::with_capacity(CODE_LEN + state.len());
        token.extend_from_slice(&code);
        token.extend_from_slice(state.as_bytes());
        Some(token.freeze())
    }

    /// Returns the state in a token.
    ///
    /// # Errors
    /// Returns [`TokenError`] if the token is not from this service or cannot be used.
    pub(super) fn open(&self, token: &[u8]) -> Result<Part, TokenError> {
        let (code, state) = token.split_first_chunk::<CODE_LEN>().ok_or(TokenError::Foreign)?;
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Foreign);
        }
        // The comparison takes constant time.
        self.tokens.clone().chain_update(state).verify_slice(code).map_err(|_| TokenError::Foreign)?;
        let state = std::str::from_utf8(state).map_err(|_| TokenError::Unreadable)?;
        Part::from_state(state).map_err(|error| {
            if let PartFileError::Rules(differ) = error { TokenError::Rules(differ) } else { TokenError::Unreadable }
        })
    }
}

fn random_key() -> io::Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(key)
}

fn hmac_of(key: &[u8; 32]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use cityseal_chain::{ChainWork, Commitments, Digest, History, RuleSet, Summary};

    use super::*;
    use cityseal_input::part::{Chain, ItemKind, ShardRange};

    fn part() -> Part {
        let (parameters, start_work) = (Digest::from_bytes([7; 32]), ChainWork::ZERO);
        let rules = RuleSet::HEADERS.digest();
        let chain = Chain { parameters, rules, items: ItemKind::Headers, start_height: 0, start_work, now: 5 };
        let before = History::before_genesis();
        let commitments = Some(Commitments::empty(0, false));
        let (summary, after) = (Summary { commitments, ..Summary::empty(0) }, Some(before));
        Part { chain, shards: ShardRange::WHOLE, before, after, summary, fault: None, cut: None }
    }

    fn signer(seed: u8) -> Keys {
        Keys::new(Some(Arc::new(SecretKey::from_seed(&[seed; 32], None).unwrap())), "abc").unwrap()
    }

    #[test]
    fn a_token_opens_to_its_state_with_the_key_that_made_it_even_in_another_process() {
        let token = signer(1).seal(&part()).unwrap();
        assert_eq!(signer(1).open(&token), Ok(part()));
        assert_eq!(signer(2).open(&token), Err(TokenError::Foreign));
        let process = Keys::new(None, "abc").unwrap();
        assert_eq!(process.open(&process.seal(&part()).unwrap()), Ok(part()));
        assert_eq!(Keys::new(None, "abc").unwrap().open(&process.seal(&part()).unwrap()), Err(TokenError::Foreign));
    }

    #[test]
    fn the_state_of_a_run_without_commitments_has_a_token_too() {
        let without = Part { summary: Summary { commitments: None, ..part().summary }, ..part() };
        assert_eq!(signer(1).open(&signer(1).seal(&without).unwrap()), Ok(without));
    }

    #[test]
    fn a_token_with_any_byte_changed_removed_or_added_is_foreign() {
        let keys = signer(1);
        let token = keys.seal(&part()).unwrap();
        for at in 0..token.len() {
            let mut forged = token.to_vec();
            forged[at] ^= 1;
            assert_eq!(keys.open(&forged), Err(TokenError::Foreign), "byte {at}");
            assert_eq!(keys.open(&token[..at]), Err(TokenError::Foreign), "cut at {at}");
        }
        assert_eq!(keys.open(&[&token[..], &[0]].concat()), Err(TokenError::Foreign));
    }

    #[test]
    fn a_state_that_is_too_large_has_no_token() {
        let mut large = part();
        large.cut = Some("x".repeat(TOKEN_BYTES_MAX));
        assert_eq!(signer(1).seal(&large), None);
    }

    #[test]
    fn no_debug_text_shows_a_secret() {
        let shown = format!("{:?}", signer(7));
        assert!(!shown.contains("0707") && !shown.contains("7, 7"), "{shown}");
    }
}
