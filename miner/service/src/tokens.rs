//! Bearer tokens: `cs1_ID_SECRET`, and the file of those that the service accepts.
//!
//! The file has no secrets: of each token it holds the SHA-256 of the secret. Comparisons take the same time, whatever
//! is presented.

use std::collections::HashMap;
use std::fmt;

use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::caller::{Scope, Scopes};
use super::limits::TOKENS_MAX;
use super::tenants::{ScopeProblem, Tenants, is_tenant_name, scopes_from};

/// The prefix of every token: the program and the format.
const PREFIX: &str = "cs1_";
/// Hex digits of a token's id: 8 random bytes.
const ID_DIGITS: usize = 16;
/// Hex digits of a token's secret: 32 random bytes.
const SECRET_DIGITS: usize = 64;

/// A new token, which only its owner may see.
pub struct NewToken {
    id: String,
    text: Zeroizing<String>,
    digest: [u8; 32],
}

impl NewToken {
    /// Creates a token from 40 random bytes.
    pub fn from_random(random: &Zeroizing<[u8; 40]>) -> Self {
        let id = hex(&random[..8]);
        let secret = Zeroizing::new(hex(&random[8..]));
        let text = Zeroizing::new(format!("{PREFIX}{id}_{}", secret.as_str()));
        Self { id, text, digest: digest_of(&secret) }
    }

    /// The id, which is not secret: 16 hex digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole token, as it is sent. It is a secret.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The line for the file of tokens, without a line break: id, SHA-256 of the secret, tenant, scopes, and the Unix
    /// time from which on the token is refused.
    pub fn line(&self, tenant: &str, scopes: Scopes, not_after: u64) -> String {
        let scopes: Vec<&str> = Scope::ALL.into_iter().filter(|scope| scopes.has(*scope)).map(Scope::name).collect();
        format!("{} {} {tenant} {} {not_after}", self.id, hex(&self.digest), scopes.join(","))
    }
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is wrong in a file of tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct TokenFileError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: TokenProblem,
}

/// What is wrong with a line of a file of tokens. No message repeats a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenProblem {
    /// Not five columns.
    #[error("{found} columns; expected ID SHA256 TENANT SCOPES NOT_AFTER, as `cityseal token` prints them")]
    Columns {
        /// How many there are.
        found: usize,
    },
    /// A whole token instead of its digest.
    #[error("this is a token, which is a secret; expected the line that `cityseal token` prints")]
    Secret,
    /// Not an id.
    #[error("the id is not {ID_DIGITS} lowercase hex digits")]
    Id,
    /// Not a digest.
    #[error("the digest is not 64 lowercase hex digits")]
    Digest,
    /// Not a tenant of the configuration.
    #[error("the tenant `{found}` is not in the configuration; add it as [[tenant]]")]
    Tenant {
        /// The name found.
        found: String,
    },
    /// Not the name of a tenant.
    #[error("the third column is not the name of a tenant")]
    TenantName,
    /// Not a list of scopes.
    #[error(transparent)]
    Scopes(#[from] ScopeProblem),
    /// Not a Unix time.
    #[error("the end `{found}` is not a Unix time in seconds")]
    NotAfter {
        /// The text found.
        found: String,
    },
    /// An id occurs twice.
    #[error("the id {id} is already used in line {first}")]
    IdTwice {
        /// The id.
        id: String,
        /// The line of the first.
        first: usize,
    },
    /// Too many tokens.
    #[error("more than {TOKENS_MAX} tokens")]
    TooMany,
}

/// One token that the service accepts.
#[derive(Debug)]
pub(crate) struct TokenEntry {
    digest: SecretBox<[u8; 32]>,
    pub(crate) tenant: String,
    pub(crate) scopes: Scopes,
    /// The Unix time from which on it is refused.
    pub(crate) not_after: u64,
    line: usize,
}

/// The tokens of a file, by id.
#[derive(Debug, Default)]
pub(crate) struct TokenTable(HashMap<String, TokenEntry>);

