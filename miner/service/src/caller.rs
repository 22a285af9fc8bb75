//! Who makes a call: the tenant and its scopes, as the identity layer found them.
//!
//! The identity layer puts a [`Caller`] into the extensions of each request. Without it, the service listens on
//! loopback only, and everybody there is the local caller: one user who holds every scope, and whose tenants are
//! labels.

use std::sync::Arc;

use tonic::Extensions;

use super::terms::Terms;

/// A permission of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Submit, cancel and supersede jobs of its own tenant.
    Seal,
    /// Upload chains.
    Verify,
    /// See its own tenant's jobs and the devices.
    Read,
    /// With [`Self::Read`] and [`Self::Seal`]: also see and cancel the jobs of other tenants.
    Operate,
    /// Reserved for the metrics.
    Metrics,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 5] = [Self::Seal, Self::Verify, Self::Read, Self::Operate, Self::Metrics];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Verify => "verify",
            Self::Read => "read",
            Self::Operate => "operate",
            Self::Metrics => "metrics",
        }
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether the set has this scope.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & Self::bit(scope) != 0
    }

    const fn bit(scope: Scope) -> u8 {
        1 << scope as u8
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | Self::bit(scope)))
    }
}

/// The tenant on whose behalf a call is made, and what it may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// `None`: the local caller, whose requests name their tenant themselves.
    tenant: Option<Arc<str>>,
    scopes: Scopes,
    terms: Terms,
}

/// A request named a tenant that is not the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tenant '{found}' is not yours: expected '{expected}', or an empty field")]
pub struct ForeignTenant {
    /// The caller's tenant.
    pub expected: Arc<str>,
    /// The tenant in the request.
    pub found: String,
}

impl Caller {
    /// A caller whose identity is known.
    pub fn new(tenant: impl Into<Arc<str>>, scopes: Scopes) -> Self {
        Self { tenant: Some(tenant.into()), scopes, terms: Terms::default() }
    }

    /// The same caller under the terms of its tenant.
    pub(crate) fn with_terms(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// What its calls are subject to, as configured when it was identified.
    pub(crate) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// A caller on loopback without a configured identity: it holds every scope, and the `tenant` of its requests is a
    /// label.
    pub fn local() -> Self {
        Self { tenant: None, scopes: Scopes::all(), terms: Terms::default() }
    }

    /// The caller of a request; the local caller if no identity layer has added one.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(Self::local)
    }

    /// The caller's tenant; `None` for the local caller.
    pub const fn tenant(&self) -> Option<&Arc<str>> {
        self.tenant.as_ref()
    }

    /// The tenant whose share of the devices pays for the caller's work. All local callers are one: a label grants
    /// nothing.
    pub fn pays_as(&self) -> Arc<str> {
        self.tenant.clone().unwrap_or_default()
    }

    /// Whether the caller holds this scope.
    pub const fn has(&self, scope: Scope) -> bool {
        self.scopes.has(scope)
    }

    /// The tenant of a request with this `tenant` field: the caller's own, or the label of a local caller.
    ///
    /// # Errors
    /// Returns [`ForeignTenant`] if the field is neither empty nor the caller's own tenant.
    pub fn tenant_for(&self, field: &str) -> Result<Arc<str>, ForeignTenant> {
        match &self.tenant {
            None => Ok(field.into()),
            Some(own) if field.is_empty() || field == &**own => Ok(Arc::clone(own)),
            Some(own) => Err(ForeignTenant { expected: Arc::clone(own), found: field.to_owned() }),
        }
    }

    /// The tenant to which a list with this `tenant` filter is limited; `None`: all tenants.
    ///
    /// # Errors
    /// Returns [`ForeignTenant`] if the filter names a tenant that the caller may not see.
    pub fn visible(&self, filter: Option<&str>) -> Result<Option<Arc<str>>, ForeignTenant> {
        match (filter, &self.tenant) {
            (Some(tenant), _) if self.may_see(tenant) => Ok(Some(tenant.into())),
            (Some(tenant), _) => self.tenant_for(tenant).map(Some),
            (None, _) if self.has(Scope::Operate) => Ok(None),
            (None, own) => Ok(own.clone()),
        }
    }

    /// Whether the caller may see what belongs to this tenant: its own, and with [`Scope::Operate`] everything.
    pub fn may_see(&self, tenant: &str) -> bool {
        self.has(Scope::Operate) || self.tenant.as_deref() == Some(tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_only_the_scopes_that_it_was_made_of() {
        for scope in Scope::ALL {
            let only: Scopes = [scope].into_iter().collect();
            assert!(Scope::ALL.into_iter().all(|other| only.has(other) == (other == scope)), "{}", scope.name());
            assert!(Scopes::all().has(scope) && !Scopes::default().has(scope));
        }
    }

    #[test]
    fn a_request_without_an_identity_comes_from_the_local_caller_whose_tenants_are_labels() {
        let caller = Caller::of(&Extensions::default());
        assert_eq!((&caller, caller.tenant()), (&Caller::local(), None));
        assert_eq!(caller.tenant_for("any label").as_deref(), Ok("any label"));
        assert!(caller.may_see("any label"));
    }

    #[test]
    fn a_caller_with_an_identity_names_no_other_tenant_and_sees_no_other() {
        let mut extensions = Extensions::default();
        extensions.insert(Caller::new("north", [Scope::Seal, Scope::Read].into_iter().collect()));
        let caller = Caller::of(&extensions);
        assert_eq!(caller.tenant_for("").as_deref(), Ok("north"));
        assert_eq!(caller.tenant_for("north").as_deref(), Ok("north"));
        assert_eq!(caller.tenant_for("south").unwrap_err().found, "south");
        assert!(caller.may_see("north") && !caller.may_see("south"));
        assert_eq!(caller.visible(None).unwrap().as_deref(), Some("north"));
        assert_eq!(caller.visible(Some("")).unwrap().as_deref(), Some("north"));
        assert!(caller.visible(Some("south")).is_err());
    }

    #[test]
    fn an_operator_sees_all_tenants_but_still_submits_only_for_its_own() {
        let operator = Caller::new("city", [Scope::Operate].into_iter().collect());
        assert!(operator.may_see("north"));
        assert_eq!(operator.visible(None), Ok(None));
        assert_eq!(operator.visible(Some("north")).unwrap().as_deref(), Some("north"));
        assert!(operator.tenant_for("north").is_err());
    }
}
