//! CitySeal's engine: seals blocks and verifies chains over the CPU and any number of GPUs.
//!
//! The one crate that a library user names. It finds and self-tests devices, lends them disjoint parts of a search,
//! judges what they claim on the CPU, and goes on when one of them lies, hangs or is lost. It works without async,
//! keeps no global state (several engines may live in one process), and starts one thread per device and CPU worker, and one
//! that watches the clock for them. Each has a stack of 2 MiB.
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
//! let engine = Engine::builder().gpu(false).threads(Some(1)).build()?;
//! let parameters = Parameters::of(Network::Mainnet);
//! let genesis = parameters.genesis().to_wire();
//!
//! let mut verifier = engine.verifier(VerifyRequest::new(parameters).now(1_700_000_000))?;
//! verifier.push(&genesis[..50]); // any split will do
//! verifier.push(&genesis[50..]);
//! let report = verifier.finish(None);
//! assert!(matches!(report.verdict, Verdict::Valid));
//! assert_eq!(report.count, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Debug builds are slow
//! The kernels rely on the optimiser. At opt-level 0, cargo's default for `cargo build` and `cargo test`, every operation on a
//! vector is a function call: a search with AVX-512 falls from about 40 million hashes a second on a core to 0.1 million, 400
//! times less, and the portable kernel to 0.16 million. Answers are the same, and the kernels need at most 128 KiB of stack (less
//! than 64 KiB in optimised builds), so that any thread can call them. To get the full speed in a debug build, add this to the
//! `Cargo.toml` of your workspace's root:
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
//! - `gpu` (default): GPUs through wgpu (Vulkan, Metal, DX12). Without it neither wgpu nor naga is compiled, the API stays the same,
//!   no GPU is found, [`Engine::notes`] says so, and asking for one by name is a [`BuildError`].
//! - `gl`: OpenGL too, for GPUs that have no other driver. Off by default, since its libraries print to stderr on machines without
//!   a display. Mesa's Vulkan layer does the same where `XDG_RUNTIME_DIR` is not set; start your program with `NODEVICE_SELECT=1`
//!   then, as the binary `cityseal` does by itself.

mod builder;
mod crossover;
mod device_status;
mod driver;
mod error;
mod fitting;
mod gpu;
mod job;
mod judge;
mod measure;
mod memory;
mod profile;
mod seal_report;
mod select;
mod shell;
mod trees;
mod verify;

pub use builder::{EngineBuilder, EnginePolicy};
pub use cityseal_chain as chain;
pub use cityseal_device as device;
pub use cityseal_hash as hash;
pub use crossover::{Cost, Costs, Crossover, WorkKind, is_worth, smallest_batch};
pub use device_status::{DeviceShare, DeviceState, DeviceStatus};
pub use error::{Blame, BuildError, TreesError, VerifyError, VerifyRequestError};
pub use job::{JobHandle, JobSnapshot, SealJob};
pub use profile::Profile;
pub use seal_report::{CoverageSpan, SealFailure, SealOutcome, SealReport};
pub use select::{LeftOut, LeftOutReason, Selection};
pub use shell::Engine;
pub use trees::{TreeVerdict, TreesReport, TreesRequest, TreesShare};
pub use verify::{
    BlockBatch, BlockPlace, BlockVerifier, Finish, Progress, ReadAt, ReadBlocks, RunState, Stage, StageName,
    UnreadBlocks, Verifier, VerifyReport, VerifyRequest,
};
