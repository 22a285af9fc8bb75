//! Fair share of device time in two levels: tenants by weight; inside a tenant its jobs and chains by priority.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::accounts::Accounts;
use super::sliding::{SlidingMinute, SlidingSecond};
use crate::task::ChainId;
use crate::tenant::{TenantShare, TenantShares, TenantUsage};

/// The window of a reserved share in microseconds.
const WINDOW_US: f64 = 1e6;

/// Least cost that is reserved for a batch: an estimate of a lock round with the preparation.
pub(super) const RESERVE_MIN: Duration = Duration::from_micros(20);

/// A tenant's number in its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TenantId(u64);

/// What takes turns inside a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flow {
    Job(u64),
    Chain(ChainId),
}

/// Device time that was reserved for a task; [`FairShare::settle`] replaces it by what the worker measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Charge {
    tenant: TenantId,
    flow: Flow,
    reserved_us: f64,
}

/// The shares of all tenants.
#[derive(Debug, Default)]
pub(super) struct FairShare {
    shares: TenantShares,
    ids: BTreeMap<String, TenantId>,
    tenants: BTreeMap<TenantId, Tenant>,
    accounts: Accounts<TenantId>,
    tenants_seen: u64,
}

#[derive(Debug)]
struct Tenant {
    name: String,
    share: TenantShare,
    flows: Accounts<Flow>,
    priorities: BTreeMap<Flow, u8>,
    used: SlidingSecond,
    used_lately: SlidingMinute,
}

impl FairShare {
    /// Replaces the table of tenants. Credits and debts stay.
    pub(super) fn set_tenants(&mut self, shares: TenantShares) {
        self.shares = shares;
        for (&id, tenant) in &mut self.tenants {
            tenant.share = self.shares.get(&tenant.name).copied().unwrap_or_default();
            for (&flow, &priority) in &tenant.priorities {
                tenant.flows.reweigh(flow, tenant.share.weight_of(priority));
            }
            self.accounts.reweigh(id, tenant.share.weight);
        }
    }

    /// Adds work to a tenant, or makes it active again; returns the tenant.
    pub(super) fn join(&mut self, name: &str, flow: Flow, priority: u8) -> TenantId {
        let id = self.ids.get(name).copied().unwrap_or_else(|| self.add_tenant(name));
        if let Some(tenant) = self.tenants.get_mut(&id) {
            tenant.priorities.insert(flow, priority);
            for dropped in tenant.flows.join(flow, tenant.share.weight_of(priority)) {
                tenant.priorities.remove(&dropped);
            }
            for dropped in self.accounts.join(id, tenant.share.weight) {
                let gone = self.tenants.remove(&dropped);
                gone.into_iter().for_each(|gone| _ = self.ids.remove(&gone.name));
            }
        }
        id
    }

    /// Marks work that has nothing to do at present: a chain whose next items have not arrived.
    pub(super) fn pause(&mut self, id: TenantId, flow: Flow) {
        if let Some(tenant) = self.tenants.get_mut(&id) {
            tenant.flows.leave(flow);
        }
        self.leave_if_idle(id);
    }

    /// Removes work that has ended.
    pub(super) fn end(&mut self, id: TenantId, flow: Flow) {
        if let Some(tenant) = self.tenants.get_mut(&id) {
            tenant.flows.forget(flow);
            tenant.priorities.remove(&flow);
        }
        self.leave_if_idle(id);
    }

    /// The tenants with work in the order in which they are to be served: first those that have not used their reserved
    /// share of `workers` in the last second, then by credit.
    pub(super) fn tenant_order(&mut self, workers: usize, now: Instant) -> Vec<TenantId> {
        let mut order = self.accounts.order();
        let has_reserve: Vec<TenantId> =
            order.iter().copied().filter(|&id| self.is_within_reserve(id, workers, now)).collect();
        order.retain(|id| !has_reserve.contains(id));
        [has_reserve, order].concat()
    }

    /// The work of a tenant in the order in which it is to be served.
    pub(super) fn flow_order(&self, id: TenantId) -> Vec<Flow> {
        self.tenants.get(&id).map(|tenant| tenant.flows.order()).unwrap_or_default()
    }

