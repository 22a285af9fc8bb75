//! CitySeal's engine: seals blocks and verifies chains on the CPU and any number of GPUs.
//!
//! # Seal a block
//! ```
//! use cityseal_engine::{Engine, SealJob, SealOutcome};
//! use cityseal_engine::chain::{BlockHeader, Network, Parameters, SealTemplate};
//!
//! let engine = Engine::builder().gpu(false).build()?;
//! let genesis: BlockHeader = *Parameters::of(Network::Regtest).genesis();
//! let template = SealTemplate::builder(genesis).build()?;
//! let report = engine.seal(SealJob::new(template));
//! assert_eq!(report.outcome, SealOutcome::Sealed);
//! assert!(report.seals[0].header().bits.decode()?.is_met_by(&report.seals[0].hash()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Verify a chain
//! ```
//! use cityseal_engine::{Engine, VerifyRequest};
//! use cityseal_engine::chain::{Network, Parameters, Verdict};
//!
//! let engine = Engine::builder().gpu(false).threads(1).build()?;
//! let parameters = Parameters::of(Network::Mainnet);
//! let genesis = parameters.genesis().to_wire();
//!
//! let now = 1_700_000_000; // Unix time
//! let mut verifier = engine.header_verifier(VerifyRequest::new(parameters, now))?;
//! verifier.push(&genesis[..50]); // split anywhere
//! verifier.push(&genesis[50..]);
//! let report = verifier.finish(None);
//! assert!(matches!(report.verdict, Verdict::Valid));
//! assert_eq!(report.count, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does
//! The engine finds and self-tests devices, lends them disjoint parts of a search, judges their claims on the CPU, and
//! continues if a device gives wrong answers, hangs or is lost. It needs no async runtime and keeps no global state, so
//! a process may run several engines. Each engine starts one thread per GPU, one per CPU worker, and a watchdog, with a
//! stack of 2 MiB each.
//!
//! # Debug builds are slow
//! The kernels rely on the optimiser. At opt-level 0, cargo's default for `cargo build` and `cargo test`, every vector
//! operation is a function call: an AVX-512 search drops from about 40 million hashes per second and core to 0.1
//! million (400 times slower), the portable kernel to 0.16 million. The answers are the same, and the kernels need at
//! most 128 KiB of stack (less than 64 KiB in optimised builds), so any thread can call them. For full speed in a debug
//! build, add this to the `Cargo.toml` at the root of your workspace:
//!
//! ```toml
//! [profile.dev.package.cityseal-hash] # the kernels: nearly all of the speed
//! opt-level = 3
//!
//! [profile.dev.package."*"] # every dependency: the rest, such as the parsing of blocks
//! opt-level = 2
//! ```
//!
//! # Cargo features
//! - `gpu` (default): GPUs through wgpu (Vulkan, Metal, DX12). Without it, neither wgpu nor naga is compiled and the
//!   API stays the same, but no GPU is found: [`Engine::notes`] says so, and a GPU selected by name is a
//!   [`BuildError`].
//! - `gl`: OpenGL too, for GPUs without another driver. Off by default, because its libraries print to stderr on
//!   machines without a display. Mesa's Vulkan layer does the same if `XDG_RUNTIME_DIR` is not set; to prevent that,
//!   start your program with `NODEVICE_SELECT=1`, as the binary `cityseal` does by itself.
//! - `bitcoin`: `From` and `TryFrom` between the headers, hashes, targets, work and networks of [`chain`] and the types
//!   of rust-bitcoin 0.32.

mod builder;
mod control;
mod coverage;
mod devices;
mod driver;
mod engine;
mod error;
mod fallback;
mod gpu;
mod job;
mod judge;
mod outlook;
mod policy;
mod probability;
mod profile;
mod seal_job;
mod seal_report;
mod task;
mod tenant;
mod usage;
mod verifier;
mod verify;
mod workers;

pub use builder::EngineBuilder;
pub use cityseal_chain as chain;
pub use cityseal_device as device;
pub use cityseal_hash as hash;
pub use coverage::{CoverageSpan, SealCoverage, SearchedRun};
pub use devices::{
    Cost, Costs, Crossover, DeviceShare, DeviceState, DeviceStatus, LeftOut, LeftOutReason, Selection, WorkKind,
    pays_off, smallest_batch,
};
pub use engine::Engine;
pub use error::{BuildError, VerifyError, VerifyRequestError};
pub use fallback::WhenNoGpu;
pub use job::JobHandle;
pub use outlook::JobOutlook;
pub use policy::EnginePolicy;
pub use probability::{probability_per_hash, probability_within};
pub use profile::Profile;
pub use seal_job::{JobSnapshot, SealJob};
pub use seal_report::{SealFailure, SealOutcome, SealReport};
pub use tenant::{TENANT_WEIGHT_MAX, TenantShare, TenantUsage, TenantsError};
pub use usage::{DeviceTime, OTHER_TENANTS, TimeKind};
pub use verifier::{BlockVerifier, ChainItems, HeaderVerifier, Verifier};
pub use verify::{
    BlockBatch, BlockPlace, Finish, Progress, ReadAt, ReadBlocks, RunState, Stage, StageName, UnreadBlocks,
    VerifyReport, VerifyRequest,
};
