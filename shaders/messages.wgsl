// The SHA-256, once or twice, of packed messages of one length: any number of bytes each, without gaps between them. The
// padding (FIPS 180-4, section 5.1.1) is done here.

// Four bytes from any byte on, as a big-endian word. It may read the word behind the last byte, which the buffer has.
fn bytes_at(byte: u32) -> u32 {
    let by = 8u * (byte & 3u);
    let at = byte >> 2u;
    let low = items[at >> 2u][at & 3u];
    let high = items[(at + 1u) >> 2u][(at + 1u) & 3u];
    return swap_bytes((low >> by) | ((high << 1u) << (31u - by)));
}

// The word of a message that begins `at` bytes after its start, with the padding's first bit and its zeros.
fn padded_word(start: u32, at: u32) -> u32 {
    if at > batch.message_bytes {
        return 0u;
    }
    let left = batch.message_bytes - at;
    if left > 3u {
        return bytes_at(start + at);
    }
    var own = 0u;
    if left > 0u {
        own = bytes_at(start + at) & ~(0xffffffffu >> (8u * left));
    }
    return own | (0x80000000u >> (8u * left));
}

fn whole_words(start: u32) -> vec4<u32> {
    return vec4<u32>(bytes_at(start), bytes_at(start + 4u), bytes_at(start + 8u), bytes_at(start + 12u));
}

fn padded_words(start: u32, at: u32) -> vec4<u32> {
    return vec4<u32>(
        padded_word(start, at), padded_word(start, at + 4u), padded_word(start, at + 8u), padded_word(start, at + 12u)
    );
}

const INITIAL_STATE = Hash(
    vec4<u32>(0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au),
    vec4<u32>(0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u),
);

@compute @workgroup_size(WORKGROUP_SIZE)
fn hash_messages(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x >= batch.count {
        return;
    }
    let start = id.x * batch.message_bytes;
    let whole = batch.message_bytes >> 6u;
    let blocks = (batch.message_bytes + 72u) >> 6u;
    var state = INITIAL_STATE;
    // The last turn of two hashes compresses the first one.
    for (var block = 0u; block < blocks + batch.times - 1u; block++) {
        let at = block << 6u;
        var m0 = state.low;
        var m1 = state.high;
        var m2 = vec4<u32>(0x80000000u, 0u, 0u, 0u);
        var m3 = vec4<u32>(0u, 0u, 0u, 256u);
        if block < whole {
            m0 = whole_words(start + at);
            m1 = whole_words(start + at + 16u);
            m2 = whole_words(start + at + 32u);
            m3 = whole_words(start + at + 48u);
        } else if block < blocks {
            m0 = padded_words(start, at);
            m1 = padded_words(start, at + 16u);
            m2 = padded_words(start, at + 32u);
            m3 = padded_words(start, at + 48u);
            if block + 1u == blocks {
                m3.w = 8u * batch.message_bytes;
            }
        } else {
            state = INITIAL_STATE;
        }
        state = compress(state, m0, m1, m2, m3);
    }
    put(id.x, state);
}
