//! Accounts of device time: deficit round robin with weights.
//!
//! An account has a credit, in microseconds of device time for each unit of its weight. Work costs credit: an estimate
//! when it is lent, the measured rest when it is answered. The account with the most credit is served first. If nobody
//! who can be served has credit left, a round begins: every active account gets a quantum. So device time is divided by
//! weight, however long single tasks take.
//!
//! Idle accounts collect nothing. One that becomes active gets no more credit than the active account with the least,
//! so neither waiting nor coming and going gains anything, and it keeps its debts.

use std::collections::BTreeMap;

/// Device time of a round for each unit of weight. Ten seconds are 500 rounds of one worker.
pub(super) const QUANTUM_US: f64 = 20_000.0;

/// Largest debt for each unit of weight. No task takes longer (a device that does counts as hung after 4 s), but a
/// reserved share may be served far ahead of its weight, and should not wait for minutes when the reservation ends.
const DEBT_MAX_US: f64 = 5_000_000.0;

/// Most idle accounts that are kept: 1,024 of about 100 bytes are 100 KB. If there are more, the half with the most
/// credit is dropped, which costs the least to forget.
const IDLE_MAX: usize = 1_024;

#[derive(Clone, Copy, Debug)]
struct Account {
    weight: f64,
    credit: f64,
    is_active: bool,
    /// The last round whose quantum it has got.
    round: u64,
    /// The turn in which it was served last, or became active.
    turn: u64,
}

/// Accounts by key.
#[derive(Debug)]
pub(super) struct Accounts<K> {
    by_key: BTreeMap<K, Account>,
    round: u64,
    turn: u64,
    active: usize,
}

impl<K> Default for Accounts<K> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), round: 0, turn: 0, active: 0 }
    }
}

impl<K: Copy + Ord> Accounts<K> {
    /// Makes an account active, with the given weight. Returns idle accounts that were dropped.
    pub(super) fn join(&mut self, key: K, weight: u32) -> Vec<K> {
        if !self.by_key.get(&key).is_some_and(|account| account.is_active) {
            self.activate(key);
        }
        self.reweigh(key, weight);
        if self.by_key.len() - self.active > IDLE_MAX { self.drop_idle() } else { Vec::new() }
    }

    fn activate(&mut self, key: K) {
        let least = self.by_key.values().filter(|account| account.is_active).map(|account| account.credit);
        // Others may be in debt for a long task; that does not concern this account.
        let credit_max = least.min_by(f64::total_cmp).map_or(QUANTUM_US, |least| least.max(0.0));
        let (round, turn) = (self.round, self.turn);
        let new = Account { weight: 1.0, credit: credit_max, is_active: false, round, turn };
        let account = self.by_key.entry(key).or_insert(new);
        // Rounds that it missed pay its debt only.
        let missed = (round - account.round) as f64;
        account.credit = (account.credit + missed * QUANTUM_US).min(credit_max);
        (account.is_active, account.round, account.turn) = (true, round, turn);
        self.active += 1;
    }

    /// Changes the weight of an account.
    pub(super) fn reweigh(&mut self, key: K, weight: u32) {
        if let Some(account) = self.by_key.get_mut(&key) {
            account.weight = f64::from(weight);
        }
    }

    /// Makes an account idle; it keeps its credit.
    pub(super) fn leave(&mut self, key: K) {
        let round = self.round;
        if let Some(account) = self.by_key.get_mut(&key).filter(|account| account.is_active) {
            (account.is_active, account.round) = (false, round);
            self.active -= 1;
        }
    }

    /// Removes an account.
    pub(super) fn forget(&mut self, key: K) {
        self.leave(key);
        self.by_key.remove(&key);
    }

    pub(super) const fn has_active(&self) -> bool {
        self.active > 0
    }

    /// The active accounts with their weights.
    pub(super) fn active(&self) -> impl Iterator<Item = (K, f64)> {
        self.by_key.iter().filter(|(_, account)| account.is_active).map(|(&key, account)| (key, account.weight))
    }

    /// The active accounts in the order in which they are to be served: by credit, then by how long they wait.
    pub(super) fn order(&self) -> Vec<K> {
        let active = self.by_key.iter().filter(|(_, account)| account.is_active);
        let mut order: Vec<(&K, &Account)> = active.collect();
        order.sort_by(|(_, one), (_, two)| two.credit.total_cmp(&one.credit).then(one.turn.cmp(&two.turn)));
        order.into_iter().map(|(&key, _)| key).collect()
    }

    /// Begins the turn of an account. If it has no credit left, nobody before it in the order could be served, so as
    /// many rounds begin as give it some.
    pub(super) fn serve(&mut self, key: K) {
        let Some(credit) = self.by_key.get(&key).map(|account| account.credit) else { return };
        if credit <= 0.0 {
            let rounds = (-credit / QUANTUM_US).floor() + 1.0;
            self.round += rounds as u64;
            let round = self.round;
            for account in self.by_key.values_mut().filter(|account| account.is_active) {
                // Who could not use its credit gets no more than one quantum.
                account.credit = (account.credit + rounds * QUANTUM_US).min(QUANTUM_US);
                account.round = round;
            }
        }
        self.turn += 1;
        if let Some(account) = self.by_key.get_mut(&key) {
            account.turn = self.turn;
        }
    }

