//! Mutations of transactions: R24 to R31, R33 to R35, and changes that no rule covers.

use cityseal_tests::synthetic::Random;
use cityseal_tests::synthetic::transaction::{Input, Output, Transaction};

use crate::draft::{Draft, spend};
use crate::mutation::{CoreAnswer, Effect, Mutation, part};

/// The total supply: 21 million coins, in satoshis.
const MONEY: i64 = 2_100_000_000_000_000;
/// Lock times below this value are heights, all others Unix times.
const LOCK_TIMES_FROM: u32 = 500_000_000;
/// A sequence number that enables the lock time and has no relative lock (BIP 68).
const LOCKABLE: u32 = 0xffff_fffe;
const FIRST: &str = "a coinbase as the first transaction";
const NO_COINBASE: &str = "a transaction that is not a coinbase";
const MISSING: CoreAnswer = CoreAnswer::Reason("bad-txns-inputs-missingorspent");
const BELOW_OUT: CoreAnswer = CoreAnswer::Reason("bad-txns-in-belowout");

pub(crate) const ALL: [Mutation; 27] = [
    Mutation::new("no transactions", part::BODY, no_transactions),
    Mutation::new("coinbase last", part::BODY, coinbase_last),
    Mutation::new("first transaction almost a coinbase", part::LIST, nearly_coinbase),
    Mutation::new("first transaction has a second input", part::LIST, coinbase_of_two_inputs),
    Mutation::new("a second coinbase", part::APPENDED, second_coinbase),
    Mutation::new("neither inputs nor outputs", part::APPENDED, nothing_in_nothing_out),
    Mutation::new("no outputs", part::APPENDED, no_outputs),
    Mutation::new("output below zero or above the total supply", part::APPENDED, bad_value),
    Mutation::new("output of zero", part::APPENDED, zero_value),
    Mutation::new("output of the total supply", part::APPENDED, all_the_money).connected(),
    Mutation::new("sum of outputs above the total supply", part::APPENDED, bad_total),
    Mutation::new("sum of outputs equal to the total supply", part::APPENDED, all_the_money_in_parts).connected(),
    Mutation::new("an output spent twice in one transaction", part::APPENDED, duplicate_input),
    Mutation::new("two outputs of one transaction spent", part::APPENDED, two_outputs_of_one).connected(),
    Mutation::new("an input with a null outpoint", part::APPENDED, null_prevout),
    Mutation::new("an input with an almost null outpoint", part::APPENDED, nearly_null_prevout).connected(),
    Mutation::new("too many signature operations", part::BODY, too_many_sigops),
    Mutation::new("maximum number of signature operations", part::BODY, most_sigops),
    Mutation::new("locked by height or time", part::APPENDED, locked),
    Mutation::new("lock just passed", part::APPENDED, lock_passed),
    Mutation::new("lock disabled by final sequence numbers", part::APPENDED, lock_switched_off),
    Mutation::new("coinbase locked", part::COINBASE_LOCK, locked_coinbase),
    Mutation::new("relative lock (BIP 68)", part::APPENDED, relative_lock).connected(),
    Mutation::new("spends an output that does not exist", part::APPENDED, missing_output).connected(),
    Mutation::new("outputs above the inputs", part::APPENDED, pays_more).connected(),
    Mutation::new("coinbase pays more than the subsidy", part::BODY, pays_past_subsidy).connected(),
    Mutation::new("script that fails", part::APPENDED, failing_script).connected(),
];

fn one_of<T: Copy>(values: &[T], random: &mut Random) -> T {
    values[random.below(values.len() as u64) as usize]
}

/// A transaction that spends `count` outputs.
fn spending(count: usize, draft: &mut Draft, random: &mut Random) -> Transaction {
    let coins: Vec<_> = (0..count).map(|_| draft.coin(false, random)).collect();
    spend(&coins, random)
}

fn no_transactions(draft: &mut Draft, _random: &mut Random) -> Effect {
    draft.transactions.clear();
    Effect::breaks(&["R24"]).values(FIRST, "no transaction").core(CoreAnswer::Reason("bad-blk-length"))
}

fn coinbase_last(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.append_spend(false, random);
    draft.transactions.rotate_left(1);
    Effect::breaks(&["R24", "R25"]).values(FIRST, NO_COINBASE).at(0)
}

fn nearly_coinbase(draft: &mut Draft, random: &mut Random) -> Effect {
    let input = &mut draft.transactions[0].inputs[0];
    match random.below(3) {
        0 => input.prev_index = 0xffff_fffe,
        1 => input.prev_index = 0,
        _ => input.prev_id[random.below(32) as usize] = 1 << random.below(8),
    }
    Effect::breaks(&["R24"]).values(FIRST, NO_COINBASE).at(0)
}

