//! Transactions in the forms that are common in real blocks: payments to key hashes with and without witness, taproot,
//! multi-signature scripts, sweeps of many inputs, and payouts to many outputs. Keys, signatures and ids are random
//! bytes.

use super::random::Random;
use super::transaction::{Input, Output, Transaction};

/// The type of the output that an input spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    /// A key hash, with the signature in the script (P2PKH).
    KeyHash,
    /// A key hash, with the signature in the witness (P2WPKH).
    WitnessKeyHash,
    /// A key hash with witness, wrapped in a script hash (P2SH-P2WPKH).
    Wrapped,
    /// Two of three keys, with witness (P2WSH).
    WitnessScript,
    /// A taproot key (P2TR).
    Taproot,
}

/// Relative frequency of each lock in a chain with witnesses, out of [`WEIGHTS_SUM`].
const WEIGHTS: [(Lock, u64); 5] = [
    (Lock::KeyHash, 20),
    (Lock::WitnessKeyHash, 45),
    (Lock::Wrapped, 10),
    (Lock::WitnessScript, 5),
    (Lock::Taproot, 20),
];
const WEIGHTS_SUM: u64 = 100;

/// One in this many transactions sweeps many inputs, and one in this many pays many outputs.
const LARGE_ONE_IN: u64 = 150;
/// Maximum number of inputs of a sweep and outputs of a payout; 80 outputs of 50 coins are far below the 21 million
/// coins.
const LARGE_PARTS_MAX: u64 = 80;
/// Upper limit of an output's amount: 50 coins.
const VALUE_MAX: u64 = 5_000_000_000;
/// A time before the start of all these chains, 2008-01-10: a lock time that has passed.
const LONG_AGO: u32 = 1_200_000_000;

/// A random transaction that is valid at `height`, with witnesses only if `with_witness`.
pub(super) fn transaction(random: &mut Random, height: u64, with_witness: bool) -> Transaction {
    let lock = if with_witness { any_lock(random) } else { Lock::KeyHash };
    let (inputs, outputs) = match random.below(LARGE_ONE_IN) {
        0 => (random.between(20, LARGE_PARTS_MAX), 1),
        1 => (1, random.between(20, LARGE_PARTS_MAX)),
        _ => (random.between(1, 3), random.between(1, 3)),
    };
    let inputs = self::inputs(random, lock, inputs);
    let outputs = (0..outputs).map(|_| output(random)).collect();
    let version = if random.below(4) == 0 { 1 } else { 2 };
    let mut transaction = Transaction { version, inputs, outputs, lock_time: 0 };
    lock_until(random, height, &mut transaction);
    transaction
}

fn any_lock(random: &mut Random) -> Lock {
    let mut at = random.below(WEIGHTS_SUM);
    for (lock, weight) in WEIGHTS {
        if at < weight {
            return lock;
        }
        at -= weight;
    }
    Lock::Taproot
}

/// Random inputs: usually each spends an output of another transaction, sometimes all spend outputs of the same one.
fn inputs(random: &mut Random, lock: Lock, count: u64) -> Vec<Input> {
    let shared = (random.below(4) == 0).then(|| random.node());
    let of = |at: u64| {
        let mut input = match shared {
            Some(id) => Input::spending(id, at as u32),
            None => Input::spending(random.node(), random.below(4) as u32),
        };
        unlock(random, lock, &mut input);
        input
    };
    (0..count).map(of).collect()
}

fn unlock(random: &mut Random, lock: Lock, input: &mut Input) {
    match lock {
        Lock::KeyHash => {
            let (signature, key) = (signature(random), key(random));
            input.script = Vec::with_capacity(signature.len() + key.len() + 2);
            for pushed in [signature, key] {
                input.script.push(pushed.len() as u8);
                input.script.extend(pushed);
            }
        }
        Lock::WitnessKeyHash => input.witness = vec![signature(random), key(random)],
        Lock::Wrapped => {
            input.script = vec![22, 0x00, 20];
            random.append(20, &mut input.script);
            input.witness = vec![signature(random), key(random)];
        }
        Lock::WitnessScript => {
            input.witness = vec![Vec::new(), signature(random), signature(random), two_of_three(random)];
        }
        Lock::Taproot => input.witness = vec![random.bytes(64)],
    }
}

