//! The tenants of the configuration (`[[tenant]]`): their share of the devices, their limits, their scopes, and the
//! certificates that belong to them.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::caller::{Scope, Scopes};
use super::limits::{TENANT_NAME_BYTES_MAX, TENANT_WEIGHT_MAX, TENANTS_MAX, URI_BYTES_MAX};
use super::terms::{TenantLimits, Terms, WhenNoGpu};

/// The URI in a client certificate of a tenant that has no `uris`; the tenant's name follows.
pub const TENANT_URI_PREFIX: &str = "cityseal:tenant:";

/// What a tenant may do if the configuration does not say.
const SCOPES_DEFAULT: [Scope; 3] = [Scope::Seal, Scope::Verify, Scope::Read];

/// One tenant of the configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TenantSettings {
    /// ASCII letters, digits, `.`, `_` and `-`; at most 64 bytes.
    #[serde(deserialize_with = "name_of")]
    pub name: String,
    /// Share of the device time relative to that of other tenants, 1 to 100. Default 1.
    #[serde(default = "weight_default", deserialize_with = "weight_of")]
    pub weight: u32,
    /// Part of the device time that is kept for this tenant, 0 to 1; the parts of all tenants together are at most 1.
    /// Default 0.
    #[serde(default, deserialize_with = "reserved_of")]
    pub reserved: f64,
    /// A submission is refused if a seal before its deadline is less likely than this, 0 to 1. Default 0: never.
    #[serde(default, deserialize_with = "refuse_below_of")]
    pub refuse_below: f64,
    /// Limits of this tenant.
    #[serde(default)]
    pub limits: TenantLimits,
    /// What its certificates may do, and its tokens at most. Default `seal`, `verify`, `read`.
    #[serde(default = "scopes_default", deserialize_with = "scopes_of")]
    pub scopes: Scopes,
    /// The URIs in the subject alternative names of its certificates. Default: [`TENANT_URI_PREFIX`] and its name.
    #[serde(default, deserialize_with = "uris_of")]
    pub uris: Vec<String>,
    /// What happens to its jobs while no GPU is usable. Default `cpu`.
    #[serde(default)]
    pub when_no_gpu: WhenNoGpu,
}

impl TenantSettings {
    /// What its calls are subject to.
    pub(crate) const fn terms(&self) -> Terms {
        Terms { limits: self.limits, refuse_below: self.refuse_below, when_no_gpu: self.when_no_gpu }
    }
}

/// Why a list of tenants is invalid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TenantsError {
    /// Too many tenants.
    #[error("{found} tenants; expected at most {TENANTS_MAX}")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// Two tenants have one name.
    #[error("[[tenant]] {second}: the name `{name}` is already used by [[tenant]] {first}")]
    NameTwice {
        /// The name.
        name: String,
        /// Number of the first of them, from 1.
        first: usize,
        /// Number of the second.
        second: usize,
    },
    /// Two tenants have one URI.
    #[error("[[tenant]] `{second}`: the URI `{uri}` already belongs to `{first}`")]
    UriTwice {
        /// The URI.
        uri: String,
        /// Name of the first tenant.
        first: String,
        /// Name of the second.
        second: String,
    },
    /// More is reserved than there is.
    #[error("the `reserved` parts of all tenants add up to {sum:.3}; expected at most 1")]
    ReservedTooMuch {
        /// The sum.
        sum: f64,
    },
}

/// The tenants of a service, by name and by URI. Clones share them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tenants(Arc<Inner>);

#[derive(Debug, Default, PartialEq)]
struct Inner {
    by_name: BTreeMap<String, TenantSettings>,
    name_by_uri: HashMap<String, String>,
}

