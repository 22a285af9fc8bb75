// Ch and Maj of FIPS 180-4, section 4.1.2, in a form that some compilers turn into one instruction each.

fn ch(e: u32, f: u32, g: u32) -> u32 {
    return (e & f) | (~e & g);
}

fn maj(a: u32, b: u32, c: u32) -> u32 {
    return (a & b) | (c & (a | b));
}
