//! K0 and K1: every shader parses, validates and can be translated for every API, and its structs have the host's
//! layout.

use std::collections::BTreeSet;
use std::mem::offset_of;
use std::path::Path;

use cityseal_gpu::layout::{
    FixedWords, HashWords, LevelWords, MidstateWords, ResultsHead, Rotations, SearchWords, Slot,
};
use cityseal_gpu::shader::{Shader, Variant};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, TypeInner};

fn parse(shader: Shader, variant: Variant) -> (Module, ModuleInfo) {
    let text = shader.text(variant);
    let module = naga::front::wgsl::parse_str(&text)
        .unwrap_or_else(|error| panic!("{shader:?} {}: {}", variant.name(), error.emit_to_string(&text)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::default())
        .validate(&module)
        .unwrap_or_else(|error| panic!("{shader:?} {}: {}", variant.name(), error.emit_to_string(&text)));
    (module, info)
}

fn every_shader() -> impl Iterator<Item = (Shader, Variant)> {
    Shader::ALL.into_iter().flat_map(|shader| Variant::ALL.into_iter().map(move |variant| (shader, variant)))
}

#[test]
fn every_shader_parses_and_validates_in_every_variant() {
    let names: BTreeSet<String> = every_shader()
        .map(|(shader, variant)| {
            let (module, _) = parse(shader, variant);
            assert_eq!(module.entry_points.len(), 1);
            assert_eq!(module.entry_points[0].name, shader.entry_point());
            format!("{shader:?} {}", variant.name())
        })
        .collect();
    assert_eq!(names.len(), 28);
}

#[test]
fn every_file_under_shaders_is_part_of_a_shader() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let all: String = every_shader().map(|(shader, variant)| shader.text(variant)).collect();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("shaders/ is there") {
        let path = entry.expect("shaders/ can be listed").path();
        if path.extension().is_some_and(|extension| extension == "wgsl") {
            let text = std::fs::read_to_string(&path).expect("a shader can be read");
            assert!(!text.trim().is_empty() && all.contains(text.trim_end()), "{} is used", path.display());
            files += 1;
        }
    }
    assert_eq!(files, 20);
}

/// Names, offsets and size of a struct in a shader.
fn layout_of(module: &Module, name: &str) -> (Vec<(String, usize)>, usize) {
    let (_, ty) = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name)).expect("the struct is there");
    let TypeInner::Struct { members, span } = &ty.inner else { panic!("{name} is not a struct") };
    let member = |member: &naga::StructMember| (member.name.clone().unwrap_or_default(), member.offset as usize);
    (members.iter().map(member).collect(), *span as usize)
}

/// Names, offsets and size of a struct of the host.
macro_rules! host_layout {
    ($ty:ty { $($field:ident),* }) => {
        (vec![$((stringify!($field).to_owned(), offset_of!($ty, $field))),*], size_of::<$ty>())
    };
}

/// The layout without padding members.
fn without_unused((members, size): (Vec<(String, usize)>, usize)) -> (Vec<(String, usize)>, usize) {
    (members.into_iter().filter(|(name, _)| !name.starts_with("unused")).collect(), size)
}

#[test]
fn the_structs_of_the_search_have_the_layout_of_the_host() {
    let (module, _) = parse(Shader::SearchShared, Variant::ALL[0]);
    let of = |name| without_unused(layout_of(&module, name));
    assert_eq!(
        of("SearchBatch"),
        host_layout!(SearchWords {
            block_first,
            blocks,
            block_bits,
            midstate_count,
            nonce_first,
            nonce_last,
            top_word_max,
            reject_mask,
            hits_max,
            tag,
            planted_state_7,
            planted_nonce,
            planted_midstate,
            rotations,
            fixed,
            midstates
        })
    );
    assert_eq!(
        of("FixedWords"),
        host_layout!(FixedWords {
            h1_w16,
            h1_t16_fixed,
            h1_w17,
            h1_t17_fixed,
            h1_w18_fixed,
            h1_w19_fixed,
            h1_w31_fixed,
            h1_w32_fixed
        })
    );
    let (members, size) = of("MidstateWords");
    let (own, host_size) = host_layout!(MidstateWords {
        h1_a0,
        h1_e1,
        h1_a1,
        h1_e2,
        h1_a2,
        h1_e3_fixed,
        h1_a3_fixed,
        h1_t4_fixed,
        h1_t5_fixed,
        h1_t6_fixed
    });
    let state = (0..8).map(|i| (format!("s{i}"), offset_of!(MidstateWords, state) + 4 * i));
    assert_eq!((members, size), (state.chain(own).collect(), host_size));
}

