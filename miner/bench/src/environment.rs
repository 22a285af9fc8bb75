//! The machine and the program behind a figure. Unknown values are left out.

use std::fs;

use cityseal_cli::{unix_now, utc_time};

use super::json::BenchEnvironment;
use super::processor::{cpu_info, cpu_model, field};

pub(super) fn here(driver: Option<String>, commit: &str) -> BenchEnvironment {
    let cpu_info = cpu_info();
    BenchEnvironment {
        cpu: cpu_model(&cpu_info).unwrap_or(std::env::consts::ARCH).to_owned(),
        clock_hz: field(&cpu_info, "cpu MHz").and_then(|mhz| mhz.parse::<f64>().ok()).map(|mhz| (mhz * 1e6) as u64),
        driver,
        commit: commit.to_owned(),
        os: os(),
        measured_at: Some(utc_time(unix_now())),
    }
}

fn os() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{} {}", std::env::consts::OS, release.trim()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_always_has_a_name() {
        let here = here(None, "abc");
        assert!(!here.cpu.is_empty() && !here.os.is_empty() && !here.commit.is_empty());
    }
}
