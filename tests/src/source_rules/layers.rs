//! The layers: which crate of the workspace may import which, and which crates may name which foreign library.
//!
//! An edge that is not in the tables is refused. A new edge must be added here, where a reviewer sees it.

use serde_json::Value;

/// What a crate may import from the workspace.
struct Layer {
    name: &'static str,
    /// Its height: a crate imports only lower ones, except for the pairs in [`NEIGHBOURS`].
    height: u8,
    /// Permitted imports of the product.
    imports: &'static [&'static str],
    /// Further imports of its tests and benches.
    dev_imports: &'static [&'static str],
}

/// The crate that the tests of every crate may import.
const TESTKIT: &str = "cityseal-testkit";

const LAYERS: &[Layer] = &[
    Layer { name: "cityseal-hash", height: 0, imports: &[], dev_imports: &[] },
    Layer { name: TESTKIT, height: 0, imports: &[], dev_imports: &[] },
    Layer { name: "cityseal-chain", height: 1, imports: &["cityseal-hash"], dev_imports: &[] },
    Layer { name: "cityseal-cli", height: 2, imports: &["cityseal-chain"], dev_imports: &[] },
    Layer { name: "cityseal-journal", height: 0, imports: &[], dev_imports: &[] },
    Layer { name: "cityseal-device", height: 2, imports: &["cityseal-hash"], dev_imports: &[] },
    Layer { name: "cityseal-receipt", height: 2, imports: &["cityseal-chain", "cityseal-hash"], dev_imports: &[] },
    Layer { name: "cityseal-gpu", height: 3, imports: &["cityseal-device", "cityseal-hash"], dev_imports: &[] },
    Layer { name: "cityseal-proto", height: 3, imports: &["cityseal-chain"], dev_imports: &[] },
    Layer {
        name: "cityseal-engine",
        height: 4,
        imports: &["cityseal-chain", "cityseal-device", "cityseal-gpu", "cityseal-hash"],
        dev_imports: &[],
    },
    Layer {
        name: "cityseal-input",
        height: 4,
        imports: &["cityseal-chain", "cityseal-engine", "cityseal-hash", "cityseal-receipt"],
        dev_imports: &[],
    },
    Layer {
        name: "cityseal-client",
        height: 5,
        imports: &["cityseal-chain", "cityseal-proto", "cityseal-receipt"],
        dev_imports: &[],
    },
    Layer {
        name: "cityseal-service",
        height: 5,
        imports: &[
            "cityseal-chain",
            "cityseal-cli",
            "cityseal-device",
            "cityseal-engine",
            "cityseal-hash",
            "cityseal-input",
            "cityseal-journal",
            "cityseal-proto",
            "cityseal-receipt",
        ],
        dev_imports: &[],
    },
    Layer {
        name: "cityseal-bench",
        height: 5,
        imports: &[
            "cityseal-chain",
            "cityseal-cli",
            "cityseal-client",
            "cityseal-device",
            "cityseal-engine",
            "cityseal-hash",
            "cityseal-input",
            "cityseal-service",
        ],
        dev_imports: &[],
    },
    Layer {
        name: "cityseal",
        height: 6,
        imports: &[
            "cityseal-bench",
            "cityseal-chain",
            "cityseal-cli",
            "cityseal-client",
            "cityseal-device",
            "cityseal-engine",
            "cityseal-hash",
            "cityseal-input",
            "cityseal-receipt",
            "cityseal-service",
        ],
        dev_imports: &["cityseal-proto"],
    },
    Layer {
        name: "cityseal-tests",
        height: 7,
        imports: &[
            "cityseal",
            "cityseal-chain",
            "cityseal-client",
            "cityseal-device",
            "cityseal-engine",
            "cityseal-gpu",
            "cityseal-hash",
            "cityseal-input",
            "cityseal-proto",
            "cityseal-receipt",
            TESTKIT,
        ],
        dev_imports: &[],
    },
    Layer {
        name: "cityseal-fuzz",
        height: 7,
        imports: &[
            "cityseal",
            "cityseal-chain",
            "cityseal-engine",
            "cityseal-hash",
            "cityseal-input",
            "cityseal-receipt",
        ],
        dev_imports: &[],
    },
    Layer { name: "xtask", height: 7, imports: &[], dev_imports: &[] },
    Layer { name: "isa-probe", height: 7, imports: &["cityseal-gpu"], dev_imports: &[] },
];

/// The permitted edges between crates of one height: `input` feeds the engine, and `bench` measures the service through
/// the client.
const NEIGHBOURS: [(&str, &str); 3] = [
    ("cityseal-input", "cityseal-engine"),
    ("cityseal-bench", "cityseal-client"),
    ("cityseal-bench", "cityseal-service"),
];

/// A family of foreign libraries that only some crates may name.
struct LibraryLimit {
    /// The library, and every other one whose name begins with it and a hyphen.
    library: &'static str,
    crates: &'static [&'static str],
    dev_crates: &'static [&'static str],
}

