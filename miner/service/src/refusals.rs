//! The last refusals of each tenant, so that an operator and the tenant can see why a call was refused.
//!
//! Kept are at most a number per tenant and a number of bytes in all; if the bytes are exceeded, the tenant that holds
//! the most loses its oldest, so that a flood drops only its own.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tonic::Status;
use tonic_types::StatusExt;

use super::call_note::Noted;
use super::caller::{Caller, Scope};
use super::echo::shown;
use super::limits::{REFUSAL_TEXT_BYTES_MAX, REFUSALS_BYTES_MAX, REFUSALS_PER_TENANT_MAX};
use super::refusal::{EXPECTED, FOUND};
use super::tally::code_name;
use super::trace::CallTrace;

/// A call that was refused, and why. Texts from callers are escaped and cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Numbers the refusals from 1.
    pub(crate) seq: u64,
    /// Unix time in milliseconds.
    pub(crate) at_ms: u64,
    pub(crate) tenant: Option<String>,
    /// `package.Service/Method`.
    pub(crate) method: String,
    /// The name of the gRPC code.
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// The path of the refused field.
    pub(crate) field: Option<String>,
    pub(crate) expected: Option<String>,
    pub(crate) found: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) job_id: Option<String>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) trace: Option<CallTrace>,
}

impl Refused {
    /// A refusal as the caller was told it, with what the call's handler noted. `method` is the path of the call.
    pub(crate) fn of(status: &Status, method: &str, noted: &Noted, peer: Option<SocketAddr>) -> Self {
        let info = status.get_details_error_info();
        let value = |key| info.as_ref().and_then(|info| info.metadata.get(key)).map(|value| text(value));
        let field = status.get_details_bad_request().and_then(|bad| Some(text(&bad.field_violations.first()?.field)));
        Self {
            seq: 0,
            at_ms: unix_ms(),
            tenant: noted.tenant.as_deref().map(text),
            method: text(method.trim_start_matches('/')),
            code: code_name(status.code()),
            reason: info.as_ref().map_or_else(String::new, |info| text(&info.reason)),
            message: text(status.message()),
            field,
            expected: value(EXPECTED),
            found: value(FOUND),
            request_id: noted.request_id.as_deref().map(text),
            job_id: noted.job_id.as_deref().map(text),
            peer,
            trace: None,
        }
    }

    /// Memory of this record in bytes.
    fn bytes(&self) -> usize {
        let optional = [&self.tenant, &self.field, &self.expected, &self.found, &self.request_id, &self.job_id]
            .map(|text| text.as_ref().map_or(0, String::len));
        let texts = [&self.method, &self.reason, &self.message].map(String::len);
        size_of::<Self>() + texts.iter().chain(&optional).sum::<usize>()
    }
}

fn text(text: &str) -> String {
    shown(text, REFUSAL_TEXT_BYTES_MAX)
}

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Whose refusal it is: a tenant of the configuration, the local callers, or nobody who could be identified.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Tenant(Arc<str>),
    Local,
    Nobody,
}

impl Owner {
    fn of(caller: Option<&Caller>) -> Self {
        match caller.map(Caller::tenant) {
            Some(Some(tenant)) => Self::Tenant(Arc::clone(tenant)),
            Some(None) => Self::Local,
            None => Self::Nobody,
        }
    }

    /// What belongs to nobody is for operators.
    fn is_visible_to(&self, caller: &Caller) -> bool {
        match self {
            Self::Tenant(tenant) => caller.may_see(tenant),
            Self::Local | Self::Nobody => caller.has(Scope::Operate),
        }
    }
}

/// The last refusals of all owners.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    last_seq: u64,
    bytes: usize,
    /// At most one for each tenant of the configuration, and two.
    by_owner: HashMap<Owner, Queue>,
}

/// The refusals of one owner, oldest first.
#[derive(Debug, Default)]
struct Queue {
    refusals: VecDeque<Arc<Refused>>,
    bytes: usize,
}

impl Queue {
    fn pop(&mut self) -> usize {
        let bytes = self.refusals.pop_front().map_or(0, |refused| refused.bytes());
        self.bytes -= bytes;
        bytes
    }
}

impl Refusals {
    /// Keeps a refusal of a caller; `None`: it could not be identified.
    pub(crate) fn push(&self, caller: Option<&Caller>, refused: Refused) {
        let mut kept = self.lock();
        kept.last_seq += 1;
        let refused = Refused { seq: kept.last_seq, ..refused };
        let bytes = refused.bytes();
        kept.bytes += bytes;
        let queue = kept.by_owner.entry(Owner::of(caller)).or_default();
        queue.bytes += bytes;
        queue.refusals.push_back(Arc::new(refused));
        let freed = if queue.refusals.len() > REFUSALS_PER_TENANT_MAX { queue.pop() } else { 0 };
        kept.bytes -= freed;
        while kept.bytes > REFUSALS_BYTES_MAX {
            let Some(most) = kept.by_owner.values_mut().max_by_key(|queue| queue.bytes) else { return };
            let freed = most.pop();
            kept.bytes -= freed;
        }
    }