    /// Charges device time to an account; a negative time returns some of an estimate.
    pub(super) fn charge(&mut self, key: K, time_us: f64) {
        if let Some(account) = self.by_key.get_mut(&key) {
            account.credit = (account.credit - time_us / account.weight).clamp(-DEBT_MAX_US, QUANTUM_US);
        }
    }

    fn drop_idle(&mut self) -> Vec<K> {
        let round = self.round;
        let credit = |account: &Account| account.credit + (round - account.round) as f64 * QUANTUM_US;
        let idle = self.by_key.iter().filter(|(_, account)| !account.is_active);
        let mut idle: Vec<(K, f64)> = idle.map(|(&key, account)| (key, credit(account))).collect();
        idle.sort_by(|one, two| two.1.total_cmp(&one.1));
        idle.truncate(IDLE_MAX / 2);
        idle.iter().for_each(|(key, _)| _ = self.by_key.remove(key));
        idle.into_iter().map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Serves the first in the order `turns` times, each for `cost_us`; returns the device time by key.
    fn play(accounts: &mut Accounts<u32>, turns: usize, cost_us: impl Fn(u32) -> f64) -> BTreeMap<u32, f64> {
        let mut used = BTreeMap::new();
        for _ in 0..turns {
            let key = accounts.order()[0];
            accounts.serve(key);
            accounts.charge(key, cost_us(key));
            *used.entry(key).or_default() += cost_us(key);
        }
        used
    }

    #[test]
    fn time_is_divided_by_weight_whatever_a_task_costs() {
        let mut accounts = Accounts::default();
        accounts.join(1, 1);
        accounts.join(3, 3);
        let used = play(&mut accounts, 100_000, |key| if key == 1 { 37.0 } else { 2_900.0 });
        let ratio = used[&3] / used[&1];
        assert!((2.97..3.03).contains(&ratio), "{used:?}");
    }

    #[test]
    fn an_account_that_was_idle_has_no_more_credit_than_one_that_was_not() {
        let mut accounts = Accounts::default();
        accounts.join(1, 1);
        accounts.join(2, 1);
        accounts.leave(2);
        play(&mut accounts, 10_000, |_| 1_000.0);
        accounts.join(2, 1);
        let used = play(&mut accounts, 10, |_| 1_000.0);
        assert_eq!((used[&1], used[&2]), (5_000.0, 5_000.0));
    }

    #[test]
    fn an_account_that_leaves_and_returns_keeps_its_debt() {
        let mut accounts = Accounts::default();
        accounts.join(1, 1);
        accounts.join(2, 1);
        // One task of 100 ms, then away and back at once.
        accounts.serve(2);
        accounts.charge(2, 100_000.0);
        accounts.leave(2);
        accounts.join(2, 1);
        let used = play(&mut accounts, 100, |_| 1_000.0);
        assert_eq!((used[&1], used.get(&2)), (100_000.0, None));
    }

    #[test]
    fn new_accounts_one_after_another_do_not_starve_one_that_stays() {
        let mut accounts = Accounts::default();
        accounts.join(0, 1);
        // It waits for something else and collects a quantum.
        accounts.join(1, 1);
        let mut of_first = 0;
        for key in 2..1_002 {
            accounts.join(key, 1);
            let served = accounts.order().into_iter().find(|&key| key != 1).unwrap();
            accounts.serve(served);
            accounts.charge(served, 1_000.0);
            of_first += u32::from(served == 0);
            accounts.forget(key);
        }
        assert!(of_first >= 450, "{of_first} of 1,000 turns");
    }

    #[test]
    fn who_cannot_be_served_collects_at_most_one_quantum() {
        let mut accounts = Accounts::default();
        accounts.join(1, 1);
        accounts.join(2, 1);
        for _ in 0..1_000 {
            accounts.serve(1);
            accounts.charge(1, 1_000.0);
        }
        let used = play(&mut accounts, 60, |_| 1_000.0);
        assert!(used[&2] - used[&1] <= QUANTUM_US, "{used:?}");
    }

    #[test]
    fn idle_accounts_are_forgotten_beyond_a_limit_those_in_debt_last() {
        let mut accounts = Accounts::default();
        accounts.join(0, 1);
        accounts.serve(0);
        accounts.charge(0, 1_000_000.0);
        accounts.leave(0);
        let mut dropped = Vec::new();
        for key in 1..10_000 {
            dropped.extend(accounts.join(key, 1));
            accounts.leave(key);
            assert!(accounts.by_key.len() <= IDLE_MAX + 1);
        }
        assert!(dropped.len() > 8_000 && !dropped.contains(&0));
    }
}
