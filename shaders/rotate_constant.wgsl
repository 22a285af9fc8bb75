// The four sigma functions of FIPS 180-4, section 4.1.2, and the byte swap, with constant rotations. NVIDIA's compiler
// turns a rotation into one instruction only in this form.

fn Sigma0(x: u32) -> u32 {
    return ((x >> 2u) | (x << 30u)) ^ ((x >> 13u) | (x << 19u)) ^ ((x >> 22u) | (x << 10u));
}

fn Sigma1(x: u32) -> u32 {
    return ((x >> 6u) | (x << 26u)) ^ ((x >> 11u) | (x << 21u)) ^ ((x >> 25u) | (x << 7u));
}

fn sigma0(x: u32) -> u32 {
    return ((x >> 7u) | (x << 25u)) ^ ((x >> 18u) | (x << 14u)) ^ (x >> 3u);
}

fn sigma1(x: u32) -> u32 {
    return ((x >> 17u) | (x << 15u)) ^ ((x >> 19u) | (x << 13u)) ^ (x >> 10u);
}

fn swap_bytes(x: u32) -> u32 {
    return (((x >> 24u) | (x << 8u)) & 0x00ff00ffu) | (((x >> 8u) | (x << 24u)) & 0xff00ff00u);
}