impl TokenTable {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Parses a file: a line for each token; empty lines and lines that begin with `#` are ignored.
    pub(crate) fn parse(text: &str, tenants: &Tenants) -> Result<Self, TokenFileError> {
        let mut table = Self::default();
        for (line, text) in (1..).zip(text.lines().map(str::trim)) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            table.add(line, text, tenants).map_err(|problem| TokenFileError { line, problem })?;
        }
        Ok(table)
    }

    fn add(&mut self, line: usize, text: &str, tenants: &Tenants) -> Result<(), TokenProblem> {
        if text.contains(PREFIX) {
            return Err(TokenProblem::Secret);
        }
        let columns: Vec<&str> = text.split_whitespace().collect();
        let [id, digest, tenant, scopes, not_after] = *columns else {
            return Err(TokenProblem::Columns { found: columns.len() });
        };
        if !is_hex(id, ID_DIGITS) {
            return Err(TokenProblem::Id);
        }
        let digest = bytes_of(digest).ok_or(TokenProblem::Digest)?;
        if !is_tenant_name(tenant) {
            return Err(TokenProblem::TenantName);
        }
        if tenants.get(tenant).is_none() {
            return Err(TokenProblem::Tenant { found: tenant.to_owned() });
        }
        let scopes = scopes_from(scopes.split(','))?;
        let not_after = not_after.parse().map_err(|_| TokenProblem::NotAfter { found: cut(not_after) })?;
        if let Some(other) = self.0.get(id) {
            return Err(TokenProblem::IdTwice { id: id.to_owned(), first: other.line });
        }
        if self.0.len() == TOKENS_MAX {
            return Err(TokenProblem::TooMany);
        }
        let digest = SecretBox::new(Box::new(digest));
        self.0.insert(id.to_owned(), TokenEntry { digest, tenant: tenant.to_owned(), scopes, not_after, line });
        Ok(())
    }

    /// Returns the entry of a token, if its secret is right and it has not expired.
    pub(crate) fn find(&self, token: &PresentedToken, now: u64) -> Option<&TokenEntry> {
        let entry = self.0.get(&token.id);
        // An unknown id is compared too, so that it takes as long as a wrong secret.
        let expected = entry.map_or(&[0; 32], |entry| entry.digest.expose_secret());
        let is_right = bool::from(expected.ct_eq(token.digest.expose_secret()));
        entry.filter(|entry| is_right && now < entry.not_after)
    }
}

/// A token of a call: its id, and the digest of its secret.
pub(crate) struct PresentedToken {
    id: String,
    digest: SecretBox<[u8; 32]>,
}

impl PresentedToken {
    /// Parses the value of `authorization`: `Bearer` (in any case), spaces, and a token.
    pub(crate) fn from_header(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (scheme, token) = text.split_once(' ')?;
        Self::parse(token).filter(|_| scheme.eq_ignore_ascii_case("bearer"))
    }

    /// Parses a token; spaces around it are ignored.
    pub(crate) fn parse(token: &str) -> Option<Self> {
        let (id, secret) = token.trim().strip_prefix(PREFIX)?.split_once('_')?;
        let is_token = is_hex(id, ID_DIGITS) && is_hex(secret, SECRET_DIGITS);
        is_token.then(|| Self { id: id.to_owned(), digest: SecretBox::new(Box::new(digest_of(secret))) })
    }
}

/// The SHA-256 of a secret's hex digits.
fn digest_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn bytes_of(digits: &str) -> Option<[u8; 32]> {
    if !is_hex(digits, 64) {
        return None;
    }
    cityseal_chain::hex::decode(digits).ok()?.try_into().ok()
}

fn hex(bytes: &[u8]) -> String {
    cityseal_chain::hex::encode(bytes)
}

