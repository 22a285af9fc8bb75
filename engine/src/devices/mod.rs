//! The devices of an engine: finding and choosing them, opening and testing them, and what is known about each.

mod cost_model;
mod device_profile;
mod measure;
mod nodes;
mod open;
mod select;
mod status;
mod tuning_cache;

pub(crate) use cost_model::CostModel;
pub use cost_model::{Cost, Costs, Crossover, WorkKind, pays_off, smallest_batch};
pub(crate) use device_profile::DeviceProfile;
pub(crate) use nodes::may_have_gpu;
pub(crate) use open::{OpenDevice, measure_costs, open_and_test};
pub(crate) use select::{AUTO, Chosen, Found, GpuOptions, NO_GPU_READY};
pub use select::{LeftOut, LeftOutReason, Selection};
pub use status::{DeviceShare, DeviceState, DeviceStatus};
pub(crate) use tuning_cache::forget;