    /// Charges the estimated cost of a task to the work that it belongs to.
    pub(super) fn lend(&mut self, id: TenantId, flow: Flow, cost: Duration, workers: usize, now: Instant) -> Charge {
        // A turn from the reserved share comes before its time: it begins no round.
        if !self.is_within_reserve(id, workers, now) {
            self.accounts.serve(id);
        }
        if let Some(tenant) = self.tenants.get_mut(&id) {
            tenant.flows.serve(flow);
        }
        let reserved_us = micros(cost.max(RESERVE_MIN));
        let charge = Charge { tenant: id, flow, reserved_us };
        self.charge(charge, reserved_us, now);
        charge
    }

    /// Replaces an estimate by the measured cost. The work may have ended; its tenant pays nevertheless.
    pub(super) fn settle(&mut self, charge: Charge, spent: Duration, now: Instant) {
        self.charge(charge, micros(spent) - charge.reserved_us, now);
    }

    /// The tenant that a charge belongs to; `None` if it was forgotten.
    pub(super) fn name_of(&self, charge: Charge) -> Option<&str> {
        self.tenants.get(&charge.tenant).map(|tenant| tenant.name.as_str())
    }

    /// The share of all device time, 0 to 1, that a further job of a tenant would get at present, in place of
    /// `replaced`.
    pub(super) fn share_of_new(&self, name: &str, priority: u8, replaced: Option<Flow>) -> f64 {
        let id = self.ids.get(name);
        let own = self.shares.get(name).copied().unwrap_or_default();
        let others = self.accounts.active().filter(|(other, _)| Some(other) != id);
        let others = others.filter_map(|(other, _)| self.tenants.get(&other)).map(|tenant| tenant.share);
        let of_tenant = divide(&[own].into_iter().chain(others).collect::<Vec<_>>())[0];
        let weight = f64::from(own.weight_of(priority));
        let beside: f64 = id.and_then(|id| self.tenants.get(id)).map_or(0.0, |tenant| {
            let staying = tenant.flows.active().filter(|(flow, _)| Some(*flow) != replaced);
            staying.map(|(_, weight)| weight).sum()
        });
        of_tenant * weight / (weight + beside)
    }

    /// Device time of a tenant in the last second, in microseconds.
    #[cfg(test)]
    pub(super) fn used_us(&mut self, name: &str, now: Instant) -> f64 {
        let tenant = self.ids.get(name).and_then(|id| self.tenants.get_mut(id));
        tenant.map_or(0.0, |tenant| tenant.used.sum_us(now))
    }

    /// The tenants that had work or used device time within the last minute, by name.
    pub(super) fn usage(&mut self, now: Instant) -> Vec<TenantUsage> {
        let mut usage: Vec<TenantUsage> = Vec::new();
        for tenant in self.tenants.values_mut() {
            let (used, has_work) = (tenant.used_lately.sum_us(now), tenant.flows.has_active());
            if has_work || used > 0.0 {
                let used = Duration::from_secs_f64(used / 1e6);
                usage.push(TenantUsage { name: tenant.name.clone(), share: tenant.share, used, due: 0.0, has_work });
            }
        }
        let due = divide(&usage.iter().map(|tenant| tenant.share).collect::<Vec<_>>());
        usage.iter_mut().zip(due).for_each(|(tenant, due)| tenant.due = due);
        usage.sort_by(|one, two| one.name.cmp(&two.name));
        usage
    }

    fn add_tenant(&mut self, name: &str) -> TenantId {
        self.tenants_seen += 1;
        let id = TenantId(self.tenants_seen);
        self.ids.insert(name.to_owned(), id);
        let tenant = Tenant {
            name: name.to_owned(),
            share: self.shares.get(name).copied().unwrap_or_default(),
            flows: Accounts::default(),
            priorities: BTreeMap::new(),
            used: SlidingSecond::default(),
            used_lately: SlidingMinute::default(),
        };
        self.tenants.insert(id, tenant);
        id
    }

    fn leave_if_idle(&mut self, id: TenantId) {
        if self.tenants.get(&id).is_some_and(|tenant| !tenant.flows.has_active()) {
            self.accounts.leave(id);
        }
    }

    fn is_within_reserve(&mut self, id: TenantId, workers: usize, now: Instant) -> bool {
        let Some(tenant) = self.tenants.get_mut(&id).filter(|tenant| tenant.share.reserved > 0.0) else {
            return false;
        };
        tenant.used.sum_us(now) < tenant.share.reserved * workers as f64 * WINDOW_US
    }

