//! Compares all 2^32 compact targets with an oracle over bytes. Samples and all edges compare that oracle with one of
//! unbounded integers.

use crate::number::{decoded, encoded, number};
use crate::random::Random;
use cityseal_chain::{CompactFault, CompactTarget, Target};
use num_bigint::BigUint;

const SAMPLES: usize = 1 << 20;

/// The target's 32 bytes, lowest first. Each byte of the mantissa goes to its position: below the lowest it is dropped,
/// above the highest it must be zero.
fn decoded_by_bytes(bits: u32) -> Result<[u8; 32], CompactFault> {
    let [low, middle, high, exponent] = bits.to_le_bytes();
    let mut bytes = [0; 32];
    let mut is_past = false;
    let mut is_zero = true;
    for (place, byte) in (i32::from(exponent) - 3..).zip([low, middle, high & 0x7f]) {
        if place < 0 || byte == 0 {
            continue;
        }
        is_zero = false;
        match bytes.get_mut(place as usize) {
            Some(there) => *there = byte,
            None => is_past = true,
        }
    }
    match (is_zero, high & 0x80 != 0, is_past) {
        (true, _, _) => Err(CompactFault::Zero),
        (_, true, _) => Err(CompactFault::Negative),
        (_, _, true) => Err(CompactFault::Overflow),
        _ => Ok(bytes),
    }
}

/// Encodes 32 bytes that are not all zero.
fn encoded_by_bytes(bytes: &[u8; 32]) -> u32 {
    let top = bytes.iter().rposition(|&byte| byte != 0).unwrap();
    let top = if bytes[top] & 0x80 != 0 { top + 1 } else { top };
    let digit = |down: usize| top.checked_sub(down).and_then(|at| bytes.get(at)).copied().unwrap_or(0);
    u32::from_be_bytes([top as u8 + 1, digit(0), digit(1), digit(2)])
}

/// Whether the crate equals the oracle over bytes, in both directions.
fn equals_the_bytes(bits: u32) -> bool {
    let found = CompactTarget::from_bits(bits).decode();
    let expected = decoded_by_bytes(bits);
    let encodes =
        found.map_or(true, |target| target.to_compact_lossy().to_bits() == encoded_by_bytes(&target.to_wire()));
    found.map(Target::to_wire) == expected && encodes
}

/// Asserts that both oracles and the crate agree.
fn assert_all_agree(bits: u32) {
    assert!(equals_the_bytes(bits), "{bits:08x}");
    let expected = decoded(bits);
    assert_eq!(decoded_by_bytes(bits).map(|bytes| BigUint::from_bytes_le(&bytes)), expected, "{bits:08x}");
    if let Ok(target) = CompactTarget::from_bits(bits).decode() {
        assert_eq!(Ok(number(target)), expected, "{bits:08x}");
        assert_eq!(target.to_compact_lossy().to_bits(), encoded(&number(target)), "{bits:08x}");
    }
}

#[test]
fn every_edge_of_the_mantissa_under_every_exponent_and_sign_equals_the_oracle() {
    // Each byte of the mantissa at zero, at its smallest, around its highest bit, at its largest, and one next to each.
    let bytes: [u32; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];
    for exponent in 0..=0xff_u32 {
        for high in bytes {
            for middle in bytes {
                for low in bytes {
                    // The highest bit of the mantissa's bytes is the sign.
                    assert_all_agree(exponent << 24 | high << 16 | middle << 8 | low);
                }
            }
        }
    }
}

#[test]
fn a_million_random_compact_targets_equal_the_oracle() {
    let mut random = Random::new(1);
    for _ in 0..SAMPLES {
        let bits = random.word() as u32;
        // Seven of eight random exponents overflow, so every other sample gets one that need not.
        assert_all_agree(bits);
        assert_all_agree(bits % 0x2400_0000);
    }
}

#[test]
#[ignore = "takes minutes for all 2^32; run by hand or nightly"]
fn all_compact_targets_equal_the_oracle() {
    const STRETCH: u64 = 1 << 24;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::atomic::AtomicU64::new(0);
    let equal: u64 = std::thread::scope(|scope| {
        let count = || {
            let mut equal = 0;
            loop {
                let first = next.fetch_add(STRETCH, std::sync::atomic::Ordering::Relaxed);
                if first >= 1 << 32 {
                    return equal;
                }
                for bits in first..first + STRETCH {
                    assert!(equals_the_bytes(bits as u32), "{bits:08x}");
                    equal += 1;
                }
            }
        };
        let counting: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        counting.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(equal, 1 << 32);
}
