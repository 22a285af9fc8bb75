//! Finds devices, chooses among them by name, and explains why the others are left out.

use std::path::Path;
use std::time::Duration;

pub use cityseal_device::LeftOutReason;
use cityseal_device::{CPU_DEVICE_ID, CpuOpener, DeviceInfo, DeviceKind, Opener};
use cityseal_hash::HashKernel;

use super::tuning_cache;
use crate::error::BuildError;
use crate::gpu::{self, DiscoverOptions, Discovered, DiscoveredState, Remembered, Variant, VariantChoice};

/// A device that is not used.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// The device.
    pub info: DeviceInfo,
    /// Why it is not used.
    pub reason: LeftOutReason,
}

/// The name of the default: every ready device, each for the tasks that pay off.
pub(crate) const AUTO: &str = "auto";

/// How to look for GPUs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GpuOptions {
    /// Whether software adapters count as devices.
    pub(crate) allow_software: bool,
    /// Target duration of a dispatch.
    pub(crate) dispatch_time: Duration,
    /// The requested shader variant; `None`: the fastest.
    pub(crate) variant: Option<Variant>,
    /// Whether to note that no GPU is ready; false if the caller named a CPU kernel.
    pub(crate) is_expected: bool,
}

/// The note for a machine without a ready GPU.
pub(crate) const NO_GPU_READY: &str =
    "no GPU is ready, so the CPU does all the work (`cityseal devices` shows why for each device)";

/// How a device was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// By name: it takes every task, and must be ready.
    ByName,
    /// Added by the caller: it takes every task.
    Added,
    /// By default: it takes the tasks that pay off.
    Auto,
}

/// The chosen devices, not opened yet.
pub struct Selection {
    /// The chosen devices, the CPU first. The CPU is one entry, whatever the number of its threads.
    pub devices: Vec<Box<dyn Opener>>,
    /// Every other device found, with the reason.
    pub left_out: Vec<LeftOut>,
    /// Notes for the user, such as that no GPU is ready.
    pub notes: Vec<String>,
    /// Threads of the CPU.
    pub threads: usize,
    /// The kernel of the CPU.
    pub kernel: HashKernel,
    /// How each of `devices` was chosen.
    pub(crate) chosen: Vec<Chosen>,
    /// Whether a ready GPU would have been used: no device and no CPU kernel was named.
    pub(crate) expects_gpu: bool,
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let devices: Vec<&DeviceInfo> = self.devices.iter().map(|opener| opener.info()).collect();
        f.debug_struct("Selection")
            .field("devices", &devices)
            .field("left_out", &self.left_out)
            .field("notes", &self.notes)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// All devices found, before any is chosen.
pub(crate) struct Found {
    openers: Vec<Box<dyn Opener>>,
    /// Number of openers, after the CPU's, that the caller added.
    added: usize,
    left_out: Vec<LeftOut>,
    expects_gpu: bool,
    /// Why no GPU adapter was found.
    no_adapter: Option<String>,
    /// Whether GPUs were requested but this build has no back end for them.
    lacks_gpu_support: bool,
}

impl Found {
    pub(crate) fn new(kernel: HashKernel, added: Vec<Box<dyn Opener>>) -> Self {
        let count = added.len();
        let mut openers: Vec<Box<dyn Opener>> = vec![Box::new(CpuOpener::new(kernel))];
        openers.extend(added);
        let left_out = Vec::new();
        Self { openers, added: count, left_out, expects_gpu: false, no_adapter: None, lacks_gpu_support: false }
    }

