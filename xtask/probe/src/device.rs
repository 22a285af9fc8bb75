//! A device of a Vulkan driver, opened without the Vulkan loader: the driver's library is given, so that the drivers
//! installed on the machine are not used.

use std::ffi::{CStr, c_char};

use ash::vk;
use libloading::Library;

use crate::Problem;

/// The first device of a driver, opened with the extensions for compiler statistics.
pub(crate) struct Device {
    name: String,
    driver: String,
    pub(crate) instance: ash::Instance,
    pub(crate) raw: ash::Device,
    _entry: ash::Entry,
    /// The last field, so that the code is unloaded last.
    _library: Library,
}

impl Device {
    /// Loads the driver and opens its first device.
    pub(crate) fn open(driver: &str) -> Result<Self, Problem> {
        let (library, entry) = load(driver)?;
        let application = vk::ApplicationInfo::default().api_version(vk::API_VERSION_1_3);
        let create = vk::InstanceCreateInfo::default().application_info(&application);
        // SAFETY: `entry` calls into `library`, which is kept as long as the instance; `create` outlives the call.
        let instance = unsafe { entry.create_instance(&create, None) }.map_err(|error| format!("{driver}: {error}"))?;
        // SAFETY: the instance was just created and is not destroyed.
        let found = unsafe { instance.enumerate_physical_devices() }.map_err(|error| format!("{driver}: {error}"))?;
        let physical = *found.first().ok_or_else(|| format!("{driver}: no device found"))?;
        let raw = create_device(&instance, physical)
            .map_err(|error| format!("{driver}: the device cannot be opened: {error}"))?;
        let (name, driver) = names(&instance, physical);
        Ok(Self { name, driver, instance, raw, _entry: entry, _library: library })
    }

    /// The device's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The driver's name for its own version.
    pub(crate) fn driver(&self) -> &str {
        &self.driver
    }
}

/// Every driver exports this symbol for the loader; it replaces the loader's `vkGetInstanceProcAddr`.
const ENTRY_SYMBOL: &[u8] = b"vk_icdGetInstanceProcAddr\0";

/// The symbol that negotiates the version of the interface between loader and driver.
const NEGOTIATE_SYMBOL: &[u8] = b"vk_icdNegotiateLoaderICDInterfaceVersion\0";

fn load(driver: &str) -> Result<(Library, ash::Entry), Problem> {
    let describe = |error: libloading::Error| format!("{driver}: {error}");
    // SAFETY: the library is a Vulkan driver that the caller names; its initialisers are trusted as the loader trusts
    // them.
    let library = unsafe { Library::new(driver) }.map_err(describe)?;
    // SAFETY: the symbol has this signature by the loader-driver interface, versions 2 and later.
    let negotiate = unsafe { library.get::<unsafe extern "system" fn(*mut u32) -> vk::Result>(NEGOTIATE_SYMBOL) }
        .map_err(describe)?;
    let mut version = 5;
    // SAFETY: the pointer is to a live word, which the driver may lower.
    let agreed = unsafe { negotiate(&raw mut version) };
    if agreed != vk::Result::SUCCESS {
        return Err(format!("{driver}: interface: {agreed}"));
    }
    // SAFETY: the symbol has the signature of `vkGetInstanceProcAddr` by the same interface.
    let get_instance_proc_addr =
        *unsafe { library.get::<vk::PFN_vkGetInstanceProcAddr>(ENTRY_SYMBOL) }.map_err(describe)?;
    // SAFETY: the function stays loaded as long as the library, which `Device` keeps.
    let entry = unsafe { ash::Entry::from_static_fn(ash::StaticFn { get_instance_proc_addr }) };
    Ok((library, entry))
}

fn create_device(instance: &ash::Instance, physical: vk::PhysicalDevice) -> Result<ash::Device, vk::Result> {
    let priorities = [1.0];
    let queues = [vk::DeviceQueueCreateInfo::default().queue_family_index(0).queue_priorities(&priorities)];
    let extensions = [
        ash::khr::pipeline_executable_properties::NAME.as_ptr(),
        // wgpu enables it if it is available, and all of Mesa's drivers have it.
        ash::ext::robustness2::NAME.as_ptr(),
    ];
    let mut statistics =
        vk::PhysicalDevicePipelineExecutablePropertiesFeaturesKHR::default().pipeline_executable_info(true);
    let mut robust = vk::PhysicalDeviceRobustness2FeaturesEXT::default().robust_buffer_access2(true);
    let basic = vk::PhysicalDeviceFeatures::default().robust_buffer_access(true);
    let create = vk::DeviceCreateInfo::default()
        .queue_create_infos(&queues)
        .enabled_extension_names(&extensions)
        .enabled_features(&basic)
        .push_next(&mut statistics)
        .push_next(&mut robust);
    // SAFETY: the handle is of this instance; everything that `create` points to outlives the call.
    unsafe { instance.create_device(physical, &create, None) }
}

fn names(instance: &ash::Instance, physical: vk::PhysicalDevice) -> (String, String) {
    let mut driver = vk::PhysicalDeviceDriverProperties::default();
    let mut all = vk::PhysicalDeviceProperties2::default().push_next(&mut driver);
    // SAFETY: the handle is of this instance; the chained structs are live and typed.
    unsafe { instance.get_physical_device_properties2(physical, &mut all) };
    let name = text(&all.properties.device_name);
    (name, format!("{} {}", text(&driver.driver_name), text(&driver.driver_info)))
}

/// The text of a NUL-terminated array.
pub(crate) fn text(chars: &[c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().map(|c| *c as u8).collect();
    CStr::from_bytes_until_nul(&bytes).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}
