//! The compiled shaders of one device. All are built when the device is opened: a pipeline that fails later can lose the
//! device without a word.

use std::num::NonZeroU64;

use cityseal_device::OpenError;
use wgpu::{BindGroup, BindGroupLayout, ComputePipeline, Device, ErrorFilter};

use crate::layout::{HashWords, Rotations, SearchWords};
use crate::shader::{Rotate, Shader, Variant};

/// The compiled shaders and the layouts of what is bound to them.
#[derive(Debug)]
pub(crate) struct Pipelines {
    search_one: ComputePipeline,
    search_shared: ComputePipeline,
    headers: ComputePipeline,
    nodes: ComputePipeline,
    /// Layout of group 0 of both searches: words, results.
    pub(crate) search_layout: BindGroupLayout,
    /// Layout of group 0 of both hashes: words, items, hashes, marks.
    pub(crate) hash_layout: BindGroupLayout,
    rotations: Option<BindGroup>,
}

impl Pipelines {
    /// Compiles every shader in the given variant.
    ///
    /// # Errors
    /// [`OpenError::Refused`] with the driver's words.
    pub(crate) fn build(
        device: &Device,
        queue: &wgpu::Queue,
        variant: Variant,
        workgroup: u32,
    ) -> Result<Self, OpenError> {
        under_scopes(device, || {
            let search_layout = layout(device, "search", &[uniform::<SearchWords>(), storage(false)]);
            let hash_layout =
                layout(device, "hash", &[uniform::<HashWords>(), storage(true), storage(false), storage(false)]);
            let rotations = (variant.rotate == Rotate::Loaded).then(|| Loaded::new(device, queue));
            let compile = |shader, own: &BindGroupLayout| {
                let loaded = rotations.as_ref().map(|loaded| &loaded.layout);
                compile(device, shader, variant, workgroup, &[Some(own), loaded])
            };
            Self {
                search_one: compile(Shader::SearchOne, &search_layout),
                search_shared: compile(Shader::SearchShared, &search_layout),
                headers: compile(Shader::Headers, &hash_layout),
                nodes: compile(Shader::Nodes, &hash_layout),
                search_layout,
                hash_layout,
                rotations: rotations.map(|loaded| loaded.group),
            }
        })
    }

    /// Notes one dispatch of a shader.
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
        if let Some(rotations) = &self.rotations {
            pass.set_bind_group(1, rotations, &[]);
        }
        pass.dispatch_workgroups(workgroups, 1, 1);
    }

    const fn of(&self, shader: Shader) -> &ComputePipeline {
        match shader {
            Shader::SearchOne => &self.search_one,
            Shader::SearchShared => &self.search_shared,
            Shader::Headers => &self.headers,
            Shader::Nodes => &self.nodes,
        }
    }
}

/// Runs `build`, and refuses its result where the driver found fault with any of it.
///
/// # Errors
/// [`OpenError::Refused`] with the driver's words.
pub(crate) fn under_scopes<T>(device: &Device, build: impl FnOnce() -> T) -> Result<T, OpenError> {
    let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
    let internal = device.push_error_scope(ErrorFilter::Internal);
    let validation = device.push_error_scope(ErrorFilter::Validation);
    let built = build();
    // Scopes end in the reverse order of their beginning.
    let validation = pollster::block_on(validation.pop());
    let internal = pollster::block_on(internal.pop());
    let memory = pollster::block_on(memory.pop());
    match validation.or(internal).or(memory) {
        Some(error) => Err(OpenError::Refused { reason: error.to_string() }),
        None => Ok(built),
    }
}

/// The buffer of the rotations' amounts, bound.
struct Loaded {
    layout: BindGroupLayout,
    group: BindGroup,
}

impl Loaded {
    fn new(device: &Device, queue: &wgpu::Queue) -> Self {
        let layout = layout(device, "rotations", &[uniform::<Rotations>()]);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("rotations"),
            size: size_of::<Rotations>() as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        queue.write_buffer(&buffer, 0, bytemuck::bytes_of(&Rotations::AMOUNTS));
        let group = bind(device, "rotations", &layout, &[&buffer]);
        Self { layout, group }
    }
}

/// Binds buffers to the bindings 0, 1, … of a layout.
pub(crate) fn bind(device: &Device, label: &str, layout: &BindGroupLayout, buffers: &[&wgpu::Buffer]) -> BindGroup {
    let resources = buffers.iter().map(|buffer| buffer.as_entire_binding());
    let entries: Vec<_> =
        (0..).zip(resources).map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource }).collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout, entries: &entries })
}

const fn uniform<T>() -> wgpu::BindingType {
    buffer_binding(wgpu::BufferBindingType::Uniform, NonZeroU64::new(size_of::<T>() as u64))
}

const fn storage(read_only: bool) -> wgpu::BindingType {
    buffer_binding(wgpu::BufferBindingType::Storage { read_only }, None)
}

const fn buffer_binding(ty: wgpu::BufferBindingType, min_binding_size: Option<NonZeroU64>) -> wgpu::BindingType {
    wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size }
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
    groups: &[Option<&BindGroupLayout>],
) -> ComputePipeline {
    let label = Some(shader.entry_point());
    let source = wgpu::ShaderSource::Wgsl(shader.text(variant).into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: if groups[1].is_none() { &groups[..1] } else { groups },
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
