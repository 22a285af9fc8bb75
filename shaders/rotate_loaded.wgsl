// The four sigma functions of FIPS 180-4, section 4.1.2, and the byte swap, with rotations by amounts from the batch.
// Mesa's compilers turn a rotation into one instruction only in this form.

fn rotate(x: u32, amount: u32) -> u32 {
    return (x >> (amount & 31u)) | (x << ((32u - amount) & 31u));
}

fn Sigma0(x: u32) -> u32 {
    let by = &batch.rotations;
    return rotate(x, by.r2) ^ rotate(x, by.r13) ^ rotate(x, by.r22);
}

fn Sigma1(x: u32) -> u32 {
    let by = &batch.rotations;
    return rotate(x, by.r6) ^ rotate(x, by.r11) ^ rotate(x, by.r25);
}

fn sigma0(x: u32) -> u32 {
    let by = &batch.rotations;
    return rotate(x, by.r7) ^ rotate(x, by.r18) ^ (x >> 3u);
}

fn sigma1(x: u32) -> u32 {
    let by = &batch.rotations;
    return rotate(x, by.r17) ^ rotate(x, by.r19) ^ (x >> 10u);
}

fn swap_bytes(x: u32) -> u32 {
    let by = &batch.rotations;
    return (rotate(x, by.r24) & 0x00ff00ffu) | (rotate(x, by.r8) & 0xff00ff00u);
}
