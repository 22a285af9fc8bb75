//! Compiles one entry point and reads the driver's statistics (`VK_KHR_pipeline_executable_properties`).

use std::ffi::{CStr, CString};

use ash::khr::pipeline_executable_properties as executables;
use ash::vk;

use crate::Problem;
use crate::device::{Device, text};

/// The driver's information about a compiled shader.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    /// Names and values, as the driver reports them.
    pub(crate) statistics: Vec<(String, String)>,
    /// Titles and texts of the compiler's representations, from the first one to machine code.
    pub(crate) listings: Vec<(String, String)>,
}

/// Compiles SPIR-V with the layout of the product's pipelines: one group of a uniform buffer and three storage buffers.
pub(crate) fn compile(device: &Device, spirv: &[u32], entry_point: &str) -> Result<Compiled, Problem> {
    let entry_point = CString::new(entry_point).map_err(|error| error.to_string())?;
    let pipeline = pipeline(device, spirv, &entry_point).map_err(|error| format!("{entry_point:?}: {error}"))?;
    statistics(device, pipeline).map_err(|error| format!("statistics of {entry_point:?}: {error}"))
}

fn pipeline(device: &Device, spirv: &[u32], entry_point: &CStr) -> Result<vk::Pipeline, vk::Result> {
    let uniform = binding(0, vk::DescriptorType::UNIFORM_BUFFER);
    let [hits, hashes, marks] = [1, 2, 3].map(|at| binding(at, vk::DescriptorType::STORAGE_BUFFER));
    let groups = [group(device, &[uniform, hits, hashes, marks])?];
    let raw = &device.raw;
    let create = vk::PipelineLayoutCreateInfo::default().set_layouts(&groups);
    // SAFETY: the layouts are of this device; what `create` points to outlives the call.
    let layout = unsafe { raw.create_pipeline_layout(&create, None) }?;
    let create = vk::ShaderModuleCreateInfo::default().code(spirv);
    // SAFETY: naga validated the module that these words were written from.
    let module = unsafe { raw.create_shader_module(&create, None) }?;
    let stage = vk::PipelineShaderStageCreateInfo::default()
        .stage(vk::ShaderStageFlags::COMPUTE)
        .module(module)
        .name(entry_point);
    let capture =
        vk::PipelineCreateFlags::CAPTURE_STATISTICS_KHR | vk::PipelineCreateFlags::CAPTURE_INTERNAL_REPRESENTATIONS_KHR;
    let create = [vk::ComputePipelineCreateInfo::default().stage(stage).layout(layout).flags(capture)];
    // SAFETY: module and layout are of this device and the layout holds every binding that the module names.
    let built = unsafe { raw.create_compute_pipelines(vk::PipelineCache::null(), &create, None) };
    built.map(|pipelines| pipelines[0]).map_err(|(_, error)| error)
}

fn binding(at: u32, ty: vk::DescriptorType) -> vk::DescriptorSetLayoutBinding<'static> {
    vk::DescriptorSetLayoutBinding::default()
        .binding(at)
        .descriptor_type(ty)
        .descriptor_count(1)
        .stage_flags(vk::ShaderStageFlags::COMPUTE)
}

fn group(
    device: &Device,
    bindings: &[vk::DescriptorSetLayoutBinding<'_>],
) -> Result<vk::DescriptorSetLayout, vk::Result> {
    let create = vk::DescriptorSetLayoutCreateInfo::default().bindings(bindings);
    // SAFETY: what `create` points to outlives the call.
    unsafe { device.raw.create_descriptor_set_layout(&create, None) }
}

fn statistics(device: &Device, pipeline: vk::Pipeline) -> Result<Compiled, vk::Result> {
    let extension = executables::Device::new(&device.instance, &device.raw);
    let info = vk::PipelineInfoKHR::default().pipeline(pipeline);
    // SAFETY: the pipeline is of this device and was created with both capture flags.
    let count = unsafe { extension.get_pipeline_executable_properties(&info) }?.len();
    let mut compiled = Compiled::default();
    for index in 0..count as u32 {
        let info = vk::PipelineExecutableInfoKHR::default().pipeline(pipeline).executable_index(index);
        // SAFETY: as above, and the index is below the count.
        let found = unsafe { extension.get_pipeline_executable_statistics(&info) }?;
        compiled.statistics.extend(found.iter().map(|one| (text(&one.name), value(one))));
        compiled.listings.extend(listings(device, &extension, &info)?);
    }
    Ok(compiled)
}

fn value(statistic: &vk::PipelineExecutableStatisticKHR<'_>) -> String {
    use vk::PipelineExecutableStatisticFormatKHR as Format;
    // SAFETY: `format` says which member of the union the driver wrote.
    unsafe {
        match statistic.format {
            Format::UINT64 => statistic.value.u64.to_string(),
            Format::INT64 => statistic.value.i64.to_string(),
            Format::FLOAT64 => statistic.value.f64.to_string(),
            _ => statistic.value.b32.to_string(),
        }
    }
}

/// The compiler's representations. Needs three calls: for their number, for their lengths, and for the texts.
fn listings(
    device: &Device,
    extension: &executables::Device,
    info: &vk::PipelineExecutableInfoKHR<'_>,
) -> Result<Vec<(String, String)>, vk::Result> {
    let ask = |count: &mut u32, into: *mut vk::PipelineExecutableInternalRepresentationKHR<'_>| {
        let call = extension.fp().get_pipeline_executable_internal_representations_khr;
        // SAFETY: `into` is null or points to `count` typed structs, whose buffers are null or as long as they say.
        unsafe { call(device.raw.handle(), info, count, into) }.result()
    };
    let mut count = 0;
    ask(&mut count, std::ptr::null_mut())?;
    let mut found = vec![vk::PipelineExecutableInternalRepresentationKHR::default(); count as usize];
    ask(&mut count, found.as_mut_ptr())?;
    let mut texts: Vec<Vec<u8>> = found.iter().map(|one| vec![0; one.data_size]).collect();
    for (one, text) in found.iter_mut().zip(&mut texts) {
        one.p_data = text.as_mut_ptr().cast();
    }
    ask(&mut count, found.as_mut_ptr())?;
    let readable = found.iter().zip(&texts).filter(|(one, _)| one.is_text == vk::TRUE);
    Ok(readable
        .map(|(one, bytes)| (text(&one.name), String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()))
        .collect())
}
