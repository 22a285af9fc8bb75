//! How much memory a GPU has, where the system tells: AMD's driver in a file of Linux, NVIDIA's through its library (NVML).
//! Where nobody tells, nothing is said.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use cityseal_device::DeviceInfo;
use nvml_wrapper::Nvml;

/// Where Linux shows the devices of the PCI bus, by address.
const PCI_DEVICES: &str = "/sys/bus/pci/devices";

/// PCI vendor id of NVIDIA, as it begins vendor:device.
const NVIDIA: &str = "10de:";

/// Bytes of a device's own memory.
pub fn memory_bytes(info: &DeviceInfo) -> Option<u64> {
    let mut words = info.pci.as_deref()?.split_whitespace();
    let (address, numbers) = (words.next()?, words.next().unwrap_or_default());
    memory_of_amd(Path::new(PCI_DEVICES), address)
        .or_else(|| if numbers.starts_with(NVIDIA) { memory_of_nvidia(address) } else { None })
}

fn memory_of_amd(devices: &Path, address: &str) -> Option<u64> {
    // An address is a name of its own, not a way to another folder.
    if address.contains(['/', '\\']) {
        return None;
    }
    fs::read_to_string(devices.join(address).join("mem_info_vram_total")).ok()?.trim().parse().ok()
}

/// Loads the driver's library where there is one, once; nothing of it is needed to build.
fn memory_of_nvidia(address: &str) -> Option<u64> {
    static LIBRARY: LazyLock<Option<Nvml>> = LazyLock::new(|| Nvml::init().ok());
    let nvml = LIBRARY.as_ref()?;
    let board = nvml.device_by_pci_bus_id(address).ok()?;
    board.memory_info().ok().map(|memory| memory.total)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    struct Sample(PathBuf);

    impl Sample {
        fn new(address: &str, text: &str) -> Self {
            let sample = Self(std::env::temp_dir().join(format!("cityseal-pci-{}", std::process::id())));
            fs::create_dir_all(sample.0.join(address)).unwrap();
            fs::write(sample.0.join(address).join("mem_info_vram_total"), text).unwrap();
            sample
        }
    }

    impl Drop for Sample {
        fn drop(&mut self) {
            let _absent = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_board_whose_driver_tells_has_memory_and_any_other_has_none() {
        let sample = Sample::new("0000:03:00.0", "25753026560\n");
        assert_eq!(memory_of_amd(&sample.0, "0000:03:00.0"), Some(25_753_026_560));
        assert_eq!(memory_of_amd(&sample.0, "0000:04:00.0"), None);
        assert_eq!(memory_of_amd(&sample.0, "../0000:03:00.0"), None);
        fs::write(sample.0.join("0000:03:00.0").join("mem_info_vram_total"), "much").unwrap();
        assert_eq!(memory_of_amd(&sample.0, "0000:03:00.0"), None);
        assert_eq!(memory_of_nvidia("no such place"), None);
    }

    #[test]
    fn what_has_no_address_has_no_memory_of_its_own() {
        let cpu = cityseal_device::CpuBackend::new(cityseal_hash::HashKernel::portable());
        assert_eq!(memory_bytes(cityseal_device::Backend::info(&cpu)), None);
    }
}
