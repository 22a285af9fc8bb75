//! Places that callers share fairly: uploads, watchers, connections.
//!
//! While there is room, everybody is admitted. When all places are taken, a newcomer whose holder has fewer places than
//! the holder with the most, even after it is admitted, takes the idlest place of that holder. So one holder may use
//! everything while it is alone, and nobody is shut out by who came first.
//!
//! Anybody can open connections from many addresses, so for connections the use counts too: one that was never used
//! goes first, and if all holders have the same number, an idle one goes.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::caller::Caller;

/// Who holds places: a tenant, or the address of a local caller.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Holder {
    Tenant(Arc<str>),
    Address(IpAddr),
    /// One connection of a local caller.
    Connection(SocketAddr),
    /// A local caller whose address is unknown.
    Local,
}

impl Holder {
    /// The caller's tenant, or the address of its connection.
    pub(crate) fn of(caller: &Caller, peer: Option<SocketAddr>) -> Self {
        match (caller.tenant(), peer) {
            (Some(tenant), _) => Self::Tenant(Arc::clone(tenant)),
            (None, Some(peer)) => Self::Address(group_of(peer.ip())),
            (None, None) => Self::Local,
        }
    }

    /// The caller's tenant, or its connection: for work that local callers on one address must not delay for each
    /// other.
    pub(crate) fn of_work(caller: &Caller, peer: Option<SocketAddr>) -> Self {
        match (caller.tenant(), peer) {
            (None, Some(peer)) => Self::Connection(peer),
            (Some(_), _) | (None, None) => Self::of(caller, peer),
        }
    }
}

/// The addresses that count as one: an IPv4 address alone, and a /64 network of IPv6, which one host usually has.
pub(crate) fn group_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            IpAddr::V6(network.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A limited number of places.
#[derive(Debug)]
pub(crate) struct Shares {
    max: usize,
    /// How many of the newest places count as used; `None`: places need no use, and equal holders keep theirs.
    newest: Option<u64>,
    places: Mutex<Places>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The holder has as many as it may have.
    Holder,
    /// All places are taken, and the holder has its share.
    All,
}

#[derive(Debug, Default)]
struct Places {
    taken: HashMap<u64, Taken>,
    counts: HashMap<Holder, usize>,
    last_id: u64,
    /// Counts uses of places, as a clock.
    last_use: u64,
}

#[derive(Debug)]
struct Taken {
    holder: Holder,
    last_use: u64,
    is_busy: bool,
    /// Whether a call was admitted on it.
    is_proven: bool,
    displaced: watch::Sender<bool>,
}

/// A place; dropping it frees it.
#[derive(Debug)]
pub(crate) struct Place {
    shares: Arc<Shares>,
    id: u64,
    displaced: watch::Receiver<bool>,
}

impl Shares {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, newest: None, places: Mutex::default() })
    }

    /// Places that must be [proven](Place::prove), of which the `newest` are not displaced for not being so yet.
    pub(crate) fn with_proof(max: usize, newest: u64) -> Arc<Self> {
        Arc::new(Self { max, newest: Some(newest), places: Mutex::default() })
    }

    /// Takes a place; `None` if all are taken and the holder already has its share.
    pub(crate) fn take(self: &Arc<Self>, holder: Holder) -> Option<Place> {
        self.take_within(holder, usize::MAX).ok()
    }

    /// Takes a place for a holder that may have `own_max`.
    ///
    /// # Errors
    /// Returns [`Full`].
    pub(crate) fn take_within(self: &Arc<Self>, holder: Holder, own_max: usize) -> Result<Place, Full> {
        let mut places = self.lock();
        if places.count(&holder) >= own_max {
            return Err(Full::Holder);
        }
        if places.taken.len() >= self.max {
            places.displace(&holder, self.newest).ok_or(Full::All)?;
        }
        let (id, displaced) = places.add(holder);
        Ok(Place { shares: Arc::clone(self), id, displaced })
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn add(&mut self, holder: Holder) -> (u64, watch::Receiver<bool>) {
        self.last_id += 1;
        self.last_use += 1;
        *self.counts.entry(holder.clone()).or_default() += 1;
        let (displaced, receiver) = watch::channel(false);
        let taken = Taken { holder, last_use: self.last_use, is_busy: false, is_proven: false, displaced };
        self.taken.insert(self.last_id, taken);
        (self.last_id, receiver)
    }

    fn count(&self, holder: &Holder) -> usize {
        self.counts.get(holder).copied().unwrap_or_default()
    }

    /// Frees a place for a newcomer. With `newest`, first the idlest that no call has proven, unless it is one of that
    /// many newest places, whose first calls may be on their way.
    fn displace(&mut self, newcomer: &Holder, newest: Option<u64>) -> Option<()> {
        let unproven = newest.and_then(|newest| self.idlest_unproven(newcomer, newest));
        let chosen = unproven.or_else(|| self.idlest_of_the_most(newcomer));
        let chosen = chosen.or_else(|| newest.and_then(|_| self.idlest_of_any(newcomer)))?;
        self.remove(chosen)?.displaced.send_replace(true);
        Some(())
    }

    fn idlest_unproven(&self, newcomer: &Holder, newest: u64) -> Option<u64> {
        let old_max = self.last_id.saturating_sub(newest);
        let own = self.count(newcomer);
        let is_candidate =
            |id: u64, taken: &Taken| id <= old_max && !taken.is_proven && self.count(&taken.holder) > own;
        let candidates = self.taken.iter().filter(|(id, taken)| is_candidate(**id, taken));
        candidates.min_by_key(|(_, taken)| taken.last_use).map(|(&id, _)| id)
    }

    /// The idlest place of the holder with the most, if it keeps at least as many as the newcomer then has. A busy
    /// place counts as used after every place that is not.
    fn idlest_of_the_most(&self, newcomer: &Holder) -> Option<u64> {
        let kept_min = self.count(newcomer) + 2;
        let candidates = self.taken.iter().filter(|(_, taken)| self.count(&taken.holder) >= kept_min);
        let idlest = |taken: &Taken| (self.count(&taken.holder), !taken.is_busy, Reverse(taken.last_use));
        candidates.max_by_key(|(_, taken)| idlest(taken)).map(|(&id, _)| id)
    }

    /// The idlest place without a call of any holder that has more than the newcomer.
    fn idlest_of_any(&self, newcomer: &Holder) -> Option<u64> {
        let own = self.count(newcomer);
        let candidates = self.taken.iter().filter(|(_, taken)| !taken.is_busy && self.count(&taken.holder) > own);
        candidates.min_by_key(|(_, taken)| taken.last_use).map(|(&id, _)| id)
    }

    fn remove(&mut self, id: u64) -> Option<Taken> {
        let taken = self.taken.remove(&id)?;
        if let Some(count) = self.counts.get_mut(&taken.holder) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&taken.holder);
            }
        }
        Some(taken)
    }
}

