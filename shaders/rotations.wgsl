// The rotation amounts of the loaded form (rotate_loaded.wgsl). The host sends them with every batch; the name of each
// member is its value.

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
    r8: u32,
    r24: u32,
}