    pub(crate) fn look_for_gpus(&mut self, options: GpuOptions, file: Option<&Path>) {
        let GpuOptions { allow_software, dispatch_time, variant, is_expected } = options;
        let kept = file.map(tuning_cache::load).unwrap_or_default();
        let remembered: Vec<Remembered> = kept.into_iter().map(|kept| kept.remembered).collect();
        let variant = variant.map_or(VariantChoice::Auto, VariantChoice::Given);
        let options = DiscoverOptions { allow_software, dispatch_time, variant, remembered: &remembered };
        let discovery = gpu::discover(options);
        self.lacks_gpu_support = !gpu::IS_BUILT;
        self.expects_gpu = is_expected;
        self.no_adapter = discovery.note.map(|note| note.to_string());
        for Discovered { info, state } in discovery.devices {
            match state {
                DiscoveredState::Ready(opener) => self.openers.push(opener),
                DiscoveredState::LeftOut(reason) => self.left_out.push(LeftOut { info, reason }),
            }
        }
    }

    pub(crate) fn choose(
        mut self,
        names: &[String],
        threads: usize,
        kernel: HashKernel,
    ) -> Result<Selection, BuildError> {
        let marks = self.marks(names)?;
        let (mut devices, mut chosen) = (Vec::new(), Vec::new());
        for (opener, mark) in std::mem::take(&mut self.openers).into_iter().zip(marks) {
            if let Some(mark) = mark {
                devices.push(opener);
                chosen.push(mark);
            } else {
                let info = opener.info().clone();
                self.left_out.push(LeftOut { info, reason: LeftOutReason::NotSelected });
            }
        }
        let expects_gpu = self.expects_gpu && !chosen.contains(&Chosen::ByName);
        let mut notes = Vec::new();
        if expects_gpu && devices.iter().all(|opener| opener.info().kind == DeviceKind::Cpu) {
            let no_adapter = self.no_adapter.map(|why| format!("no GPU is ready, so the CPU does all the work: {why}"));
            notes.push(no_adapter.unwrap_or_else(|| NO_GPU_READY.to_owned()));
        }
        Ok(Selection { devices, left_out: self.left_out, notes, threads, kernel, chosen, expects_gpu })
    }

    /// How each opener was chosen, if it was. A name takes precedence over `auto`.
    fn marks(&self, names: &[String]) -> Result<Vec<Option<Chosen>>, BuildError> {
        let is_auto = |name: &&String| name.eq_ignore_ascii_case(AUTO);
        let auto = names.is_empty() || names.iter().any(|name| is_auto(&name));
        let own = 1..=self.added;
        let unnamed = |at: usize| if own.contains(&at) { Chosen::Added } else { Chosen::Auto };
        let mut marks: Vec<Option<Chosen>> = (0..self.openers.len()).map(|at| auto.then(|| unnamed(at))).collect();
        for name in names.iter().filter(|name| !is_auto(name)) {
            if !self.openers.iter().any(|opener| matches_name(name, opener.info())) {
                return Err(self.refusal(name));
            }
            let named = self.openers.iter().zip(&mut marks).filter(|(opener, _)| matches_name(name, opener.info()));
            named.for_each(|(_, mark)| *mark = Some(Chosen::ByName));
        }
        Ok(marks)
    }