impl Place {
    /// Marks the place as used now, so that it is not the idlest.
    pub(crate) fn touch(&self) {
        self.change(|_| ());
    }

    /// A call was admitted here: the place is not the first to go any more.
    pub(crate) fn prove(&self) {
        self.change(|taken| taken.is_proven = true);
    }

    /// Marks the place as used now, and as busy or not.
    pub(crate) fn set_busy(&self, is_busy: bool) {
        self.change(|taken| taken.is_busy = is_busy);
    }

    fn change(&self, change: impl FnOnce(&mut Taken)) {
        let mut places = self.shares.lock();
        places.last_use += 1;
        let now = places.last_use;
        if let Some(taken) = places.taken.get_mut(&self.id) {
            taken.last_use = now;
            change(taken);
        }
    }

    /// Waits until another holder has taken this place.
    pub(crate) fn displaced(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut displaced = self.displaced.clone();
        async move {
            if displaced.wait_for(|displaced| *displaced).await.is_err() {
                // The place was freed, not displaced.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shares.lock().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;

    fn holder(name: &str) -> Holder {
        Holder::Tenant(name.into())
    }

    fn is_displaced(place: &Place) -> bool {
        *place.displaced.borrow()
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address_and_ipv4_does_not() {
        let group = |text: &str| group_of(text.parse().unwrap());
        assert_eq!(group("2001:db8:1:2::1"), group("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(group("2001:db8:1:2::1"), group("2001:db8:1:3::1"));
        assert_eq!(group("::ffff:192.0.2.1"), group("192.0.2.1"));
        assert_ne!(group("192.0.2.1"), group("192.0.2.2"));
    }

    #[test]
    fn a_newcomer_takes_the_idlest_place_of_the_holder_with_the_most() {
        let shares = Shares::new(4);
        let [first, second, third] = [(); 3].map(|()| shares.take(holder("many")).unwrap());
        let one = shares.take(holder("one")).unwrap();
        first.touch();
        let _newcomer = shares.take(holder("new")).unwrap();
        assert_eq!([&first, &second, &third, &one].map(is_displaced), [false, true, false, false]);
    }

    #[test]
    fn a_holder_with_its_share_is_refused_and_takes_nothing() {
        let shares = Shares::new(4);
        let places: Vec<Place> =
            ["a", "a", "b", "b"].into_iter().map(|name| shares.take(holder(name)).unwrap()).collect();
        assert!(shares.take(holder("a")).is_none());
        assert!(!places.iter().any(is_displaced));
        drop(places);
        assert!(shares.take(holder("a")).is_some(), "a dropped place is free");
    }

    #[test]
    fn one_holder_may_take_everything_while_it_is_alone_and_gives_it_back_one_by_one() {
        let shares = Shares::new(8);
        let many: Vec<Place> = (0..8).map(|_| shares.take(holder("many")).unwrap()).collect();
        assert!(shares.take(holder("many")).is_none());
        let few: Vec<Place> = std::iter::from_fn(|| shares.take(holder("few"))).collect();
        assert_eq!((few.len(), many.iter().filter(|place| is_displaced(place)).count()), (4, 4));
        drop(many);
        let more: Vec<Place> = std::iter::from_fn(|| shares.take(holder("more"))).collect();
        assert_eq!((more.len(), few.iter().filter(|place| is_displaced(place)).count()), (4, 0));
    }

    #[test]
    fn a_holder_with_as_many_places_as_it_may_have_is_refused_although_others_are_free() {
        let shares = Shares::new(8);
        let places = [(); 2].map(|()| shares.take_within(holder("a"), 2).unwrap());
        assert_eq!(shares.take_within(holder("a"), 2).map(drop), Err(Full::Holder));
        shares.take_within(holder("b"), 2).unwrap();
        // The limit was raised, and then lowered below what the holder has.
        let third = shares.take_within(holder("a"), 3).unwrap();
        assert_eq!(shares.take_within(holder("a"), 1).map(drop), Err(Full::Holder));
        assert!(!places.iter().chain([&third]).any(is_displaced));
        assert_eq!(Shares::new(1).take_within(holder("a"), 0).map(drop), Err(Full::Holder));
    }

    #[test]
    fn a_newcomer_takes_an_unproven_place_first_although_nobody_has_more_than_one() {
        let shares = Shares::with_proof(3, 1);
        let [proven, unproven, newest] = ["a", "b", "c"].map(|name| shares.take(holder(name)).unwrap());
        proven.prove();
        unproven.touch();
        let newcomer = shares.take(holder("d")).unwrap();
        assert_eq!([&proven, &unproven, &newest].map(is_displaced), [false, true, false]);
        // The newest one is spared, so the next that is old enough goes.
        newest.touch();
        let _next = shares.take(holder("e")).unwrap();
        assert_eq!([&proven, &newest, &newcomer].map(is_displaced), [false, true, false]);
        assert!(Shares::new(1).take(holder("a")).is_some_and(|only| only.shares.take(holder("b")).is_none()));
    }

    #[test]
    fn among_equals_an_idle_place_goes_and_a_busy_one_stays() {
        let shares = Shares::with_proof(2, 0);
        let [busy, idle] = ["a", "b"].map(|name| shares.take(holder(name)).unwrap());
        [&busy, &idle].into_iter().for_each(Place::prove);
        busy.set_busy(true);
        let newcomer = shares.take(holder("c")).unwrap();
        assert_eq!([&busy, &idle].map(is_displaced), [false, true]);
        newcomer.prove();
        newcomer.set_busy(true);
        assert!(shares.take(holder("d")).is_none(), "both have a call");
        assert!(shares.take(holder("a")).is_none(), "it has its share");
    }

    #[test]
    fn a_busy_place_is_displaced_only_if_its_holder_has_no_other() {
        let shares = Shares::new(4);
        let places = [(); 4].map(|()| shares.take(holder("many")).unwrap());
        for busy in &places[..3] {
            busy.set_busy(true);
        }
        places[3].touch();
        let _newcomers = [(); 2].map(|()| shares.take(holder("new")).unwrap());
        assert_eq!(places.each_ref().map(is_displaced), [true, false, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_displaced_place_hears_of_it() {
        let shares = Shares::new(2);
        let [first, second] = [(); 2].map(|()| shares.take(holder("many")).unwrap());
        let _newcomer = shares.take(holder("new")).unwrap();
        first.displaced().await;
        let freed = second.displaced();
        drop(second);
        assert!(timeout(Duration::from_secs(1), freed).await.is_err());
    }
}