fn coinbase_of_two_inputs(draft: &mut Draft, random: &mut Random) -> Effect {
    let coin = draft.coin(false, random);
    draft.transactions[0].inputs.push(Input::spending(coin.id, coin.index));
    Effect::breaks(&["R24", "R33"]).values(FIRST, NO_COINBASE).at(0)
}

fn second_coinbase(draft: &mut Draft, random: &mut Random) -> Effect {
    let input = Input::minting(random.bytes(10));
    let at = draft.append(Transaction::new(vec![input], vec![Output { value: 0, script: vec![0x51] }]));
    Effect::breaks(&["R25"]).values("only the first transaction may be a coinbase", "a second coinbase").at(at)
}

/// Without inputs but with outputs, a transaction would be parsed as one with witnesses.
fn nothing_in_nothing_out(draft: &mut Draft, _random: &mut Random) -> Effect {
    let at = draft.append(Transaction::new(Vec::new(), Vec::new()));
    Effect::breaks(&["R26", "R27"]).values(1, 0).at(at)
}

fn no_outputs(draft: &mut Draft, random: &mut Random) -> Effect {
    let mut transaction = spending(1, draft, random);
    transaction.outputs.clear();
    let at = draft.append(transaction);
    Effect::breaks(&["R27"]).values(1, 0).at(at)
}

/// Appends a transaction with outputs of these values. Returns its index.
fn paying(values: &[i64], draft: &mut Draft, random: &mut Random) -> usize {
    let mut transaction = spending(1, draft, random);
    transaction.outputs = values.iter().map(|value| Output { value: *value, script: vec![0x51] }).collect();
    draft.append(transaction)
}

fn bad_value(draft: &mut Draft, random: &mut Random) -> Effect {
    let (value, nearest) = one_of(&[(-1, 0), (i64::MIN, 0), (MONEY + 1, MONEY), (i64::MAX, MONEY)], random);
    let at = match random.below(2) {
        0 => paying(&[value], draft, random),
        _ => paying(&[1, value], draft, random),
    };
    Effect::breaks(&["R29"]).values(nearest, value).at(at)
}

fn zero_value(draft: &mut Draft, random: &mut Random) -> Effect {
    paying(&[0, 0], draft, random);
    Effect::accepted()
}

fn all_the_money(draft: &mut Draft, random: &mut Random) -> Effect {
    paying(&[MONEY], draft, random);
    Effect::accepted().core(BELOW_OUT)
}

fn bad_total(draft: &mut Draft, random: &mut Random) -> Effect {
    let values = match random.below(3) {
        0 => vec![MONEY, 1],
        1 => vec![1, MONEY - 1, 1],
        _ => vec![MONEY; random.between(2, 40) as usize],
    };
    let total: i64 = values.iter().sum();
    let at = paying(&values, draft, random);
    Effect::breaks(&["R30"]).values(MONEY, total).at(at)
}

fn all_the_money_in_parts(draft: &mut Draft, random: &mut Random) -> Effect {
    paying(&[1, MONEY - 1], draft, random);
    Effect::accepted().core(BELOW_OUT)
}

fn duplicate_input(draft: &mut Draft, random: &mut Random) -> Effect {
    let inputs = random.between(1, 3) as usize;
    let mut transaction = spending(inputs, draft, random);
    let first = transaction.inputs[random.below(inputs as u64) as usize].clone();
    transaction.inputs.push(first);
    let at = draft.append(transaction);
    Effect::breaks(&["R31"]).values("inputs that spend no output twice", inputs).at(at)
}

fn two_outputs_of_one(draft: &mut Draft, random: &mut Random) -> Effect {
    let coin = draft.coin(false, random);
    let mut transaction = spend(std::slice::from_ref(&coin), random);
    // The first four outputs of a coinbase need no witness. The block must not spend the other output elsewhere.
    let other = (coin.index + 1) % 4;
    let is_spent = |one: &Transaction| one.inputs.iter().any(|i| (i.prev_id, i.prev_index) == (coin.id, other));
    if !draft.transactions.iter().any(is_spent) {
        draft.forget(coin.id, other);
        transaction.inputs.push(Input::spending(coin.id, other));
    }
    draft.append(transaction);
    Effect::accepted()
}

fn null_prevout(draft: &mut Draft, random: &mut Random) -> Effect {
    let mut transaction = spending(2, draft, random);
    let place = random.below(3) as usize;
    transaction.inputs.insert(place, Input::spending([0; 32], u32::MAX));
    let at = draft.append(transaction);
    Effect::breaks(&["R33"]).values("inputs that name an output", place).at(at)
}

fn nearly_null_prevout(draft: &mut Draft, random: &mut Random) -> Effect {
    let mut transaction = spending(1, draft, random);
    let (id, index) = one_of(&[([0; 32], 0xffff_fffe), ([0; 32], 0), ([1; 32], u32::MAX)], random);
    transaction.inputs.push(Input::spending(id, index));
    draft.append(transaction);
    Effect::accepted().core(MISSING)
}

