// The four functions of FIPS 180-4, section 4.1.2, with rotations by amounts that come from a buffer. Mesa's compilers
// turn each rotation into one instruction in this form only.

// Each member holds the number in its name.
struct Rotations {
    r2: u32,
    r13: u32,
    r22: u32,
    r6: u32,
    r11: u32,
    r25: u32,
    r7: u32,
    r18: u32,
    r17: u32,
    r19: u32,
    unused_10: u32,
    unused_11: u32,
}

@group(1) @binding(0) var<uniform> by: Rotations;

fn rotate(x: u32, amount: u32) -> u32 {
    return (x >> (amount & 31u)) | (x << ((32u - amount) & 31u));
}

fn Sigma0(x: u32) -> u32 {
    return rotate(x, by.r2) ^ rotate(x, by.r13) ^ rotate(x, by.r22);
}

fn Sigma1(x: u32) -> u32 {
    return rotate(x, by.r6) ^ rotate(x, by.r11) ^ rotate(x, by.r25);
}

fn sigma0(x: u32) -> u32 {
    return rotate(x, by.r7) ^ rotate(x, by.r18) ^ (x >> 3u);
}

fn sigma1(x: u32) -> u32 {
    return rotate(x, by.r17) ^ rotate(x, by.r19) ^ (x >> 10u);
}