    fn charge(&mut self, charge: Charge, time_us: f64, now: Instant) {
        self.accounts.charge(charge.tenant, time_us);
        if let Some(tenant) = self.tenants.get_mut(&charge.tenant) {
            tenant.flows.charge(charge.flow, time_us);
            tenant.used.add(time_us, now);
            tenant.used_lately.add(time_us, now);
        }
    }
}

/// The shares that tenants get if all of them have work: each by its weight, but at least its reserved share.
fn divide(tenants: &[TenantShare]) -> Vec<f64> {
    let mut is_fixed = vec![false; tenants.len()];
    loop {
        let (mut rest, mut weights) = (1.0, 0.0);
        for (tenant, &is_fixed) in tenants.iter().zip(&is_fixed) {
            if is_fixed {
                rest -= tenant.reserved;
            } else {
                weights += f64::from(tenant.weight);
            }
        }
        let by_weight = |tenant: &TenantShare| f64::max(rest, 0.0) * f64::from(tenant.weight) / weights;
        // A tenant whose reserved share is larger than its share by weight gets that, and the others share the rest.
        let larger = (0..tenants.len()).find(|&at| !is_fixed[at] && tenants[at].reserved > by_weight(&tenants[at]));
        let Some(at) = larger else {
            let share = |(tenant, is_fixed): (&TenantShare, bool)| {
                if is_fixed { tenant.reserved } else { by_weight(tenant) }
            };
            return tenants.iter().zip(is_fixed).map(share).collect();
        };
        is_fixed[at] = true;
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the shares and sums are exact in binary")]
mod tests {
    use super::*;

    fn of(weight: u32, reserved: f64) -> TenantShare {
        TenantShare { weight, reserved, ..TenantShare::default() }
    }

    #[test]
    fn shares_follow_the_weights_unless_more_is_reserved() {
        assert_eq!(divide(&[of(1, 0.0)]), [1.0]);
        assert_eq!(divide(&[of(1, 0.0), of(3, 0.0)]), [0.25, 0.75]);
        assert_eq!(divide(&[of(1, 0.2), of(3, 0.0)]), [0.25, 0.75], "the reserved share is a part of it");
        assert_eq!(divide(&[of(1, 0.4), of(3, 0.0)]), [0.4, 0.6]);
        assert_eq!(divide(&[of(1, 0.5), of(1, 0.5), of(100, 0.0)]), [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_further_job_shares_its_tenants_part_with_the_work_that_is_there() {
        let mut share = FairShare::default();
        assert_eq!(share.share_of_new("a", 0, None), 1.0, "nobody else is there");
        let a = share.join("a", Flow::Job(1), 0);
        assert_eq!(share.share_of_new("a", 0, None), 0.5);
        assert_eq!(share.share_of_new("a", 64, None), 0.75, "three against one");
        assert_eq!(share.share_of_new("a", 64, Some(Flow::Job(1))), 1.0, "in its place");
        assert_eq!(share.share_of_new("b", 0, None), 0.5);
        share.set_tenants(TenantShares::from([("b".to_owned(), of(3, 0.0))]));
        assert_eq!(share.share_of_new("b", 0, None), 0.75);
        share.end(a, Flow::Job(1));
        assert_eq!(share.share_of_new("b", 255, None), 1.0);
    }

    #[test]
    fn usage_lists_tenants_with_work_in_the_last_minute_and_what_was_due() {
        let (mut share, now) = (FairShare::default(), Instant::now());
        share.set_tenants(TenantShares::from([("b".to_owned(), of(3, 0.0))]));
        for (name, job, millis) in [("b", 1, 300), ("a", 2, 100)] {
            let id = share.join(name, Flow::Job(job), 0);
            let charge = share.lend(id, Flow::Job(job), Duration::from_millis(7), 1, now);
            share.settle(charge, Duration::from_millis(millis), now);
        }
        let a = share.join("a", Flow::Job(2), 0);
        share.end(a, Flow::Job(2));
        let rows = |share: &mut FairShare, now| -> Vec<(String, u128, f64, bool)> {
            let row = |of: TenantUsage| (of.name, of.used.as_millis(), of.due, of.has_work);
            share.usage(now).into_iter().map(row).collect()
        };
        assert_eq!(rows(&mut share, now), [("a".into(), 100, 0.25, false), ("b".into(), 300, 0.75, true)]);
        assert_eq!(rows(&mut share, now + Duration::from_mins(2)), [("b".into(), 0, 1.0, true)]);
    }
}