    fn refusal(&self, name: &str) -> BuildError {
        let matching = || self.left_out.iter().filter(|left| matches_name(name, &left.info));
        // If a duplicate and its original are both left out, only the original's reason helps.
        let is_duplicate = |left: &LeftOut| {
            left.reason.duplicate_of().is_some_and(|kept| matching().any(|other| other.info.id == kept))
        };
        let useful = matching().filter(|left| !is_duplicate(left));
        let reasons: Vec<String> = useful.map(|left| format!("{}: {}", left.info.name, left.reason)).collect();
        let name = name.to_owned();
        if !reasons.is_empty() {
            return BuildError::NotReady { name, reason: reasons.join("; ") };
        }
        if self.lacks_gpu_support {
            let reason = format!("no device that was found has this name, and {}", gpu::NOT_BUILT);
            return BuildError::NotReady { name, reason };
        }
        if name.eq_ignore_ascii_case("gpu") {
            return BuildError::NotReady { name, reason: "no GPU was found".to_owned() };
        }
        let openers = self.openers.iter().map(|opener| opener.info().name.clone());
        let known = openers.chain(self.left_out.iter().map(|left| left.info.name.clone()));
        BuildError::UnknownDevice { name, known: known.collect() }
    }
}

/// Whether a name given by the user selects this device.
fn matches_name(name: &str, info: &DeviceInfo) -> bool {
    let name = name.to_lowercase();
    match name.as_str() {
        "" => false,
        "all" => true,
        CPU_DEVICE_ID => info.kind == DeviceKind::Cpu,
        "gpu" => info.kind != DeviceKind::Cpu,
        "software" => info.kind == DeviceKind::Software,
        LAVAPIPE if is_llvmpipe(info) => true,
        part => info.id.to_lowercase() == part || info.name.to_lowercase().contains(part) || matches_pci(part, info),
    }
}

/// The common name of Mesa's software Vulkan driver, and the name of its adapter.
const LAVAPIPE: &str = "lavapipe";
const LLVMPIPE: &str = "llvmpipe";

fn is_llvmpipe(info: &DeviceInfo) -> bool {
    info.kind == DeviceKind::Software && info.name.to_lowercase().contains(LLVMPIPE)
}

/// Whether a name is a PCI address (`0000:01:00.0`, or without the domain if that is 0) or vendor:device (`10de:2684`).
fn matches_pci(name: &str, info: &DeviceInfo) -> bool {
    let words = info.pci.iter().flat_map(|pci| pci.split_whitespace());
    words.map(str::to_lowercase).any(|word| word == name || word.strip_prefix("0000:") == Some(name))
}

#[cfg(test)]
mod tests {
    use cityseal_device::OpenError;
    use cityseal_device::fake::FakeOpener;

    use super::*;

    fn card(pci: Option<&str>) -> DeviceInfo {
        let mut info = FakeOpener::new("vulkan-10de-2684-0000:01:00.0").info().clone();
        "NVIDIA GeForce RTX 4090".clone_into(&mut info.name);
        info.pci = pci.map(str::to_owned);
        info
    }

    /// A selection from the CPU, a device that the caller added and one that was found.
    fn choose(names: &[&str]) -> Result<Vec<(String, Chosen)>, BuildError> {
        let kernel = HashKernel::portable();
        let mut found = Found::new(kernel, vec![Box::new(FakeOpener::new("own"))]);
        found.openers.push(Box::new(FakeOpener::new("card")));
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let selection = found.choose(&names, 1, kernel)?;
        assert!(selection.left_out.iter().all(|left| left.reason == LeftOutReason::NotSelected));
        assert_eq!(selection.left_out.len() + selection.devices.len(), 3);
        let ids = selection.devices.iter().map(|opener| opener.info().id.clone());
        Ok(ids.zip(selection.chosen).collect())
    }

    #[test]
    fn a_device_is_named_by_id_part_of_its_name_address_numbers_or_kind() {
        let info = card(Some("0000:01:00.0 10de:2684"));
        let id = "Vulkan-10DE-2684-0000:01:00.0";
        for name in [id, "rtx 4090", "GEFORCE", "0000:01:00.0", "01:00.0", "10de:2684", "10DE:2684", "gpu", "all"] {
            assert!(matches_name(name, &info), "{name}");
        }
        for name in ["", "cpu", "software", "rtx 4091", "0000:02:00.0", "1:00.0", "10de", "2684", "10de:2685"] {
            assert!(!matches_name(name, &info), "{name}");
        }
        assert!(!matches_name("10de:2684", &card(None)));
    }

    #[test]
    fn auto_is_the_default_and_a_device_name_takes_precedence_over_it() {
        let own = |id: &str, chosen| (id.to_owned(), chosen);
        let default = [own("cpu", Chosen::Auto), own("own", Chosen::Added), own("card", Chosen::Auto)];
        assert_eq!(choose(&[]).unwrap(), default);
        assert_eq!(choose(&["AUTO"]).unwrap(), default);
        assert_eq!(choose(&["card"]).unwrap(), [own("card", Chosen::ByName)]);
        let beside = [own("cpu", Chosen::Auto), own("own", Chosen::Added), own("card", Chosen::ByName)];
        assert_eq!(choose(&["auto", "card"]).unwrap(), beside);
        assert_eq!(choose(&["card", "auto"]).unwrap(), beside);
    }

