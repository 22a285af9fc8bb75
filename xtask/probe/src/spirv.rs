//! Translates WGSL to SPIR-V with wgpu's options for drivers with robust buffer access, such as Mesa's.

use naga::back::spv;
use naga::proc::{BoundsCheckPolicies, BoundsCheckPolicy};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use crate::Problem;

/// Invocations of a workgroup, as `engine/gpu` sets it.
const WORKGROUP: f64 = 128.0;

/// The SPIR-V of one entry point.
pub(crate) fn translate(text: &str, entry_point: &str) -> Result<Vec<u32>, Problem> {
    let module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::default())
        .validate(&module)
        .map_err(|error| error.emit_to_string(text))?;
    let constants = naga::back::PipelineConstants::from_iter([("WORKGROUP_SIZE".to_owned(), WORKGROUP)]);
    let stage = naga::ShaderStage::Compute;
    let (module, info) =
        naga::back::pipeline_constants::process_overrides(&module, &info, Some((stage, entry_point)), &constants)
            .map_err(|error| error.to_string())?;
    let pipeline = spv::PipelineOptions { entry_point: entry_point.to_owned(), shader_stage: stage };
    spv::write_vec(&module, &info, &options(), Some(&pipeline)).map_err(|error| error.to_string())
}

fn options() -> spv::Options<'static> {
    spv::Options {
        lang_version: (1, 6),
        flags: spv::WriterFlags::LABEL_VARYINGS | spv::WriterFlags::FORCE_POINT_SIZE,
        bounds_check_policies: BoundsCheckPolicies {
            index: BoundsCheckPolicy::Restrict,
            buffer: BoundsCheckPolicy::Unchecked,
            ..BoundsCheckPolicies::default()
        },
        zero_initialize_workgroup_memory: spv::ZeroInitializeWorkgroupMemoryMode::Native,
        force_loop_bounding: true,
        ..spv::Options::default()
    }
}
