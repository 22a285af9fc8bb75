//! Errors for programs: a word that stays the same, the place, and what to do.

use std::path::Path;

use super::CommandError;
use crate::input::{DecodeError, InputError};
use crate::json::{ErrorAnswer, ErrorRow};

impl CommandError {
    /// The error as `--json` prints it.
    pub(crate) fn answer(&self) -> ErrorAnswer {
        let error =
            ErrorRow { reason: self.reason(), message: self.to_string(), place: self.place(), hint: self.hint() };
        ErrorAnswer { error }
    }

    /// A word in kebab case, of which scripts may depend.
    fn reason(&self) -> &'static str {
        match self {
            Self::Config(_) => "bad-configuration",
            Self::LogFilter { .. } => "bad-log-filter",
            Self::Build(_) => "no-engine",
            Self::Input(error) => input_reason(error),
            Self::Context(_) | Self::ContextTooLong { .. } => "bad-context",
            Self::VerifyRequest(_) => "bad-request",
            Self::UnknownNetwork { .. } => "unknown-network",
            Self::ChallengeWithoutSignet { .. } => "challenge-without-signet",
            Self::ReadFile { .. } => "cannot-read",
            Self::WriteFile { .. } | Self::Stdout(_) => "cannot-write",
            Self::PartFile { .. } => "not-a-part",
            Self::OtherCheckpoint { .. } | Self::CheckpointMisfit { .. } | Self::CheckpointPastEnd { .. } => {
                "other-checkpoint"
            }
            Self::Join(_) | Self::JoinNetwork { .. } => "parts-do-not-join",
            Self::FolderAmongFiles { .. } | Self::FolderWithoutNetwork { .. } | Self::FolderInParts => {
                "folder-not-possible"
            }
            Self::ShardPastEnd => "input-changed",
            Self::NoReceipt(_) => "no-receipt",
            Self::ShardOfStdin => "not-regular",
            Self::Parameters { .. } => "bad-parameters",
            Self::TemplateFile { .. } | Self::Template(_) => "bad-template",
            Self::Key { .. } => "bad-key",
            Self::KeyExists { .. } => "key-exists",
            Self::KeyReadable { .. } => "key-readable",
            Self::Output(_) | Self::KeepFolder { .. } => "bad-output",
            Self::RulesDiffer { .. } => "rules-differ",
            Self::Receipt { .. } => "not-a-receipt",
            Self::Device { .. } => "device-failed",
            Self::NotReady { .. } => "device-not-ready",
            Self::Nice { .. } => "nice-refused",
            Self::NothingToMeasure { .. } | Self::NoBatches { .. } => "nothing-to-measure",
            Self::Record { .. } | Self::RecordRow { .. } => "bad-record",
            Self::NoRecords { .. } => "no-records",
            Self::Plot { .. } => "plot-failed",
            Self::NothingInCommon { .. } => "nothing-in-common",
            Self::Serve(_) => "service-failed",
            Self::Client(_) => "call-failed",
            Self::Demo(_) => "demo-failed",
            Self::System(_) => "system-refused",
        }
    }

    /// The file, with the line, column or byte where that is known.
    fn place(&self) -> Option<String> {
        match self {
            Self::Input(error) | Self::Context(error) => input_place(error),
            Self::ReadFile { path, .. }
            | Self::WriteFile { path, .. }
            | Self::PartFile { path, .. }
            | Self::OtherCheckpoint { path, .. }
            | Self::FolderAmongFiles { path }
            | Self::FolderWithoutNetwork { path }
            | Self::Parameters { path, .. }
            | Self::TemplateFile { path, .. }
            | Self::KeyExists { path }
            | Self::KeyReadable { path, .. }
            | Self::KeepFolder { path, .. }
            | Self::RulesDiffer { path, .. }
            | Self::Receipt { path, .. }
            | Self::Record { path, .. }
            | Self::RecordRow { path, .. }
            | Self::NoRecords { path } => Some(shown(path)),
            Self::Key { place, .. } => Some(place.clone()),
            Self::Device { device, .. } | Self::NotReady { device, .. } => Some(device.clone()),
            Self::Config(_)
            | Self::LogFilter { .. }
            | Self::Build(_)
            | Self::ContextTooLong { .. }
            | Self::VerifyRequest(_)
            | Self::UnknownNetwork { .. }
            | Self::ChallengeWithoutSignet { .. }
            | Self::Output(_)
            | Self::CheckpointMisfit { .. }
            | Self::CheckpointPastEnd { .. }
            | Self::Join(_)
            | Self::JoinNetwork { .. }
            | Self::FolderInParts
            | Self::ShardPastEnd
            | Self::NoReceipt(_)
            | Self::ShardOfStdin
            | Self::Template(_)
            | Self::Nice { .. }
            | Self::NothingToMeasure { .. }
            | Self::NoBatches { .. }
            | Self::Plot { .. }
            | Self::NothingInCommon { .. }
            | Self::Serve(_)
            | Self::Client(_)
            | Self::Demo(_)
            | Self::Stdout(_)
            | Self::System(_) => None,
        }
    }

    /// What to do, where there is something to say.
    pub(crate) fn hint(&self) -> Option<String> {
        if let Self::Input(error) | Self::Context(error) = self { error.hint() } else { None }
    }
}

fn input_reason(error: &InputError) -> &'static str {
    match error {
        InputError::Open { .. } | InputError::Read { .. } | InputError::Blocks { .. } | InputError::Thread { .. } => {
            "cannot-read"
        }
        InputError::Decode { source: DecodeError::OtherNetwork { .. }, .. } => "other-network",
        InputError::Decode { source, .. } if source.is_cut() => "cut",
        InputError::Decode { .. } => "bad-input",
        InputError::Unrecognised { .. } => "unrecognised-input",
        InputError::OtherFormat { .. } => "other-format",
        InputError::NoBlocks { .. } => "no-blocks",
        InputError::NotRegular { .. } => "not-regular",
        InputError::XorKey { .. } => "bad-xor-key",
        InputError::NoBlockFiles { .. } => "no-block-files",
        InputError::StdinTwice => "stdin-twice",
    }
}

fn input_place(error: &InputError) -> Option<String> {
    match error {
        InputError::Read { path, offset, .. } => Some(format!("{}, byte {offset}", shown(path))),
        InputError::Decode { path, source } => {
            Some(source.place().map_or_else(|| shown(path), |place| format!("{}, {place}", shown(path))))
        }
        InputError::Open { path, .. }
        | InputError::Unrecognised { path, .. }
        | InputError::OtherFormat { path, .. }
        | InputError::NoBlocks { path }
        | InputError::NotRegular { path }
        | InputError::XorKey { path, .. }
        | InputError::NoBlockFiles { path, .. } => Some(shown(path)),
        // What the system said of a block names the file.
        InputError::Blocks { .. } | InputError::Thread { .. } | InputError::StdinTwice => None,
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
