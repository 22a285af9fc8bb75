//! The source of the shaders, and how its parts are joined. The parts are in `shaders/`; see `shaders/README.md`.

use std::fmt::Write as _;

/// How a shader writes a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotate {
    /// By constants.
    Constant,
    /// By amounts that are loaded from the batch's buffer.
    Loaded,
}

/// How a shader writes Ch and Maj.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Choose {
    /// With exclusive ors: the fewest operations.
    Xor,
    /// With ands and ors.
    Or,
}

/// A form of the shaders. All variants give the same answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// How rotations are written.
    pub rotate: Rotate,
    /// How Ch and Maj are written.
    pub choose: Choose,
}

impl Variant {
    /// Every variant.
    pub const ALL: [Self; 4] = [
        Self { rotate: Rotate::Constant, choose: Choose::Xor },
        Self { rotate: Rotate::Constant, choose: Choose::Or },
        Self { rotate: Rotate::Loaded, choose: Choose::Xor },
        Self { rotate: Rotate::Loaded, choose: Choose::Or },
    ];

    /// The name in [`cityseal_device::DeviceInfo::kernel`].
    pub const fn name(self) -> &'static str {
        match (self.rotate, self.choose) {
            (Rotate::Constant, Choose::Xor) => "wgsl-constant-xor",
            (Rotate::Constant, Choose::Or) => "wgsl-constant-or",
            (Rotate::Loaded, Choose::Xor) => "wgsl-loaded-xor",
            (Rotate::Loaded, Choose::Or) => "wgsl-loaded-or",
        }
    }

    /// The variant with the given name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variant| variant.name() == name)
    }

    const fn texts(self) -> [&'static str; 3] {
        let rotate = match self.rotate {
            Rotate::Constant => include_str!("../shaders/rotate_constant.wgsl"),
            Rotate::Loaded => include_str!("../shaders/rotate_loaded.wgsl"),
        };
        let choose = match self.choose {
            Choose::Xor => include_str!("../shaders/choose_xor.wgsl"),
            Choose::Or => include_str!("../shaders/choose_or.wgsl"),
        };
        [include_str!("../shaders/rotations.wgsl"), rotate, choose]
    }
}

/// SHA-256 over every shader in every variant, in hex. Measurements are valid only for the same digest.
pub fn digest() -> String {
    let shaders = Shader::ALL.into_iter().flat_map(|shader| Variant::ALL.map(|variant| shader.text(variant)));
    let hash = cityseal_hash::sha256(shaders.collect::<String>().as_bytes());
    hash.iter().fold(String::new(), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

/// A kernel of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shader {
    /// Search with one midstate.
    SearchOne,
    /// Search with several midstates, which share the message schedule.
    SearchShared,
    /// Double hash of headers.
    Headers,
    /// Double hash of Merkle nodes.
    Nodes,
    /// Hash of the Merkle nodes of RFC 6962.
    Rfc6962Nodes,
    /// One level of Merkle trees.
    TreeNodes,
    /// One level of Merkle trees of RFC 6962.
    Rfc6962TreeNodes,
}

impl Shader {
    /// Every shader.
    pub const ALL: [Self; 7] = [
        Self::SearchOne,
        Self::SearchShared,
        Self::Headers,
        Self::Nodes,
        Self::Rfc6962Nodes,
        Self::TreeNodes,
        Self::Rfc6962TreeNodes,
    ];

    /// The name of its entry point.
    pub const fn entry_point(self) -> &'static str {
        match self {
            Self::SearchOne | Self::SearchShared => "search",
            Self::Headers => "hash_headers",
            Self::Nodes => "hash_nodes",
            Self::Rfc6962Nodes => "hash_rfc6962_nodes",
            Self::TreeNodes | Self::Rfc6962TreeNodes => "hash_level",
        }
    }

    /// The whole source in one variant.
    pub fn text(self, variant: Variant) -> String {
        [self.own_texts(), &variant.texts()].concat().join("\n")
    }

    const fn own_texts(self) -> &'static [&'static str] {
        match self {
            Self::SearchOne => &[SEARCH, include_str!("../shaders/search_one.wgsl")],
            Self::SearchShared => &[SEARCH, include_str!("../shaders/search_shared.wgsl")],
            Self::Headers => &[WORDS, HASH, include_str!("../shaders/headers.wgsl"), HEADER_HASH],
            Self::Nodes => &[WORDS, HASH, include_str!("../shaders/nodes.wgsl"), NODE_HASH],
            Self::Rfc6962Nodes => {
                &[WORDS, HASH, include_str!("../shaders/rfc6962_nodes.wgsl"), RFC6962_PAIR, RFC6962_NODE_HASH]
            }
            Self::TreeNodes => &[WORDS, TREE_LEVEL, include_str!("../shaders/tree_node.wgsl"), NODE_HASH],
            Self::Rfc6962TreeNodes => {
                &[WORDS, TREE_LEVEL, include_str!("../shaders/rfc6962_tree_node.wgsl"), RFC6962_PAIR, RFC6962_NODE_HASH]
            }
        }
    }
}

// Parts that several shaders share.
const SEARCH: &str = include_str!("../shaders/search.wgsl");
const WORDS: &str = include_str!("../shaders/words.wgsl");
const HASH: &str = include_str!("../shaders/hash.wgsl");
const HEADER_HASH: &str = include_str!("../shaders/header_hash.wgsl");
const NODE_HASH: &str = include_str!("../shaders/node_hash.wgsl");
const TREE_LEVEL: &str = include_str!("../shaders/tree_level.wgsl");
const RFC6962_PAIR: &str = include_str!("../shaders/rfc6962_pair.wgsl");
const RFC6962_NODE_HASH: &str = include_str!("../shaders/rfc6962_node_hash.wgsl");
