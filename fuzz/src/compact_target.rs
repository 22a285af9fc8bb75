//! Compares compact targets with a decoder that works on digits, without shifts and words.

use cityseal_chain::{CompactFault, CompactTarget, Target};

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let bits: [u32; 16] = [
        0,
        0x0080_0000,
        0x0180_3456,
        0x01fe_dcba,
        0x0112_3456,
        0x0212_3456,
        0x0312_3456,
        0x0412_3456,
        0x0492_3456,
        0x0500_9234,
        0x1d00_ffff,
        0x207f_ffff,
        0x2012_3456,
        0x2100_ffff,
        0x2200_00ff,
        0xff12_3456,
    ];
    bits.iter().map(|bits| bits.to_le_bytes().to_vec()).collect()
}

pub(crate) fn body(data: &[u8]) {
    let Some(bytes) = data.first_chunk() else { return };
    let compact = CompactTarget::from_bits(u32::from_le_bytes(*bytes));
    let read = compact.decode();
    let plain = plain(compact.to_bits());
    assert_eq!(read.map(Target::to_display_hex), plain, "{:08x}", compact.to_bits());
    if let Ok(target) = read {
        let again = target.to_compact_lossy();
        assert_eq!(again.decode(), Ok(target), "a decoded target is encoded without loss");
    }
}

/// Decodes by moving the mantissa's six digits by two for each step of the exponent from 3; at most 64 digits remain.
fn plain(bits: u32) -> Result<String, CompactFault> {
    let exponent = (bits >> 24) as usize;
    let mantissa = format!("{:06x}", bits & 0x007f_ffff);
    let digits = match exponent.checked_sub(3) {
        Some(up) => format!("{mantissa}{}", "00".repeat(up)),
        None => mantissa[..2 * exponent].to_owned(),
    };
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Err(CompactFault::Zero);
    }
    if bits & 0x0080_0000 != 0 {
        return Err(CompactFault::Negative);
    }
    if digits.len() > 64 { Err(CompactFault::Overflow) } else { Ok(format!("{digits:0>64}")) }
}