impl Tenants {
    /// Joins the tenants of a configuration, in its order.
    ///
    /// # Errors
    /// [`TenantsError`] for the first name or URI that occurs twice, and for too many tenants or reserved parts.
    pub fn new(list: Vec<TenantSettings>) -> Result<Self, TenantsError> {
        if list.len() > TENANTS_MAX {
            return Err(TenantsError::TooMany { found: list.len() });
        }
        let sum: f64 = list.iter().map(|tenant| tenant.reserved).sum();
        // Parts such as 0.1 have no exact value in binary.
        if sum > 1.0 + 1e-9 {
            return Err(TenantsError::ReservedTooMuch { sum });
        }
        let mut tenants = Inner::default();
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for (number, mut tenant) in (1..).zip(list) {
            let name = tenant.name.clone();
            if let Some(first) = numbers.insert(name.clone(), number) {
                return Err(TenantsError::NameTwice { name, first, second: number });
            }
            if tenant.uris.is_empty() {
                tenant.uris.push(format!("{TENANT_URI_PREFIX}{name}"));
            }
            for uri in &tenant.uris {
                if let Some(first) = tenants.name_by_uri.insert(uri.clone(), name.clone()) {
                    return Err(TenantsError::UriTwice { uri: uri.clone(), first, second: name });
                }
            }
            tenants.by_name.insert(name, tenant);
        }
        Ok(Self(Arc::new(tenants)))
    }

    /// Returns the settings of a tenant.
    pub fn get(&self, name: &str) -> Option<&TenantSettings> {
        self.0.by_name.get(name)
    }

    /// Returns the tenant to which all known URIs of a certificate belong; `None` if there is none, or more than one.
    pub fn of_uris(&self, uris: &[String]) -> Option<&TenantSettings> {
        let mut names = uris.iter().filter_map(|uri| self.0.name_by_uri.get(uri));
        let first = names.next()?;
        if names.all(|name| name == first) { self.get(first) } else { None }
    }

    /// The tenants in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &TenantSettings> {
        self.0.by_name.values()
    }

    /// Whether there are no tenants.
    pub fn is_empty(&self) -> bool {
        self.0.by_name.is_empty()
    }
}

/// Whether a text can be the name of a tenant: 1 to 64 ASCII letters, digits, `.`, `_` and `-`, beginning with a letter
/// or a digit, so that it can be a part of file names, URIs and labels.
pub fn is_tenant_name(text: &str) -> bool {
    text.len() <= TENANT_NAME_BYTES_MAX
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Parses a list of scopes, such as those of a token.
///
/// # Errors
/// The first word that is not a scope, with the known ones, or that occurs twice; an empty list.
pub fn scopes_from<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Scopes, ScopeProblem> {
    let mut found: Vec<Scope> = Vec::new();
    for word in words {
        let scope = Scope::ALL.into_iter().find(|scope| scope.name() == word);
        let scope = scope.ok_or_else(|| ScopeProblem::Unknown { found: word.to_owned() })?;
        if found.contains(&scope) {
            return Err(ScopeProblem::Twice { scope: scope.name() });
        }
        found.push(scope);
    }
    if found.is_empty() { Err(ScopeProblem::None) } else { Ok(found.into_iter().collect()) }
}

/// Why a list of scopes is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeProblem {
    /// Not a scope.
    #[error("unknown scope `{found}`; expected {Known}")]
    Unknown {
        /// The word found.
        found: String,
    },
    /// A scope occurs twice.
    #[error("the scope `{scope}` occurs twice")]
    Twice {
        /// The scope.
        scope: &'static str,
    },
    /// The list is empty.
    #[error("no scope; expected one or more of {Known}")]
    None,
}

/// Prints the names of all scopes.
struct Known;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Scope::ALL.map(Scope::name).join(", "))
    }
}

fn name_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if is_tenant_name(&name) {
        return Ok(name);
    }
    let expected = "1 to 64 ASCII letters, digits, `.`, `_` and `-`, beginning with a letter or a digit";
    Err(D::Error::custom(format!("`{name}` is not the name of a tenant; expected {expected}")))
}

const fn weight_default() -> u32 {
    1
}

fn weight_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let weight = i64::deserialize(deserializer)?;
    let valid = u32::try_from(weight).ok().filter(|weight| (1..=TENANT_WEIGHT_MAX).contains(weight));
    valid.ok_or_else(|| D::Error::custom(format!("weight = {weight}: expected 1 to {TENANT_WEIGHT_MAX}")))
}

fn reserved_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    part_of(deserializer, "reserved")
}

fn refuse_below_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    part_of(deserializer, "refuse_below")
}

fn part_of<'de, D: Deserializer<'de>>(deserializer: D, key: &str) -> Result<f64, D::Error> {
    let part = f64::deserialize(deserializer)?;
    let is_part = (0.0..=1.0).contains(&part);
    if is_part { Ok(part) } else { Err(D::Error::custom(format!("{key} = {part}: expected 0 to 1"))) }
}

