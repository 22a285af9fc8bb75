// Ch and Maj of FIPS 180-4, section 4.1.2, with the fewest operations of two words: b ^ c of Maj was computed as a ^ b
// in the round before.

fn ch(e: u32, f: u32, g: u32) -> u32 {
    return g ^ (e & (f ^ g));
}

fn maj(a: u32, b: u32, c: u32) -> u32 {
    return b ^ ((a ^ b) & (b ^ c));
}
