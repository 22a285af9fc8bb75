// The double SHA-256 of a Merkle node, without a loop: 16 big-endian words in, eight out.
//
// m2.y is word 9 of the message: each vector holds four words.
// Generated: change engine/gpu/src/generate and run `cargo run -p cityseal-gpu --example write_shaders`.
//
// Names: h1_w17 is word 17 of the first compression's message schedule, h2_e5 is e after round 5 of the second.
//
//   line   13  h1, both children
//   line  321  h2, the padding
//   line  584  h3, the hash of the hash

fn hash_node(m0: vec4<u32>, m1: vec4<u32>, m2: vec4<u32>, m3: vec4<u32>) -> Hash {
    // h1: round 0
    let h1_e0 = m0.x + 0x98c7e2a2u;
    let h1_a0 = m0.x + 0xfc08884du;
    // h1: round 1
    let h1_t1 = Sigma1(h1_e0) + ch(h1_e0, 0x510e527fu, 0x9b05688cu) + m0.y + 0x90bb1e3cu;
    let h1_e1 = h1_t1 + 0x3c6ef372u;
    let h1_a1 = h1_t1 + Sigma0(h1_a0) + maj(h1_a0, 0x6a09e667u, 0xbb67ae85u);
    // h1: round 2
    let h1_t2 = Sigma1(h1_e1) + ch(h1_e1, h1_e0, 0x510e527fu) + m0.z + 0x50c6645bu;
    let h1_e2 = h1_t2 + 0xbb67ae85u;
    let h1_a2 = h1_t2 + Sigma0(h1_a1) + maj(h1_a1, h1_a0, 0x6a09e667u);
    // h1: round 3
    let h1_t3 = Sigma1(h1_e2) + ch(h1_e2, h1_e1, h1_e0) + m0.w + 0x3ac42e24u;
    let h1_e3 = h1_t3 + 0x6a09e667u;
    let h1_a3 = h1_t3 + Sigma0(h1_a2) + maj(h1_a2, h1_a1, h1_a0);
    // h1: round 4
    let h1_t4 = h1_e0 + Sigma1(h1_e3) + ch(h1_e3, h1_e2, h1_e1) + m1.x + 0x3956c25bu;
    let h1_e4 = h1_a0 + h1_t4;
    let h1_a4 = h1_t4 + Sigma0(h1_a3) + maj(h1_a3, h1_a2, h1_a1);
    // h1: round 5
    let h1_t5 = h1_e1 + Sigma1(h1_e4) + ch(h1_e4, h1_e3, h1_e2) + m1.y + 0x59f111f1u;
    let h1_e5 = h1_a1 + h1_t5;
    let h1_a5 = h1_t5 + Sigma0(h1_a4) + maj(h1_a4, h1_a3, h1_a2);
    // h1: round 6
    let h1_t6 = h1_e2 + Sigma1(h1_e5) + ch(h1_e5, h1_e4, h1_e3) + m1.z + 0x923f82a4u;
    let h1_e6 = h1_a2 + h1_t6;
    let h1_a6 = h1_t6 + Sigma0(h1_a5) + maj(h1_a5, h1_a4, h1_a3);
    // h1: round 7
    let h1_t7 = h1_e3 + Sigma1(h1_e6) + ch(h1_e6, h1_e5, h1_e4) + m1.w + 0xab1c5ed5u;
    let h1_e7 = h1_a3 + h1_t7;
    let h1_a7 = h1_t7 + Sigma0(h1_a6) + maj(h1_a6, h1_a5, h1_a4);
    // h1: round 8
    let h1_t8 = h1_e4 + Sigma1(h1_e7) + ch(h1_e7, h1_e6, h1_e5) + m2.x + 0xd807aa98u;
    let h1_e8 = h1_a4 + h1_t8;
    let h1_a8 = h1_t8 + Sigma0(h1_a7) + maj(h1_a7, h1_a6, h1_a5);
    // h1: round 9
    let h1_t9 = h1_e5 + Sigma1(h1_e8) + ch(h1_e8, h1_e7, h1_e6) + m2.y + 0x12835b01u;
    let h1_e9 = h1_a5 + h1_t9;
    let h1_a9 = h1_t9 + Sigma0(h1_a8) + maj(h1_a8, h1_a7, h1_a6);
    // h1: round 10
    let h1_t10 = h1_e6 + Sigma1(h1_e9) + ch(h1_e9, h1_e8, h1_e7) + m2.z + 0x243185beu;
    let h1_e10 = h1_a6 + h1_t10;
    let h1_a10 = h1_t10 + Sigma0(h1_a9) + maj(h1_a9, h1_a8, h1_a7);
    // h1: round 11
    let h1_t11 = h1_e7 + Sigma1(h1_e10) + ch(h1_e10, h1_e9, h1_e8) + m2.w + 0x550c7dc3u;
    let h1_e11 = h1_a7 + h1_t11;
    let h1_a11 = h1_t11 + Sigma0(h1_a10) + maj(h1_a10, h1_a9, h1_a8);
    // h1: round 12
    let h1_t12 = h1_e8 + Sigma1(h1_e11) + ch(h1_e11, h1_e10, h1_e9) + m3.x + 0x72be5d74u;
    let h1_e12 = h1_a8 + h1_t12;
    let h1_a12 = h1_t12 + Sigma0(h1_a11) + maj(h1_a11, h1_a10, h1_a9);
    // h1: round 13
    let h1_t13 = h1_e9 + Sigma1(h1_e12) + ch(h1_e12, h1_e11, h1_e10) + m3.y + 0x80deb1feu;
    let h1_e13 = h1_a9 + h1_t13;
    let h1_a13 = h1_t13 + Sigma0(h1_a12) + maj(h1_a12, h1_a11, h1_a10);
    // h1: round 14
    let h1_t14 = h1_e10 + Sigma1(h1_e13) + ch(h1_e13, h1_e12, h1_e11) + m3.z + 0x9bdc06a7u;
    let h1_e14 = h1_a10 + h1_t14;
    let h1_a14 = h1_t14 + Sigma0(h1_a13) + maj(h1_a13, h1_a12, h1_a11);
    // h1: round 15
    let h1_t15 = h1_e11 + Sigma1(h1_e14) + ch(h1_e14, h1_e13, h1_e12) + m3.w + 0xc19bf174u;
    let h1_e15 = h1_a11 + h1_t15;
    let h1_a15 = h1_t15 + Sigma0(h1_a14) + maj(h1_a14, h1_a13, h1_a12);
    // h1: round 16
    let h1_w16 = sigma1(m3.z) + m2.y + sigma0(m0.y) + m0.x;
    let h1_t16 = h1_e12 + Sigma1(h1_e15) + ch(h1_e15, h1_e14, h1_e13) + h1_w16 + 0xe49b69c1u;
    let h1_e16 = h1_a12 + h1_t16;
    let h1_a16 = h1_t16 + Sigma0(h1_a15) + maj(h1_a15, h1_a14, h1_a13);
    // h1: round 17
    let h1_w17 = sigma1(m3.w) + m2.z + sigma0(m0.z) + m0.y;
    let h1_t17 = h1_e13 + Sigma1(h1_e16) + ch(h1_e16, h1_e15, h1_e14) + h1_w17 + 0xefbe4786u;
    let h1_e17 = h1_a13 + h1_t17;
    let h1_a17 = h1_t17 + Sigma0(h1_a16) + maj(h1_a16, h1_a15, h1_a14);
    // h1: round 18
    let h1_w18 = sigma1(h1_w16) + m2.w + sigma0(m0.w) + m0.z;
    let h1_t18 = h1_e14 + Sigma1(h1_e17) + ch(h1_e17, h1_e16, h1_e15) + h1_w18 + 0x0fc19dc6u;
    let h1_e18 = h1_a14 + h1_t18;
    let h1_a18 = h1_t18 + Sigma0(h1_a17) + maj(h1_a17, h1_a16, h1_a15);
    // h1: round 19
    let h1_w19 = sigma1(h1_w17) + m3.x + sigma0(m1.x) + m0.w;
    let h1_t19 = h1_e15 + Sigma1(h1_e18) + ch(h1_e18, h1_e17, h1_e16) + h1_w19 + 0x240ca1ccu;
    let h1_e19 = h1_a15 + h1_t19;
    let h1_a19 = h1_t19 + Sigma0(h1_a18) + maj(h1_a18, h1_a17, h1_a16);
    // h1: round 20
    let h1_w20 = sigma1(h1_w18) + m3.y + sigma0(m1.y) + m1.x;
    let h1_t20 = h1_e16 + Sigma1(h1_e19) + ch(h1_e19, h1_e18, h1_e17) + h1_w20 + 0x2de92c6fu;
    let h1_e20 = h1_a16 + h1_t20;
    let h1_a20 = h1_t20 + Sigma0(h1_a19) + maj(h1_a19, h1_a18, h1_a17);
    // h1: round 21
    let h1_w21 = sigma1(h1_w19) + m3.z + sigma0(m1.z) + m1.y;
    let h1_t21 = h1_e17 + Sigma1(h1_e20) + ch(h1_e20, h1_e19, h1_e18) + h1_w21 + 0x4a7484aau;
    let h1_e21 = h1_a17 + h1_t21;
    let h1_a21 = h1_t21 + Sigma0(h1_a20) + maj(h1_a20, h1_a19, h1_a18);
    // h1: round 22
    let h1_w22 = sigma1(h1_w20) + m3.w + sigma0(m1.w) + m1.z;
    let h1_t22 = h1_e18 + Sigma1(h1_e21) + ch(h1_e21, h1_e20, h1_e19) + h1_w22 + 0x5cb0a9dcu;
    let h1_e22 = h1_a18 + h1_t22;
    let h1_a22 = h1_t22 + Sigma0(h1_a21) + maj(h1_a21, h1_a20, h1_a19);
    // h1: round 23
    let h1_w23 = sigma1(h1_w21) + h1_w16 + sigma0(m2.x) + m1.w;
    let h1_t23 = h1_e19 + Sigma1(h1_e22) + ch(h1_e22, h1_e21, h1_e20) + h1_w23 + 0x76f988dau;
    let h1_e23 = h1_a19 + h1_t23;
    let h1_a23 = h1_t23 + Sigma0(h1_a22) + maj(h1_a22, h1_a21, h1_a20);
    // h1: round 24
    let h1_w24 = sigma1(h1_w22) + h1_w17 + sigma0(m2.y) + m2.x;
    let h1_t24 = h1_e20 + Sigma1(h1_e23) + ch(h1_e23, h1_e22, h1_e21) + h1_w24 + 0x983e5152u;
    let h1_e24 = h1_a20 + h1_t24;
    let h1_a24 = h1_t24 + Sigma0(h1_a23) + maj(h1_a23, h1_a22, h1_a21);
    // h1: round 25
    let h1_w25 = sigma1(h1_w23) + h1_w18 + sigma0(m2.z) + m2.y;
    let h1_t25 = h1_e21 + Sigma1(h1_e24) + ch(h1_e24, h1_e23, h1_e22) + h1_w25 + 0xa831c66du;
    let h1_e25 = h1_a21 + h1_t25;
    let h1_a25 = h1_t25 + Sigma0(h1_a24) + maj(h1_a24, h1_a23, h1_a22);
    // h1: round 26
    let h1_w26 = sigma1(h1_w24) + h1_w19 + sigma0(m2.w) + m2.z;
    let h1_t26 = h1_e22 + Sigma1(h1_e25) + ch(h1_e25, h1_e24, h1_e23) + h1_w26 + 0xb00327c8u;
    let h1_e26 = h1_a22 + h1_t26;
    let h1_a26 = h1_t26 + Sigma0(h1_a25) + maj(h1_a25, h1_a24, h1_a23);
    // h1: round 27
    let h1_w27 = sigma1(h1_w25) + h1_w20 + sigma0(m3.x) + m2.w;
    let h1_t27 = h1_e23 + Sigma1(h1_e26) + ch(h1_e26, h1_e25, h1_e24) + h1_w27 + 0xbf597fc7u;
    let h1_e27 = h1_a23 + h1_t27;
    let h1_a27 = h1_t27 + Sigma0(h1_a26) + maj(h1_a26, h1_a25, h1_a24);
    // h1: round 28
    let h1_w28 = sigma1(h1_w26) + h1_w21 + sigma0(m3.y) + m3.x;
    let h1_t28 = h1_e24 + Sigma1(h1_e27) + ch(h1_e27, h1_e26, h1_e25) + h1_w28 + 0xc6e00bf3u;
    let h1_e28 = h1_a24 + h1_t28;
    let h1_a28 = h1_t28 + Sigma0(h1_a27) + maj(h1_a27, h1_a26, h1_a25);
    // h1: round 29
    let h1_w29 = sigma1(h1_w27) + h1_w22 + sigma0(m3.z) + m3.y;
    let h1_t29 = h1_e25 + Sigma1(h1_e28) + ch(h1_e28, h1_e27, h1_e26) + h1_w29 + 0xd5a79147u;
    let h1_e29 = h1_a25 + h1_t29;
    let h1_a29 = h1_t29 + Sigma0(h1_a28) + maj(h1_a28, h1_a27, h1_a26);
    // h1: round 30
    let h1_w30 = sigma1(h1_w28) + h1_w23 + sigma0(m3.w) + m3.z;
    let h1_t30 = h1_e26 + Sigma1(h1_e29) + ch(h1_e29, h1_e28, h1_e27) + h1_w30 + 0x06ca6351u;
    let h1_e30 = h1_a26 + h1_t30;
    let h1_a30 = h1_t30 + Sigma0(h1_a29) + maj(h1_a29, h1_a28, h1_a27);
    // h1: round 31
    let h1_w31 = sigma1(h1_w29) + h1_w24 + sigma0(h1_w16) + m3.w;
    let h1_t31 = h1_e27 + Sigma1(h1_e30) + ch(h1_e30, h1_e29, h1_e28) + h1_w31 + 0x14292967u;
    let h1_e31 = h1_a27 + h1_t31;
    let h1_a31 = h1_t31 + Sigma0(h1_a30) + maj(h1_a30, h1_a29, h1_a28);
    // h1: round 32
    let h1_w32 = sigma1(h1_w30) + h1_w25 + sigma0(h1_w17) + h1_w16;
    let h1_t32 = h1_e28 + Sigma1(h1_e31) + ch(h1_e31, h1_e30, h1_e29) + h1_w32 + 0x27b70a85u;
    let h1_e32 = h1_a28 + h1_t32;
    let h1_a32 = h1_t32 + Sigma0(h1_a31) + maj(h1_a31, h1_a30, h1_a29);
    // h1: round 33
    let h1_w33 = sigma1(h1_w31) + h1_w26 + sigma0(h1_w18) + h1_w17;
    let h1_t33 = h1_e29 + Sigma1(h1_e32) + ch(h1_e32, h1_e31, h1_e30) + h1_w33 + 0x2e1b2138u;
    let h1_e33 = h1_a29 + h1_t33;
    let h1_a33 = h1_t33 + Sigma0(h1_a32) + maj(h1_a32, h1_a31, h1_a30);
    // h1: round 34
    let h1_w34 = sigma1(h1_w32) + h1_w27 + sigma0(h1_w19) + h1_w18;
    let h1_t34 = h1_e30 + Sigma1(h1_e33) + ch(h1_e33, h1_e32, h1_e31) + h1_w34 + 0x4d2c6dfcu;
    let h1_e34 = h1_a30 + h1_t34;
    let h1_a34 = h1_t34 + Sigma0(h1_a33) + maj(h1_a33, h1_a32, h1_a31);
    // h1: round 35
    let h1_w35 = sigma1(h1_w33) + h1_w28 + sigma0(h1_w20) + h1_w19;
    let h1_t35 = h1_e31 + Sigma1(h1_e34) + ch(h1_e34, h1_e33, h1_e32) + h1_w35 + 0x53380d13u;
    let h1_e35 = h1_a31 + h1_t35;
    let h1_a35 = h1_t35 + Sigma0(h1_a34) + maj(h1_a34, h1_a33, h1_a32);
    // h1: round 36
    let h1_w36 = sigma1(h1_w34) + h1_w29 + sigma0(h1_w21) + h1_w20;
    let h1_t36 = h1_e32 + Sigma1(h1_e35) + ch(h1_e35, h1_e34, h1_e33) + h1_w36 + 0x650a7354u;
    let h1_e36 = h1_a32 + h1_t36;
    let h1_a36 = h1_t36 + Sigma0(h1_a35) + maj(h1_a35, h1_a34, h1_a33);
    // h1: round 37
    let h1_w37 = sigma1(h1_w35) + h1_w30 + sigma0(h1_w22) + h1_w21;
    let h1_t37 = h1_e33 + Sigma1(h1_e36) + ch(h1_e36, h1_e35, h1_e34) + h1_w37 + 0x766a0abbu;
    let h1_e37 = h1_a33 + h1_t37;
    let h1_a37 = h1_t37 + Sigma0(h1_a36) + maj(h1_a36, h1_a35, h1_a34);
    // h1: round 38
    let h1_w38 = sigma1(h1_w36) + h1_w31 + sigma0(h1_w23) + h1_w22;
    let h1_t38 = h1_e34 + Sigma1(h1_e37) + ch(h1_e37, h1_e36, h1_e35) + h1_w38 + 0x81c2c92eu;
    let h1_e38 = h1_a34 + h1_t38;
    let h1_a38 = h1_t38 + Sigma0(h1_a37) + maj(h1_a37, h1_a36, h1_a35);
    // h1: round 39
    let h1_w39 = sigma1(h1_w37) + h1_w32 + sigma0(h1_w24) + h1_w23;
    let h1_t39 = h1_e35 + Sigma1(h1_e38) + ch(h1_e38, h1_e37, h1_e36) + h1_w39 + 0x92722c85u;
    let h1_e39 = h1_a35 + h1_t39;
    let h1_a39 = h1_t39 + Sigma0(h1_a38) + maj(h1_a38, h1_a37, h1_a36);
    // h1: round 40
    let h1_w40 = sigma1(h1_w38) + h1_w33 + sigma0(h1_w25) + h1_w24;
    let h1_t40 = h1_e36 + Sigma1(h1_e39) + ch(h1_e39, h1_e38, h1_e37) + h1_w40 + 0xa2bfe8a1u;
    let h1_e40 = h1_a36 + h1_t40;
    let h1_a40 = h1_t40 + Sigma0(h1_a39) + maj(h1_a39, h1_a38, h1_a37);
    // h1: round 41
    let h1_w41 = sigma1(h1_w39) + h1_w34 + sigma0(h1_w26) + h1_w25;
    let h1_t41 = h1_e37 + Sigma1(h1_e40) + ch(h1_e40, h1_e39, h1_e38) + h1_w41 + 0xa81a664bu;
    let h1_e41 = h1_a37 + h1_t41;
    let h1_a41 = h1_t41 + Sigma0(h1_a40) + maj(h1_a40, h1_a39, h1_a38);
    // h1: round 42
    let h1_w42 = sigma1(h1_w40) + h1_w35 + sigma0(h1_w27) + h1_w26;
    let h1_t42 = h1_e38 + Sigma1(h1_e41) + ch(h1_e41, h1_e40, h1_e39) + h1_w42 + 0xc24b8b70u;
    let h1_e42 = h1_a38 + h1_t42;
    let h1_a42 = h1_t42 + Sigma0(h1_a41) + maj(h1_a41, h1_a40, h1_a39);
    // h1: round 43
    let h1_w43 = sigma1(h1_w41) + h1_w36 + sigma0(h1_w28) + h1_w27;
    let h1_t43 = h1_e39 + Sigma1(h1_e42) + ch(h1_e42, h1_e41, h1_e40) + h1_w43 + 0xc76c51a3u;
    let h1_e43 = h1_a39 + h1_t43;
    let h1_a43 = h1_t43 + Sigma0(h1_a42) + maj(h1_a42, h1_a41, h1_a40);
    // h1: round 44
    let h1_w44 = sigma1(h1_w42) + h1_w37 + sigma0(h1_w29) + h1_w28;
    let h1_t44 = h1_e40 + Sigma1(h1_e43) + ch(h1_e43, h1_e42, h1_e41) + h1_w44 + 0xd192e819u;
    let h1_e44 = h1_a40 + h1_t44;
    let h1_a44 = h1_t44 + Sigma0(h1_a43) + maj(h1_a43, h1_a42, h1_a41);
    // h1: round 45
    let h1_w45 = sigma1(h1_w43) + h1_w38 + sigma0(h1_w30) + h1_w29;
    let h1_t45 = h1_e41 + Sigma1(h1_e44) + ch(h1_e44, h1_e43, h1_e42) + h1_w45 + 0xd6990624u;
    let h1_e45 = h1_a41 + h1_t45;
    let h1_a45 = h1_t45 + Sigma0(h1_a44) + maj(h1_a44, h1_a43, h1_a42);
    // h1: round 46
    let h1_w46 = sigma1(h1_w44) + h1_w39 + sigma0(h1_w31) + h1_w30;
    let h1_t46 = h1_e42 + Sigma1(h1_e45) + ch(h1_e45, h1_e44, h1_e43) + h1_w46 + 0xf40e3585u;
    let h1_e46 = h1_a42 + h1_t46;
    let h1_a46 = h1_t46 + Sigma0(h1_a45) + maj(h1_a45, h1_a44, h1_a43);
    // h1: round 47
    let h1_w47 = sigma1(h1_w45) + h1_w40 + sigma0(h1_w32) + h1_w31;
    let h1_t47 = h1_e43 + Sigma1(h1_e46) + ch(h1_e46, h1_e45, h1_e44) + h1_w47 + 0x106aa070u;
    let h1_e47 = h1_a43 + h1_t47;
    let h1_a47 = h1_t47 + Sigma0(h1_a46) + maj(h1_a46, h1_a45, h1_a44);
    // h1: round 48
    let h1_w48 = sigma1(h1_w46) + h1_w41 + sigma0(h1_w33) + h1_w32;
    let h1_t48 = h1_e44 + Sigma1(h1_e47) + ch(h1_e47, h1_e46, h1_e45) + h1_w48 + 0x19a4c116u;
    let h1_e48 = h1_a44 + h1_t48;
    let h1_a48 = h1_t48 + Sigma0(h1_a47) + maj(h1_a47, h1_a46, h1_a45);
    // h1: round 49
    let h1_w49 = sigma1(h1_w47) + h1_w42 + sigma0(h1_w34) + h1_w33;
    let h1_t49 = h1_e45 + Sigma1(h1_e48) + ch(h1_e48, h1_e47, h1_e46) + h1_w49 + 0x1e376c08u;
    let h1_e49 = h1_a45 + h1_t49;
    let h1_a49 = h1_t49 + Sigma0(h1_a48) + maj(h1_a48, h1_a47, h1_a46);
    // h1: round 50
    let h1_w50 = sigma1(h1_w48) + h1_w43 + sigma0(h1_w35) + h1_w34;
    let h1_t50 = h1_e46 + Sigma1(h1_e49) + ch(h1_e49, h1_e48, h1_e47) + h1_w50 + 0x2748774cu;
    let h1_e50 = h1_a46 + h1_t50;
    let h1_a50 = h1_t50 + Sigma0(h1_a49) + maj(h1_a49, h1_a48, h1_a47);
    // h1: round 51
    let h1_w51 = sigma1(h1_w49) + h1_w44 + sigma0(h1_w36) + h1_w35;
    let h1_t51 = h1_e47 + Sigma1(h1_e50) + ch(h1_e50, h1_e49, h1_e48) + h1_w51 + 0x34b0bcb5u;
    let h1_e51 = h1_a47 + h1_t51;
    let h1_a51 = h1_t51 + Sigma0(h1_a50) + maj(h1_a50, h1_a49, h1_a48);
    // h1: round 52
    let h1_w52 = sigma1(h1_w50) + h1_w45 + sigma0(h1_w37) + h1_w36;
    let h1_t52 = h1_e48 + Sigma1(h1_e51) + ch(h1_e51, h1_e50, h1_e49) + h1_w52 + 0x391c0cb3u;
    let h1_e52 = h1_a48 + h1_t52;
    let h1_a52 = h1_t52 + Sigma0(h1_a51) + maj(h1_a51, h1_a50, h1_a49);
    // h1: round 53
    let h1_w53 = sigma1(h1_w51) + h1_w46 + sigma0(h1_w38) + h1_w37;
    let h1_t53 = h1_e49 + Sigma1(h1_e52) + ch(h1_e52, h1_e51, h1_e50) + h1_w53 + 0x4ed8aa4au;
    let h1_e53 = h1_a49 + h1_t53;
    let h1_a53 = h1_t53 + Sigma0(h1_a52) + maj(h1_a52, h1_a51, h1_a50);
    // h1: round 54
    let h1_w54 = sigma1(h1_w52) + h1_w47 + sigma0(h1_w39) + h1_w38;
    let h1_t54 = h1_e50 + Sigma1(h1_e53) + ch(h1_e53, h1_e52, h1_e51) + h1_w54 + 0x5b9cca4fu;
    let h1_e54 = h1_a50 + h1_t54;
    let h1_a54 = h1_t54 + Sigma0(h1_a53) + maj(h1_a53, h1_a52, h1_a51);
    // h1: round 55
    let h1_w55 = sigma1(h1_w53) + h1_w48 + sigma0(h1_w40) + h1_w39;
    let h1_t55 = h1_e51 + Sigma1(h1_e54) + ch(h1_e54, h1_e53, h1_e52) + h1_w55 + 0x682e6ff3u;
    let h1_e55 = h1_a51 + h1_t55;
    let h1_a55 = h1_t55 + Sigma0(h1_a54) + maj(h1_a54, h1_a53, h1_a52);
    // h1: round 56
    let h1_w56 = sigma1(h1_w54) + h1_w49 + sigma0(h1_w41) + h1_w40;
    let h1_t56 = h1_e52 + Sigma1(h1_e55) + ch(h1_e55, h1_e54, h1_e53) + h1_w56 + 0x748f82eeu;
    let h1_e56 = h1_a52 + h1_t56;
    let h1_a56 = h1_t56 + Sigma0(h1_a55) + maj(h1_a55, h1_a54, h1_a53);
    // h1: round 57
    let h1_w57 = sigma1(h1_w55) + h1_w50 + sigma0(h1_w42) + h1_w41;
    let h1_t57 = h1_e53 + Sigma1(h1_e56) + ch(h1_e56, h1_e55, h1_e54) + h1_w57 + 0x78a5636fu;
    let h1_e57 = h1_a53 + h1_t57;
    let h1_a57 = h1_t57 + Sigma0(h1_a56) + maj(h1_a56, h1_a55, h1_a54);
    // h1: round 58
    let h1_w58 = sigma1(h1_w56) + h1_w51 + sigma0(h1_w43) + h1_w42;
    let h1_t58 = h1_e54 + Sigma1(h1_e57) + ch(h1_e57, h1_e56, h1_e55) + h1_w58 + 0x84c87814u;
    let h1_e58 = h1_a54 + h1_t58;
    let h1_a58 = h1_t58 + Sigma0(h1_a57) + maj(h1_a57, h1_a56, h1_a55);
    // h1: round 59
    let h1_w59 = sigma1(h1_w57) + h1_w52 + sigma0(h1_w44) + h1_w43;
    let h1_t59 = h1_e55 + Sigma1(h1_e58) + ch(h1_e58, h1_e57, h1_e56) + h1_w59 + 0x8cc70208u;
    let h1_e59 = h1_a55 + h1_t59;
    let h1_a59 = h1_t59 + Sigma0(h1_a58) + maj(h1_a58, h1_a57, h1_a56);
    // h1: round 60
    let h1_w60 = sigma1(h1_w58) + h1_w53 + sigma0(h1_w45) + h1_w44;
    let h1_t60 = h1_e56 + Sigma1(h1_e59) + ch(h1_e59, h1_e58, h1_e57) + h1_w60 + 0x90befffau;
    let h1_e60 = h1_a56 + h1_t60;
    let h1_a60 = h1_t60 + Sigma0(h1_a59) + maj(h1_a59, h1_a58, h1_a57);
    // h1: round 61
    let h1_w61 = sigma1(h1_w59) + h1_w54 + sigma0(h1_w46) + h1_w45;
    let h1_t61 = h1_e57 + Sigma1(h1_e60) + ch(h1_e60, h1_e59, h1_e58) + h1_w61 + 0xa4506cebu;
    let h1_e61 = h1_a57 + h1_t61;
    let h1_a61 = h1_t61 + Sigma0(h1_a60) + maj(h1_a60, h1_a59, h1_a58);
    // h1: round 62
    let h1_t62 = h1_e58 + Sigma1(h1_e61) + ch(h1_e61, h1_e60, h1_e59) + sigma1(h1_w60) + h1_w55 + sigma0(h1_w47) + h1_w46 + 0xbef9a3f7u;
    let h1_e62 = h1_a58 + h1_t62;
    let h1_a62 = h1_t62 + Sigma0(h1_a61) + maj(h1_a61, h1_a60, h1_a59);
    // h1: round 63
    let h1_t63 = h1_e59 + Sigma1(h1_e62) + ch(h1_e62, h1_e61, h1_e60) + sigma1(h1_w61) + h1_w56 + sigma0(h1_w48) + h1_w47 + 0xc67178f2u;
    // h1: the initial state is added
    let h1_s0 = h1_t63 + Sigma0(h1_a62) + maj(h1_a62, h1_a61, h1_a60) + 0x6a09e667u;
    let h1_s1 = h1_a62 + 0xbb67ae85u;
    let h1_s2 = h1_a61 + 0x3c6ef372u;
    let h1_s3 = h1_a60 + 0xa54ff53au;
    let h1_s4 = h1_a59 + h1_t63 + 0x510e527fu;
    let h1_s5 = h1_e62 + 0x9b05688cu;
    let h1_s6 = h1_e61 + 0x1f83d9abu;
    let h1_s7 = h1_e60 + 0x5be0cd19u;
    // h2: round 0
    let h2_t0 = h1_s7 + Sigma1(h1_s4) + ch(h1_s4, h1_s5, h1_s6) + 0xc28a2f98u;
    let h2_e0 = h1_s3 + h2_t0;
    let h2_a0 = h2_t0 + Sigma0(h1_s0) + maj(h1_s0, h1_s1, h1_s2);
    // h2: round 1
    let h2_t1 = h1_s6 + Sigma1(h2_e0) + ch(h2_e0, h1_s4, h1_s5) + 0x71374491u;
    let h2_e1 = h1_s2 + h2_t1;
    let h2_a1 = h2_t1 + Sigma0(h2_a0) + maj(h2_a0, h1_s0, h1_s1);
    // h2: round 2
    let h2_t2 = h1_s5 + Sigma1(h2_e1) + ch(h2_e1, h2_e0, h1_s4) + 0xb5c0fbcfu;
    let h2_e2 = h1_s1 + h2_t2;
    let h2_a2 = h2_t2 + Sigma0(h2_a1) + maj(h2_a1, h2_a0, h1_s0);
    // h2: round 3
    let h2_t3 = h1_s4 + Sigma1(h2_e2) + ch(h2_e2, h2_e1, h2_e0) + 0xe9b5dba5u;
    let h2_e3 = h1_s0 + h2_t3;
    let h2_a3 = h2_t3 + Sigma0(h2_a2) + maj(h2_a2, h2_a1, h2_a0);
    // h2: round 4
    let h2_t4 = h2_e0 + Sigma1(h2_e3) + ch(h2_e3, h2_e2, h2_e1) + 0x3956c25bu;
    let h2_e4 = h2_a0 + h2_t4;
    let h2_a4 = h2_t4 + Sigma0(h2_a3) + maj(h2_a3, h2_a2, h2_a1);
    // h2: round 5
    let h2_t5 = h2_e1 + Sigma1(h2_e4) + ch(h2_e4, h2_e3, h2_e2) + 0x59f111f1u;
    let h2_e5 = h2_a1 + h2_t5;
    let h2_a5 = h2_t5 + Sigma0(h2_a4) + maj(h2_a4, h2_a3, h2_a2);
    // h2: round 6
    let h2_t6 = h2_e2 + Sigma1(h2_e5) + ch(h2_e5, h2_e4, h2_e3) + 0x923f82a4u;
    let h2_e6 = h2_a2 + h2_t6;
    let h2_a6 = h2_t6 + Sigma0(h2_a5) + maj(h2_a5, h2_a4, h2_a3);
    // h2: round 7
    let h2_t7 = h2_e3 + Sigma1(h2_e6) + ch(h2_e6, h2_e5, h2_e4) + 0xab1c5ed5u;
    let h2_e7 = h2_a3 + h2_t7;
    let h2_a7 = h2_t7 + Sigma0(h2_a6) + maj(h2_a6, h2_a5, h2_a4);
    // h2: round 8
    let h2_t8 = h2_e4 + Sigma1(h2_e7) + ch(h2_e7, h2_e6, h2_e5) + 0xd807aa98u;
    let h2_e8 = h2_a4 + h2_t8;
    let h2_a8 = h2_t8 + Sigma0(h2_a7) + maj(h2_a7, h2_a6, h2_a5);
    // h2: round 9
    let h2_t9 = h2_e5 + Sigma1(h2_e8) + ch(h2_e8, h2_e7, h2_e6) + 0x12835b01u;
    let h2_e9 = h2_a5 + h2_t9;
    let h2_a9 = h2_t9 + Sigma0(h2_a8) + maj(h2_a8, h2_a7, h2_a6);
    // h2: round 10
    let h2_t10 = h2_e6 + Sigma1(h2_e9) + ch(h2_e9, h2_e8, h2_e7) + 0x243185beu;
    let h2_e10 = h2_a6 + h2_t10;
    let h2_a10 = h2_t10 + Sigma0(h2_a9) + maj(h2_a9, h2_a8, h2_a7);
    // h2: round 11
    let h2_t11 = h2_e7 + Sigma1(h2_e10) + ch(h2_e10, h2_e9, h2_e8) + 0x550c7dc3u;
    let h2_e11 = h2_a7 + h2_t11;
    let h2_a11 = h2_t11 + Sigma0(h2_a10) + maj(h2_a10, h2_a9, h2_a8);
    // h2: round 12
    let h2_t12 = h2_e8 + Sigma1(h2_e11) + ch(h2_e11, h2_e10, h2_e9) + 0x72be5d74u;
    let h2_e12 = h2_a8 + h2_t12;
    let h2_a12 = h2_t12 + Sigma0(h2_a11) + maj(h2_a11, h2_a10, h2_a9);
    // h2: round 13
    let h2_t13 = h2_e9 + Sigma1(h2_e12) + ch(h2_e12, h2_e11, h2_e10) + 0x80deb1feu;
    let h2_e13 = h2_a9 + h2_t13;
    let h2_a13 = h2_t13 + Sigma0(h2_a12) + maj(h2_a12, h2_a11, h2_a10);
    // h2: round 14
    let h2_t14 = h2_e10 + Sigma1(h2_e13) + ch(h2_e13, h2_e12, h2_e11) + 0x9bdc06a7u;
    let h2_e14 = h2_a10 + h2_t14;
    let h2_a14 = h2_t14 + Sigma0(h2_a13) + maj(h2_a13, h2_a12, h2_a11);
    // h2: round 15
    let h2_t15 = h2_e11 + Sigma1(h2_e14) + ch(h2_e14, h2_e13, h2_e12) + 0xc19bf374u;
    let h2_e15 = h2_a11 + h2_t15;
    let h2_a15 = h2_t15 + Sigma0(h2_a14) + maj(h2_a14, h2_a13, h2_a12);
    // h2: round 16
    let h2_t16 = h2_e12 + Sigma1(h2_e15) + ch(h2_e15, h2_e14, h2_e13) + 0x649b69c1u;
    let h2_e16 = h2_a12 + h2_t16;
    let h2_a16 = h2_t16 + Sigma0(h2_a15) + maj(h2_a15, h2_a14, h2_a13);
    // h2: round 17
    let h2_t17 = h2_e13 + Sigma1(h2_e16) + ch(h2_e16, h2_e15, h2_e14) + 0xf0fe4786u;
    let h2_e17 = h2_a13 + h2_t17;
    let h2_a17 = h2_t17 + Sigma0(h2_a16) + maj(h2_a16, h2_a15, h2_a14);
    // h2: round 18
    let h2_t18 = h2_e14 + Sigma1(h2_e17) + ch(h2_e17, h2_e16, h2_e15) + 0x0fe1edc6u;
    let h2_e18 = h2_a14 + h2_t18;
    let h2_a18 = h2_t18 + Sigma0(h2_a17) + maj(h2_a17, h2_a16, h2_a15);
    // h2: round 19
    let h2_t19 = h2_e15 + Sigma1(h2_e18) + ch(h2_e18, h2_e17, h2_e16) + 0x240cf254u;
    let h2_e19 = h2_a15 + h2_t19;
    let h2_a19 = h2_t19 + Sigma0(h2_a18) + maj(h2_a18, h2_a17, h2_a16);
    // h2: round 20
    let h2_t20 = h2_e16 + Sigma1(h2_e19) + ch(h2_e19, h2_e18, h2_e17) + 0x4fe9346fu;
    let h2_e20 = h2_a16 + h2_t20;
    let h2_a20 = h2_t20 + Sigma0(h2_a19) + maj(h2_a19, h2_a18, h2_a17);
    // h2: round 21
    let h2_t21 = h2_e17 + Sigma1(h2_e20) + ch(h2_e20, h2_e19, h2_e18) + 0x6cc984beu;
    let h2_e21 = h2_a17 + h2_t21;
    let h2_a21 = h2_t21 + Sigma0(h2_a20) + maj(h2_a20, h2_a19, h2_a18);
    // h2: round 22
    let h2_t22 = h2_e18 + Sigma1(h2_e21) + ch(h2_e21, h2_e20, h2_e19) + 0x61b9411eu;
    let h2_e22 = h2_a18 + h2_t22;
    let h2_a22 = h2_t22 + Sigma0(h2_a21) + maj(h2_a21, h2_a20, h2_a19);
    // h2: round 23
    let h2_t23 = h2_e19 + Sigma1(h2_e22) + ch(h2_e22, h2_e21, h2_e20) + 0x16f988fau;
    let h2_e23 = h2_a19 + h2_t23;
    let h2_a23 = h2_t23 + Sigma0(h2_a22) + maj(h2_a22, h2_a21, h2_a20);
    // h2: round 24
    let h2_t24 = h2_e20 + Sigma1(h2_e23) + ch(h2_e23, h2_e22, h2_e21) + 0xf2c65152u;
    let h2_e24 = h2_a20 + h2_t24;
    let h2_a24 = h2_t24 + Sigma0(h2_a23) + maj(h2_a23, h2_a22, h2_a21);
    // h2: round 25
    let h2_t25 = h2_e21 + Sigma1(h2_e24) + ch(h2_e24, h2_e23, h2_e22) + 0xa88e5a6du;
    let h2_e25 = h2_a21 + h2_t25;
    let h2_a25 = h2_t25 + Sigma0(h2_a24) + maj(h2_a24, h2_a23, h2_a22);
    // h2: round 26
    let h2_t26 = h2_e22 + Sigma1(h2_e25) + ch(h2_e25, h2_e24, h2_e23) + 0xb019fc65u;
    let h2_e26 = h2_a22 + h2_t26;
    let h2_a26 = h2_t26 + Sigma0(h2_a25) + maj(h2_a25, h2_a24, h2_a23);
    // h2: round 27
    let h2_t27 = h2_e23 + Sigma1(h2_e26) + ch(h2_e26, h2_e25, h2_e24) + 0xb9d99ec7u;
    let h2_e27 = h2_a23 + h2_t27;
    let h2_a27 = h2_t27 + Sigma0(h2_a26) + maj(h2_a26, h2_a25, h2_a24);
    // h2: round 28
    let h2_t28 = h2_e24 + Sigma1(h2_e27) + ch(h2_e27, h2_e26, h2_e25) + 0x9a1231c3u;
    let h2_e28 = h2_a24 + h2_t28;
    let h2_a28 = h2_t28 + Sigma0(h2_a27) + maj(h2_a27, h2_a26, h2_a25);
    // h2: round 29
    let h2_t29 = h2_e25 + Sigma1(h2_e28) + ch(h2_e28, h2_e27, h2_e26) + 0xe70eeaa0u;
    let h2_e29 = h2_a25 + h2_t29;
    let h2_a29 = h2_t29 + Sigma0(h2_a28) + maj(h2_a28, h2_a27, h2_a26);
    // h2: round 30
    let h2_t30 = h2_e26 + Sigma1(h2_e29) + ch(h2_e29, h2_e28, h2_e27) + 0xfdb1232bu;
    let h2_e30 = h2_a26 + h2_t30;
    let h2_a30 = h2_t30 + Sigma0(h2_a29) + maj(h2_a29, h2_a28, h2_a27);
    // h2: round 31
    let h2_t31 = h2_e27 + Sigma1(h2_e30) + ch(h2_e30, h2_e29, h2_e28) + 0xc7353eb0u;
    let h2_e31 = h2_a27 + h2_t31;
    let h2_a31 = h2_t31 + Sigma0(h2_a30) + maj(h2_a30, h2_a29, h2_a28);
    // h2: round 32
    let h2_t32 = h2_e28 + Sigma1(h2_e31) + ch(h2_e31, h2_e30, h2_e29) + 0x3069bad5u;
    let h2_e32 = h2_a28 + h2_t32;
    let h2_a32 = h2_t32 + Sigma0(h2_a31) + maj(h2_a31, h2_a30, h2_a29);
    // h2: round 33
    let h2_t33 = h2_e29 + Sigma1(h2_e32) + ch(h2_e32, h2_e31, h2_e30) + 0xcb976d5fu;
    let h2_e33 = h2_a29 + h2_t33;
    let h2_a33 = h2_t33 + Sigma0(h2_a32) + maj(h2_a32, h2_a31, h2_a30);
    // h2: round 34
    let h2_t34 = h2_e30 + Sigma1(h2_e33) + ch(h2_e33, h2_e32, h2_e31) + 0x5a0f118fu;
    let h2_e34 = h2_a30 + h2_t34;
    let h2_a34 = h2_t34 + Sigma0(h2_a33) + maj(h2_a33, h2_a32, h2_a31);
    // h2: round 35
    let h2_t35 = h2_e31 + Sigma1(h2_e34) + ch(h2_e34, h2_e33, h2_e32) + 0xdc1eeefdu;
    let h2_e35 = h2_a31 + h2_t35;
    let h2_a35 = h2_t35 + Sigma0(h2_a34) + maj(h2_a34, h2_a33, h2_a32);
    // h2: round 36
    let h2_t36 = h2_e32 + Sigma1(h2_e35) + ch(h2_e35, h2_e34, h2_e33) + 0x0a35b689u;
    let h2_e36 = h2_a32 + h2_t36;
    let h2_a36 = h2_t36 + Sigma0(h2_a35) + maj(h2_a35, h2_a34, h2_a33);
    // h2: round 37
    let h2_t37 = h2_e33 + Sigma1(h2_e36) + ch(h2_e36, h2_e35, h2_e34) + 0xde0b7a04u;
    let h2_e37 = h2_a33 + h2_t37;
    let h2_a37 = h2_t37 + Sigma0(h2_a36) + maj(h2_a36, h2_a35, h2_a34);
    // h2: round 38
    let h2_t38 = h2_e34 + Sigma1(h2_e37) + ch(h2_e37, h2_e36, h2_e35) + 0x58f4ca9du;
    let h2_e38 = h2_a34 + h2_t38;
    let h2_a38 = h2_t38 + Sigma0(h2_a37) + maj(h2_a37, h2_a36, h2_a35);
    // h2: round 39
    let h2_t39 = h2_e35 + Sigma1(h2_e38) + ch(h2_e38, h2_e37, h2_e36) + 0xe15d5b16u;
    let h2_e39 = h2_a35 + h2_t39;
    let h2_a39 = h2_t39 + Sigma0(h2_a38) + maj(h2_a38, h2_a37, h2_a36);
    // h2: round 40
    let h2_t40 = h2_e36 + Sigma1(h2_e39) + ch(h2_e39, h2_e38, h2_e37) + 0x007f3e86u;
    let h2_e40 = h2_a36 + h2_t40;
    let h2_a40 = h2_t40 + Sigma0(h2_a39) + maj(h2_a39, h2_a38, h2_a37);
    // h2: round 41
    let h2_t41 = h2_e37 + Sigma1(h2_e40) + ch(h2_e40, h2_e39, h2_e38) + 0x37088980u;
    let h2_e41 = h2_a37 + h2_t41;
    let h2_a41 = h2_t41 + Sigma0(h2_a40) + maj(h2_a40, h2_a39, h2_a38);
    // h2: round 42
    let h2_t42 = h2_e38 + Sigma1(h2_e41) + ch(h2_e41, h2_e40, h2_e39) + 0xa507ea32u;
    let h2_e42 = h2_a38 + h2_t42;
    let h2_a42 = h2_t42 + Sigma0(h2_a41) + maj(h2_a41, h2_a40, h2_a39);
    // h2: round 43
    let h2_t43 = h2_e39 + Sigma1(h2_e42) + ch(h2_e42, h2_e41, h2_e40) + 0x6fab9537u;
    let h2_e43 = h2_a39 + h2_t43;
    let h2_a43 = h2_t43 + Sigma0(h2_a42) + maj(h2_a42, h2_a41, h2_a40);
    // h2: round 44
    let h2_t44 = h2_e40 + Sigma1(h2_e43) + ch(h2_e43, h2_e42, h2_e41) + 0x17406110u;
    let h2_e44 = h2_a40 + h2_t44;
    let h2_a44 = h2_t44 + Sigma0(h2_a43) + maj(h2_a43, h2_a42, h2_a41);
    // h2: round 45
    let h2_t45 = h2_e41 + Sigma1(h2_e44) + ch(h2_e44, h2_e43, h2_e42) + 0x0d8cd6f1u;
    let h2_e45 = h2_a41 + h2_t45;
    let h2_a45 = h2_t45 + Sigma0(h2_a44) + maj(h2_a44, h2_a43, h2_a42);
    // h2: round 46
    let h2_t46 = h2_e42 + Sigma1(h2_e45) + ch(h2_e45, h2_e44, h2_e43) + 0xcdaa3b6du;
    let h2_e46 = h2_a42 + h2_t46;
    let h2_a46 = h2_t46 + Sigma0(h2_a45) + maj(h2_a45, h2_a44, h2_a43);
    // h2: round 47
    let h2_t47 = h2_e43 + Sigma1(h2_e46) + ch(h2_e46, h2_e45, h2_e44) + 0xc0bbbe37u;
    let h2_e47 = h2_a43 + h2_t47;
    let h2_a47 = h2_t47 + Sigma0(h2_a46) + maj(h2_a46, h2_a45, h2_a44);
    // h2: round 48
    let h2_t48 = h2_e44 + Sigma1(h2_e47) + ch(h2_e47, h2_e46, h2_e45) + 0x83613bdau;
    let h2_e48 = h2_a44 + h2_t48;
    let h2_a48 = h2_t48 + Sigma0(h2_a47) + maj(h2_a47, h2_a46, h2_a45);
    // h2: round 49
    let h2_t49 = h2_e45 + Sigma1(h2_e48) + ch(h2_e48, h2_e47, h2_e46) + 0xdb48a363u;
    let h2_e49 = h2_a45 + h2_t49;
    let h2_a49 = h2_t49 + Sigma0(h2_a48) + maj(h2_a48, h2_a47, h2_a46);
    // h2: round 50
    let h2_t50 = h2_e46 + Sigma1(h2_e49) + ch(h2_e49, h2_e48, h2_e47) + 0x0b02e931u;
    let h2_e50 = h2_a46 + h2_t50;
    let h2_a50 = h2_t50 + Sigma0(h2_a49) + maj(h2_a49, h2_a48, h2_a47);
    // h2: round 51
    let h2_t51 = h2_e47 + Sigma1(h2_e50) + ch(h2_e50, h2_e49, h2_e48) + 0x6fd15ca7u;
    let h2_e51 = h2_a47 + h2_t51;
    let h2_a51 = h2_t51 + Sigma0(h2_a50) + maj(h2_a50, h2_a49, h2_a48);
    // h2: round 52
    let h2_t52 = h2_e48 + Sigma1(h2_e51) + ch(h2_e51, h2_e50, h2_e49) + 0x521afacau;
    let h2_e52 = h2_a48 + h2_t52;
    let h2_a52 = h2_t52 + Sigma0(h2_a51) + maj(h2_a51, h2_a50, h2_a49);
    // h2: round 53
    let h2_t53 = h2_e49 + Sigma1(h2_e52) + ch(h2_e52, h2_e51, h2_e50) + 0x31338431u;
    let h2_e53 = h2_a49 + h2_t53;
    let h2_a53 = h2_t53 + Sigma0(h2_a52) + maj(h2_a52, h2_a51, h2_a50);
    // h2: round 54
    let h2_t54 = h2_e50 + Sigma1(h2_e53) + ch(h2_e53, h2_e52, h2_e51) + 0x6ed41a95u;
    let h2_e54 = h2_a50 + h2_t54;
    let h2_a54 = h2_t54 + Sigma0(h2_a53) + maj(h2_a53, h2_a52, h2_a51);
    // h2: round 55
    let h2_t55 = h2_e51 + Sigma1(h2_e54) + ch(h2_e54, h2_e53, h2_e52) + 0x6d437890u;
    let h2_e55 = h2_a51 + h2_t55;
    let h2_a55 = h2_t55 + Sigma0(h2_a54) + maj(h2_a54, h2_a53, h2_a52);
    // h2: round 56
    let h2_t56 = h2_e52 + Sigma1(h2_e55) + ch(h2_e55, h2_e54, h2_e53) + 0xc39c91f2u;
    let h2_e56 = h2_a52 + h2_t56;
    let h2_a56 = h2_t56 + Sigma0(h2_a55) + maj(h2_a55, h2_a54, h2_a53);
    // h2: round 57
    let h2_t57 = h2_e53 + Sigma1(h2_e56) + ch(h2_e56, h2_e55, h2_e54) + 0x9eccabbdu;
    let h2_e57 = h2_a53 + h2_t57;
    let h2_a57 = h2_t57 + Sigma0(h2_a56) + maj(h2_a56, h2_a55, h2_a54);
    // h2: round 58
    let h2_t58 = h2_e54 + Sigma1(h2_e57) + ch(h2_e57, h2_e56, h2_e55) + 0xb5c9a0e6u;
    let h2_e58 = h2_a54 + h2_t58;
    let h2_a58 = h2_t58 + Sigma0(h2_a57) + maj(h2_a57, h2_a56, h2_a55);
    // h2: round 59
    let h2_t59 = h2_e55 + Sigma1(h2_e58) + ch(h2_e58, h2_e57, h2_e56) + 0x532fb63cu;
    let h2_e59 = h2_a55 + h2_t59;
    let h2_a59 = h2_t59 + Sigma0(h2_a58) + maj(h2_a58, h2_a57, h2_a56);
    // h2: round 60
    let h2_t60 = h2_e56 + Sigma1(h2_e59) + ch(h2_e59, h2_e58, h2_e57) + 0xd2c741c6u;
    let h2_e60 = h2_a56 + h2_t60;
    let h2_a60 = h2_t60 + Sigma0(h2_a59) + maj(h2_a59, h2_a58, h2_a57);
    // h2: round 61
    let h2_t61 = h2_e57 + Sigma1(h2_e60) + ch(h2_e60, h2_e59, h2_e58) + 0x07237ea3u;
    let h2_e61 = h2_a57 + h2_t61;
    let h2_a61 = h2_t61 + Sigma0(h2_a60) + maj(h2_a60, h2_a59, h2_a58);
    // h2: round 62
    let h2_t62 = h2_e58 + Sigma1(h2_e61) + ch(h2_e61, h2_e60, h2_e59) + 0xa4954b68u;
    let h2_e62 = h2_a58 + h2_t62;
    let h2_a62 = h2_t62 + Sigma0(h2_a61) + maj(h2_a61, h2_a60, h2_a59);
    // h2: round 63
    let h2_t63 = h2_e59 + Sigma1(h2_e62) + ch(h2_e62, h2_e61, h2_e60) + 0x4c191d76u;
    // h2: the initial state is added
    let h2_s0 = h2_t63 + Sigma0(h2_a62) + maj(h2_a62, h2_a61, h2_a60) + h1_s0;
    let h2_s1 = h2_a62 + h1_s1;
    let h2_s2 = h2_a61 + h1_s2;
    let h2_s3 = h2_a60 + h1_s3;
    let h2_s4 = h2_a59 + h2_t63 + h1_s4;
    let h2_s5 = h2_e62 + h1_s5;
    let h2_s6 = h2_e61 + h1_s6;
    let h2_s7 = h2_e60 + h1_s7;
    // h3: round 0
    let h3_e0 = h2_s0 + 0x98c7e2a2u;
    let h3_a0 = h2_s0 + 0xfc08884du;
    // h3: round 1
    let h3_t1 = Sigma1(h3_e0) + ch(h3_e0, 0x510e527fu, 0x9b05688cu) + h2_s1 + 0x90bb1e3cu;
    let h3_e1 = h3_t1 + 0x3c6ef372u;
    let h3_a1 = h3_t1 + Sigma0(h3_a0) + maj(h3_a0, 0x6a09e667u, 0xbb67ae85u);
    // h3: round 2
    let h3_t2 = Sigma1(h3_e1) + ch(h3_e1, h3_e0, 0x510e527fu) + h2_s2 + 0x50c6645bu;
    let h3_e2 = h3_t2 + 0xbb67ae85u;
    let h3_a2 = h3_t2 + Sigma0(h3_a1) + maj(h3_a1, h3_a0, 0x6a09e667u);
    // h3: round 3
    let h3_t3 = Sigma1(h3_e2) + ch(h3_e2, h3_e1, h3_e0) + h2_s3 + 0x3ac42e24u;
    let h3_e3 = h3_t3 + 0x6a09e667u;
    let h3_a3 = h3_t3 + Sigma0(h3_a2) + maj(h3_a2, h3_a1, h3_a0);
    // h3: round 4
    let h3_t4 = h3_e0 + Sigma1(h3_e3) + ch(h3_e3, h3_e2, h3_e1) + h2_s4 + 0x3956c25bu;
    let h3_e4 = h3_a0 + h3_t4;
    let h3_a4 = h3_t4 + Sigma0(h3_a3) + maj(h3_a3, h3_a2, h3_a1);
    // h3: round 5
    let h3_t5 = h3_e1 + Sigma1(h3_e4) + ch(h3_e4, h3_e3, h3_e2) + h2_s5 + 0x59f111f1u;
    let h3_e5 = h3_a1 + h3_t5;
    let h3_a5 = h3_t5 + Sigma0(h3_a4) + maj(h3_a4, h3_a3, h3_a2);
    // h3: round 6
    let h3_t6 = h3_e2 + Sigma1(h3_e5) + ch(h3_e5, h3_e4, h3_e3) + h2_s6 + 0x923f82a4u;
    let h3_e6 = h3_a2 + h3_t6;
    let h3_a6 = h3_t6 + Sigma0(h3_a5) + maj(h3_a5, h3_a4, h3_a3);
    // h3: round 7
    let h3_t7 = h3_e3 + Sigma1(h3_e6) + ch(h3_e6, h3_e5, h3_e4) + h2_s7 + 0xab1c5ed5u;
    let h3_e7 = h3_a3 + h3_t7;
    let h3_a7 = h3_t7 + Sigma0(h3_a6) + maj(h3_a6, h3_a5, h3_a4);
    // h3: round 8
    let h3_t8 = h3_e4 + Sigma1(h3_e7) + ch(h3_e7, h3_e6, h3_e5) + 0x5807aa98u;
    let h3_e8 = h3_a4 + h3_t8;
    let h3_a8 = h3_t8 + Sigma0(h3_a7) + maj(h3_a7, h3_a6, h3_a5);
    // h3: round 9
    let h3_t9 = h3_e5 + Sigma1(h3_e8) + ch(h3_e8, h3_e7, h3_e6) + 0x12835b01u;
    let h3_e9 = h3_a5 + h3_t9;
    let h3_a9 = h3_t9 + Sigma0(h3_a8) + maj(h3_a8, h3_a7, h3_a6);
    // h3: round 10
    let h3_t10 = h3_e6 + Sigma1(h3_e9) + ch(h3_e9, h3_e8, h3_e7) + 0x243185beu;
    let h3_e10 = h3_a6 + h3_t10;
    let h3_a10 = h3_t10 + Sigma0(h3_a9) + maj(h3_a9, h3_a8, h3_a7);
    // h3: round 11
    let h3_t11 = h3_e7 + Sigma1(h3_e10) + ch(h3_e10, h3_e9, h3_e8) + 0x550c7dc3u;
    let h3_e11 = h3_a7 + h3_t11;
    let h3_a11 = h3_t11 + Sigma0(h3_a10) + maj(h3_a10, h3_a9, h3_a8);
    // h3: round 12
    let h3_t12 = h3_e8 + Sigma1(h3_e11) + ch(h3_e11, h3_e10, h3_e9) + 0x72be5d74u;
    let h3_e12 = h3_a8 + h3_t12;
    let h3_a12 = h3_t12 + Sigma0(h3_a11) + maj(h3_a11, h3_a10, h3_a9);
    // h3: round 13
    let h3_t13 = h3_e9 + Sigma1(h3_e12) + ch(h3_e12, h3_e11, h3_e10) + 0x80deb1feu;
    let h3_e13 = h3_a9 + h3_t13;
    let h3_a13 = h3_t13 + Sigma0(h3_a12) + maj(h3_a12, h3_a11, h3_a10);
    // h3: round 14
    let h3_t14 = h3_e10 + Sigma1(h3_e13) + ch(h3_e13, h3_e12, h3_e11) + 0x9bdc06a7u;
    let h3_e14 = h3_a10 + h3_t14;
    let h3_a14 = h3_t14 + Sigma0(h3_a13) + maj(h3_a13, h3_a12, h3_a11);
    // h3: round 15
    let h3_t15 = h3_e11 + Sigma1(h3_e14) + ch(h3_e14, h3_e13, h3_e12) + 0xc19bf274u;
    let h3_e15 = h3_a11 + h3_t15;
    let h3_a15 = h3_t15 + Sigma0(h3_a14) + maj(h3_a14, h3_a13, h3_a12);
    // h3: round 16
    let h3_w16 = sigma0(h2_s1) + h2_s0;
    let h3_t16 = h3_e12 + Sigma1(h3_e15) + ch(h3_e15, h3_e14, h3_e13) + h3_w16 + 0xe49b69c1u;
    let h3_e16 = h3_a12 + h3_t16;
    let h3_a16 = h3_t16 + Sigma0(h3_a15) + maj(h3_a15, h3_a14, h3_a13);
    // h3: round 17
    let h3_w17 = sigma0(h2_s2) + h2_s1 + 0x00a00000u;
    let h3_t17 = h3_e13 + Sigma1(h3_e16) + ch(h3_e16, h3_e15, h3_e14) + h3_w17 + 0xefbe4786u;
    let h3_e17 = h3_a13 + h3_t17;
    let h3_a17 = h3_t17 + Sigma0(h3_a16) + maj(h3_a16, h3_a15, h3_a14);
    // h3: round 18
    let h3_w18 = sigma1(h3_w16) + sigma0(h2_s3) + h2_s2;
    let h3_t18 = h3_e14 + Sigma1(h3_e17) + ch(h3_e17, h3_e16, h3_e15) + h3_w18 + 0x0fc19dc6u;
    let h3_e18 = h3_a14 + h3_t18;
    let h3_a18 = h3_t18 + Sigma0(h3_a17) + maj(h3_a17, h3_a16, h3_a15);
    // h3: round 19
    let h3_w19 = sigma1(h3_w17) + sigma0(h2_s4) + h2_s3;
    let h3_t19 = h3_e15 + Sigma1(h3_e18) + ch(h3_e18, h3_e17, h3_e16) + h3_w19 + 0x240ca1ccu;
    let h3_e19 = h3_a15 + h3_t19;
    let h3_a19 = h3_t19 + Sigma0(h3_a18) + maj(h3_a18, h3_a17, h3_a16);
    // h3: round 20
    let h3_w20 = sigma1(h3_w18) + sigma0(h2_s5) + h2_s4;
    let h3_t20 = h3_e16 + Sigma1(h3_e19) + ch(h3_e19, h3_e18, h3_e17) + h3_w20 + 0x2de92c6fu;
    let h3_e20 = h3_a16 + h3_t20;
    let h3_a20 = h3_t20 + Sigma0(h3_a19) + maj(h3_a19, h3_a18, h3_a17);
    // h3: round 21
    let h3_w21 = sigma1(h3_w19) + sigma0(h2_s6) + h2_s5;
    let h3_t21 = h3_e17 + Sigma1(h3_e20) + ch(h3_e20, h3_e19, h3_e18) + h3_w21 + 0x4a7484aau;
    let h3_e21 = h3_a17 + h3_t21;
    let h3_a21 = h3_t21 + Sigma0(h3_a20) + maj(h3_a20, h3_a19, h3_a18);
    // h3: round 22
    let h3_w22 = sigma1(h3_w20) + sigma0(h2_s7) + h2_s6 + 0x00000100u;
    let h3_t22 = h3_e18 + Sigma1(h3_e21) + ch(h3_e21, h3_e20, h3_e19) + h3_w22 + 0x5cb0a9dcu;
    let h3_e22 = h3_a18 + h3_t22;
    let h3_a22 = h3_t22 + Sigma0(h3_a21) + maj(h3_a21, h3_a20, h3_a19);
    // h3: round 23
    let h3_w23 = sigma1(h3_w21) + h3_w16 + h2_s7 + 0x11002000u;
    let h3_t23 = h3_e19 + Sigma1(h3_e22) + ch(h3_e22, h3_e21, h3_e20) + h3_w23 + 0x76f988dau;
    let h3_e23 = h3_a19 + h3_t23;
    let h3_a23 = h3_t23 + Sigma0(h3_a22) + maj(h3_a22, h3_a21, h3_a20);
    // h3: round 24
    let h3_w24 = sigma1(h3_w22) + h3_w17 + 0x80000000u;
    let h3_t24 = h3_e20 + Sigma1(h3_e23) + ch(h3_e23, h3_e22, h3_e21) + h3_w24 + 0x983e5152u;
    let h3_e24 = h3_a20 + h3_t24;
    let h3_a24 = h3_t24 + Sigma0(h3_a23) + maj(h3_a23, h3_a22, h3_a21);
    // h3: round 25
    let h3_w25 = sigma1(h3_w23) + h3_w18;
    let h3_t25 = h3_e21 + Sigma1(h3_e24) + ch(h3_e24, h3_e23, h3_e22) + h3_w25 + 0xa831c66du;
    let h3_e25 = h3_a21 + h3_t25;
    let h3_a25 = h3_t25 + Sigma0(h3_a24) + maj(h3_a24, h3_a23, h3_a22);
    // h3: round 26
    let h3_w26 = sigma1(h3_w24) + h3_w19;
    let h3_t26 = h3_e22 + Sigma1(h3_e25) + ch(h3_e25, h3_e24, h3_e23) + h3_w26 + 0xb00327c8u;
    let h3_e26 = h3_a22 + h3_t26;
    let h3_a26 = h3_t26 + Sigma0(h3_a25) + maj(h3_a25, h3_a24, h3_a23);
    // h3: round 27
    let h3_w27 = sigma1(h3_w25) + h3_w20;
    let h3_t27 = h3_e23 + Sigma1(h3_e26) + ch(h3_e26, h3_e25, h3_e24) + h3_w27 + 0xbf597fc7u;
    let h3_e27 = h3_a23 + h3_t27;
    let h3_a27 = h3_t27 + Sigma0(h3_a26) + maj(h3_a26, h3_a25, h3_a24);
    // h3: round 28
    let h3_w28 = sigma1(h3_w26) + h3_w21;
    let h3_t28 = h3_e24 + Sigma1(h3_e27) + ch(h3_e27, h3_e26, h3_e25) + h3_w28 + 0xc6e00bf3u;
    let h3_e28 = h3_a24 + h3_t28;
    let h3_a28 = h3_t28 + Sigma0(h3_a27) + maj(h3_a27, h3_a26, h3_a25);
    // h3: round 29
    let h3_w29 = sigma1(h3_w27) + h3_w22;
    let h3_t29 = h3_e25 + Sigma1(h3_e28) + ch(h3_e28, h3_e27, h3_e26) + h3_w29 + 0xd5a79147u;
    let h3_e29 = h3_a25 + h3_t29;
    let h3_a29 = h3_t29 + Sigma0(h3_a28) + maj(h3_a28, h3_a27, h3_a26);
    // h3: round 30
    let h3_w30 = sigma1(h3_w28) + h3_w23 + 0x00400022u;
    let h3_t30 = h3_e26 + Sigma1(h3_e29) + ch(h3_e29, h3_e28, h3_e27) + h3_w30 + 0x06ca6351u;
    let h3_e30 = h3_a26 + h3_t30;
    let h3_a30 = h3_t30 + Sigma0(h3_a29) + maj(h3_a29, h3_a28, h3_a27);
    // h3: round 31
    let h3_w31 = sigma1(h3_w29) + h3_w24 + sigma0(h3_w16) + 0x00000100u;
    let h3_t31 = h3_e27 + Sigma1(h3_e30) + ch(h3_e30, h3_e29, h3_e28) + h3_w31 + 0x14292967u;
    let h3_e31 = h3_a27 + h3_t31;
    let h3_a31 = h3_t31 + Sigma0(h3_a30) + maj(h3_a30, h3_a29, h3_a28);
    // h3: round 32
    let h3_w32 = sigma1(h3_w30) + h3_w25 + sigma0(h3_w17) + h3_w16;
    let h3_t32 = h3_e28 + Sigma1(h3_e31) + ch(h3_e31, h3_e30, h3_e29) + h3_w32 + 0x27b70a85u;
    let h3_e32 = h3_a28 + h3_t32;
    let h3_a32 = h3_t32 + Sigma0(h3_a31) + maj(h3_a31, h3_a30, h3_a29);
    // h3: round 33
    let h3_w33 = sigma1(h3_w31) + h3_w26 + sigma0(h3_w18) + h3_w17;
    let h3_t33 = h3_e29 + Sigma1(h3_e32) + ch(h3_e32, h3_e31, h3_e30) + h3_w33 + 0x2e1b2138u;
    let h3_e33 = h3_a29 + h3_t33;
    let h3_a33 = h3_t33 + Sigma0(h3_a32) + maj(h3_a32, h3_a31, h3_a30);
    // h3: round 34
    let h3_w34 = sigma1(h3_w32) + h3_w27 + sigma0(h3_w19) + h3_w18;
    let h3_t34 = h3_e30 + Sigma1(h3_e33) + ch(h3_e33, h3_e32, h3_e31) + h3_w34 + 0x4d2c6dfcu;
    let h3_e34 = h3_a30 + h3_t34;
    let h3_a34 = h3_t34 + Sigma0(h3_a33) + maj(h3_a33, h3_a32, h3_a31);
    // h3: round 35
    let h3_w35 = sigma1(h3_w33) + h3_w28 + sigma0(h3_w20) + h3_w19;
    let h3_t35 = h3_e31 + Sigma1(h3_e34) + ch(h3_e34, h3_e33, h3_e32) + h3_w35 + 0x53380d13u;
    let h3_e35 = h3_a31 + h3_t35;
    let h3_a35 = h3_t35 + Sigma0(h3_a34) + maj(h3_a34, h3_a33, h3_a32);
    // h3: round 36
    let h3_w36 = sigma1(h3_w34) + h3_w29 + sigma0(h3_w21) + h3_w20;
    let h3_t36 = h3_e32 + Sigma1(h3_e35) + ch(h3_e35, h3_e34, h3_e33) + h3_w36 + 0x650a7354u;
    let h3_e36 = h3_a32 + h3_t36;
    let h3_a36 = h3_t36 + Sigma0(h3_a35) + maj(h3_a35, h3_a34, h3_a33);
    // h3: round 37
    let h3_w37 = sigma1(h3_w35) + h3_w30 + sigma0(h3_w22) + h3_w21;
    let h3_t37 = h3_e33 + Sigma1(h3_e36) + ch(h3_e36, h3_e35, h3_e34) + h3_w37 + 0x766a0abbu;
    let h3_e37 = h3_a33 + h3_t37;
    let h3_a37 = h3_t37 + Sigma0(h3_a36) + maj(h3_a36, h3_a35, h3_a34);
    // h3: round 38
    let h3_w38 = sigma1(h3_w36) + h3_w31 + sigma0(h3_w23) + h3_w22;
    let h3_t38 = h3_e34 + Sigma1(h3_e37) + ch(h3_e37, h3_e36, h3_e35) + h3_w38 + 0x81c2c92eu;
    let h3_e38 = h3_a34 + h3_t38;
    let h3_a38 = h3_t38 + Sigma0(h3_a37) + maj(h3_a37, h3_a36, h3_a35);
    // h3: round 39
    let h3_w39 = sigma1(h3_w37) + h3_w32 + sigma0(h3_w24) + h3_w23;
    let h3_t39 = h3_e35 + Sigma1(h3_e38) + ch(h3_e38, h3_e37, h3_e36) + h3_w39 + 0x92722c85u;
    let h3_e39 = h3_a35 + h3_t39;
    let h3_a39 = h3_t39 + Sigma0(h3_a38) + maj(h3_a38, h3_a37, h3_a36);
    // h3: round 40
    let h3_w40 = sigma1(h3_w38) + h3_w33 + sigma0(h3_w25) + h3_w24;
    let h3_t40 = h3_e36 + Sigma1(h3_e39) + ch(h3_e39, h3_e38, h3_e37) + h3_w40 + 0xa2bfe8a1u;
    let h3_e40 = h3_a36 + h3_t40;
    let h3_a40 = h3_t40 + Sigma0(h3_a39) + maj(h3_a39, h3_a38, h3_a37);
    // h3: round 41
    let h3_w41 = sigma1(h3_w39) + h3_w34 + sigma0(h3_w26) + h3_w25;
    let h3_t41 = h3_e37 + Sigma1(h3_e40) + ch(h3_e40, h3_e39, h3_e38) + h3_w41 + 0xa81a664bu;
    let h3_e41 = h3_a37 + h3_t41;
    let h3_a41 = h3_t41 + Sigma0(h3_a40) + maj(h3_a40, h3_a39, h3_a38);
    // h3: round 42
    let h3_w42 = sigma1(h3_w40) + h3_w35 + sigma0(h3_w27) + h3_w26;
    let h3_t42 = h3_e38 + Sigma1(h3_e41) + ch(h3_e41, h3_e40, h3_e39) + h3_w42 + 0xc24b8b70u;
    let h3_e42 = h3_a38 + h3_t42;
    let h3_a42 = h3_t42 + Sigma0(h3_a41) + maj(h3_a41, h3_a40, h3_a39);
    // h3: round 43
    let h3_w43 = sigma1(h3_w41) + h3_w36 + sigma0(h3_w28) + h3_w27;
    let h3_t43 = h3_e39 + Sigma1(h3_e42) + ch(h3_e42, h3_e41, h3_e40) + h3_w43 + 0xc76c51a3u;
    let h3_e43 = h3_a39 + h3_t43;
    let h3_a43 = h3_t43 + Sigma0(h3_a42) + maj(h3_a42, h3_a41, h3_a40);
    // h3: round 44
    let h3_w44 = sigma1(h3_w42) + h3_w37 + sigma0(h3_w29) + h3_w28;
    let h3_t44 = h3_e40 + Sigma1(h3_e43) + ch(h3_e43, h3_e42, h3_e41) + h3_w44 + 0xd192e819u;
    let h3_e44 = h3_a40 + h3_t44;
    let h3_a44 = h3_t44 + Sigma0(h3_a43) + maj(h3_a43, h3_a42, h3_a41);
    // h3: round 45
    let h3_w45 = sigma1(h3_w43) + h3_w38 + sigma0(h3_w30) + h3_w29;
    let h3_t45 = h3_e41 + Sigma1(h3_e44) + ch(h3_e44, h3_e43, h3_e42) + h3_w45 + 0xd6990624u;
    let h3_e45 = h3_a41 + h3_t45;
    let h3_a45 = h3_t45 + Sigma0(h3_a44) + maj(h3_a44, h3_a43, h3_a42);
    // h3: round 46
    let h3_w46 = sigma1(h3_w44) + h3_w39 + sigma0(h3_w31) + h3_w30;
    let h3_t46 = h3_e42 + Sigma1(h3_e45) + ch(h3_e45, h3_e44, h3_e43) + h3_w46 + 0xf40e3585u;
    let h3_e46 = h3_a42 + h3_t46;
    let h3_a46 = h3_t46 + Sigma0(h3_a45) + maj(h3_a45, h3_a44, h3_a43);
    // h3: round 47
    let h3_w47 = sigma1(h3_w45) + h3_w40 + sigma0(h3_w32) + h3_w31;
    let h3_t47 = h3_e43 + Sigma1(h3_e46) + ch(h3_e46, h3_e45, h3_e44) + h3_w47 + 0x106aa070u;
    let h3_e47 = h3_a43 + h3_t47;
    let h3_a47 = h3_t47 + Sigma0(h3_a46) + maj(h3_a46, h3_a45, h3_a44);
    // h3: round 48
    let h3_w48 = sigma1(h3_w46) + h3_w41 + sigma0(h3_w33) + h3_w32;
    let h3_t48 = h3_e44 + Sigma1(h3_e47) + ch(h3_e47, h3_e46, h3_e45) + h3_w48 + 0x19a4c116u;
    let h3_e48 = h3_a44 + h3_t48;
    let h3_a48 = h3_t48 + Sigma0(h3_a47) + maj(h3_a47, h3_a46, h3_a45);
    // h3: round 49
    let h3_w49 = sigma1(h3_w47) + h3_w42 + sigma0(h3_w34) + h3_w33;
    let h3_t49 = h3_e45 + Sigma1(h3_e48) + ch(h3_e48, h3_e47, h3_e46) + h3_w49 + 0x1e376c08u;
    let h3_e49 = h3_a45 + h3_t49;
    let h3_a49 = h3_t49 + Sigma0(h3_a48) + maj(h3_a48, h3_a47, h3_a46);
    // h3: round 50
    let h3_w50 = sigma1(h3_w48) + h3_w43 + sigma0(h3_w35) + h3_w34;
    let h3_t50 = h3_e46 + Sigma1(h3_e49) + ch(h3_e49, h3_e48, h3_e47) + h3_w50 + 0x2748774cu;
    let h3_e50 = h3_a46 + h3_t50;
    let h3_a50 = h3_t50 + Sigma0(h3_a49) + maj(h3_a49, h3_a48, h3_a47);
    // h3: round 51
    let h3_w51 = sigma1(h3_w49) + h3_w44 + sigma0(h3_w36) + h3_w35;
    let h3_t51 = h3_e47 + Sigma1(h3_e50) + ch(h3_e50, h3_e49, h3_e48) + h3_w51 + 0x34b0bcb5u;
    let h3_e51 = h3_a47 + h3_t51;
    let h3_a51 = h3_t51 + Sigma0(h3_a50) + maj(h3_a50, h3_a49, h3_a48);
    // h3: round 52
    let h3_w52 = sigma1(h3_w50) + h3_w45 + sigma0(h3_w37) + h3_w36;
    let h3_t52 = h3_e48 + Sigma1(h3_e51) + ch(h3_e51, h3_e50, h3_e49) + h3_w52 + 0x391c0cb3u;
    let h3_e52 = h3_a48 + h3_t52;
    let h3_a52 = h3_t52 + Sigma0(h3_a51) + maj(h3_a51, h3_a50, h3_a49);
    // h3: round 53
    let h3_w53 = sigma1(h3_w51) + h3_w46 + sigma0(h3_w38) + h3_w37;
    let h3_t53 = h3_e49 + Sigma1(h3_e52) + ch(h3_e52, h3_e51, h3_e50) + h3_w53 + 0x4ed8aa4au;
    let h3_e53 = h3_a49 + h3_t53;
    let h3_a53 = h3_t53 + Sigma0(h3_a52) + maj(h3_a52, h3_a51, h3_a50);
    // h3: round 54
    let h3_w54 = sigma1(h3_w52) + h3_w47 + sigma0(h3_w39) + h3_w38;
    let h3_t54 = h3_e50 + Sigma1(h3_e53) + ch(h3_e53, h3_e52, h3_e51) + h3_w54 + 0x5b9cca4fu;
    let h3_e54 = h3_a50 + h3_t54;
    let h3_a54 = h3_t54 + Sigma0(h3_a53) + maj(h3_a53, h3_a52, h3_a51);
    // h3: round 55
    let h3_w55 = sigma1(h3_w53) + h3_w48 + sigma0(h3_w40) + h3_w39;
    let h3_t55 = h3_e51 + Sigma1(h3_e54) + ch(h3_e54, h3_e53, h3_e52) + h3_w55 + 0x682e6ff3u;
    let h3_e55 = h3_a51 + h3_t55;
    let h3_a55 = h3_t55 + Sigma0(h3_a54) + maj(h3_a54, h3_a53, h3_a52);
    // h3: round 56
    let h3_w56 = sigma1(h3_w54) + h3_w49 + sigma0(h3_w41) + h3_w40;
    let h3_t56 = h3_e52 + Sigma1(h3_e55) + ch(h3_e55, h3_e54, h3_e53) + h3_w56 + 0x748f82eeu;
    let h3_e56 = h3_a52 + h3_t56;
    let h3_a56 = h3_t56 + Sigma0(h3_a55) + maj(h3_a55, h3_a54, h3_a53);
    // h3: round 57
    let h3_w57 = sigma1(h3_w55) + h3_w50 + sigma0(h3_w42) + h3_w41;
    let h3_t57 = h3_e53 + Sigma1(h3_e56) + ch(h3_e56, h3_e55, h3_e54) + h3_w57 + 0x78a5636fu;
    let h3_e57 = h3_a53 + h3_t57;
    let h3_a57 = h3_t57 + Sigma0(h3_a56) + maj(h3_a56, h3_a55, h3_a54);
    // h3: round 58
    let h3_w58 = sigma1(h3_w56) + h3_w51 + sigma0(h3_w43) + h3_w42;
    let h3_t58 = h3_e54 + Sigma1(h3_e57) + ch(h3_e57, h3_e56, h3_e55) + h3_w58 + 0x84c87814u;
    let h3_e58 = h3_a54 + h3_t58;
    let h3_a58 = h3_t58 + Sigma0(h3_a57) + maj(h3_a57, h3_a56, h3_a55);
    // h3: round 59
    let h3_w59 = sigma1(h3_w57) + h3_w52 + sigma0(h3_w44) + h3_w43;
    let h3_t59 = h3_e55 + Sigma1(h3_e58) + ch(h3_e58, h3_e57, h3_e56) + h3_w59 + 0x8cc70208u;
    let h3_e59 = h3_a55 + h3_t59;
    let h3_a59 = h3_t59 + Sigma0(h3_a58) + maj(h3_a58, h3_a57, h3_a56);
    // h3: round 60
    let h3_w60 = sigma1(h3_w58) + h3_w53 + sigma0(h3_w45) + h3_w44;
    let h3_t60 = h3_e56 + Sigma1(h3_e59) + ch(h3_e59, h3_e58, h3_e57) + h3_w60 + 0x90befffau;
    let h3_e60 = h3_a56 + h3_t60;
    let h3_a60 = h3_t60 + Sigma0(h3_a59) + maj(h3_a59, h3_a58, h3_a57);
    // h3: round 61
    let h3_w61 = sigma1(h3_w59) + h3_w54 + sigma0(h3_w46) + h3_w45;
    let h3_t61 = h3_e57 + Sigma1(h3_e60) + ch(h3_e60, h3_e59, h3_e58) + h3_w61 + 0xa4506cebu;
    let h3_e61 = h3_a57 + h3_t61;
    let h3_a61 = h3_t61 + Sigma0(h3_a60) + maj(h3_a60, h3_a59, h3_a58);
    // h3: round 62
    let h3_t62 = h3_e58 + Sigma1(h3_e61) + ch(h3_e61, h3_e60, h3_e59) + sigma1(h3_w60) + h3_w55 + sigma0(h3_w47) + h3_w46 + 0xbef9a3f7u;
    let h3_e62 = h3_a58 + h3_t62;
    let h3_a62 = h3_t62 + Sigma0(h3_a61) + maj(h3_a61, h3_a60, h3_a59);
    // h3: round 63
    let h3_t63 = h3_e59 + Sigma1(h3_e62) + ch(h3_e62, h3_e61, h3_e60) + sigma1(h3_w61) + h3_w56 + sigma0(h3_w48) + h3_w47 + 0xc67178f2u;
    // h3: the initial state is added
    let h3_s0 = h3_t63 + Sigma0(h3_a62) + maj(h3_a62, h3_a61, h3_a60) + 0x6a09e667u;
    let h3_s1 = h3_a62 + 0xbb67ae85u;
    let h3_s2 = h3_a61 + 0x3c6ef372u;
    let h3_s3 = h3_a60 + 0xa54ff53au;
    let h3_s4 = h3_a59 + h3_t63 + 0x510e527fu;
    let h3_s5 = h3_e62 + 0x9b05688cu;
    let h3_s6 = h3_e61 + 0x1f83d9abu;
    let h3_s7 = h3_e60 + 0x5be0cd19u;
    return Hash(vec4<u32>(h3_s0, h3_s1, h3_s2, h3_s3), vec4<u32>(h3_s4, h3_s5, h3_s6, h3_s7));
}
