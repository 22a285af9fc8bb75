// Packed headers (80 bytes, five vectors, each), checked to one bit: the double SHA-256 is at or under the header's own
// compact target, and it is what the next header holds as the hash before it. The last header has no next one; its hash is
// given in place of that.

// One limb of a number that has `low` at limb `at` and `high` at the next: 32 bits, limb 0 the least significant.
fn limb_of(low: u32, high: u32, at: u32, limb: u32) -> u32 {
    return select(0u, low, limb == at) | select(0u, high, limb == at + 1u);
}

// Whether a number is at or under another, by one limb of each and the answer for all limbs below.
fn is_under_with(limb: u32, other: u32, is_under_below: bool) -> bool {
    return limb < other || (limb == other && is_under_below);
}

// Whether a hash in wire order, whose words are eight limbs as they stand, is at or under `word` shifted up.
fn is_under(hash: Hash, word: u32, shift: u32) -> bool {
    let at = shift >> 5u;
    let low = word << (shift & 31u);
    let high = (word >> 1u) >> (31u - (shift & 31u));
    var fits = is_under_with(hash.low.x, limb_of(low, high, at, 0u), true);
    fits = is_under_with(hash.low.y, limb_of(low, high, at, 1u), fits);
    fits = is_under_with(hash.low.z, limb_of(low, high, at, 2u), fits);
    fits = is_under_with(hash.low.w, limb_of(low, high, at, 3u), fits);
    fits = is_under_with(hash.high.x, limb_of(low, high, at, 4u), fits);
    fits = is_under_with(hash.high.y, limb_of(low, high, at, 5u), fits);
    fits = is_under_with(hash.high.z, limb_of(low, high, at, 6u), fits);
    return is_under_with(hash.high.w, limb_of(low, high, at, 7u), fits);
}

// Whether a hash meets a compact target, as Bitcoin Core's arith_uint256::SetCompact decodes it: an exponent under 3 shifts
// the mantissa down before it is judged; what is negative, zero or needs more than 256 bits is met by no hash.
fn meets(hash: Hash, compact: u32) -> bool {
    let exponent = compact >> 24u;
    let word = (compact & 0x007fffffu) >> (8u * (3u - min(exponent, 3u)));
    let is_negative = (compact & 0x00800000u) != 0u;
    let overflows = exponent > 34u || (exponent > 33u && word > 0xffu) || (exponent > 32u && word > 0xffffu);
    let is_threshold = word != 0u && !is_negative && !overflows;
    return is_threshold && is_under(hash, word, 8u * (max(exponent, 3u) - 3u));
}

// The hash that a header holds as that of the header before it: bytes 4 to 36.
fn previous_hash(header: u32) -> Hash {
    let first = items[header];
    let second = items[header + 1u];
    return Hash(vec4<u32>(first.yzw, second.x), vec4<u32>(second.yzw, items[header + 2u].x));
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn check_headers(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= batch.count {
        return;
    }
    let at = id.x * 5u;
    let hash = swap_hash(hash_header(
        swap_each(items[at]),
        swap_each(items[at + 1u]),
        swap_each(items[at + 2u]),
        swap_each(items[at + 3u]),
        swap_each(items[at + 4u]),
    ));
    var is_linked = true;
    if id.x + 1u == batch.count {
        hashes[0] = hash;
    } else {
        is_linked = is_same(hash, previous_hash(at + 5u));
    }
    // Both forms of the mark are the batch's own: turned over, it is that of no batch, since tags are odd.
    let mark = batch.tag + id.x;
    marks[id.x] = select(~mark, mark, is_linked && meets(hash, items[at + 4u].z));
}