fn scopes_default() -> Scopes {
    SCOPES_DEFAULT.into_iter().collect()
}

fn scopes_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scopes, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    scopes_from(words.iter().map(String::as_str)).map_err(D::Error::custom)
}

fn uris_of<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let uris = Vec::<String>::deserialize(deserializer)?;
    let is_uri = |uri: &String| {
        let has_scheme = uri.split_once(':').is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
        has_scheme && uri.len() <= URI_BYTES_MAX && uri.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match uris.iter().find(|uri| !is_uri(uri)) {
        Some(uri) => Err(D::Error::custom(format!(
            "`{uri}` is not a URI; expected a scheme, a colon and at most {URI_BYTES_MAX} printable ASCII characters"
        ))),
        None => Ok(uris),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> TenantSettings {
        TenantSettings {
            name: name.into(),
            weight: 1,
            reserved: 0.0,
            refuse_below: 0.0,
            limits: TenantLimits::default(),
            scopes: scopes_default(),
            uris: Vec::new(),
            when_no_gpu: WhenNoGpu::Cpu,
        }
    }

    #[test]
    fn a_tenant_without_uris_has_the_one_of_its_name() {
        let tenants = Tenants::new(vec![tenant("parks")]).unwrap();
        let found = |uri: &str| tenants.of_uris(&[uri.to_owned()]).map(|tenant| tenant.name.clone());
        assert_eq!(found("cityseal:tenant:parks"), Some("parks".into()));
        assert_eq!(found("cityseal:tenant:park"), None);
        assert_eq!(found("cityseal:tenant:parks2"), None);
    }

    #[test]
    fn a_certificate_with_the_uris_of_two_tenants_belongs_to_none() {
        let tenants = Tenants::new(vec![tenant("parks"), tenant("roads")]).unwrap();
        let uris = |names: &[&str]| names.iter().map(|name| format!("cityseal:tenant:{name}")).collect::<Vec<_>>();
        assert_eq!(tenants.of_uris(&uris(&["parks", "roads"])), None);
        assert_eq!(tenants.of_uris(&uris(&["other", "roads"])).map(|tenant| tenant.name.as_str()), Some("roads"));
        assert_eq!(tenants.of_uris(&[]), None);
    }

    #[test]
    fn refuses_names_and_uris_that_occur_twice() {
        let twice = Tenants::new(vec![tenant("a"), tenant("b"), tenant("a")]).unwrap_err();
        assert_eq!(twice, TenantsError::NameTwice { name: "a".into(), first: 1, second: 3 });
        let thief = TenantSettings { uris: vec!["cityseal:tenant:a".into()], ..tenant("b") };
        let error = Tenants::new(vec![tenant("a"), thief]).unwrap_err();
        assert_eq!(error.to_string(), "[[tenant]] `b`: the URI `cityseal:tenant:a` already belongs to `a`");
    }

    #[test]
    fn refuses_to_reserve_more_than_there_is() {
        let reserve = |part: f64, count: usize| {
            let list = (0..count).map(|at| TenantSettings { reserved: part, ..tenant(&format!("t{at}")) });
            Tenants::new(list.collect())
        };
        assert!(reserve(0.1, 10).is_ok());
        assert!(matches!(reserve(0.1, 11), Err(TenantsError::ReservedTooMuch { .. })));
        assert!(matches!(reserve(0.0, TENANTS_MAX + 1), Err(TenantsError::TooMany { .. })));
    }

    #[test]
    fn names_of_tenants_can_be_parts_of_files_and_uris() {
        for name in ["a", "land-registry", "Zone_3.b", &"x".repeat(64)] {
            assert!(is_tenant_name(name), "{name}");
        }
        for name in ["", "-a", ".", "..", "a/b", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(!is_tenant_name(name), "{name}");
        }
    }

    #[test]
    fn an_unknown_scope_is_refused_with_the_known_ones() {
        let error = scopes_from(["seal", "sael"]).unwrap_err().to_string();
        assert_eq!(error, "unknown scope `sael`; expected seal, verify, read, operate, metrics");
        assert_eq!(scopes_from(["seal", "seal"]), Err(ScopeProblem::Twice { scope: "seal" }));
        assert_eq!(scopes_from([]), Err(ScopeProblem::None));
    }
}
