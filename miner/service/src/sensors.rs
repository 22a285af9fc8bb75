//! The memory size of a GPU and the temperature of a device, if the system reports them: the CPU and AMD's driver in
//! files of Linux, NVIDIA's through its library (NVML).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cityseal_device::{DeviceInfo, DeviceKind};
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;

/// Folder in which Linux lists PCI devices by address.
const PCI_DEVICES: &str = "/sys/bus/pci/devices";

/// Folder in which Linux lists the sensors of the machine.
const SENSORS: &str = "/sys/class/hwmon";

/// Drivers of the sensors inside CPUs; their first input is the hottest point or the package.
const CPU_SENSORS: [&str; 3] = ["k10temp", "coretemp", "zenpower"];

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

/// Temperature of a device in degrees Celsius; `None` if no sensor reports it.
pub fn temperature_celsius(info: &DeviceInfo) -> Option<f64> {
    match info.kind {
        DeviceKind::Cpu => temperature_of_cpu(Path::new(SENSORS)),
        DeviceKind::Gpu => {
            let mut words = info.pci.as_deref()?.split_whitespace();
            let (address, numbers) = (words.next()?, words.next().unwrap_or_default());
            temperature_of_amd(Path::new(PCI_DEVICES), address)
                .or_else(|| if numbers.starts_with(NVIDIA) { temperature_of_nvidia(address) } else { None })
        }
        DeviceKind::Software | _ => None,
    }
}

fn temperature_of_cpu(sensors: &Path) -> Option<f64> {
    let is_cpu = |name: String| CPU_SENSORS.contains(&name.trim());
    let folders = fs::read_dir(sensors).ok()?.flatten().map(|entry| entry.path());
    let of_cpu = |folder: &PathBuf| fs::read_to_string(folder.join("name")).is_ok_and(is_cpu);
    folders.filter(of_cpu).find_map(|folder| first_input(&folder))
}

fn temperature_of_amd(devices: &Path, address: &str) -> Option<f64> {
    // As in `memory_of_amd`.
    if address.contains(['/', '\\']) {
        return None;
    }
    let folders = fs::read_dir(devices.join(address).join("hwmon")).ok()?.flatten();
    folders.map(|entry| entry.path()).find_map(|folder| first_input(&folder))
}

/// The first temperature of a sensor, which Linux gives in thousandths of a degree.
fn first_input(folder: &Path) -> Option<f64> {
    let thousandths: i32 = fs::read_to_string(folder.join("temp1_input")).ok()?.trim().parse().ok()?;
    Some(f64::from(thousandths) / 1e3)
}

fn temperature_of_nvidia(address: &str) -> Option<f64> {
    let board = nvml()?.device_by_pci_bus_id(address).ok()?;
    board.temperature(TemperatureSensor::Gpu).ok().map(f64::from)
}

/// Loads the driver's library once, if it is installed. It is not needed to build the program.
fn nvml() -> Option<&'static Nvml> {
    static LIBRARY: LazyLock<Option<Nvml>> = LazyLock::new(|| Nvml::init().ok());
    LIBRARY.as_ref()
}

fn memory_of_nvidia(address: &str) -> Option<u64> {
    let board = nvml()?.device_by_pci_bus_id(address).ok()?;
    board.memory_info().ok().map(|memory| memory.total)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sample(PathBuf);

    impl Sample {
        fn new(address: &str, text: &str) -> Self {
            let sample = Self(std::env::temp_dir().join(format!("cityseal-pci-{}-{address}", std::process::id())));
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
    fn the_temperature_is_that_of_the_first_input_of_the_right_sensor() {
        let sample = Sample::new("0000:05:00.0", "1");
        let file = |path: &str, text: &str| {
            let path = sample.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("0000:05:00.0/hwmon/hwmon3/temp1_input", "64500\n");
        assert_eq!(temperature_of_amd(&sample.0, "0000:05:00.0"), Some(64.5));
        assert_eq!(temperature_of_amd(&sample.0, "0000:06:00.0"), None);
        let sensors = sample.0.join("class");
        file("class/hwmon0/name", "nvme\n");
        file("class/hwmon0/temp1_input", "30000");
        assert_eq!(temperature_of_cpu(&sensors), None, "of a disk");
        file("class/hwmon1/name", "k10temp\n");
        file("class/hwmon1/temp1_input", "-500\n");
        assert_eq!(temperature_of_cpu(&sensors), Some(-0.5));
        file("class/hwmon1/temp1_input", "hot");
        assert_eq!(temperature_of_cpu(&sensors), None);
    }

    #[test]
    fn a_device_without_a_pci_address_has_no_memory_size() {
        let cpu = cityseal_device::CpuBackend::new(cityseal_hash::HashKernel::portable());
        assert_eq!(memory_bytes(cityseal_device::Backend::info(&cpu)), None);
    }
}
