//! Sealing: templates and the fields that may roll, the search space, its leases to devices, coverage and seals.

mod candidate;
mod coinbase;
mod coverage;
mod lease;
mod region;
mod rolling_version;
mod rooted;
mod seal;
mod space;
mod span;
pub mod stratum;
mod template;
mod template_file;

pub use candidate::Candidate;
pub use coinbase::{CoinbaseError, CoinbaseParts};
pub use coverage::{Coverage, CoverageEntry, CoverageError, CoverageGap, CoverageRun, DeviceTag};
pub use lease::{Lease, LeaseBook};
pub use region::Region;
pub use rolling_version::{RollingVersion, VersionMaskError, VersionRun};
pub use rooted::RootedTemplate;
pub use seal::{CandidateRefused, Seal};
pub use space::{SearchSpace, SpaceTooLarge, Stretch};
pub use span::{ExtranonceSpan, NonceSpan, Span, SpanBackwards, TimeSpan};
pub use template::{RegionInput, SealTemplate, SealTemplateBuilder, TemplateError};
pub use template_file::TemplateFileError;
