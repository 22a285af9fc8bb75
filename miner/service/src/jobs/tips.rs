//! The tips of chains, as callers report them: the generation below which a job is stale.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::limits::{TIP_KEPT_MAX, TIPS_MAX, TIPS_PER_TENANT_MAX};
use crate::refusal::Refusal;

/// The latest generation of each chain, by tenant and the chain's name.
#[derive(Debug, Default)]
pub(super) struct Tips(HashMap<(Arc<str>, String), Tip>);

#[derive(Clone, Copy, Debug)]
struct Tip {
    generation: u64,
    advanced: Instant,
}

impl Tip {
    fn is_kept(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.advanced) < TIP_KEPT_MAX
    }
}

impl Tips {
    /// Records a new tip. Returns the chains, with their tenants, whose tips were dropped because of their age.
    ///
    /// # Errors
    /// Returns [`Refusal::StaleTip`] if the chain has a greater generation, and [`Refusal::Quota`] if there are too
    /// many chains.
    pub(super) fn advance(
        &mut self,
        tenant: &Arc<str>,
        chain: &str,
        generation: u64,
        now: Instant,
    ) -> Result<Vec<(Arc<str>, String)>, Refusal> {
        self.check(tenant, chain, generation, now)?;
        let key = (Arc::clone(tenant), chain.to_owned());
        let dropped = if self.0.contains_key(&key) { Vec::new() } else { self.make_room(tenant, now)? };
        self.0.insert(key, Tip { generation, advanced: now });
        Ok(dropped)
    }

    /// Records a tip of an earlier run of the service.
    pub(super) fn restore(&mut self, tenant: Arc<str>, chain: String, generation: u64, advanced: Instant) {
        self.0.insert((tenant, chain), Tip { generation, advanced });
    }

    /// Checks that a generation is not older than the chain's tip, if that is not too old itself.
    ///
    /// # Errors
    /// Returns [`Refusal::StaleTip`].
    pub(super) fn check(&self, tenant: &Arc<str>, chain: &str, found: u64, now: Instant) -> Result<(), Refusal> {
        let tip = self.0.get(&(Arc::clone(tenant), chain.to_owned())).filter(|tip| tip.is_kept(now));
        match tip {
            Some(&Tip { generation: expected_min, .. }) if found < expected_min => {
                Err(Refusal::StaleTip { chain: chain.to_owned(), expected_min, found })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Drops old tips if there is no room for one more.
    fn make_room(&mut self, tenant: &Arc<str>, now: Instant) -> Result<Vec<(Arc<str>, String)>, Refusal> {
        let own = |tips: &HashMap<(Arc<str>, String), Tip>| tips.keys().filter(|(of, _)| of == tenant).count();
        let mut dropped = Vec::new();
        if self.0.len() >= TIPS_MAX || own(&self.0) >= TIPS_PER_TENANT_MAX {
            dropped.extend(self.0.extract_if(|_, tip| !tip.is_kept(now)).map(|(key, _)| key));
        }
        let quota = |subject: String, max| Refusal::Quota { subject, what: "chains", max };
        if own(&self.0) >= TIPS_PER_TENANT_MAX {
            return Err(quota(format!("tenant '{tenant}'"), TIPS_PER_TENANT_MAX));
        }
        if self.0.len() >= TIPS_MAX {
            return Err(quota("service".to_owned(), TIPS_MAX));
        }
        Ok(dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tip_moves_only_forward_and_only_for_its_tenant_and_chain() {
        let (mut tips, now) = (Tips::default(), Instant::now());
        let (north, south): (Arc<str>, Arc<str>) = ("north".into(), "south".into());
        tips.advance(&north, "main", 5, now).unwrap();
        tips.advance(&north, "main", 5, now).unwrap();
        let stale = Refusal::StaleTip { chain: "main".to_owned(), expected_min: 5, found: 4 };
        assert_eq!(tips.advance(&north, "main", 4, now), Err(stale.clone()));
        assert_eq!(tips.check(&north, "main", 4, now), Err(stale));
        assert_eq!(tips.check(&north, "main", 5, now), Ok(()));
        assert_eq!(tips.check(&north, "side", 0, now), Ok(()));
        assert_eq!(tips.check(&south, "main", 0, now), Ok(()));
    }

    #[test]
    fn a_tip_is_forgotten_after_its_time() {
        let (mut tips, now, tenant) = (Tips::default(), Instant::now(), Arc::from("north"));
        tips.advance(&tenant, "main", 5, now).unwrap();
        let last = now + TIP_KEPT_MAX.saturating_sub(std::time::Duration::from_nanos(1));
        assert!(tips.check(&tenant, "main", 0, last).is_err());
        assert_eq!(tips.check(&tenant, "main", 0, now + TIP_KEPT_MAX), Ok(()));
    }

    #[test]
    fn a_tenant_has_a_limit_of_chains_and_old_ones_make_room() {
        let (mut tips, now) = (Tips::default(), Instant::now());
        let north: Arc<str> = "north".into();
        for chain in 0..TIPS_PER_TENANT_MAX {
            tips.advance(&north, &chain.to_string(), 1, now).unwrap();
        }
        assert!(matches!(tips.advance(&north, "one more", 1, now), Err(Refusal::Quota { .. })));
        tips.advance(&north, "0", 2, now).unwrap();
        tips.advance(&"south".into(), "one more", 1, now).unwrap();
        let dropped = tips.advance(&north, "one more", 1, now + TIP_KEPT_MAX).unwrap();
        assert_eq!(dropped.len(), TIPS_PER_TENANT_MAX + 1, "the journal forgets them too");
    }
}