/// The first characters of a text, for an error.
fn cut(text: &str) -> String {
    text.chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenants::TenantSettings;

    fn tenants() -> Tenants {
        let tenant = |name: &str| TenantSettings {
            name: name.into(),
            weight: 1,
            reserved: 0.0,
            refuse_below: 0.0,
            limits: crate::terms::TenantLimits::default(),
            scopes: scopes_from(["seal"]).unwrap(),
            uris: Vec::new(),
            when_no_gpu: crate::terms::WhenNoGpu::Cpu,
        };
        Tenants::new(vec![tenant("parks"), tenant("roads")]).unwrap()
    }

    fn token(seed: u8) -> NewToken {
        NewToken::from_random(&Zeroizing::new([seed; 40]))
    }

    fn presented(text: &str) -> Option<PresentedToken> {
        PresentedToken::from_header(format!("Bearer {text}").as_bytes())
    }

    fn problem(text: &str) -> (usize, TokenProblem) {
        let error = TokenTable::parse(text, &tenants()).unwrap_err();
        (error.line, error.problem)
    }

    #[test]
    fn a_token_is_found_by_its_line_until_its_end() {
        let new = token(7);
        let line = new.line("parks", scopes_from(["read", "seal"]).unwrap(), 1000);
        let table = TokenTable::parse(&format!("# ours\n\n  {line}  \n"), &tenants()).unwrap();
        let shown = presented(new.expose()).unwrap();
        let entry = table.find(&shown, 999).unwrap();
        assert_eq!((entry.tenant.as_str(), entry.not_after), ("parks", 1000));
        assert!(entry.scopes.has(Scope::Read) && !entry.scopes.has(Scope::Verify));
        assert!(table.find(&shown, 1000).is_none(), "it has ended");
    }

    #[test]
    fn a_wrong_secret_and_an_unknown_id_are_refused() {
        let line = token(7).line("parks", scopes_from(["seal"]).unwrap(), 1000);
        let table = TokenTable::parse(&line, &tenants()).unwrap();
        let good = token(7).expose().to_owned();
        let wrong_secret = good.replace("_0707070707070707070707", "_1707070707070707070707");
        assert_ne!(good, wrong_secret);
        // The all-zero digest stands for an unknown id in the comparison.
        for wrong in [&wrong_secret, token(8).expose()] {
            assert!(table.find(&presented(wrong).unwrap(), 0).is_none(), "{wrong}");
        }
    }

    #[test]
    fn only_the_exact_form_is_a_token() {
        let good = token(1).expose().to_owned();
        assert!(PresentedToken::from_header(format!("bearer  {good}").as_bytes()).is_some());
        let wrong = [
            good.clone(),
            format!("Basic {good}"),
            format!("Bearer {}", good.to_uppercase()),
            format!("Bearer {good}0"),
            format!("Bearer {}", &good[..good.len() - 1]),
            format!("Bearer cs2{}", &good[3..]),
            "Bearer ".into(),
        ];
        for text in wrong {
            assert!(PresentedToken::from_header(text.as_bytes()).is_none(), "{text}");
        }
        assert!(PresentedToken::from_header(b"Bearer \xff").is_none());
    }

    #[test]
    fn each_fault_of_the_file_is_named_with_its_line() {
        let line = token(1).line("parks", scopes_from(["seal"]).unwrap(), 9);
        let columns: Vec<&str> = line.split(' ').collect();
        let with = |at: usize, text: &str| {
            let mut columns = columns.clone();
            columns[at] = text;
            format!("#\n{}", columns.join(" "))
        };
        assert_eq!(problem("a b c"), (1, TokenProblem::Columns { found: 3 }));
        assert_eq!(problem(&with(0, "0123")), (2, TokenProblem::Id));
        assert_eq!(problem(&with(1, "00")), (2, TokenProblem::Digest));
        assert_eq!(problem(&with(2, "harbour")), (2, TokenProblem::Tenant { found: "harbour".into() }));
        assert_eq!(problem(&with(2, "a/b")), (2, TokenProblem::TenantName));
        assert!(matches!(problem(&with(3, "seal,,read")), (2, TokenProblem::Scopes(_))));
        assert_eq!(problem(&with(4, "soon")), (2, TokenProblem::NotAfter { found: "soon".into() }));
        let id = columns[0].to_owned();
        assert_eq!(problem(&format!("{line}\n\n{line}")), (3, TokenProblem::IdTwice { id, first: 1 }));
        assert_eq!(problem(token(1).expose()), (1, TokenProblem::Secret));
    }

    #[test]
    fn neither_debug_nor_errors_show_a_secret_or_a_digest() {
        let new = token(9);
        let line = new.line("parks", scopes_from(["seal"]).unwrap(), 9);
        let table = TokenTable::parse(&line, &tenants()).unwrap();
        let digest = line.split(' ').nth(1).unwrap();
        let (secret, shown) = (&new.expose()[21..], format!("{new:?} {table:?}"));
        assert!(!shown.contains(secret) && !shown.contains(digest), "{shown}");
        let broken = format!("{line} {}", new.expose());
        let error = TokenTable::parse(&broken, &tenants()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains(secret) && !shown.contains(digest), "{shown}");
    }
}
