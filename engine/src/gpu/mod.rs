//! The items of the GPU back end that the engine uses. Without the feature `gpu` the same names exist, but no GPU is
//! found.

#[cfg(not(feature = "gpu"))]
mod absent;

#[cfg(not(feature = "gpu"))]
pub(crate) use absent::{
    DiscoverOptions, Discovered, DiscoveredState, Remembered, Variant, VariantChoice, discover, variant_names,
};
#[cfg(feature = "gpu")]
pub(crate) use cityseal_gpu::{
    DiscoverOptions, Discovered, DiscoveredState, Remembered, VariantChoice, discover, shader::Variant,
};

/// Whether this build can use GPUs.
pub(crate) const IS_BUILT: bool = cfg!(feature = "gpu");

/// Why a build without the back end has no GPU, and what to do.
pub(crate) const NOT_BUILT: &str =
    "this program was built without GPU support: build cityseal-engine with its default cargo feature `gpu`";

/// The prefix of the names of all shader variants.
pub(crate) const VARIANT_PREFIX: &str = "wgsl-";

/// The names of the shader variants in this build.
#[cfg(feature = "gpu")]
pub(crate) fn variant_names() -> impl Iterator<Item = &'static str> {
    Variant::ALL.into_iter().map(Variant::name)
}

#[cfg(all(test, feature = "gpu"))]
mod tests {
    use super::*;

    #[test]
    fn every_shader_variant_has_the_prefix() {
        assert!(variant_names().count() > 1);
        assert!(variant_names().all(|name| name.starts_with(VARIANT_PREFIX)));
    }
}