    #[test]
    fn a_name_that_matches_nothing_is_refused_next_to_auto_too() {
        assert!(matches!(choose(&["auto", "warp-drive"]), Err(BuildError::UnknownDevice { .. })));
        assert!(matches!(choose(&["software"]), Err(BuildError::UnknownDevice { .. })));
    }

    /// The CPU, and a software adapter that is left out, seen through two APIs.
    fn found_with_software() -> Found {
        let mut found = Found::new(HashKernel::portable(), Vec::new());
        for (id, reason) in [
            ("vulkan-10005-0000", LeftOutReason::Software),
            ("gl-10005-0000", LeftOutReason::Duplicate { of: "vulkan-10005-0000".into() }),
        ] {
            let mut info = FakeOpener::new(id).info().clone();
            (info.name, info.kind) = ("llvmpipe (LLVM 15.0.6, 256 bits)".into(), DeviceKind::Software);
            found.left_out.push(LeftOut { info, reason });
        }
        found
    }

    #[test]
    fn software_that_is_named_without_being_allowed_is_refused_with_the_flag_that_allows_it() {
        for name in ["llvmpipe", "lavapipe", "LavaPipe", "LLVM", "Software", "gpu", "vulkan-10005-0000"] {
            let refused = found_with_software().choose(&[name.to_owned()], 1, HashKernel::portable()).unwrap_err();
            let message = refused.to_string();
            assert!(matches!(refused, BuildError::NotReady { .. }), "{name}: {message}");
            assert!(message.contains("--allow-software") && message.contains(name), "{message}");
            assert!(!message.contains("same device"), "the other API is no reason of its own: {message}");
        }
    }

    #[test]
    fn a_missing_gpu_is_noted_once_and_only_where_one_would_have_been_used() {
        let notes = |is_expected, no_adapter: Option<&str>, names: &[&str]| {
            let mut found = found_with_software();
            (found.expects_gpu, found.no_adapter) = (is_expected, no_adapter.map(str::to_owned));
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            found.choose(&names, 1, HashKernel::portable()).unwrap().notes
        };
        assert_eq!(notes(true, None, &[]), [NO_GPU_READY]);
        assert_eq!(notes(true, None, &["auto"]), [NO_GPU_READY]);
        let [note] = &notes(true, Some("no adapter"), &[])[..] else { panic!("one note") };
        assert!(note.starts_with("no GPU is ready") && note.ends_with(": no adapter"), "{note}");
        assert_eq!(notes(true, None, &["cpu"]), [""; 0], "the CPU was named");
        assert_eq!(notes(false, None, &[]), [""; 0], "no GPU was looked for, or a CPU kernel was named");
    }

    #[test]
    fn every_reason_has_a_name_and_a_message() {
        let reason = |text: &str| text.to_owned();
        let all = [
            LeftOutReason::Software,
            LeftOutReason::Duplicate { of: reason("vulkan-1") },
            OpenError::Lacks { what: reason("buffers"), wanted: 3, found: 1 }.into(),
            OpenError::Gone.into(),
            LeftOutReason::FailedSelfTest { reason: reason("no") },
            LeftOutReason::NotSelected,
        ];
        let words = all.each_ref().map(LeftOutReason::name);
        assert_eq!(words, ["software", "duplicate", "unfit", "failed", "failed-self-test", "not-selected"]);
        assert!(all.iter().all(|reason| !reason.to_string().is_empty()));
        assert_eq!(all[1].duplicate_of(), Some("vulkan-1"));
        assert!(all.iter().filter(|reason| reason.duplicate_of().is_some()).count() == 1);
    }
}