/// Appends a transaction whose scripts have `count` signature operations.
fn with_sigops(count: usize, draft: &mut Draft, random: &mut Random) {
    let mut transaction = spending(1, draft, random);
    let multisig = random.below(count as u64 / 20 + 1) as usize;
    let plain = count - 20 * multisig;
    // CHECKSIG or CHECKSIGVERIFY count once, CHECKMULTISIG or CHECKMULTISIGVERIFY 20 times.
    let mut script = vec![0xac + random.below(2) as u8; plain];
    script.resize(plain + multisig, 0xae + random.below(2) as u8);
    // Pushed bytes do not count, and neither does anything from an incomplete push on.
    let tail = [&[0x02, 0xac, 0xae][..], &[0x4c, 200, 0xac, 0xac]].concat();
    transaction.outputs.push(Output { value: 0, script: [script, tail].concat() });
    draft.append(transaction);
}

fn too_many_sigops(draft: &mut Draft, random: &mut Random) -> Effect {
    let count = one_of(&[20_001, 20_001, 20_020, 30_000], random);
    with_sigops(count, draft, random);
    Effect::breaks(&["R34"]).values(80_000, 4 * count)
}

fn most_sigops(draft: &mut Draft, random: &mut Random) -> Effect {
    with_sigops(20_000, draft, random);
    Effect::accepted()
}

/// A lock time that prevents inclusion in the block, and the latest one that would not.
fn lock_ahead(draft: &Draft, random: &mut Random) -> (u32, u64) {
    let (height, median) = (draft.height as u32, draft.median);
    match random.below(4) {
        0 => (height, draft.height - 1),
        1 => (one_of(&[height + 1, LOCK_TIMES_FROM - 1], random), draft.height - 1),
        2 => (median, u64::from(median) - 1),
        _ => (one_of(&[median + 1, u32::MAX], random), u64::from(median) - 1),
    }
}

fn locked(draft: &mut Draft, random: &mut Random) -> Effect {
    let (lock_time, latest) = lock_ahead(draft, random);
    let mut transaction = Transaction { lock_time, ..spending(2, draft, random) };
    // One input that is not final is enough to enable the lock.
    transaction.inputs[random.below(2) as usize].sequence = LOCKABLE;
    let at = draft.append(transaction);
    Effect::breaks(&["R35"]).values(latest, lock_time).at(at)
}

fn lock_passed(draft: &mut Draft, random: &mut Random) -> Effect {
    let lock_time = one_of(&[draft.height as u32 - 1, draft.median - 1, LOCK_TIMES_FROM, 0], random);
    let mut transaction = Transaction { lock_time, ..spending(1, draft, random) };
    transaction.inputs[0].sequence = LOCKABLE;
    draft.append(transaction);
    Effect::accepted()
}

fn lock_switched_off(draft: &mut Draft, random: &mut Random) -> Effect {
    let (lock_time, _) = lock_ahead(draft, random);
    let transaction = Transaction { lock_time, ..spending(2, draft, random) };
    draft.append(transaction);
    Effect::accepted()
}

fn locked_coinbase(draft: &mut Draft, random: &mut Random) -> Effect {
    let (lock_time, latest) = lock_ahead(draft, random);
    draft.transactions[0].lock_time = lock_time;
    draft.transactions[0].inputs[0].sequence = LOCKABLE;
    Effect::breaks(&["R35"]).values(latest, lock_time).at(0)
}

fn relative_lock(draft: &mut Draft, random: &mut Random) -> Effect {
    let mut transaction = spending(1, draft, random);
    transaction.inputs[0].sequence = 0xffff;
    draft.append(transaction);
    Effect::accepted().core(CoreAnswer::Reason("bad-txns-nonfinal"))
}

fn missing_output(draft: &mut Draft, random: &mut Random) -> Effect {
    draft.append(Transaction::simple(random.node(), 0));
    Effect::accepted().core(MISSING)
}

fn pays_more(draft: &mut Draft, random: &mut Random) -> Effect {
    let mut transaction = spending(1, draft, random);
    transaction.outputs[0].value += 1;
    draft.append(transaction);
    Effect::accepted().core(BELOW_OUT)
}

/// The subsidy is 25 coins up to height 299, and the blocks have no fees.
fn pays_past_subsidy(draft: &mut Draft, _random: &mut Random) -> Effect {
    let rest: i64 = draft.transactions[0].outputs.iter().skip(1).map(|output| output.value).sum();
    draft.transactions[0].outputs[0].value = 2_500_000_000 - rest + 1;
    Effect::accepted().core(CoreAnswer::Reason("bad-cb-amount"))
}

fn failing_script(draft: &mut Draft, random: &mut Random) -> Effect {
    let mut transaction = spending(1, draft, random);
    // OP_RETURN.
    transaction.inputs[0].script = vec![0x6a];
    draft.append(transaction);
    Effect::accepted().core(CoreAnswer::Reason("script-verify-flag-failed"))
}