const LIBRARY_LIMITS: &[LibraryLimit] = &[
    LibraryLimit { library: "wgpu", crates: &["cityseal-gpu"], dev_crates: &[] },
    LibraryLimit { library: "naga", crates: &["cityseal-gpu", "isa-probe"], dev_crates: &[] },
    LibraryLimit { library: "ash", crates: &["isa-probe"], dev_crates: &[] },
    LibraryLimit {
        library: "tonic",
        crates: &["cityseal-proto", "cityseal-client", "cityseal-service"],
        dev_crates: &["cityseal", "cityseal-tests"],
    },
    LibraryLimit {
        library: "prost",
        crates: &["cityseal-proto", "cityseal-client", "cityseal-journal", "cityseal-service"],
        dev_crates: &["cityseal", "cityseal-tests"],
    },
    LibraryLimit {
        library: "tokio",
        crates: &["cityseal-cli", "cityseal-client", "cityseal-service", "cityseal-bench", "cityseal"],
        dev_crates: &["cityseal-proto", "cityseal-tests"],
    },
    // `cityseal` checks in its tests what the service refuses, and makes certificates.
    LibraryLimit { library: "rustls", crates: &["cityseal-service"], dev_crates: &["cityseal"] },
    LibraryLimit { library: "x509", crates: &["cityseal-service", "cityseal"], dev_crates: &[] },
    LibraryLimit { library: "rcgen", crates: &["cityseal"], dev_crates: &[] },
    LibraryLimit { library: "axum", crates: &["cityseal-service"], dev_crates: &[] },
    LibraryLimit { library: "hyper", crates: &["cityseal-service"], dev_crates: &[] },
    LibraryLimit { library: "maud", crates: &["cityseal-service"], dev_crates: &[] },
    LibraryLimit { library: "prometheus", crates: &["cityseal-service"], dev_crates: &[] },
    LibraryLimit { library: "subtle", crates: &["cityseal-service"], dev_crates: &[] },
    LibraryLimit { library: "secrecy", crates: &["cityseal-service", "cityseal-client"], dev_crates: &[] },
    LibraryLimit { library: "clap", crates: &["cityseal"], dev_crates: &[] },
    LibraryLimit { library: "clap_complete", crates: &["cityseal"], dev_crates: &[] },
    LibraryLimit { library: "clap_mangen", crates: &["cityseal"], dev_crates: &[] },
    LibraryLimit { library: "sd-notify", crates: &["cityseal"], dev_crates: &[] },
    LibraryLimit { library: "ed25519", crates: &["cityseal-receipt"], dev_crates: &[] },
    LibraryLimit { library: "getrandom", crates: &["cityseal-cli", "cityseal-service", "cityseal"], dev_crates: &[] },
    LibraryLimit {
        library: "bitcoin",
        crates: &["cityseal-chain", TESTKIT],
        dev_crates: &["cityseal-engine", "cityseal-tests"],
    },
    LibraryLimit { library: "redb", crates: &["cityseal-journal"], dev_crates: &[] },
    LibraryLimit { library: "crossbeam", crates: &["cityseal-engine"], dev_crates: &[] },
];

/// A dependency as `cargo metadata` reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The crate that imports.
    pub from: String,
    /// The crate that is imported.
    pub to: String,
    /// Whether only tests and benches import it.
    pub is_dev: bool,
    /// Whether it is a crate of this workspace.
    pub is_local: bool,
}

/// The dependencies of all crates of the workspace.
///
/// # Errors
/// If the value does not have the form of `cargo metadata --format-version 1`.
pub fn edges_of(metadata: &Value) -> Result<Vec<Edge>, String> {
    let packages = metadata["packages"].as_array().ok_or("no list `packages`")?;
    let nested: Result<Vec<Vec<Edge>>, String> = packages.iter().map(edges_of_package).collect();
    Ok(nested?.concat())
}

fn edges_of_package(package: &Value) -> Result<Vec<Edge>, String> {
    let from = package["name"].as_str().ok_or("a package without a name")?;
    let dependencies = package["dependencies"].as_array().ok_or("a package without dependencies")?;
    dependencies.iter().map(|dependency| edge_of(from, dependency)).collect()
}

fn edge_of(from: &str, dependency: &Value) -> Result<Edge, String> {
    let to = dependency["name"].as_str().ok_or("a dependency without a name")?;
    let is_dev = dependency["kind"] == "dev";
    let is_local = dependency["path"].is_string();
    Ok(Edge { from: from.to_owned(), to: to.to_owned(), is_dev, is_local })
}

/// Dependencies that the tables do not permit, one sentence each.
pub fn objections(edges: &[Edge]) -> Vec<String> {
    edges
        .iter()
        .filter_map(|edge| if edge.is_local { layer_objection(edge) } else { library_objection(edge) })
        .collect()
}

fn layer_objection(edge: &Edge) -> Option<String> {
    let Some(layer) = LAYERS.iter().find(|layer| layer.name == edge.from) else {
        return Some(format!("{} is a crate without a layer", edge.from));
    };
    let allowed = layer.imports.contains(&edge.to.as_str());
    let allowed_in_tests = edge.is_dev && (edge.to == TESTKIT || layer.dev_imports.contains(&edge.to.as_str()));
    let what = if edge.is_dev { "in its tests" } else { "in the product" };
    (!allowed && !allowed_in_tests).then(|| format!("{} may not import {} {what}", edge.from, edge.to))
}

