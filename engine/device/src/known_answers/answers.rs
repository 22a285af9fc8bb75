//! The committed answers of the suite, as digests (`super::digest_of`). A test recomputes them and prints the table
//! that should be here.

/// Each case's name, and the digest of its right answer in hex.
pub(super) const ANSWERS: [(&str, &str); 36] = [
    ("hit in the first lane", "32a4ba7cafebe70deabca77dea96dcdff49509617125e023148a746240ea2128"),
    ("hit in a middle lane", "32a4ba7cafebe70deabca77dea96dcdff49509617125e023148a746240ea2128"),
    ("hit in the last lane", "32a4ba7cafebe70deabca77dea96dcdff49509617125e023148a746240ea2128"),
    ("no hit", "f245639459ddfe3cf7d32400c26a1b2ff471b06ad5c6f26f1f5f6e8d510b5111"),
    ("several hits", "a26d847054c300b32cfc2c3f6678d364e0626d11dfe2889256e1321b6fef8740"),
    ("nonce 0 with an all-ones target", "4b0258dcac5e5a117fd789def7506e8ab8a70f7fc0d0337453e4007ce09d3252"),
    ("nonce 0xffffffff with an all-ones target", "d293b407cb7a5a6e33bc3f2451bedc443c6267eddb5ac3f1267e2d0a4c0624c2"),
    ("a range of one nonce", "b48b0239986a7c577c5334d16725a886ce3dd819baae38ed0615ac9ab2af643d"),
    ("exactly as many hits as allowed", "a0d45b7464e77f320a03eb2ae2b4414b64f3c7414e8ace1fd6a396192b5d3a62"),
    ("one hit more than allowed", "5822df97224b0a5700d3a73532719bef1ca08da4c523fec458ba3ed52d308ac1"),
    ("two midstates", "cfd816ebbbd93d2fa9a90ac7170a55c3e02dc765bfecec5da10e67faf18ee49d"),
    ("three midstates", "9ffb01cf478a689c436c840c0ac76cfee954e8ab20b6e90f55ed84a2909518b2"),
    ("four midstates", "d66cf23d34af1796ebbed3ada036af84aecdf2d912ccc0f13e48e5552815e363"),
    ("eight midstates", "ddaa1d82b9f7bfaae3ac4b062cdf15cba94441595fbadcdac1e16ebc24db54f9"),
    ("a planted nonce", "6dbbe5a151c2a5721539e4c95693d0a461281727e5e933873308a42d5819c0a7"),
    ("a planted first nonce, among hits", "13dcddfadd2d97c4ce7a165b681e4c8bce25058bf1dccacb8dd09e62594ada4b"),
    ("a planted last nonce of the last midstate", "6dbbe5a151c2a5721539e4c95693d0a461281727e5e933873308a42d5819c0a7"),
    ("a planted nonce with more hits than allowed", "5e0829b0bec7a61417146509863109246518a9a9a4b683a4c4a786e195aa9659"),
    ("a planted nonce with a wrong top word", "f245639459ddfe3cf7d32400c26a1b2ff471b06ad5c6f26f1f5f6e8d510b5111"),
    ("one header", "f0f5c2c5001787a13b4a1b077071c93458b5f602e90285e5bdb90b2173d2ec00"),
    ("headers that fill no whole group", "8ecb31e7dc7812c183a9f9462b1cae8df39538896a5a13ac3b9c96fc2115b30c"),
    ("one Merkle node", "7d6b3ff46744964e6feeb68aa8ae2c5cd7a1bc98f98dc7f4a80495475e9baa4b"),
    ("Merkle nodes that fill no whole group", "586817a610cc804a3afeb44fda03146def62749f75306c77aed6e39dbaacf2db"),
    ("one node of RFC 6962", "9c4a3468d14323726633801548e6cf6917cf2edc8a9792fbf064ffb0f64511cd"),
    ("nodes of RFC 6962 that fill no whole group", "f85cbdc66968b3b3e13d7fffc4ce766349b679852fa4effcb1c22f4b31f484c5"),
    ("the tree of block 100,000", "edd5264dcff6ff4eb0fcf721846a2876a07faeb30fd8f4c3699cf7fd563f521c"),
    ("a tree of one leaf", "7619abf0e3a9fc4b6c82abe4c361957cd8b0263fb01925bace66cc38dcf1fbbf"),
    ("a tree of two leaves", "919ecaafc1bb786b9f4fc236775c03513d8117b6adf2f28854353cd0ae4e1dd9"),
    ("a tree of three leaves", "bd11a6aad7df1be04f9c0f585aa7e187e21371c94bf41ad086ad2b50ebcf5499"),
    ("trees of many sizes", "c823a821e548148ab32a68392351e335e4e367f0a8b4d8e9d293ad0eeda5abdf"),
    ("a tree of one leaf of RFC 6962", "7619abf0e3a9fc4b6c82abe4c361957cd8b0263fb01925bace66cc38dcf1fbbf"),
    ("a tree of two leaves of RFC 6962", "73fa6311148c3c4b93d0e5559f1ebabcb915e5cfc2f41f85c94ad8942816f809"),
    ("a tree of three leaves of RFC 6962", "b7098328e6c8baaf4893f301737e806e4527d6d9401333f1a9d8d130015d7af5"),
    ("trees of many sizes of RFC 6962", "0d421410486de83033f6f9b2610981a76c023e90f43e0da140e0876fcd91e143"),
    ("trees whose tails are repeated", "48a614f6490adc2da5e8863697de5927112a2660d1d6676db11f07d353b76b40"),
    ("trees of RFC 6962 whose tails are repeated", "453b0e7a338b7659e1fcab645b7919e03590018fec3125da0e17883b360b9abb"),
];

/// The digest of the right answer to the case of that name.
pub(super) fn digest(name: &str) -> [u8; 32] {
    let (_, hex) = ANSWERS.iter().find(|(known, _)| *known == name).expect("every case has a committed answer");
    std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("the table holds hex digits"))
}
