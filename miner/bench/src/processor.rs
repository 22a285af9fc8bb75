//! What the system reports about the processor.

use std::fs;

/// The text of `/proc/cpuinfo`; empty if there is none.
pub fn cpu_info() -> String {
    fs::read_to_string("/proc/cpuinfo").unwrap_or_default()
}

/// The processor model in the text of `/proc/cpuinfo`, if it is named.
pub fn cpu_model(cpu_info: &str) -> Option<&str> {
    field(cpu_info, "model name")
}

/// The first value with this name in the text of `/proc/cpuinfo`.
pub fn field<'a>(cpu_info: &'a str, name: &str) -> Option<&'a str> {
    let line = cpu_info.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
    line.map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_processor_is_found_by_its_name() {
        let text = "processor\t: 0\nmodel name\t: AMD EPYC\ncpu MHz\t\t: 2400.5\n";
        assert_eq!(field(text, "model name"), Some("AMD EPYC"));
        assert_eq!(field(text, "bogomips"), None);
        assert_eq!((cpu_model(text), cpu_model("")), (Some("AMD EPYC"), None));
    }
}