fn library_objection(edge: &Edge) -> Option<String> {
    let limit = LIBRARY_LIMITS.iter().find(|limit| is_of_family(&edge.to, limit.library))?;
    let allowed = limit.crates.contains(&edge.from.as_str());
    let allowed_in_tests = edge.is_dev && limit.dev_crates.contains(&edge.from.as_str());
    (!allowed && !allowed_in_tests).then(|| format!("{} may not name {}", edge.from, edge.to))
}

fn is_of_family(library: &str, family: &str) -> bool {
    library.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Rows of the table of layers that do not import downwards and are not in `NEIGHBOURS`.
pub fn table_objections() -> Vec<String> {
    let pairs =
        LAYERS.iter().flat_map(|layer| layer.imports.iter().chain(layer.dev_imports).map(move |to| (layer, *to)));
    let wrong = pairs.filter(|(layer, to)| {
        !NEIGHBOURS.contains(&(layer.name, *to)) && height_of(to).is_none_or(|h| h >= layer.height)
    });
    wrong.map(|(layer, to)| format!("the table lets {} import {to}, which is not below it", layer.name)).collect()
}

fn height_of(name: &str) -> Option<u8> {
    LAYERS.iter().find(|layer| layer.name == name).map(|layer| layer.height)
}

/// Crates of the workspace without a row in the table of layers, and rows without a crate.
pub fn unlisted(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let unknown = names.iter().filter(|name| !LAYERS.iter().any(|layer| layer.name == **name));
    let gone = LAYERS.iter().map(|layer| layer.name).filter(|name| !names.contains(name));
    let unknown = unknown.map(|name| format!("{name} is a crate without a layer"));
    unknown.chain(gone.map(|name| format!("{name} has a layer but is not a crate"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn edge(from: &str, to: &str, is_dev: bool, is_local: bool) -> Edge {
        Edge { from: from.into(), to: to.into(), is_dev, is_local }
    }

    #[test]
    fn nothing_imports_the_tests_or_the_project_tasks() {
        let imports = LAYERS.iter().flat_map(|layer| layer.imports.iter().chain(layer.dev_imports));
        assert!(imports.into_iter().all(|import| height_of(import).is_some_and(|height| height < 7)));
    }

    #[test]
    fn refuses_an_edge_that_goes_up() {
        let edges = [edge("cityseal-chain", "cityseal-engine", false, true)];
        assert_eq!(objections(&edges), ["cityseal-chain may not import cityseal-engine in the product"]);
    }

    #[test]
    fn refuses_an_edge_that_goes_up_in_tests_only() {
        let edges = [edge("cityseal-hash", "cityseal-chain", true, true)];
        assert_eq!(objections(&edges), ["cityseal-hash may not import cityseal-chain in its tests"]);
    }

    #[test]
    fn the_tests_of_every_crate_may_import_the_testkit_and_no_product_may() {
        assert_eq!(objections(&[edge("cityseal-hash", TESTKIT, true, true)]), [""; 0]);
        let refused = objections(&[edge("cityseal-hash", TESTKIT, false, true)]);
        assert_eq!(refused, ["cityseal-hash may not import cityseal-testkit in the product"]);
    }

    #[test]
    fn accepts_an_edge_of_the_table() {
        assert_eq!(objections(&[edge("cityseal-chain", "cityseal-hash", false, true)]), [""; 0]);
    }

    #[test]
    fn refuses_wgpu_and_tonic_outside_their_limits() {
        let edges =
            [edge("cityseal-engine", "wgpu", false, false), edge("cityseal-engine", "tonic-types", true, false)];
        let expected = ["cityseal-engine may not name wgpu", "cityseal-engine may not name tonic-types"];
        assert_eq!(objections(&edges), expected);
    }

    #[test]
    fn a_limit_for_tests_does_not_open_the_product() {
        assert_eq!(objections(&[edge("cityseal-proto", "tokio", true, false)]), [""; 0]);
        assert_eq!(objections(&[edge("cityseal-proto", "tokio", false, false)]).len(), 1);
    }

    #[test]
    fn refuses_a_crate_without_a_layer() {
        let metadata = json!({"packages": [{"name": "cityseal-cellar", "dependencies": []}]});
        assert_eq!(unlisted(&metadata)[0], "cityseal-cellar is a crate without a layer");
        assert_eq!(unlisted(&metadata).len(), 1 + LAYERS.len());
    }

    #[test]
    fn reads_the_kind_and_the_origin_of_a_dependency() {
        let dependency = json!({"name": "cityseal-hash", "kind": "dev", "path": "engine/hash"});
        let metadata = json!({"packages": [{"name": "cityseal-chain", "dependencies": [dependency]}]});
        assert_eq!(edges_of(&metadata), Ok(vec![edge("cityseal-chain", "cityseal-hash", true, true)]));
        assert!(edges_of(&json!({})).is_err());
    }
}
