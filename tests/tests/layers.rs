//! The layering rules hold for `cargo metadata` and the source files.

use cityseal_tests::source_rules::{layers, modules, tree, words};

#[test]
fn every_import_between_crates_is_in_the_table_of_layers() {
    let edges = layers::edges_of(&tree::cargo_metadata()).unwrap();
    assert!(edges.iter().any(|edge| edge.is_local), "an empty list of edges proves nothing");
    assert_eq!(layers::objections(&edges), [""; 0]);
}

#[test]
fn the_table_of_layers_goes_down() {
    assert_eq!(layers::table_objections(), [""; 0]);
}

#[test]
fn every_crate_has_a_layer_and_every_layer_a_crate() {
    assert_eq!(layers::unlisted(&tree::cargo_metadata()), [""; 0]);
}

#[test]
fn the_modules_of_every_product_crate_import_downwards_and_without_circles() {
    let files = tree::source_files(&tree::cargo_metadata());
    let found = modules::objections(&files);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_source_uses_a_word_outside_its_limits() {
    let files = tree::source_files(&tree::cargo_metadata());
    assert!(files.len() > 20, "{} files prove nothing", files.len());
    let found: Vec<String> = files.iter().flat_map(words::objections).collect();
    assert_eq!(found, [""; 0]);
}

#[test]
fn only_a_build_with_the_feature_gpu_compiles_wgpu_and_only_one_with_gl_compiles_opengl() {
    let compiles = |package: &str, features: &[&str], library: &str| {
        let crates = tree::crates_in_build_of(package, features);
        assert!(crates.len() > 3 && crates[0] == package, "{package}: {crates:?}");
        crates.iter().any(|name| name == library)
    };
    for library in ["cityseal-gpu", "wgpu", "naga"] {
        for package in ["cityseal-engine", "cityseal"] {
            assert!(compiles(package, &[], library), "{package} {library}");
            assert!(!compiles(package, &["--no-default-features"], library), "{package} {library}");
        }
        assert!(!compiles("cityseal-client", &[], library), "{library}");
    }
    assert!(!compiles("cityseal", &[], "khronos-egl"));
    assert!(compiles("cityseal", &["--features", "gl"], "khronos-egl"));
}
