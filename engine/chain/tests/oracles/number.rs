//! Compact targets in unbounded integers, as the comment on Bitcoin Core's `SetCompact` defines them: the integer part
//! of the floating-point number `(-1)^sign * mantissa * 256^(exponent - 3)`.

use cityseal_chain::{CompactFault, Target};
use num_bigint::BigUint;

/// The number that bits encode.
pub(crate) fn decoded(bits: u32) -> Result<BigUint, CompactFault> {
    let mantissa = BigUint::from(bits & 0x7f_ffff);
    // Multiplied by 256^3 first, so that no exponent is negative.
    let number = mantissa * BigUint::from(256_u32).pow(bits >> 24) / BigUint::from(256_u32).pow(3);
    if number == BigUint::ZERO {
        Err(CompactFault::Zero)
    } else if bits & 0x80_0000 != 0 {
        Err(CompactFault::Negative)
    } else if number >= BigUint::from(1_u32) << 256_u32 {
        Err(CompactFault::Overflow)
    } else {
        Ok(number)
    }
}

/// Encodes a number below 2^256: its first three bytes and its length in bytes. A zero byte is prepended if the highest
/// bit would otherwise be read as a sign.
pub(crate) fn encoded(number: &BigUint) -> u32 {
    if *number == BigUint::ZERO {
        return 0;
    }
    let mut bytes = number.to_bytes_be();
    if bytes[0] >= 0x80 {
        bytes.insert(0, 0);
    }
    let digit = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
    (bytes.len() as u32) << 24 | digit(0) << 16 | digit(1) << 8 | digit(2)
}

pub(crate) fn number(target: Target) -> BigUint {
    BigUint::from_bytes_le(&target.to_wire())
}
