//! The memory size of a GPU, if the system reports it: AMD's driver in a file of Linux, NVIDIA's through its library
//! (NVML).

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use cityseal_device::DeviceInfo;
use nvml_wrapper::Nvml;

/// Folder in which Linux lists PCI devices by address.
const PCI_DEVICES: &str = "/sys/bus/pci/devices";

/// PCI vendor id of NVIDIA, as the prefix of `vendor:device`.
const NVIDIA: &str = "10de:";

/// Size of a device's own memory in bytes; `None` if unknown.
pub fn memory_bytes(info: &DeviceInfo) -> Option<u64> {
    let mut words = info.pci.as_deref()?.split_whitespace();
    let (address, numbers) = (words.next()?, words.next().unwrap_or_default());
    memory_of_amd(Path::new(PCI_DEVICES), address)
        .or_else(|| if numbers.starts_with(NVIDIA) { memory_of_nvidia(address) } else { None })
}

fn memory_of_amd(devices: &Path, address: &str) -> Option<u64> {
    // The address comes from a driver and must not lead to another folder.
    if address.contains(['/', '\\']) {
        return None;
    }
    fs::read_to_string(devices.join(address).join("mem_info_vram_total")).ok()?.trim().parse().ok()
}

/// Loads the driver's library once, if it is installed. It is not needed to build the program.
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
    fn only_a_board_whose_driver_reports_it_has_a_memory_size() {
        let sample = Sample::new("0000:03:00.0", "25753026560\n");
        assert_eq!(memory_of_amd(&sample.0, "0000:03:00.0"), Some(25_753_026_560));
        assert_eq!(memory_of_amd(&sample.0, "0000:04:00.0"), None);
        assert_eq!(memory_of_amd(&sample.0, "../0000:03:00.0"), None);
        fs::write(sample.0.join("0000:03:00.0").join("mem_info_vram_total"), "much").unwrap();
        assert_eq!(memory_of_amd(&sample.0, "0000:03:00.0"), None);
        assert_eq!(memory_of_nvidia("no such place"), None);
    }

    #[test]
    fn a_device_without_a_pci_address_has_no_memory_size() {
        let cpu = cityseal_device::CpuBackend::new(cityseal_hash::HashKernel::portable());
        assert_eq!(memory_bytes(cityseal_device::Backend::info(&cpu)), None);
    }
}
