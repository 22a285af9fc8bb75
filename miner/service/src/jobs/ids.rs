//! The epoch, the ids of jobs and page tokens: random, so that nobody can count or guess the jobs of others.
//!
//! Ids and tokens are derived from a job's number by HMAC-SHA-256 with a key of this run, so none is ever equal to
//! another and none reveals its number.

use std::io;

use cityseal_chain::hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of a job's id: 128 bits.
const ID_LEN: usize = 16;

/// Bytes of each half of a page token.
const HALF_LEN: usize = 8;

/// Derives ids and tokens from numbers.
#[derive(Clone)]
pub(super) struct Ids(Hmac<Sha256>);

impl std::fmt::Debug for Ids {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ids").finish_non_exhaustive()
    }
}

impl Ids {
    /// Creates ids under a random key.
    ///
    /// # Errors
    /// Returns the error of the operating system if it provides no random numbers.
    pub(super) fn new() -> io::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(Hmac::new_from_slice(&key).expect("HMAC accepts keys of any length")))
    }

    /// The epoch of this run, never 0.
    pub(super) fn epoch(&self) -> u64 {
        u64::from_be_bytes(self.code("epoch", &[])).max(1)
    }

    /// The id of the job with this number: 32 hex digits.
    pub(super) fn job_id(&self, number: u64) -> String {
        hex::encode(&self.code::<ID_LEN>("job", &number.to_be_bytes()))
    }

    /// A token from which only this run can read the number: a code of the number, and the number masked with a code of
    /// that code.
    pub(super) fn page_token(&self, number: u64) -> String {
        let code: [u8; HALF_LEN] = self.code("page", &number.to_be_bytes());
        let masked = number ^ self.mask(code);
        hex::encode(&[code, masked.to_be_bytes()].concat())
    }

    /// The number in a page token; `None` if this run did not make it.
    pub(super) fn number_in(&self, page_token: &str) -> Option<u64> {
        let bytes = hex::decode(page_token).ok()?;
        let (code, masked) = bytes.split_first_chunk::<HALF_LEN>()?;
        let number = u64::from_be_bytes(masked.try_into().ok()?) ^ self.mask(*code);
        (self.page_token(number) == page_token).then_some(number)
    }

    fn mask(&self, code: [u8; HALF_LEN]) -> u64 {
        u64::from_be_bytes(self.code("mask", &code))
    }

    fn code<const LEN: usize>(&self, purpose: &str, value: &[u8]) -> [u8; LEN] {
        let mac = self.0.clone().chain_update(purpose).chain_update(value);
        let code = mac.finalize().into_bytes();
        *code.first_chunk().expect("a code of SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_do_not_show_their_number_and_differ_between_runs() {
        let (one, two) = (Ids::new().unwrap(), Ids::new().unwrap());
        let ids: BTreeSet<String> = (0..1000).flat_map(|number| [one.job_id(number), two.job_id(number)]).collect();
        assert_eq!(ids.len(), 2000);
        assert!(ids.iter().all(|id| id.len() == 2 * ID_LEN));
        assert_ne!(one.epoch(), two.epoch());
    }

    #[test]
    fn only_the_run_that_made_a_page_token_reads_its_number() {
        let (one, two) = (Ids::new().unwrap(), Ids::new().unwrap());
        for number in [0, 1, 255, u64::MAX] {
            let token = one.page_token(number);
            assert_eq!((one.number_in(&token), two.number_in(&token)), (Some(number), None));
            assert_eq!(one.number_in(&token.to_uppercase()), None, "{token}");
        }
        for text in ["", "7", "00", "zz", &"0".repeat(32), &"0".repeat(64), "ß"] {
            assert_eq!(one.number_in(text), None, "{text}");
        }
    }

    #[test]
    fn consecutive_page_tokens_have_no_common_part() {
        let ids = Ids::new().unwrap();
        let halves: BTreeSet<String> = (0..100)
            .flat_map(|number| {
                let token = ids.page_token(number);
                [token[..2 * HALF_LEN].to_owned(), token[2 * HALF_LEN..].to_owned()]
            })
            .collect();
        assert_eq!(halves.len(), 200);
    }
}