/// An ECDSA signature in DER form with its sighash flag: 71 or 72 bytes.
fn signature(random: &mut Random) -> Vec<u8> {
    let len = random.between(71, 72);
    let mut bytes = vec![0x30, len as u8 - 3, 0x02, 0x20];
    random.append(len as usize - 5, &mut bytes);
    bytes.push(0x01);
    bytes
}

/// A compressed public key.
fn key(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![2 + random.below(2) as u8];
    random.append(32, &mut bytes);
    bytes
}

fn two_of_three(random: &mut Random) -> Vec<u8> {
    let mut script = vec![0x52];
    for _ in 0..3 {
        script.push(33);
        script.extend(key(random));
    }
    script.extend([0x53, 0xae]);
    script
}

fn output(random: &mut Random) -> Output {
    // Output types are independent of the input types.
    let (head, hash, tail): (&[u8], usize, &[u8]) = match random.below(10) {
        0..3 => (&[0x76, 0xa9, 20], 20, &[0x88, 0xac]),
        3..6 => (&[0x00, 20], 20, &[]),
        6 => (&[0xa9, 20], 20, &[0x87]),
        7 => (&[0x00, 32], 32, &[]),
        _ => (&[0x51, 32], 32, &[]),
    };
    let mut script = Vec::with_capacity(head.len() + hash + tail.len() + 8);
    script.extend(head);
    random.append(hash, &mut script);
    script.extend(tail);
    Output { value: random.below(VALUE_MAX) as i64, script }
}

/// Sets a lock time that does not prevent inclusion, in every possible way.
fn lock_until(random: &mut Random, height: u64, transaction: &mut Transaction) {
    const REPLACEABLE: u32 = 0xffff_fffd;
    let (lock_time, sequence) = match random.below(20) {
        // Wallets do this against fee sniping.
        0..6 => (height as u32 - 1, REPLACEABLE),
        6 => (LONG_AGO, REPLACEABLE),
        // Final inputs disable the lock time.
        7 => (u32::MAX, u32::MAX),
        8..12 => (0, REPLACEABLE),
        _ => (0, u32::MAX),
    };
    transaction.lock_time = lock_time;
    transaction.inputs.iter_mut().for_each(|input| input.sequence = sequence);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transaction_has_the_computed_length_and_every_form_occurs() {
        let mut random = Random::new(11);
        let made: Vec<Transaction> = (0..5_000).map(|_| transaction(&mut random, 900, true)).collect();
        let has_its_length =
            |one: &&Transaction| (one.wire_len(), one.stripped_len()) == (one.to_wire().len(), one.to_stripped().len());
        assert_eq!(made.iter().filter(has_its_length).count(), made.len());
        let with = made.iter().filter(|one| one.has_witness()).count();
        assert!((3_500..4_500).contains(&with), "{with}");
        for (what, occurs) in [
            ("a sweep", made.iter().any(|one| one.inputs.len() > 20)),
            ("a payout", made.iter().any(|one| one.outputs.len() > 20)),
            ("a lock by height", made.iter().any(|one| one.lock_time == 899)),
            ("a lock by time", made.iter().any(|one| one.lock_time == LONG_AGO)),
            ("a disabled lock", made.iter().any(|one| one.lock_time == u32::MAX)),
            ("a script of several keys", made.iter().any(|one| one.inputs[0].witness.len() == 4)),
            ("a taproot key", made.iter().any(|one| one.inputs[0].witness.len() == 1)),
        ] {
            assert!(occurs, "{what} does not occur");
        }
        assert!((0..1_000).all(|_| !transaction(&mut random, 900, false).has_witness()));
    }
}