#[test]
fn the_results_of_the_search_have_the_layout_of_the_host() {
    let (module, _) = parse(Shader::SearchOne, Variant::ALL[0]);
    let (members, _) = without_unused(layout_of(&module, "SearchResults"));
    let (mut expected, head) = host_layout!(ResultsHead { finished, hits, overflow, planted_seen });
    expected.push(("slots".to_owned(), head));
    assert_eq!(members, expected);
    assert_eq!((size_of::<Slot>(), offset_of!(Slot, nonce), offset_of!(Slot, midstate)), (8, 0, 4));
}

#[test]
fn the_structs_of_hashing_and_of_the_rotations_have_the_layout_of_the_host() {
    let (module, _) = parse(Shader::Headers, Variant::ALL[2]);
    assert_eq!(without_unused(layout_of(&module, "HashBatch")), host_layout!(HashWords { count, tag, rotations }));
    assert_eq!(layout_of(&module, "Hash").1, 32);
    let (members, size) = without_unused(layout_of(&module, "Rotations"));
    assert_eq!(size, size_of::<Rotations>());
    for (name, offset) in members {
        assert_eq!(name, format!("r{}", Rotations::default().0[offset / 4]));
    }
}

#[test]
fn the_struct_of_a_tree_level_has_the_layout_of_the_host() {
    for shader in [Shader::TreeNodes, Shader::Rfc6962TreeNodes] {
        let (module, _) = parse(shader, Variant::ALL[2]);
        let expected = host_layout!(LevelWords { first, count, leaves, tag, rotations });
        assert_eq!(layout_of(&module, "TreeLevel"), expected);
        assert_eq!(layout_of(&module, "Hash").1, 32);
    }
}

#[test]
fn the_host_and_the_generator_name_the_same_words_in_the_same_order() {
    let (module, _) = parse(Shader::SearchOne, Variant::ALL[0]);
    let names = |name| -> Vec<String> {
        without_unused(layout_of(&module, name)).0.into_iter().map(|(name, _)| name).collect()
    };
    for kernel in [cityseal_gpu::generate::Kernel::search_one(), cityseal_gpu::generate::Kernel::search_shared()] {
        assert_eq!(kernel.host_names(false), names("FixedWords"));
        assert_eq!(kernel.host_names(true), names("MidstateWords"));
    }
}

/// A module with the workgroup size filled in, as the translators require.
fn resolved(shader: Shader, variant: Variant) -> (Module, ModuleInfo) {
    let (module, info) = parse(shader, variant);
    let constants = naga::back::PipelineConstants::from_iter([("WORKGROUP_SIZE".to_owned(), 128.0)]);
    let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants)
        .expect("the workgroup size can be set");
    (module.into_owned(), info.into_owned())
}

#[test]
fn every_shader_can_be_translated_for_vulkan() {
    for (shader, variant) in every_shader() {
        let (module, info) = resolved(shader, variant);
        let words = naga::back::spv::write_vec(&module, &info, &naga::back::spv::Options::default(), None);
        assert!(!words.expect("SPIR-V").is_empty());
    }
}

#[test]
fn every_shader_can_be_translated_for_metal() {
    for (shader, variant) in every_shader() {
        let (module, info) = resolved(shader, variant);
        let options = naga::back::msl::Options { fake_missing_bindings: true, ..Default::default() };
        let (text, _) =
            naga::back::msl::write_string(&module, &info, &options, &naga::back::msl::PipelineOptions::default())
                .expect("MSL");
        assert!(text.contains(shader.entry_point()));
    }
}

#[test]
fn every_shader_can_be_translated_for_direct3d() {
    for (shader, variant) in every_shader() {
        let (module, info) = resolved(shader, variant);
        let options = naga::back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
        let pipeline = naga::back::hlsl::PipelineOptions::default();
        let mut text = String::new();
        naga::back::hlsl::Writer::new(&mut text, &options, &pipeline).write(&module, &info, None).expect("HLSL");
        assert!(text.contains(shader.entry_point()));
    }
}

#[test]
fn every_shader_can_be_translated_for_opengl() {
    for (shader, variant) in every_shader() {
        let (module, info) = resolved(shader, variant);
        let options = naga::back::glsl::Options {
            version: naga::back::glsl::Version::Embedded { version: 310, is_webgl: false },
            ..Default::default()
        };
        let pipeline = naga::back::glsl::PipelineOptions {
            shader_stage: naga::ShaderStage::Compute,
            entry_point: shader.entry_point().to_owned(),
            multiview: None,
        };
        let mut text = String::new();
        naga::back::glsl::Writer::new(
            &mut text,
            &module,
            &info,
            &options,
            &pipeline,
            naga::proc::BoundsCheckPolicies::default(),
        )
        .and_then(|mut writer| writer.write())
        .expect("GLSL");
        assert!(text.contains("void main()"));
    }
}
