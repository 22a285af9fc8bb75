//! The compiled shaders of one device. All are built when the device is opened, because a pipeline that fails later can
//! lose the device without an error message.

use std::num::NonZeroU64;

use cityseal_device::OpenError;
use wgpu::{BindGroup, BindGroupLayout, ComputePipeline, Device, ErrorFilter};

use crate::layout::{HashWords, LEVEL_STRIDE, LevelWords, SearchWords};
use crate::shader::{Shader, Variant};

/// The compiled shaders and their bind group layouts.
#[derive(Debug)]
pub(crate) struct Pipelines {
    compiled: Vec<(Shader, ComputePipeline)>,
    /// Layout of group 0 of both searches: words, results.
    pub(crate) search_layout: BindGroupLayout,
    /// Layout of group 0 of the shaders that hash items: words, items, hashes, marks.
    pub(crate) hash_layout: BindGroupLayout,
    /// Layout of group 0 of the tree shaders: words of a level, sources, nodes, marks.
    pub(crate) tree_layout: BindGroupLayout,
}

impl Pipelines {
    /// Compiles shaders in the given variant.
    ///
    /// # Errors
    /// [`OpenError::Refused`] with the driver's message.
    pub(crate) fn build(
        device: &Device,
        (variant, shaders): (Variant, &[Shader]),
        workgroup: u32,
    ) -> Result<Self, OpenError> {
        under_scopes(device, || {
            let search_layout = layout(device, "search", &[uniform::<SearchWords>(), storage(false)]);
            let hash_layout =
                layout(device, "hash", &[uniform::<HashWords>(), storage(true), storage(false), storage(false)]);
            let tree_layout = layout(
                device,
                "trees",
                &[uniform_of_many::<LevelWords>(), storage(true), storage(false), storage(false)],
            );
            let group_of = |shader| match shader {
                Shader::SearchOne | Shader::SearchShared => &search_layout,
                Shader::Headers | Shader::Nodes | Shader::Rfc6962Nodes => &hash_layout,
                Shader::TreeNodes | Shader::Rfc6962TreeNodes => &tree_layout,
            };
            let compile = |shader: &Shader| (*shader, compile(device, *shader, variant, workgroup, group_of(*shader)));
            Self { compiled: shaders.iter().map(compile).collect(), search_layout, hash_layout, tree_layout }
        })
    }

    /// Records one dispatch of a shader.
    pub(crate) fn dispatch(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        shader: Shader,
        group: &BindGroup,
        workgroups: u32,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(self.of(shader));
        pass.set_bind_group(0, group, &[]);
        pass.dispatch_workgroups(workgroups, 1, 1);
    }

    /// Records one dispatch per level. Each sees what the ones before it wrote.
    pub(crate) fn dispatch_levels(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        shader: Shader,
        group: &BindGroup,
        workgroups: impl Iterator<Item = u32>,
    ) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        pass.set_pipeline(self.of(shader));
        for (offset, workgroups) in (0..).step_by(LEVEL_STRIDE).zip(workgroups) {
            pass.set_bind_group(0, group, &[offset]);
            pass.dispatch_workgroups(workgroups, 1, 1);
        }
    }

    fn of(&self, shader: Shader) -> &ComputePipeline {
        let found = self.compiled.iter().find(|(compiled, _)| *compiled == shader);
        &found.expect("the shader was compiled when the device was opened").1
    }
}

/// Runs `build`, and fails if the driver reports an error.
///
/// # Errors
/// [`OpenError::Refused`] with the driver's message.
pub(crate) fn under_scopes<T>(device: &Device, build: impl FnOnce() -> T) -> Result<T, OpenError> {
    let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
    let internal = device.push_error_scope(ErrorFilter::Internal);
    let validation = device.push_error_scope(ErrorFilter::Validation);
    let built = build();
    // Error scopes are a stack.
    let validation = pollster::block_on(validation.pop());
    let internal = pollster::block_on(internal.pop());
    let memory = pollster::block_on(memory.pop());
    match validation.or(internal).or(memory) {
        Some(error) => Err(OpenError::Refused { reason: error.to_string() }),
        None => Ok(built),
    }
}

/// Binds buffers to the bindings 0, 1, … of a layout.
pub(crate) fn bind(device: &Device, label: &str, layout: &BindGroupLayout, buffers: &[&wgpu::Buffer]) -> BindGroup {
    bind_all(device, label, layout, buffers.iter().map(|buffer| buffer.as_entire_binding()))
}

/// Binds the words of one level at a dynamic offset, and other buffers.
pub(crate) fn bind_words(
    device: &Device,
    layout: &BindGroupLayout,
    words: &wgpu::Buffer,
    buffers: &[&wgpu::Buffer],
) -> BindGroup {
    let size = NonZeroU64::new(size_of::<LevelWords>() as u64);
    let words = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: words, offset: 0, size });
    let others = buffers.iter().map(|buffer| buffer.as_entire_binding());
    bind_all(device, "trees", layout, std::iter::once(words).chain(others))
}

fn bind_all<'a>(
    device: &Device,
    label: &str,
    layout: &BindGroupLayout,
    resources: impl Iterator<Item = wgpu::BindingResource<'a>>,
) -> BindGroup {
    let entry = |(binding, resource)| wgpu::BindGroupEntry { binding, resource };
    let entries: Vec<_> = (0..).zip(resources).map(entry).collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout, entries: &entries })
}

const fn uniform<T>() -> wgpu::BindingType {
    buffer_binding(wgpu::BufferBindingType::Uniform, NonZeroU64::new(size_of::<T>() as u64), false)
}

/// A uniform buffer with many elements; a dynamic offset selects one for each dispatch.
const fn uniform_of_many<T>() -> wgpu::BindingType {
    buffer_binding(wgpu::BufferBindingType::Uniform, NonZeroU64::new(size_of::<T>() as u64), true)
}

const fn storage(read_only: bool) -> wgpu::BindingType {
    buffer_binding(wgpu::BufferBindingType::Storage { read_only }, None, false)
}

const fn buffer_binding(
    ty: wgpu::BufferBindingType,
    min_binding_size: Option<NonZeroU64>,
    has_dynamic_offset: bool,
) -> wgpu::BindingType {
    wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size }
}

fn layout(device: &Device, label: &str, bindings: &[wgpu::BindingType]) -> BindGroupLayout {
    let entry = |(binding, ty): (u32, &wgpu::BindingType)| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: *ty,
        count: None,
    };
    let entries: Vec<_> = (0..).zip(bindings).map(entry).collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries })
}

fn compile(
    device: &Device,
    shader: Shader,
    variant: Variant,
    workgroup: u32,
    group: &BindGroupLayout,
) -> ComputePipeline {
    let label = Some(shader.entry_point());
    let source = wgpu::ShaderSource::Wgsl(shader.text(variant).into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(group)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module: &module,
        entry_point: label,
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &[("WORKGROUP_SIZE", f64::from(workgroup))],
            ..Default::default()
        },
        cache: None,
    })
}