    /// The refusals that a caller may see with a number below `before` (0: all), the newest first, and how many it
    /// may see in all.
    pub(crate) fn newest(&self, caller: &Caller, before: u64, max: usize) -> (Vec<Arc<Refused>>, usize) {
        let kept = self.lock();
        let visible = || kept.by_owner.iter().filter(|(owner, _)| owner.is_visible_to(caller)).map(|(_, queue)| queue);
        let is_before = |refused: &&Arc<Refused>| before == 0 || refused.seq < before;
        let latest =
            |queue: &'_ Queue| queue.refusals.iter().rev().filter(is_before).take(max).cloned().collect::<Vec<_>>();
        let mut newest: Vec<Arc<Refused>> = visible().flat_map(latest).collect();
        newest.sort_by_key(|refused| std::cmp::Reverse(refused.seq));
        newest.truncate(max);
        (newest, visible().map(|queue| queue.refusals.len()).sum())
    }

    /// A poisoned lock is still usable: the counts are corrected by the next removals.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    fn caller(tenant: &str) -> Caller {
        Caller::new(tenant, [Scope::Read].into_iter().collect())
    }

    fn refused(message: &str) -> Refused {
        Refused { message: message.to_owned(), ..Refused::default() }
    }

    fn messages(refusals: &Refusals, by: &Caller, before: u64) -> Vec<String> {
        refusals.newest(by, before, usize::MAX).0.iter().map(|refused| refused.message.clone()).collect()
    }

    #[test]
    fn a_tenant_sees_its_own_refusals_and_an_operator_all_the_newest_first() {
        let refusals = Refusals::default();
        refusals.push(Some(&caller("a")), refused("1"));
        refusals.push(None, refused("2"));
        refusals.push(Some(&caller("b")), refused("3"));
        refusals.push(Some(&Caller::local()), refused("4"));
        refusals.push(Some(&caller("a")), refused("5"));
        assert_eq!(messages(&refusals, &caller("a"), 0), ["5", "1"]);
        assert_eq!(messages(&refusals, &caller("c"), 0), [""; 0]);
        let operator = Caller::new("city", [Scope::Operate].into_iter().collect());
        assert_eq!(messages(&refusals, &operator, 0), ["5", "4", "3", "2", "1"]);
        assert_eq!(messages(&refusals, &operator, 3), ["2", "1"], "a page");
        assert_eq!(refusals.newest(&operator, 0, 2).1, 5, "all are counted");
    }

    #[test]
    fn a_flood_drops_the_oldest_of_its_own_tenant_only() {
        let refusals = Refusals::default();
        refusals.push(Some(&caller("victim")), refused("kept"));
        for _ in 0..=REFUSALS_PER_TENANT_MAX {
            refusals.push(Some(&caller("flood")), refused("x"));
        }
        assert_eq!(refusals.newest(&caller("flood"), 0, usize::MAX).1, REFUSALS_PER_TENANT_MAX);
        let long = "x".repeat(REFUSALS_BYTES_MAX / REFUSALS_PER_TENANT_MAX);
        for _ in 0..2 * REFUSALS_PER_TENANT_MAX {
            refusals.push(None, refused(&long));
        }
        let kept = refusals.lock();
        let counted: usize = kept.by_owner.values().flat_map(|queue| &queue.refusals).map(|one| one.bytes()).sum();
        assert_eq!(kept.bytes, counted);
        assert!(kept.bytes <= REFUSALS_BYTES_MAX, "{}", kept.bytes);
        drop(kept);
        assert_eq!(messages(&refusals, &caller("victim"), 0), ["kept"]);
    }

    #[test]
    fn a_refusal_names_what_was_expected_and_found_and_is_cut() {
        let stale = Status::from(Refusal::StaleTip { chain: "main".into(), expected_min: 9, found: 7 });
        let one = Refused::of(&stale, "/cityseal.v1.SealService/SubmitSeal", &Noted::default(), None);
        assert_eq!((one.expected.as_deref(), one.found.as_deref()), (Some("generation 9 or greater"), Some("7")));
        assert_eq!((one.code, one.reason.as_str()), ("FAILED_PRECONDITION", "STALE_GENERATION"));
        assert_eq!(one.method, "cityseal.v1.SealService/SubmitSeal");
        let long = "\u{1b}".repeat(100_000);
        let noted = Noted { request_id: Some(long.clone()), ..Noted::default() };
        let cut = Refused::of(&Status::invalid_argument(&long), &long, &noted, None);
        assert!(cut.bytes() <= size_of::<Refused>() + 4 * REFUSAL_TEXT_BYTES_MAX, "{}", cut.bytes());
        assert!(!cut.method.contains('\u{1b}') && !cut.message.contains('\u{1b}'));
    }
}
